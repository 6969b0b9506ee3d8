//! How many bytes a network's weights take, and what it takes beside them: from its headers before
//! anything is loaded, and of one that is there. Runs nothing.

use super::config::TransformerConfig;
use super::{TEXT_NORM, TIMES_KEPT, Transformer};
use crate::config::Part;
use crate::error::ModelError;
use candle_core::DType;

/// How large a network is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NetworkSize {
    pub(crate) layers: usize,
    width: usize,
    intermediate: usize,
    /// Numbers of all products' weights.
    weights: usize,
    element: usize,
}

impl NetworkSize {
    /// Bytes of the weights where they are widened.
    pub(crate) fn widened_bytes(&self) -> u64 {
        (self.weights as u64).saturating_mul(self.element as u64)
    }

    /// The most bytes of what the time made of all norms that are kept from other times.
    pub(crate) fn modulation_bytes(&self) -> u64 {
        let gains = 4 * self.layers + 1;
        (TIMES_KEPT * gains * self.width * self.element) as u64
    }

    /// About the most bytes that an accelerator takes beside the weights for a sequence of `tokens`:
    /// both inner products of the feed-forward layer in f32, and what they become.
    pub(crate) fn device_bytes(&self, tokens: usize) -> u64 {
        let inner = self.intermediate * (2 * 4 + self.element);
        let attention = 3 * self.width * (4 + self.element);
        let rows = inner.max(attention) + self.width * (4 + 3 * self.element);
        (tokens * rows) as u64
    }
}

impl Transformer {
    /// The size of a network, from its headers.
    pub(crate) fn size(part: &Part<'_>, dtype: DType) -> Result<NetworkSize, ModelError> {
        let config = TransformerConfig::read(part)?;
        let TransformerConfig { layers, width, intermediate, conditioning, channels, .. } = config;
        let features = match part.weights.has(TEXT_NORM) {
            true => part.shape::<1>(TEXT_NORM)?[0],
            false => 0,
        };
        let of_layer = 4 * width * width + 3 * width * intermediate + 4 * width * conditioning;
        let ends = features + 2 * width + 2 * conditioning + 2 * channels;
        let weights = layers * of_layer + ends * width;
        Ok(NetworkSize { layers, width, intermediate, weights, element: dtype.size_in_bytes() })
    }

    /// About the most bytes that [`Transformer::forward`] takes beside the weights for a sequence
    /// of `tokens`: in attention the hidden state, its normalised rows, those packed for a product
    /// and three projections of them.
    pub(crate) fn working_bytes(&self, tokens: usize) -> u64 {
        (tokens * self.config.width * self.dtype.size_in_bytes()) as u64 * 8
    }

    /// About the most bytes that the first-block caches of both networks take for an image of `tokens`: what
    /// the first block adds and what the others do, and as much again for what is compared, in f32.
    pub(crate) fn cache_bytes(&self, tokens: usize) -> u64 {
        let hidden = (tokens * self.config.width) as u64;
        hidden * (4 * self.dtype.size_in_bytes() + 2 * DType::F32.size_in_bytes()) as u64
    }

    /// The most bytes that the modulations kept from other times take: four gains of every block
    /// and the last layer's.
    pub(crate) fn modulation_bytes(&self) -> u64 {
        let gains = 4 * self.blocks.len() + 1;
        (TIMES_KEPT * gains * self.config.width * self.dtype.size_in_bytes()) as u64
    }
}
