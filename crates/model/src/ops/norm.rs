//! RMS and layer normalisation over the last dimension.

use super::storage::contiguous;
use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, bail};
use sigmalab_kernels::{Real, norm};

/// x / √(mean(x²) + eps) · gain over the last dimension; the arithmetic is in f32.
pub(crate) fn rms_norm(x: &Tensor, gain: &Tensor, eps: f64) -> Result<Tensor> {
    if x.device().is_cpu() {
        x.apply_op2_no_bwd(gain, &RowNorm { kind: Kind::Rms, eps: eps as f32 })
    } else {
        #[cfg(feature = "cuda")]
        if x.device().is_cuda() {
            return crate::cuda::rms_norm(x, gain, eps);
        }
        candle_nn::ops::rms_norm(x, gain, eps as f32)
    }
}

/// (x − mean(x)) / √(var(x) + eps) · gain over the last dimension; the arithmetic is in f32.
pub(crate) fn layer_norm(x: &Tensor, gain: &Tensor, eps: f64) -> Result<Tensor> {
    if x.device().is_cpu() {
        x.apply_op2_no_bwd(gain, &RowNorm { kind: Kind::Layer, eps: eps as f32 })
    } else {
        composed_layer_norm(x, gain, eps)
    }
}

fn composed_layer_norm(x: &Tensor, gain: &Tensor, eps: f64) -> Result<Tensor> {
    candle_nn::ops::layer_norm(x, gain, &gain.zeros_like()?, eps as f32)
}

#[derive(Clone, Copy)]
enum Kind {
    Rms,
    Layer,
}

struct RowNorm {
    kind: Kind,
    eps: f32,
}

impl RowNorm {
    fn apply<T: Real>(
        &self,
        x: &[T],
        x_layout: &Layout,
        gain: &[T],
        gain_layout: &Layout,
        zero: T,
    ) -> Result<(Vec<T>, Shape)> {
        let x = contiguous(self.name(), x, x_layout)?;
        let gain = contiguous(self.name(), gain, gain_layout)?;
        if x_layout.shape().dim(D::Minus1)? != gain.len() {
            bail!("{}: rows of {:?} but {} gains", self.name(), x_layout.shape(), gain.len());
        }
        let mut out = vec![zero; x.len()];
        match self.kind {
            Kind::Rms => norm::rms_norm(x, gain, self.eps, &mut out),
            Kind::Layer => norm::layer_norm(x, gain, self.eps, &mut out),
        }
        Ok((out, x_layout.shape().clone()))
    }
}

impl CustomOp2 for RowNorm {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Rms => "rms-norm",
            Kind::Layer => "layer-norm",
        }
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gain: &CpuStorage,
        gain_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        match (x, gain) {
            (CpuStorage::F32(x), CpuStorage::F32(gain)) => {
                let (out, shape) = self.apply(x, x_layout, gain, gain_layout, 0.0)?;
                Ok((CpuStorage::F32(out), shape))
            }
            (CpuStorage::BF16(x), CpuStorage::BF16(gain)) => {
                let (out, shape) = self.apply(x, x_layout, gain, gain_layout, half::bf16::ZERO)?;
                Ok((CpuStorage::BF16(out), shape))
            }
            _ => bail!("{}: only f32 and bf16, both alike", self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ops::testing::{far_apart, numbers};

    #[test]
    fn the_processor_s_norms_equal_those_of_an_accelerator() {
        let (x, gain) = (numbers(&[40, 96]), numbers(&[96]));
        let ours = rms_norm(&x, &gain, 1e-5).unwrap();
        assert!(!far_apart(&ours, &candle_nn::ops::rms_norm(&x, &gain, 1e-5).unwrap()));
        let ours = layer_norm(&x, &gain, 1e-6).unwrap();
        assert!(!far_apart(&ours, &composed_layer_norm(&x, &gain, 1e-6).unwrap()));
    }
}
