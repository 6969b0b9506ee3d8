//! A small picture of a large one: the mean of the pixels that each small pixel covers.

use crate::RgbImage;

/// `image` with its longer side at most `side` pixels, at least 1; never larger than it was.
pub fn thumbnail(image: &RgbImage, side: u32) -> RgbImage {
    let longer = image.width.max(image.height).max(1);
    let scale = |length: u32| match longer <= side {
        true => length,
        // A side is at most 2048 pixels, far from the limits of 64 bits.
        false => (u64::from(length) * u64::from(side) / u64::from(longer)).max(1) as u32,
    };
    let (width, height) = (scale(image.width), scale(image.height));
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        let rows = covered(y, height, image.height);
        for x in 0..width {
            pixels.extend(mean(image, rows.clone(), covered(x, width, image.width)));
        }
    }
    RgbImage { width, height, pixels }
}

/// The pixels of `large` that pixel `place` of `small` covers.
fn covered(place: u32, small: u32, large: u32) -> std::ops::Range<usize> {
    let edge = |place: u32| (u64::from(place) * u64::from(large) / u64::from(small)) as usize;
    edge(place)..edge(place + 1)
}

fn mean(
    image: &RgbImage,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> [u8; 3] {
    let (pixels, _) = image.pixels.as_chunks::<3>();
    let mut sums = [0_u64; 3];
    let mut count = 0;
    for row in rows.map(|row| row * image.width as usize) {
        for pixel in pixels.iter().skip(row + columns.start).take(columns.len()) {
            count += 1;
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*value);
            }
        }
    }
    // A mean of bytes is a byte.
    sums.map(|sum| ((sum + count / 2) / count.max(1)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halves_are_means_and_small_pictures_stay() {
        let image = RgbImage { width: 2, height: 1, pixels: vec![0, 10, 20, 100, 30, 21] };
        assert_eq!(thumbnail(&image, 1).pixels, [50, 20, 21]);
        assert_eq!(thumbnail(&image, 2), image);
    }

    proptest! {
        #[test]
        fn one_colour_stays_one_colour_and_no_side_is_longer(
            width in 1_u32..70, height in 1_u32..70, side in 1_u32..40, value in any::<u8>(),
        ) {
            let pixels = vec![value; (width * height * 3) as usize];
            let small = thumbnail(&RgbImage { width, height, pixels }, side);
            prop_assert!(small.width <= side.min(width) && small.height <= side.min(height));
            prop_assert_eq!(small.pixels.len(), (small.width * small.height * 3) as usize);
            prop_assert!(small.pixels.iter().all(|pixel| *pixel == value));
        }
    }
}
