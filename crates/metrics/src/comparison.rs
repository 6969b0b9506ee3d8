//! Two pictures of the same size beside each other: PSNR and SSIM. Functions on pixels; they know
//! nothing of how the pictures were made. Formulas are in `docs/metrics.md`.

use rayon::prelude::*;
use sigmalab_image::RgbImage;

/// Standard deviation of SSIM's window in pixels (Wang et al. 2004).
const WINDOW_DEVIATION: f64 = 1.5;
/// Pixels on each side of the window's centre: the Gaussian is cut at 3.5 deviations.
const WINDOW_RADIUS: usize = 5;
/// Side of the window; a picture has to be as large.
const WINDOW: usize = 2 * WINDOW_RADIUS + 1;
/// The constants that keep SSIM's quotients finite: (K·255)² with K of 0.01 and 0.03.
const LUMINANCE: f64 = 6.5025;
const CONTRAST: f64 = 58.5225;

/// Why two pictures cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    #[error("a picture of {}×{} pixels cannot be compared with one of {}×{}: run both at one size",
            first.0, first.1, second.0, second.1)]
    Sizes {
        /// Width and height of the first.
        first: (u32, u32),
        /// Width and height of the second.
        second: (u32, u32),
    },
    #[error(
        "pictures of {width}×{height} pixels are smaller than the window of SSIM, \
             {WINDOW}×{WINDOW}: compare larger ones"
    )]
    TooSmall { width: u32, height: u32 },
    #[error("a picture of {width}×{height} pixels holds {bytes} bytes instead of three a pixel")]
    Bytes { width: u32, height: u32, bytes: usize },
}

/// Peak signal-to-noise ratio in dB, 10·log₁₀(255²/MSE) over all three channels; infinite where
/// the pictures are equal.
pub fn psnr(first: &RgbImage, second: &RgbImage) -> Result<f64, ComparisonError> {
    check(first, second)?;
    let squares = first.pixels.iter().zip(&second.pixels).map(|(a, b)| u64::from(a.abs_diff(*b)));
    let error: u64 = squares.map(|difference| difference * difference).sum();
    if error == 0 {
        return Ok(f64::INFINITY);
    }
    let mean = error as f64 / first.pixels.len() as f64;
    Ok(10.0 * (255.0 * 255.0 / mean).log10())
}

/// Structural similarity, −1 to 1, 1 where the pictures are equal: the mean over channels and
/// over every place of a Gaussian window of 11×11 pixels that lies inside, as Wang et al. (2004)
/// define it and as scikit-image computes it with `gaussian_weights`.
pub fn ssim(first: &RgbImage, second: &RgbImage) -> Result<f64, ComparisonError> {
    check(first, second)?;
    let RgbImage { width, height, .. } = *first;
    if (width as usize) < WINDOW || (height as usize) < WINDOW {
        return Err(ComparisonError::TooSmall { width, height });
    }
    // Channels are summed in their order, so threads do not change the last bit.
    let channels: Vec<f64> = (0..3_usize)
        .into_par_iter()
        .map(|channel| channel_ssim(&plane(first, channel), &plane(second, channel), width))
        .collect();
    Ok(channels.iter().sum::<f64>() / channels.len() as f64)
}

pub(super) fn check(first: &RgbImage, second: &RgbImage) -> Result<(), ComparisonError> {
    let size = |image: &RgbImage| (image.width, image.height);
    if size(first) != size(second) {
        return Err(ComparisonError::Sizes { first: size(first), second: size(second) });
    }
    for image in [first, second] {
        let bytes = image.pixels.len();
        if bytes != image.width as usize * image.height as usize * 3 {
            return Err(ComparisonError::Bytes { width: image.width, height: image.height, bytes });
        }
    }
    Ok(())
}

fn plane(image: &RgbImage, channel: usize) -> Vec<f64> {
    image.pixels.iter().skip(channel).step_by(3).map(|&value| f64::from(value)).collect()
}

fn channel_ssim(a: &[f64], b: &[f64], width: u32) -> f64 {
    let width = width as usize;
    let product = |a: &[f64], b: &[f64]| {
        let products: Vec<f64> = a.iter().zip(b).map(|(a, b)| a * b).collect();
        windowed(&products, width)
    };
    let (mean_a, mean_b) = (windowed(a, width), windowed(b, width));
    let (square_a, square_b, mixed) = (product(a, a), product(b, b), product(a, b));
    let mut sum = 0.0;
    for (place, (&mean_a, &mean_b)) in mean_a.iter().zip(&mean_b).enumerate() {
        let variance_a = square_a[place] - mean_a * mean_a;
        let variance_b = square_b[place] - mean_b * mean_b;
        let covariance = mixed[place] - mean_a * mean_b;
        sum += (2.0 * mean_a * mean_b + LUMINANCE) * (2.0 * covariance + CONTRAST)
            / ((mean_a * mean_a + mean_b * mean_b + LUMINANCE)
                * (variance_a + variance_b + CONTRAST));
    }
    sum / mean_a.len().max(1) as f64
}

/// The Gaussian mean around every pixel whose window lies inside the picture, row after row.
fn windowed(values: &[f64], width: usize) -> Vec<f64> {
    let weights = weights();
    let inside = width.saturating_sub(2 * WINDOW_RADIUS);
    // Each weight goes over a whole row at once, which the compiler turns into wide instructions.
    let add = |sums: &mut [f64], row: &[f64], weight: f64| {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += weight * value;
        }
    };
    let mut across = vec![0.0; values.len() / width.max(1) * inside];
    for (row, sums) in values.chunks_exact(width).zip(across.chunks_exact_mut(inside)) {
        for (part, weight) in row.windows(inside).zip(weights) {
            add(sums, part, weight);
        }
    }
    let rows = (across.len() / inside.max(1)).saturating_sub(2 * WINDOW_RADIUS);
    let mut down = vec![0.0; rows * inside];
    for (place, sums) in down.chunks_exact_mut(inside).enumerate() {
        for (row, weight) in across.chunks_exact(inside).skip(place).zip(weights) {
            add(sums, row, weight);
        }
    }
    down
}

/// A Gaussian over the window, of sum 1.
fn weights() -> [f64; WINDOW] {
    let raw: [f64; WINDOW] = std::array::from_fn(|place| {
        let distance = place.abs_diff(WINDOW_RADIUS) as f64 / WINDOW_DEVIATION;
        (-0.5 * distance * distance).exp()
    });
    let sum: f64 = raw.iter().sum();
    raw.map(|weight| weight / sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn uniform(value: u8, width: u32, height: u32) -> RgbImage {
        RgbImage { width, height, pixels: vec![value; (width * height * 3) as usize] }
    }

    #[test]
    fn a_picture_is_like_itself() {
        let image = uniform(77, 12, 11);
        assert_eq!(psnr(&image, &image).unwrap(), f64::INFINITY);
        assert!((ssim(&image, &image).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn pictures_of_two_sizes_or_too_small_or_cut_short_are_refused() {
        let sizes = psnr(&uniform(0, 20, 20), &uniform(0, 20, 21)).unwrap_err();
        assert!(sizes.to_string().contains("20×21"), "{sizes}");
        let small = ssim(&uniform(0, 10, 20), &uniform(0, 10, 20)).unwrap_err();
        assert_eq!(small, ComparisonError::TooSmall { width: 10, height: 20 });
        let mut short = uniform(0, 20, 20);
        short.pixels.pop();
        let cut = psnr(&uniform(0, 20, 20), &short).unwrap_err();
        assert!(matches!(cut, ComparisonError::Bytes { bytes: 1199, .. }));
    }
}
