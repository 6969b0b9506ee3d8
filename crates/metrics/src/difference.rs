//! Where two pictures of one size differ, pixel by pixel, and a picture of it. Functions on
//! pixels; they know nothing of how the pictures were made.

use super::colour_map;
use super::comparison::{ComparisonError, check};
use sigmalab_image::RgbImage;

/// |A − B| of every pixel: the largest difference of its three values, 0…255.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    width: u32,
    height: u32,
    /// Row after row from the top.
    values: Vec<u8>,
}

impl Difference {
    /// Of two pictures of one size; which is first makes no difference.
    pub fn of(first: &RgbImage, second: &RgbImage) -> Result<Self, ComparisonError> {
        check(first, second)?;
        let (a, _) = first.pixels.as_chunks::<3>();
        let (b, _) = second.pixels.as_chunks::<3>();
        let largest = |(a, b): (&[u8; 3], &[u8; 3])| {
            a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
        };
        let values = a.iter().zip(b).map(largest).collect();
        Ok(Difference { width: first.width, height: first.height, values })
    }

    /// Share of the pixels that differ at all, in 0…1.
    #[must_use]
    pub fn share(&self) -> f64 {
        let differing = self.values.iter().filter(|value| **value > 0).count();
        differing as f64 / self.values.len().max(1) as f64
    }

    /// The smallest difference that at least `share` of the pixels do not exceed.
    #[must_use]
    pub fn covering(&self, share: f64) -> u8 {
        let mut counts = [0usize; 256];
        for &value in &self.values {
            counts[usize::from(value)] += 1;
        }
        let enough = share * self.values.len() as f64;
        let mut covered = 0;
        for (value, count) in (0..=u8::MAX).zip(counts) {
            covered += count;
            if covered as f64 >= enough {
                return value;
            }
        }
        u8::MAX
    }

    /// A picture of it in the colours of [`colour_map`]: no difference is the darkest,
    /// `brightest` and more the lightest.
    #[must_use]
    pub fn heat(&self, brightest: u8) -> RgbImage {
        let most = f64::from(brightest.max(1));
        let colours: [[u8; 3]; 256] =
            std::array::from_fn(|value| colour_map::colour(value as f64 / most));
        let pixels = self.values.iter().flat_map(|&value| colours[usize::from(value)]).collect();
        RgbImage { width: self.width, height: self.height, pixels }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn picture(pixels: &[[u8; 3]]) -> RgbImage {
        RgbImage { width: pixels.len() as u32, height: 1, pixels: pixels.concat() }
    }

    #[test]
    fn the_largest_difference_of_a_pixel_decides_its_colour() {
        let a = picture(&[[10, 20, 30], [200, 0, 0], [7, 7, 7], [0, 255, 0]]);
        let b = picture(&[[10, 20, 30], [190, 0, 51], [7, 9, 7], [255, 0, 0]]);
        let difference = Difference::of(&a, &b).unwrap();
        let expected = [0.0, 51.0, 2.0, 255.0].map(|v| colour_map::colour(v / 255.0));
        assert_eq!(difference.heat(255).pixels, expected.concat());
        // On a finer scale 51 is as bright as it gets.
        let expected = [0.0, 1.0, 2.0 / 51.0, 1.0].map(colour_map::colour);
        assert_eq!(difference.heat(51).pixels, expected.concat());
        assert_eq!(difference, Difference::of(&b, &a).unwrap());
    }

    #[test]
    fn a_share_of_the_pixels_gives_the_scale() {
        let a = picture(&[[0; 3]; 4]);
        let b = picture(&[[0; 3], [3; 3], [5; 3], [90; 3]]);
        let difference = Difference::of(&a, &b).unwrap();
        let found = [0.0, 0.25, 0.26, 0.5, 0.75, 0.8, 1.0].map(|share| difference.covering(share));
        assert_eq!(found, [0, 0, 3, 3, 5, 90, 90]);
        assert_eq!(difference.share(), 0.75);
    }

    #[test]
    fn pictures_without_pixels_or_of_two_sizes_are_no_trouble() {
        let none = RgbImage { width: 0, height: 0, pixels: Vec::new() };
        let difference = Difference::of(&none, &none).unwrap();
        assert_eq!((difference.share(), difference.covering(0.5)), (0.0, 0));
        assert!(difference.heat(0).pixels.is_empty());
        let error = Difference::of(&picture(&[[0; 3]]), &picture(&[[0; 3]; 2])).unwrap_err();
        assert!(error.to_string().contains("1×1"), "{error}");
    }
}
