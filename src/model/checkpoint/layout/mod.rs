//! How a checkpoint names its tensors. Networks ask by the reference's module names; a layout
//! says which stored modules give the same outputs.

mod decoder;
mod diffusers;
mod reference;
mod text_encoder;

use super::Component;
use super::shards::StoredPart;
use decoder::Decoder;
use diffusers::Diffusers;
use reference::Reference;
use std::fmt::Debug;
use text_encoder::TextEncoder;

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
        let _ = name;
        true
    }
}

/// The layout of a part, by the names it stores.
pub(super) fn detect(component: Component, part: &StoredPart) -> Box<dyn Layout> {
    match component {
        Component::TextEncoder => Box::new(TextEncoder::detect(part)),
        Component::Transformer | Component::UnconditionalTransformer => {
            if is_diffusers(part) {
                Box::new(Diffusers)
            } else {
                Box::new(Reference)
            }
        }
        Component::Vae => Box::new(Decoder),
    }
}

/// Whether a transformer's names are diffusers'.
pub(super) fn is_diffusers(part: &StoredPart) -> bool {
    Diffusers::names(part)
}
