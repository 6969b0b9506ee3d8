//! Measures of one picture: clipping, saturation, contrast, sharpness, colourfulness. Functions
//! on pixels; they know nothing of how a picture was made. Formulas are in `docs/metrics.md`.

use serde::{Deserialize, Serialize};
use sigmalab_image::RgbImage;

/// Weights of red, green and blue in the grey that contrast and sharpness are measured on: those
/// of Rec. 709 as scikit-image's `rgb2gray` has them.
const GREY: [f64; 3] = [0.2125, 0.7154, 0.0721];

/// How far colourfulness counts the mean of the opponent colours beside their spread.
const COLOUR_MEAN_WEIGHT: f64 = 0.3;

/// Measures of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ImageMetrics {
    /// Share of colour values that are 0 or 255, in 0…1.
    pub clip_fraction: f64,
    /// Mean HSV saturation, in 0…1.
    pub saturation: f64,
    /// Standard deviation of the grey, which is in 0…1.
    pub contrast: f64,
    /// Variance of the Laplacian of the grey, inside the border of one pixel.
    pub sharpness: f64,
    /// Hasler and Süsstrunk's M, from 0 (grey) to about 110 (extremely colourful).
    pub colourfulness: f64,
}

impl ImageMetrics {
    /// Measures `image`; all 0 where it has no pixels.
    pub fn of(image: &RgbImage) -> Self {
        let (pixels, _) = image.pixels.as_chunks::<3>();
        let grey: Vec<f64> = pixels.iter().map(grey).collect();
        let red_green = Moments::of(pixels.iter().map(|&[r, g, _]| f64::from(r) - f64::from(g)));
        let yellow_blue = Moments::of(
            pixels.iter().map(|&[r, g, b]| (f64::from(r) + f64::from(g)) / 2.0 - f64::from(b)),
        );
        let clipped = image.pixels.iter().filter(|value| matches!(value, 0 | 255)).count();
        ImageMetrics {
            clip_fraction: clipped as f64 / image.pixels.len().max(1) as f64,
            saturation: Moments::of(pixels.iter().map(saturation)).mean,
            contrast: Moments::of(grey.iter().copied()).variance.sqrt(),
            sharpness: Moments::of(laplacian(&grey, image.width as usize).into_iter()).variance,
            colourfulness: (red_green.variance + yellow_blue.variance).sqrt()
                + COLOUR_MEAN_WEIGHT * red_green.mean.hypot(yellow_blue.mean),
        }
    }
}

/// Mean and population variance.
struct Moments {
    mean: f64,
    variance: f64,
}

impl Moments {
    /// Of `values`; 0 where there are none.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count().max(1) as f64;
        let mean = values.clone().sum::<f64>() / count;
        let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Moments { mean, variance }
    }
}

fn grey(pixel: &[u8; 3]) -> f64 {
    pixel.iter().zip(GREY).map(|(&value, weight)| f64::from(value) / 255.0 * weight).sum()
}

fn saturation(&[r, g, b]: &[u8; 3]) -> f64 {
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    if high == 0 { 0.0 } else { f64::from(high - low) / f64::from(high) }
}

/// The four-neighbour Laplacian at every pixel that has four neighbours.
fn laplacian(grey: &[f64], width: usize) -> Vec<f64> {
    let rows: Vec<&[f64]> = grey.chunks_exact(width.max(1)).collect();
    let inside = rows.windows(3).flat_map(|rows| match rows {
        [above, row, below] => {
            let vertical = above.iter().zip(*below).skip(1).map(|(above, below)| above + below);
            let across = row.windows(3).zip(vertical);
            across
                .map(|(row, vertical)| row[0] + row[2] + vertical - 4.0 * row[1])
                .collect::<Vec<f64>>()
        }
        _ => Vec::new(),
    });
    inside.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform(colour: [u8; 3], width: u32, height: u32) -> RgbImage {
        RgbImage { width, height, pixels: colour.repeat((width * height) as usize) }
    }

    #[test]
    fn a_grey_picture_has_nothing_to_measure() {
        let found = ImageMetrics::of(&uniform([90; 3], 8, 5));
        assert!(found.contrast < 1e-12 && found.sharpness < 1e-12, "{found:?}");
        assert_eq!((found.clip_fraction, found.saturation, found.colourfulness), (0.0, 0.0, 0.0));
    }

    #[test]
    fn pure_red_is_clipped_and_saturated() {
        let metrics = ImageMetrics::of(&uniform([255, 0, 0], 6, 6));
        assert_eq!((metrics.clip_fraction, metrics.saturation), (1.0, 1.0));
        assert!(metrics.contrast < 1e-12 && metrics.sharpness < 1e-12);
    }

    #[test]
    fn pictures_too_small_for_a_laplacian_are_measured_too() {
        for (width, height) in [(0, 0), (1, 1), (2, 7), (7, 2)] {
            assert_eq!(ImageMetrics::of(&uniform([9; 3], width, height)).sharpness, 0.0);
        }
    }
}
