//! What a caller asks of the engine and gets back. Plain data, as it crosses the worker's pipe.

use super::event::NfeCount;
use super::recipe::Recipe;
use serde::{Deserialize, Serialize};
use sigmalab_image::RgbImage;
use sigmalab_tune::gram::{Basis, Gram};

/// One image to make.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRequest {
    /// What to make. Fingerprint and sampler version are checked where given.
    pub recipe: Recipe,
    /// The initial noise, `tokens · 128` values, where the recipe's source is a file.
    pub noise: Option<Vec<f32>>,
    /// Whether to send drafts of the image on the way. They change no bit of it.
    pub previews: bool,
    /// What is to come back beside the latents.
    pub wanted: Wanted,
}

impl RunRequest {
    /// The picture of a recipe, without drafts and with noise from its seed.
    pub fn of(recipe: Recipe) -> RunRequest {
        RunRequest { recipe, noise: None, previews: false, wanted: Wanted::default() }
    }
}

/// What a run is to give beside its latents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The picture. Without it nothing is decoded.
    pub picture: bool,
    /// The Gram matrix of its states and velocities at every so many steps, the number of steps
    /// being a multiple of it.
    pub gram: Option<usize>,
}

impl Default for Wanted {
    /// A picture and nothing else.
    fn default() -> Self {
        Wanted { picture: true, gram: None }
    }
}

/// The Gram matrix of a run, and where its nodes are.
#[derive(Debug, Clone, PartialEq)]
pub struct RunGram {
    /// Which vectors it is of.
    pub basis: Basis,
    /// σ of the nodes, the end included.
    pub sigmas: Vec<f64>,
    /// gw at the nodes, the end left out.
    pub gw: Vec<f64>,
    pub gram: Gram,
}

/// One image made.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutput {
    /// The recipe with fingerprint and sampler version filled in.
    pub recipe: Recipe,
    /// The picture; one of no pixels where none was wanted.
    pub image: RgbImage,
    /// The initial noise, `tokens · 128` values.
    pub noise: Vec<f32>,
    /// The final latents, `tokens · 128` values.
    pub latents: Vec<f32>,
    /// Network evaluations done and saved.
    pub nfe: NfeCount,
    pub timings: Timings,
    /// Share of the decoded colour values that were clamped, in 0…1.
    pub clip_fraction: f64,
    /// Most memory the worker held during this run, in bytes; `None` where the system does not
    /// tell.
    pub peak_memory: Option<u64>,
    /// The Gram matrix, where it was wanted.
    pub gram: Option<RunGram>,
}

/// Milliseconds by stage.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Timings {
    /// Loading the checkpoint; 0 when it was loaded already.
    pub load_ms: f64,
    /// Tokenising and encoding the prompt; 0 when it was cached.
    pub encode_ms: f64,
    pub denoise_ms: f64,
    pub decode_ms: f64,
}

impl Timings {
    /// Seconds from request to image.
    pub fn total_seconds(&self) -> f64 {
        let Timings { load_ms, encode_ms, denoise_ms, decode_ms } = self;
        (load_ms + encode_ms + denoise_ms + decode_ms) / 1e3
    }
}
