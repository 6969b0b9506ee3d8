//! What the denoising loop needs of a model, as a trait: so the loop can be tested against a
//! flow that is known in closed form.

use sigmalab_model::{LatentGrid, Model, ModelError, ModelTime, PromptFeatures};
use sigmalab_schedule::sigmas::Sigma;
use sigmalab_schedule::size::Size;

/// Values a latent token holds.
pub const CHANNELS: usize = 128;

/// A pair of networks. Latents are `tokens · 128` values,
/// token after token in rows from the top; velocities are dx/dσ.
pub trait Network {
    /// What it keeps of a prompt.
    type Prompt;
    /// Why it fails.
    type Error: std::error::Error + 'static;

    /// Velocity of the conditional network at (`x`, `sigma`).
    fn conditional(
        &self,
        x: &[f32],
        size: Size,
        sigma: Sigma,
        prompt: &Self::Prompt,
    ) -> Result<Vec<f32>, Self::Error>;

    /// Velocity of the unconditional network at (`x`, `sigma`).
    fn unconditional(&self, x: &[f32], size: Size, sigma: Sigma) -> Result<Vec<f32>, Self::Error>;

    /// Whether work is handed to a device that does it while this program goes on: then both
    /// networks are asked for at once, so that it never waits between them.
    fn hands_on(&self) -> bool {
        false
    }

    /// Both velocities at (`x`, `sigma`), the conditional network's first. Their bits are those of
    /// the two calls.
    fn both(
        &self,
        x: &[f32],
        size: Size,
        sigma: Sigma,
        prompt: &Self::Prompt,
    ) -> Result<[Vec<f32>; 2], Self::Error> {
        Ok([self.conditional(x, size, sigma, prompt)?, self.unconditional(x, size, sigma)?])
    }
}

/// The latent tokens of an image of that size.
pub(super) fn grid(size: Size) -> LatentGrid {
    LatentGrid { rows: size.rows(), columns: size.columns() }
}

fn time(sigma: Sigma) -> ModelTime {
    ModelTime(1.0 - sigma.0)
}

impl Network for Model {
    type Prompt = PromptFeatures;
    type Error = ModelError;

    fn conditional(
        &self,
        x: &[f32],
        size: Size,
        sigma: Sigma,
        prompt: &PromptFeatures,
    ) -> Result<Vec<f32>, ModelError> {
        Model::conditional(self, x, grid(size), time(sigma), prompt)
    }

    fn unconditional(&self, x: &[f32], size: Size, sigma: Sigma) -> Result<Vec<f32>, ModelError> {
        Model::unconditional(self, x, grid(size), time(sigma))
    }

    fn hands_on(&self) -> bool {
        Model::hands_on(self)
    }

    fn both(
        &self,
        x: &[f32],
        size: Size,
        sigma: Sigma,
        prompt: &PromptFeatures,
    ) -> Result<[Vec<f32>; 2], ModelError> {
        Model::both(self, x, grid(size), time(sigma), prompt)
    }
}
