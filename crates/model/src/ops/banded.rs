//! Convolution on an accelerator, some rows of the image at a time: patches of a whole image of
//! 2048² are more than a tensor library's launches can count, and ten times the image's memory.

use super::group_norm::GroupNorm;
use candle_core::{Module, Result, Tensor};
use candle_nn::{Conv2d, Conv2dConfig};
use std::ops::Range;

/// Most values of the patches that are in memory at a time: 256 MB.
pub(crate) const PATCH_VALUES: usize = 64 << 20;

/// A convolution with a square, odd kernel and zeros around the image, by the tensor library.
pub(crate) struct Banded {
    convolution: Conv2d,
    inputs: usize,
    side: usize,
    patch_values: usize,
}

impl Banded {
    /// `weight` is `[outputs, inputs, side, side]`, `bias` `[outputs]`.
    pub(super) fn new(weight: Tensor, bias: Tensor) -> Result<Self> {
        let (_, inputs, side, _) = weight.dims4()?;
        let config = Conv2dConfig { padding: side / 2, ..Conv2dConfig::default() };
        let convolution = Conv2d::new(weight, Some(bias), config);
        Ok(Self { convolution, inputs, side, patch_values: PATCH_VALUES })
    }

    /// The convolution of an image [1, inputs, height, width], normalised with SiLU and with every
    /// pixel made 2 × 2 before where that is asked for.
    pub(super) fn apply(
        &self,
        x: &Tensor,
        norm: Option<&GroupNorm>,
        doubled: bool,
    ) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if let (true, Some(bias)) = (x.device().is_cuda(), self.convolution.bias()) {
            let affine = norm.map(|norm| norm.affine_on_cuda(x)).transpose()?;
            let weight = self.convolution.weight();
            return crate::cuda::convolve(x, weight, bias, affine.as_ref(), doubled);
        }
        let (_, _, height, width) = x.dims4()?;
        let affine = norm.map(|norm| norm.affine_by_device(x)).transpose()?;
        let times = if doubled { 2 } else { 1 };
        let (height, width) = (times * height, times * width);
        let values = width * self.inputs * self.side * self.side;
        let mut parts = Vec::new();
        for band in bands(height, self.side / 2, values, self.patch_values) {
            let source = band.read.start / times..band.read.end.div_ceil(times);
            let mut image = x.narrow(2, source.start, source.len())?;
            if let Some((factor, term)) = &affine {
                image = image.broadcast_mul(factor)?.broadcast_add(term)?.silu()?;
            }
            if doubled {
                image = image.upsample_nearest2d(times * source.len(), width)?;
                image = image.narrow(2, band.read.start - times * source.start, band.read.len())?;
            }
            // Rows at the cut edges saw zeros where the image goes on: they are not taken.
            let image = self.convolution.forward(&image.contiguous()?)?;
            let first = band.rows.start - band.read.start;
            parts.push(image.narrow(2, first, band.rows.len())?);
        }
        match parts.as_slice() {
            [one] => one.contiguous(),
            many => Tensor::cat(many, 2),
        }
    }
}

/// Rows of an image that are computed at a time, and those that are read for them.
#[derive(Debug, PartialEq)]
struct Band {
    rows: Range<usize>,
    read: Range<usize>,
}

/// Bands of an image whose patches have `row_values` values a row, `most` at a time where that is
/// a row or more; `reach` rows around a band are read with it. They follow from the shape alone.
fn bands(
    height: usize,
    reach: usize,
    row_values: usize,
    most: usize,
) -> impl Iterator<Item = Band> {
    let step = (most / row_values.max(1)).saturating_sub(2 * reach).max(1);
    (0..height).step_by(step).map(move |start| {
        let rows = start..(start + step).min(height);
        let read = rows.start.saturating_sub(reach)..(rows.end + reach).min(height);
        Band { rows, read }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ops::testing::{numbers, relative_difference};
    use proptest::prelude::*;

    #[test]
    fn patches_of_the_largest_image_can_be_counted_and_stay_within_their_memory() {
        // The decoder's last stages at 2048²: a whole image has ten thousand million values.
        for channels in [128, 256, 512] {
            let row = 2048 * channels * 9;
            assert!(row * 2048 > u32::MAX as usize);
            let mut next = 0;
            for band in bands(2048, 1, row, PATCH_VALUES) {
                assert!(band.read.len() * row <= PATCH_VALUES);
                assert_eq!(band.rows.start, next);
                next = band.rows.end;
            }
            assert_eq!(next, 2048);
        }
    }

    #[test]
    fn bands_give_what_the_whole_image_gives() {
        for (side, height, width) in [(1, 6, 7), (3, 9, 5), (3, 1, 4), (5, 7, 3)] {
            let (x, weight) = (numbers(&[1, 4, height, width]), numbers(&[3, 4, side, side]));
            let norm = GroupNorm::new(numbers(&[4]), numbers(&[4]), 2, 1e-6).unwrap();
            let whole = Banded::new(weight, numbers(&[3])).unwrap();
            for doubled in [false, true] {
                for norm in [None, Some(&norm)] {
                    let expected = whole.apply(&x, norm, doubled).unwrap();
                    for rows in [1, 2, 3, 4] {
                        let patch_values = (rows + side - 1) * 2 * width * 4 * side * side;
                        let convolution = whole.convolution.clone();
                        let cut = Banded { convolution, patch_values, ..whole };
                        let found = cut.apply(&x, norm, doubled).unwrap();
                        assert!(relative_difference(&found, &expected) <= 1e-6);
                    }
                }
            }
        }
    }

    #[test]
    fn a_band_is_what_the_tensor_library_makes_of_the_whole_image() {
        let (x, weight) = (numbers(&[1, 4, 9, 5]), numbers(&[3, 4, 3, 3]));
        let bias = numbers(&[3]);
        let config = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
        let theirs = Conv2d::new(weight.clone(), Some(bias.clone()), config);
        let norm = GroupNorm::new(numbers(&[4]), numbers(&[4]), 2, 1e-6).unwrap();
        let expected = theirs.forward(&norm.composed(&x, true).unwrap()).unwrap();
        let ours = Banded { patch_values: 4 * 5 * 36, ..Banded::new(weight, bias).unwrap() };
        let found = ours.apply(&x, Some(&norm), false).unwrap();
        assert!(relative_difference(&found, &expected) <= 1e-5);
    }

    proptest! {
        #[test]
        fn bands_cover_all_rows_once_in_order_and_read_what_they_need(
            height in 1_usize..300,
            reach in 0_usize..3,
            row_values in 0_usize..50,
            most in 0_usize..2000,
        ) {
            let mut next = 0;
            for band in bands(height, reach, row_values, most) {
                prop_assert_eq!(band.rows.start, next);
                prop_assert!(!band.rows.is_empty());
                prop_assert!(band.read.start == band.rows.start.saturating_sub(reach));
                prop_assert!(band.read.end == (band.rows.end + reach).min(height));
                prop_assert!(band.rows.len() == 1 || band.read.len() * row_values <= most);
                next = band.rows.end;
            }
            prop_assert_eq!(next, height);
        }
    }
}
