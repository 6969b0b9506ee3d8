//! Two-dimensional convolution that keeps the size of the image or doubles it first.

use super::group_norm::GroupNorm;
use super::storage::{contiguous, contiguous_mut, with_values};
use crate::kernels::convolution::{self as kernel, Before, Image};
use crate::model::profile::{Operation, timed};
use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout, Module, Result, Tensor, bail};
use candle_nn::{Conv2d, Conv2dConfig};

/// A convolution with a square, odd kernel, stride 1 and zeros around the image, in f32.
pub(in crate::model) enum Convolution {
    /// On the processor.
    Kernel(kernel::Convolution),
    /// candle's own.
    Device(Conv2d),
}

/// What happens to an image on its way into a convolution.
#[derive(Clone, Copy, Default)]
pub(in crate::model) struct Prepared<'a> {
    /// Every pixel is first made 2 × 2.
    pub(in crate::model) doubled: bool,
    /// Group norm and SiLU.
    pub(in crate::model) norm: Option<&'a GroupNorm>,
}

impl Convolution {
    /// A convolution with `weight` `[outputs, inputs, kernel, kernel]` and `bias` `[outputs]`.
    pub(in crate::model) fn new(weight: &Tensor, bias: &Tensor) -> Result<Self> {
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

    /// `x` [1, inputs, height, width] → [1, outputs, height, width].
    pub(in crate::model) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_prepared(x, Prepared::default())
    }

    /// The same of an image that is prepared first; height and width are those of the prepared.
    pub(in crate::model) fn forward_prepared(
        &self,
        x: &Tensor,
        prepared: Prepared<'_>,
    ) -> Result<Tensor> {
        match self {
            Self::Kernel(convolution) => {
                let (_, _, height, width) = x.dims4()?;
                let double = if prepared.doubled { 2 } else { 1 };
                let shape = (1, convolution.outputs(), height * double, width * double);
                let values = vec![0f32; shape.1 * shape.2 * shape.3];
                let out = Tensor::from_vec(values, shape, x.device())?;
                out.inplace_op2(x, &Into { convolution, prepared, add: false })?;
                Ok(out)
            }
            Self::Device(convolution) => convolution.forward(&composed(x, prepared)?),
        }
    }

    /// The same. The image is given up: where a pixel depends on itself alone and the result fits
    /// the image, the result takes its memory, and clones of `x` see it too.
    pub(in crate::model) fn forward_in_place(&self, x: Tensor) -> Result<Tensor> {
        if let Self::Kernel(convolution) = self
            && convolution.kernel() == 1
            && convolution.outputs() <= convolution.inputs()
        {
            x.inplace_op1(&Over { convolution })?;
            return x.narrow(1, 0, convolution.outputs());
        }
        self.forward(&x)
    }

    /// Adds the result to `sum`, in its own memory where that is the processor's.
    pub(in crate::model) fn add_prepared(
        &self,
        x: &Tensor,
        prepared: Prepared<'_>,
        sum: Tensor,
    ) -> Result<Tensor> {
        match self {
            Self::Kernel(convolution) => {
                sum.inplace_op2(x, &Into { convolution, prepared, add: true })?;
                Ok(sum)
            }
            Self::Device(convolution) => sum + convolution.forward(&composed(x, prepared)?)?,
        }
    }
}

fn composed(x: &Tensor, prepared: Prepared<'_>) -> Result<Tensor> {
    let x = match prepared.norm {
        Some(norm) => norm.forward_silu(x)?,
        None => x.clone(),
    };
    let (_, _, height, width) = x.dims4()?;
    if prepared.doubled { x.upsample_nearest2d(2 * height, 2 * width) } else { Ok(x) }
}

/// Convolves the second tensor into the first.
struct Into<'a> {
    convolution: &'a kernel::Convolution,
    prepared: Prepared<'a>,
    add: bool,
}

impl InplaceOp2 for Into<'_> {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(
        &self,
        out: &mut CpuStorage,
        out_layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
    ) -> Result<()> {
        let (CpuStorage::F32(out), CpuStorage::F32(x)) = (out, x) else {
            bail!("convolution: only f32")
        };
        let values = contiguous(self.name(), x, x_layout)?;
        let out = contiguous_mut(self.name(), out, out_layout)?;
        let (images, channels, height, width) = x_layout.shape().dims4()?;
        if images != 1 || channels != self.convolution.inputs() {
            let inputs = self.convolution.inputs();
            bail!("convolution: {:?} where [1, {inputs}, …] belongs", x_layout.shape());
        }
        let double = if self.prepared.doubled { 2 } else { 1 };
        if out.len() != self.convolution.outputs() * height * width * double * double {
            bail!("convolution: the sum has the shape {:?}", out_layout.shape());
        }
        let normalised = match self.prepared.norm {
            Some(norm) => Some(timed(Operation::GroupNorms, || norm.affine(values))?),
            None => None,
        };
        let before = Before { doubled: self.prepared.doubled, normalised: normalised.as_deref() };
        let image = Image { values, height, width };
        timed(Operation::Convolutions, || self.convolution.apply(image, before, self.add, out));
        Ok(())
    }
}

/// Convolves a tensor into its own first channels.
struct Over<'a> {
    convolution: &'a kernel::Convolution,
}

impl InplaceOp1 for Over<'_> {
    fn name(&self) -> &'static str {
        "convolution in place"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let CpuStorage::F32(x) = x else { bail!("convolution: only f32") };
        let (images, channels, height, width) = layout.shape().dims4()?;
        if images != 1 || channels != self.convolution.inputs() {
            let inputs = self.convolution.inputs();
            bail!("convolution: {:?} where [1, {inputs}, …] belongs", layout.shape());
        }
        let x = contiguous_mut(self.name(), x, layout)?;
        timed(Operation::Convolutions, || self.convolution.apply_in_place(x, height, width));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::ops::testing::numbers;

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
            for (doubled, norm) in [(false, None), (true, None), (false, Some(&norm))] {
                let prepared = Prepared { doubled, norm };
                let a = ours.forward_prepared(&x, prepared).unwrap();
                let b = theirs.forward_prepared(&x, prepared).unwrap();
                assert_eq!(a.dims(), b.dims());
                let sum = |conv: &Convolution, sum: &Tensor| {
                    conv.add_prepared(&x, prepared, sum.copy().unwrap()).unwrap()
                };
                let (c, d) = (sum(&ours, &b), sum(&theirs, &b));
                for (ours, theirs) in [(a, b), (c, d)] {
                    let ours = ours.flatten_all().unwrap();
                    let theirs = theirs.flatten_all().unwrap();
                    let scale = theirs.abs().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
                    let worst = (ours - theirs).unwrap().abs().unwrap().max(0).unwrap();
                    assert!(worst.to_scalar::<f32>().unwrap() <= 1e-5 * scale);
                }
            }
        }
    }
}
