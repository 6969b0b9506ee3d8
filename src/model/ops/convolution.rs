//! Two-dimensional convolution that keeps the size of the image.

use super::storage::contiguous;
use crate::kernels::patches::Patches;
use candle_core::{CpuStorage, CustomOp1, Layout, Module, Result, Shape, Tensor, bail};
use candle_nn::{Conv2d, Conv2dConfig};

/// Most bytes of patches held at a time.
const PATCH_BYTES: usize = 16 << 20;

/// A convolution with a square, odd kernel, stride 1 and zeros around the image, in f32.
///
/// On the processor it is a product of the kernel with the image's patches, some rows at a time:
/// candle 0.11.1's own convolution builds its patches value by value, which for narrow layers
/// takes many times longer than the product itself.
pub(in crate::model) enum Convolution {
    /// [outputs, inputs · kernel² + 1], the bias in the last column.
    Product { matrix: Tensor, inputs: usize, kernel: usize },
    /// candle's own.
    Device(Conv2d),
}

impl Convolution {
    /// A convolution with `weight` `[outputs, inputs, kernel, kernel]` and `bias` `[outputs]`.
    pub(in crate::model) fn new(weight: &Tensor, bias: &Tensor) -> Result<Self> {
        let (_, inputs, kernel, across) = weight.dims4()?;
        if kernel != across || kernel % 2 == 0 {
            bail!("convolution: a kernel of {kernel}×{across} is not square and odd");
        }
        if weight.device().is_cpu() {
            let matrix = Tensor::cat(&[&weight.flatten_from(1)?, &bias.unsqueeze(1)?], 1)?;
            return Ok(Self::Product { matrix, inputs, kernel });
        }
        let config = Conv2dConfig { padding: kernel / 2, ..Conv2dConfig::default() };
        Ok(Self::Device(Conv2d::new(weight.clone(), Some(bias.clone()), config)))
    }

    /// `x` [1, inputs, height, width] → [1, outputs, height, width].
    pub(in crate::model) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Product { matrix, inputs, kernel } => product(matrix, *inputs, *kernel, x),
            Self::Device(convolution) => convolution.forward(x),
        }
    }
}

fn product(matrix: &Tensor, inputs: usize, kernel: usize, x: &Tensor) -> Result<Tensor> {
    let (images, channels, height, width) = x.dims4()?;
    if images != 1 || channels != inputs {
        bail!("convolution: {:?} where [1, {inputs}, …] belongs", x.shape());
    }
    let patches = Patches { channels, height, width, kernel };
    let rows = PATCH_BYTES / (4 * patches.matrix_rows() * width.max(1));
    let rows = rows.clamp(1, height.max(1));
    let strips = (0..height).step_by(rows).map(|first| {
        let rows = rows.min(height - first);
        matrix.matmul(&x.apply_op1_no_bwd(&Strip { patches, first, rows })?)
    });
    let strips = strips.collect::<Result<Vec<_>>>()?;
    let image = match strips.as_slice() {
        [one] => one.clone(),
        many => Tensor::cat(many, 1)?,
    };
    image.reshape((1, matrix.dim(0)?, height, width))
}

/// The patches of some rows of an image.
struct Strip {
    patches: Patches,
    first: usize,
    rows: usize,
}

impl CustomOp1 for Strip {
    fn name(&self) -> &'static str {
        "patches"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let CpuStorage::F32(image) = storage else { bail!("patches: only f32") };
        let image = contiguous(self.name(), image, layout)?;
        let shape = (self.patches.matrix_rows(), self.rows * self.patches.width);
        let mut out = vec![0.0; shape.0 * shape.1];
        self.patches.fill(image, self.first, self.rows, &mut out);
        Ok((CpuStorage::F32(out), shape.into()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use candle_core::Device;

    fn tensor(dims: (usize, usize, usize, usize)) -> Tensor {
        let n = dims.0 * dims.1 * dims.2 * dims.3;
        let values: Vec<f32> = (0..n).map(|i| ((i * 7919) % 2003) as f32 / 500.0 - 2.0).collect();
        Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
    }

    #[test]
    fn it_equals_candle_s_convolution_in_one_strip_and_in_many() {
        // The last image needs several strips.
        for (inputs, outputs, kernel, height, width) in
            [(5, 3, 1, 6, 7), (4, 8, 3, 5, 9), (64, 2, 3, 90, 96)]
        {
            let x = tensor((1, inputs, height, width));
            let weight = tensor((outputs, inputs, kernel, kernel));
            let bias = tensor((1, 1, 1, outputs)).flatten_all().unwrap();
            let ours = Convolution::new(&weight, &bias).unwrap().forward(&x).unwrap();
            let theirs = x.conv2d(&weight, kernel / 2, 1, 1, 1).unwrap();
            let theirs = theirs.broadcast_add(&bias.reshape((1, outputs, 1, 1)).unwrap()).unwrap();
            assert_eq!(ours.dims(), theirs.dims());
            let (ours, theirs) = (ours.flatten_all().unwrap(), theirs.flatten_all().unwrap());
            let scale = theirs.abs().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
            let worst = (ours - theirs).unwrap().abs().unwrap().max(0).unwrap();
            assert!(worst.to_scalar::<f32>().unwrap() <= 1e-5 * scale);
        }
    }
}
