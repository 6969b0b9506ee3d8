//! The demo checkpoint, embedded: a small trained model of the Ideogram 4 architecture that
//! draws coloured shapes. This crate holds bytes and knows nothing of their meaning.

/// One embedded file: its path inside the checkpoint folder and its bytes.
pub type EmbeddedFile = (&'static str, &'static [u8]);

macro_rules! embed {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_bytes!(concat!("../checkpoint/", $path)))),+]
    };
}

/// Every file of the checkpoint, in the reference's layout (weight-only fp8). `latent-rgb.json` is
/// fitted to 320 pictures that it drew, of all its colours and shapes.
pub const FILES: &[EmbeddedFile] = embed![
    "sigmalab.json",
    "latent-rgb.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/chat_template.jinja",
    "tokenizer/tokenizer.json",
    "tokenizer/tokenizer_config.json",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model.safetensors",
    "unconditional_transformer/config.json",
    "unconditional_transformer/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
];
