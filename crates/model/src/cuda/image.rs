//! Convolutions of the decoder on a CUDA device: patches of some pixels are gathered, normalised and
//! doubled on the way, and multiplied by cuBLAS straight into the image that comes out.

use super::address::{address, checked, room};
use super::kernels::launch;
use super::product::multiply_patches;
use crate::ops::banded::PATCH_VALUES;
use candle_core::{DType, Result, Tensor, bail};
use sigmalab_cuda::calls::{self, Affine, Patches};
use sigmalab_cuda::group_shares;

/// What a group norm does to the channels of an image [1, channels, height, width]: factors and
/// terms, [2, channels].
pub(crate) fn affine(
    x: &Tensor,
    gain: &Tensor,
    bias: &Tensor,
    groups: usize,
    eps: f64,
) -> Result<Tensor> {
    let device = x.device().as_cuda_device()?;
    let channels = gain.elem_count();
    let per_group = x.elem_count() / groups.max(1);
    let shape = [groups, per_group];
    let x = checked(x, DType::F32, groups * per_group)?;
    let sums = room(device, DType::F64, (groups, group_shares(per_group)))?;
    let means = room(device, DType::F32, groups)?;
    let affine = room(device, DType::F32, (2, channels))?;
    launch(device, calls::group_sums(x, None, address(&sums)?, shape))?;
    launch(device, calls::group_means(address(&sums)?, address(&means)?, shape))?;
    launch(device, calls::group_sums(x, Some(address(&means)?), address(&sums)?, shape))?;
    let of = Affine {
        squares: address(&sums)?,
        means: address(&means)?,
        gain: checked(gain, DType::F32, channels)?,
        bias: checked(bias, DType::F32, channels)?,
        affine: address(&affine)?,
    };
    launch(device, calls::group_affine(of, channels, shape, eps as f32))?;
    Ok(affine)
}

/// The convolution of an image [1, inputs, height, width] with `weight` [outputs, inputs, side,
/// side] and zeros around it; normalised with SiLU by `affine` and with every pixel made 2 × 2 before,
/// where that is asked for.
pub(crate) fn convolve(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    affine: Option<&Tensor>,
    doubled: bool,
) -> Result<Tensor> {
    let device = x.device().as_cuda_device()?;
    let (images, channels, height, width) = x.dims4()?;
    let (outputs, inputs, side, _) = weight.dims4()?;
    if images != 1 || channels != inputs {
        bail!("convolution: {:?} where [1, {inputs}, …] belongs", x.shape())
    }
    let x = x.contiguous()?;
    let times = if doubled { 2 } else { 1 };
    let (down, across) = (height * times, width * times);
    let (plane, lines) = (down * across, channels * side * side);
    // The bias is what products are added to.
    let out = bias.reshape((1, outputs, 1, 1))?;
    let out = out.broadcast_as((1, outputs, down, across))?.copy()?.contiguous()?;
    let affine = affine.map(|affine| checked(affine, DType::F32, 2 * channels)).transpose()?;
    let step = (PATCH_VALUES / lines.max(1)).clamp(1, plane.max(1));
    for first in (0..plane).step_by(step) {
        let pixels = step.min(plane - first);
        let patches = room(device, DType::F32, (lines, pixels))?;
        let of = Patches { channels, height, width, side, doubled, first, pixels };
        launch(device, calls::gather_patches(address(&x)?, affine, address(&patches)?, of))?;
        multiply_patches(weight, &patches, &out, first, plane)?;
    }
    Ok(out)
}
