//! How a checkpoint names its tensors. Networks ask by the reference's module names; a layout
//! says which stored modules give the same outputs.

mod decoder;
mod diffusers;
mod original_decoder;
mod prefixed;
mod reference;
mod text_encoder;
mod text_encoder_gguf;

use super::Component;
use super::shards::StoredPart;
use decoder::Decoder;
use diffusers::Diffusers;
use original_decoder::OriginalDecoder;
use prefixed::Prefixed;
use reference::Reference;
use std::fmt::Debug;
use text_encoder::TextEncoder;
use text_encoder_gguf::TextEncoderGguf;

/// One way of naming the tensors of a part.
pub(super) trait Layout: Debug + Send + Sync {
    /// Its name in messages and summaries.
    fn name(&self) -> String;

    /// The stored modules whose outputs, one after the other, are those of `module`: mostly one,
    /// three where a fused projection is stored split.
    fn stored_modules(&self, module: &str) -> Vec<String>;

    /// Whether the model reads the stored tensor. What it does not read (a vision tower, say)
    /// counts for nothing.
    fn uses(&self, name: &str) -> bool {
        name != SCALED_FP8
    }
}

/// What older tools put into a file to say that its fp8 weights have scales.
const SCALED_FP8: &str = "scaled_fp8";

/// What the names of a transformer begin with, the longest first: the unconditional one's and the
/// conditional one's in stable-diffusion.cpp and in files of a whole pipeline, none.
const TRANSFORMER_PREFIXES: [&str; 4] =
    ["model.diffusion_model.uncond.", "model.diffusion_model.", "diffusion_model.", ""];

/// The layout of a part, by the names it stores.
pub(super) fn detect(component: Component, part: &mut StoredPart) -> Box<dyn Layout> {
    match component {
        Component::TextEncoder => text_encoder_layout(part),
        Component::Transformer | Component::UnconditionalTransformer => transformer(part, ""),
        Component::Vae => match OriginalDecoder::detect(part) {
            Some(original) => {
                OriginalDecoder::flatten(part);
                Box::new(original)
            }
            None => Box::new(Decoder),
        },
    }
}

/// The prefixes under which a file holds a transformer of Ideogram 4: none where it is of
/// another model.
pub(super) fn transformer_prefixes(part: &StoredPart) -> Vec<&'static str> {
    let holds = |prefix: &&str| part.get(&format!("{prefix}{TRANSFORMER_SIGN}")).is_some();
    TRANSFORMER_PREFIXES.into_iter().filter(holds).collect()
}

/// The tensor that no other model has.
pub(super) const TRANSFORMER_SIGN: &str = "embed_image_indicator.weight";

/// The layout of a transformer whose names begin with `prefix`.
pub(super) fn transformer(part: &StoredPart, prefix: &'static str) -> Box<dyn Layout> {
    let inner: Box<dyn Layout> =
        if is_diffusers(part) { Box::new(Diffusers) } else { Box::new(Reference) };
    if prefix.is_empty() { inner } else { Box::new(Prefixed { prefix, inner }) }
}

fn text_encoder_layout(part: &StoredPart) -> Box<dyn Layout> {
    if TextEncoderGguf::names(part) {
        Box::new(TextEncoderGguf)
    } else {
        Box::new(TextEncoder::detect(part))
    }
}

/// The layout of a file that is a text encoder of Qwen3's kind, and its width. A GGUF file that
/// says what it is has to say Qwen3-VL.
pub(super) fn text_encoder(part: &StoredPart) -> Option<(Box<dyn Layout>, usize)> {
    let architecture = part.metadata("general.architecture");
    if architecture.is_some_and(|name| name != QWEN3_VL) {
        return None;
    }
    let layout = text_encoder_layout(part);
    let stored = |module: &str| {
        let module = layout.stored_modules(module).into_iter().next()?;
        part.get(&format!("{module}.weight"))
    };
    let width = *stored("embed_tokens")?.shape.get(1)?;
    stored("layers.0.self_attn.q_norm")?;
    Some((layout, width))
}

/// What llama.cpp calls the text encoder's architecture.
const QWEN3_VL: &str = "qwen3vl";

/// Whether a file is a decoder of FLUX.2's kind.
pub(super) fn is_decoder(part: &StoredPart) -> bool {
    const LATENT_CHANNELS: usize = 32;
    let stored = |name: &str| part.get(name).is_some();
    part.get("decoder.conv_in.weight")
        .is_some_and(|tensor| tensor.shape.get(1) == Some(&LATENT_CHANNELS))
        && (stored("decoder.up_blocks.0.resnets.0.conv1.weight")
            || stored("decoder.up.0.block.0.conv1.weight"))
}

/// Whether a transformer's names are diffusers'.
pub(super) fn is_diffusers(part: &StoredPart) -> bool {
    Diffusers::names(part)
}
