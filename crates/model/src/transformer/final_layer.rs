//! The last layer: a modulated layer norm and the projection to a velocity.

use super::config::TransformerConfig;
use super::time::Conditioning;
use crate::checkpoint::{CheckpointError, Weights};
use crate::linear::Linear;
use crate::ops::layer_norm;
use candle_core::{DType, Result, Tensor};

/// The layer norm has no weights of its own.
const NORM_EPS: f64 = 1e-6;

pub(super) struct FinalLayer {
    modulation: Linear,
    output: Linear,
}

impl FinalLayer {
    pub(super) fn new(
        weights: &Weights,
        config: &TransformerConfig,
    ) -> std::result::Result<Self, CheckpointError> {
        let TransformerConfig { width, channels, conditioning, .. } = *config;
        Ok(Self {
            modulation: weights.linear(
                "final_layer.adaln_modulation",
                conditioning,
                width,
                true,
            )?,
            output: weights.linear("final_layer.linear", width, channels, true)?,
        })
    }

    /// 1 + scale at a time, `[width]`. The conditioning has been through SiLU already and goes
    /// through it again here, as in the reference.
    pub(super) fn gain(&self, conditioning: &Conditioning) -> Result<Tensor> {
        let scale = self.modulation.forward(&conditioning.0.silu()?)?;
        let dtype = scale.dtype();
        (scale.to_dtype(DType::F32)?.flatten_all()? + 1.0)?.to_dtype(dtype)
    }

    /// `hidden` [tokens, width] → [tokens, channels].
    pub(super) fn forward(&self, hidden: &Tensor, gain: &Tensor) -> Result<Tensor> {
        self.output.forward(&layer_norm(hidden, gain, NORM_EPS)?)
    }
}
