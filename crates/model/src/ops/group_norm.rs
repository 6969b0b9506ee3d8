//! Group normalisation of an image, with SiLU behind it where asked for.

use super::storage::contiguous;
use crate::profile::{Operation, timed};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use sigmalab_kernels::norm;

/// Group normalisation of images [1, channels, height, width] in f32.
pub(crate) struct GroupNorm {
    gain: Tensor,
    bias: Tensor,
    channels: usize,
    groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// A normalisation over `groups` runs of channels with a gain and a bias a channel; `groups`
    /// divides the number of channels.
    pub(crate) fn new(gain: Tensor, bias: Tensor, groups: usize, eps: f64) -> Result<Self> {
        let channels = gain.dims1()?;
        if groups == 0 || !channels.is_multiple_of(groups) {
            bail!("{channels} channels do not divide into {groups} groups");
        }
        Ok(Self { gain, bias, channels, groups, eps })
    }

    /// The normalised image.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.apply(x, false)
    }

    /// What normalising an image in host memory does to each channel: a factor and a term.
    pub(super) fn affine(&self, x: &[f32]) -> Result<Vec<(f32, f32)>> {
        let norm = norm::GroupNorm {
            channels: self.channels,
            groups: self.groups,
            eps: self.eps as f32,
            silu: false,
        };
        let (gain, bias) = (self.gain.to_vec1()?, self.bias.to_vec1()?);
        Ok(timed(Operation::GroupNorms, || norm.affine(x, &gain, &bias)))
    }

    /// What normalising an image on an accelerator does to each channel: a factor and a term, each
    /// [1, channels, 1, 1]. One group after the other, so that nothing of the image's size is made.
    pub(super) fn affine_by_device(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let channels = self.channels / self.groups;
        let (mut means, mut scales) = (Vec::new(), Vec::new());
        for group in 0..self.groups {
            let values = x.narrow(1, group * channels, channels)?.contiguous()?;
            let values = values.reshape((channels, ()))?;
            // Channel by channel first: one long sum in f32 would lose digits.
            let mean = values.mean_keepdim(1)?.mean_keepdim(0)?;
            let variance = values.broadcast_sub(&mean)?.sqr()?.mean_keepdim(1)?.mean_keepdim(0)?;
            let scale = (variance + self.eps)?.sqrt()?.recip()?;
            means.push(mean.broadcast_as((channels, 1))?);
            scales.push(scale.broadcast_as((channels, 1))?);
        }
        let of_channels = |parts: &[Tensor]| Tensor::cat(parts, 0)?.flatten_all();
        let (mean, scale) = (of_channels(&means)?, of_channels(&scales)?);
        let factor = (scale * &self.gain)?;
        let term = (&self.bias - (mean * &factor)?)?;
        let shape = (1, self.channels, 1, 1);
        Ok((factor.reshape(shape)?, term.reshape(shape)?))
    }

    /// The same by our kernels, [2, channels].
    #[cfg(feature = "cuda")]
    pub(super) fn affine_on_cuda(&self, x: &Tensor) -> Result<Tensor> {
        crate::cuda::affine(&x.contiguous()?, &self.gain, &self.bias, self.groups, self.eps)
    }

    /// With SiLU behind it where `silu` says so.
    fn apply(&self, x: &Tensor, silu: bool) -> Result<Tensor> {
        let (images, channels, _, _) = x.dims4()?;
        if images != 1 || channels != self.channels {
            bail!("group-norm: {:?} where [1, {}, …] belongs", x.shape(), self.channels);
        }
        if x.device().is_cpu() {
            let op = norm::GroupNorm { channels, groups: self.groups, eps: self.eps as f32, silu };
            return x.apply_op3_no_bwd(&self.gain, &self.bias, &Op(op));
        }
        let (factor, term) = self.affine_by_device(x)?;
        let y = x.broadcast_mul(&factor)?.broadcast_add(&term)?;
        if silu { y.silu() } else { Ok(y) }
    }

    /// The same by the tensor library, for tests to compare with.
    #[cfg(test)]
    pub(super) fn composed(&self, x: &Tensor, silu: bool) -> Result<Tensor> {
        let (gain, bias) = (self.gain.clone(), self.bias.clone());
        let norm = candle_nn::GroupNorm::new(gain, bias, self.channels, self.groups, self.eps)?;
        let y = candle_core::Module::forward(&norm, x)?;
        if silu { y.silu() } else { Ok(y) }
    }
}

struct Op(norm::GroupNorm);

impl CustomOp3 for Op {
    fn name(&self) -> &'static str {
        "group-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gain: &CpuStorage,
        gain_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (CpuStorage::F32(x), CpuStorage::F32(gain), CpuStorage::F32(bias)) = (x, gain, bias)
        else {
            bail!("group-norm: only f32")
        };
        let x = contiguous(self.name(), x, x_layout)?;
        let gain = contiguous(self.name(), gain, gain_layout)?;
        let bias = contiguous(self.name(), bias, bias_layout)?;
        let mut out = vec![0.0; x.len()];
        self.0.apply(x, gain, bias, &mut out);
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ops::testing::{far_apart, numbers};

    #[test]
    fn the_processor_s_norm_equals_that_of_an_accelerator() {
        let x = numbers(&[1, 8, 9, 11]);
        let norm = GroupNorm::new(numbers(&[8]), numbers(&[8]), 4, 1e-6).unwrap();
        for silu in [false, true] {
            let (ours, theirs) = (norm.apply(&x, silu).unwrap(), norm.composed(&x, silu).unwrap());
            assert!(!far_apart(&ours, &theirs));
            let (factor, term) = norm.affine_by_device(&x).unwrap();
            let y = x.broadcast_mul(&factor).unwrap().broadcast_add(&term).unwrap();
            let y = if silu { y.silu().unwrap() } else { y };
            assert!(!far_apart(&y, &theirs));
        }
    }
}
