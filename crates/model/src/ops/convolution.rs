//! Two-dimensional convolution that keeps the size of the image.

use super::banded::Banded;
use super::group_norm::GroupNorm;
use super::storage::with_values;
use crate::profile::{Operation, timed, timed_on};
use candle_core::{Error, Result, Tensor, bail};
use sigmalab_kernels::convolution::{self as kernel, Before, Image};

/// A convolution with a square, odd kernel, stride 1 and zeros around the image, in f32.
pub(crate) enum Convolution {
    /// On the processor.
    Kernel(kernel::Convolution),
    /// On an accelerator.
    Device(Banded),
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
        Ok(Self::Device(Banded::new(weight.clone(), bias.clone())?))
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

    /// The same of the image with every pixel made 2 × 2, on an accelerator.
    pub(super) fn double_by_device(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Device(convolution) => {
                let work = || convolution.apply(x, None, true);
                timed_on(x.device(), Operation::Convolutions, work)
            }
            Self::Kernel(_) => bail!("convolution: the weight is in host memory"),
        }
    }

    fn apply(&self, x: &Tensor, norm: Option<&GroupNorm>) -> Result<Tensor> {
        let convolution = match (self, norm) {
            (Self::Kernel(convolution), _) => convolution,
            (Self::Device(convolution), norm) => {
                let work = || convolution.apply(x, norm, false);
                return timed_on(x.device(), Operation::Convolutions, work);
            }
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
            let theirs = Convolution::Device(Banded::new(weight, bias).unwrap());
            let norm =
                GroupNorm::new(numbers(&[inputs]), numbers(&[inputs]), inputs, 1e-6).unwrap();
            for norm in [None, Some(&norm)] {
                let (a, b) = (ours.apply(&x, norm).unwrap(), theirs.apply(&x, norm).unwrap());
                assert!(relative_difference(&a, &b) <= 1e-5);
            }
        }
    }
}
