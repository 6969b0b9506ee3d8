//! Image metrics against scikit-image and SciPy (`tests/data/image-metrics/make.py`).
#![allow(clippy::unwrap_used)]

use serde::Deserialize;
use sigmalab_image::RgbImage;
use sigmalab_metrics::comparison::{psnr, ssim};
use sigmalab_metrics::image::ImageMetrics;

#[derive(Deserialize)]
struct Values {
    width: i64,
    height: i64,
    psnr: f64,
    ssim: f64,
    first: ImageMetrics,
    second: ImageMetrics,
}

fn values() -> Values {
    serde_json::from_str(include_str!("data/image-metrics/values.json")).unwrap()
}

/// The script's two pictures, by the script's arithmetic.
fn pictures(values: &Values) -> [RgbImage; 2] {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for y in 0..values.height {
        for x in 0..values.width {
            for c in 0..3 {
                let bent = x * y / 8 * c;
                let value = ((x * (5 + c) + y * (9 - 2 * c) + bent) % 330 - 30).clamp(0, 255);
                let other = value + (x * 31 + y * 17 + c * 13 + x * y) % 47 - 23;
                first.push(u8::try_from(value).unwrap());
                second.push(u8::try_from(other.clamp(0, 255)).unwrap());
            }
        }
    }
    [first, second].map(|pixels| RgbImage {
        width: u32::try_from(values.width).unwrap(),
        height: u32::try_from(values.height).unwrap(),
        pixels,
    })
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

#[test]
fn psnr_and_ssim_are_those_of_scikit_image() {
    let values = values();
    let [first, second] = pictures(&values);
    let found = (psnr(&first, &second).unwrap(), ssim(&first, &second).unwrap());
    assert!(close(found.0, values.psnr), "psnr {} and {}", found.0, values.psnr);
    assert!(close(found.1, values.ssim), "ssim {} and {}", found.1, values.ssim);
    assert!(close(ssim(&second, &first).unwrap(), values.ssim));
}

#[test]
fn measures_of_one_picture_are_those_of_scikit_image_and_scipy() {
    let values = values();
    for (picture, expected) in pictures(&values).iter().zip([values.first, values.second]) {
        let found = ImageMetrics::of(picture);
        let each = [
            ("clip fraction", found.clip_fraction, expected.clip_fraction),
            ("saturation", found.saturation, expected.saturation),
            ("contrast", found.contrast, expected.contrast),
            ("sharpness", found.sharpness, expected.sharpness),
            ("colourfulness", found.colourfulness, expected.colourfulness),
        ];
        for (name, found, expected) in each {
            assert!(close(found, expected), "{name}: {found} and {expected}");
        }
    }
}
