//! Attention of one head between all pixels of the latent image.

use super::norm::norm;
use crate::config::Part;
use crate::error::ModelError;
use crate::linear::Linear;
use crate::ops::{GroupNorm, Mask, attention};
use candle_core::{Result, Tensor};

pub(super) struct MidAttention {
    norm: GroupNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
}

impl MidAttention {
    pub(super) fn new(
        part: &Part<'_>,
        module: &str,
        width: usize,
        groups: usize,
    ) -> std::result::Result<Self, ModelError> {
        let linear =
            |name: &str| part.weights.linear(&format!("{module}.{name}"), width, width, true);
        Ok(Self {
            norm: norm(part, &format!("{module}.group_norm"), width, groups)?,
            query: linear("to_q")?,
            key: linear("to_k")?,
            value: linear("to_v")?,
            output: linear("to_out.0")?,
        })
    }

    /// `x` [1, channels, height, width] → the same shape, the input added.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        // [pixels, channels]
        let pixels = self.norm.forward(x)?.squeeze(0)?.flatten_from(1)?.t()?.contiguous()?;
        let head = |linear: &Linear| linear.forward(&pixels)?.unsqueeze(0);
        let (query, key, value) = (head(&self.query)?, head(&self.key)?, head(&self.value)?);
        let mixed = self.output.forward(&attention(&query, &key, &value, Mask::None)?)?;
        x + mixed.t()?.contiguous()?.reshape(x.shape())?
    }
}
