//! The first layers of a text encoder without the rest of a model, to be measured.

use super::checkpoint::{Checkpoint, Component};
use super::config::Part;
use super::error::ModelError;
use super::options::{activation_dtype, open_device};
use super::residency::Residency;
use super::text_encoder::TextEncoder;
use sigmalab_compute::ModelOptions;

/// The first layers of a text encoder.
pub struct TextLayers {
    encoder: TextEncoder,
    residency: Residency,
}

impl TextLayers {
    /// Builds `count` layers over the checkpoint's weights, which stay as they are stored.
    ///
    /// # Errors
    /// The checkpoint has fewer layers, or they do not fit its `config.json`.
    pub fn load(
        checkpoint: &Checkpoint,
        count: usize,
        options: ModelOptions,
    ) -> Result<Self, ModelError> {
        let (device, dtype) = (open_device(options.device)?, activation_dtype(options.dtype));
        let weights = checkpoint.weights(Component::TextEncoder, dtype, &device)?;
        let part = Part::open(checkpoint, Component::TextEncoder, &weights)?;
        let encoder = TextEncoder::first_layers(&part, count, dtype, &device)?;
        let residency = Residency::new(encoder.stored_layers(), Vec::new(), Vec::new(), 0);
        Ok(Self { encoder, residency })
    }

    /// Runs the layers over the tokens `ids`; what they say is dropped.
    ///
    /// # Errors
    /// An id lies outside the embedding table.
    pub fn run(&self, ids: &[u32]) -> Result<(), ModelError> {
        self.encoder.features(ids, self.residency.encoder()).map(drop)
    }
}
