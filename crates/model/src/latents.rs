//! The shapes and units in which callers hold latents, times and pixels.

use sigmalab_image::RgbImage;

/// Rows and columns of latent tokens; a token covers 16×16 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LatentGrid {
    /// Rows of tokens.
    pub rows: usize,
    /// Columns of tokens.
    pub columns: usize,
}

impl LatentGrid {
    /// Tokens in all, row after row.
    pub fn tokens(self) -> usize {
        self.rows * self.columns
    }
}

/// The model's time: 0 is noise, 1 is data (1 − σ).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelTime(pub f64);

/// What the decoder made of latents.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    pub image: RgbImage,
    /// Share of the colour values that lay beyond −1…1, in 0…1: those that were clamped.
    pub clip_fraction: f64,
}
