//! Two-dimensional convolution that keeps the size of the image.

use super::group_norm::GroupNorm;
use super::storage::with_values;
use crate::profile::{Operation, timed};
use candle_core::{Error, Module, Result, Tensor, bail};
use candle_nn::{Conv2d, Conv2dConfig};
use sigmalab_kernels::convolution::{self as kernel, Before, Image};

/// A convolution with a square, odd kernel, stride 1 and zeros around the image, in f32.
pub(crate) enum Convolution {
    /// On the processor.
    Kernel(kernel::Convolution),
    /// candle's own.
    Device(Conv2d),
}

impl Convolution {
    /// A convolution with `weight` `[outputs, inputs, kernel, kernel]` and `bias` `[outputs]`.
    pub(crate) fn new(weight: &Tensor, bias: &Tensor) -> Result<Self> {
        let (_, inputs, side, across) = weight.dims4()?;
        if side != across || side % 2 == 0 {
            bail!("convolution: a kernel of {side}×{across} is not square and odd");
        }
        if weight.device().is_cpu() {
            let bias = bias.to_vec1::<f32>()?;
            let built = with_values::<f32, _>(weight, |weight| {
                kernel::Convolution::new(weight, &bias, inputs, side)
            })?;
            let Some(built) = built else { bail!("convolution: {:?} is empty", weight.shape()) };
            return Ok(Self::Kernel(built));
        }
        let config = Conv2dConfig { padding: side / 2, ..Conv2dConfig::default() };
        Ok(Self::Device(Conv2d::new(weight.clone(), Some(bias.clone()), config)))
    }

    /// The kernel of one on the processor.
    pub(super) fn kernel(&self) -> Result<&kernel::Convolution> {
        match self {
            Self::Kernel(convolution) => Ok(convolution),
            Self::Device(_) => bail!("convolution: the weight is not in host memory"),
        }
    }

    /// `x` [1, inputs, height, width] → [1, outputs, height, width].
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.apply(x, None)
    }

    /// The same of the image after group norm and SiLU.
    pub(crate) fn forward_normalised(&self, x: &Tensor, norm: &GroupNorm) -> Result<Tensor> {
        self.apply(x, Some(norm))
    }

    fn apply(&self, x: &Tensor, norm: Option<&GroupNorm>) -> Result<Tensor> {
        let convolution = match (self, norm) {
            (Self::Kernel(convolution), _) => convolution,
            (Self::Device(convolution), Some(norm)) => {
                return convolution.forward(&norm.forward_silu(x)?);
            }
            (Self::Device(convolution), None) => return convolution.forward(x),
        };
        let (images, channels, height, width) = x.dims4()?;
        if images != 1 || channels != convolution.inputs() {
            bail!("convolution: {:?} where [1, {}, …] belongs", x.shape(), convolution.inputs());
        }
        let shape = (1, convolution.outputs(), height, width);
        let mut out = vec![0f32; shape.1 * height * width];
        with_values::<f32, _>(x, |values| {
            let affine = norm.map(|norm| norm.affine(values)).transpose()?;
            let before = Before { normalised: affine.as_deref(), ..Before::default() };
            let image = Image { values, height, width };
            timed(Operation::Convolutions, || convolution.apply(image, before, false, &mut out));
            Ok::<_, Error>(())
        })??;
        Tensor::from_vec(out, shape, x.device())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ops::testing::{numbers, relative_difference};

    #[test]
    fn the_processor_s_convolution_equals_that_of_an_accelerator() {
        for (inputs, outputs, side, height, width) in
            [(5, 3, 1, 6, 7), (4, 8, 3, 5, 9), (64, 2, 3, 90, 96)]
        {
            let x = numbers(&[1, inputs, height, width]);
            let weight = numbers(&[outputs, inputs, side, side]);
            let bias = numbers(&[outputs]);
            let ours = Convolution::new(&weight, &bias).unwrap();
            let config = Conv2dConfig { padding: side / 2, ..Conv2dConfig::default() };
            let theirs = Convolution::Device(Conv2d::new(weight, Some(bias), config));
            let norm =
                GroupNorm::new(numbers(&[inputs]), numbers(&[inputs]), inputs, 1e-6).unwrap();
            for norm in [None, Some(&norm)] {
                let (a, b) = (ours.apply(&x, norm).unwrap(), theirs.apply(&x, norm).unwrap());
                assert!(relative_difference(&a, &b) <= 1e-5);
            }
        }
    }
}
