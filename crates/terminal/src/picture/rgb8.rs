//! Pixels on their way to a terminal.

use std::fmt;

/// An RGB image, eight bits a channel, rows from the top, with a digest that identifies it.
#[derive(Clone, PartialEq, Eq)]
pub struct Rgb8 {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    digest: [u8; 16],
}

impl Rgb8 {
    /// An image of `width` × `height` pixels, both at least 1; `None` where `pixels` is not
    /// `width · height · 3` bytes.
    #[must_use]
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Option<Self> {
        let expected = u64::from(width) * u64::from(height) * 3;
        if expected == 0 || pixels.len() as u64 != expected {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&width.to_le_bytes()).update(&pixels);
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        Some(Rgb8 { width, height, pixels, digest })
    }

    /// Pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Red, green, blue of every pixel, rows from the top.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Equal for equal images.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        self.digest
    }

    /// The pixel at a place within the image.
    pub(crate) fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let at = (y as usize * self.width as usize + x as usize) * 3;
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }

    /// The image at another size, each new pixel the mean of the area it covers; enlarging
    /// repeats pixels. Sizes of 0 are taken as 1.
    #[must_use]
    pub fn resized(&self, width: u32, height: u32) -> Rgb8 {
        let (width, height) = (width.max(1), height.max(1));
        let columns = spans(self.width, width);
        let rows = spans(self.height, height);
        let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
        for &(top, bottom) in &rows {
            for &(left, right) in &columns {
                let mut sum = [0u64; 3];
                for y in top..bottom {
                    let start = (y * self.width as usize + left) * 3;
                    let end = (y * self.width as usize + right) * 3;
                    for pixel in self.pixels[start..end].chunks_exact(3) {
                        for (total, &value) in sum.iter_mut().zip(pixel) {
                            *total += u64::from(value);
                        }
                    }
                }
                let count = ((bottom - top) * (right - left)) as u64;
                // A mean of bytes is a byte.
                pixels.extend(sum.map(|total| ((total + count / 2) / count) as u8));
            }
        }
        let mut digest = [0; 16];
        blake3::Hasher::new()
            .update(&self.digest)
            .update(&width.to_le_bytes())
            .update(&height.to_le_bytes())
            .finalize_xof()
            .fill(&mut digest);
        Rgb8 { width, height, pixels, digest }
    }
}

/// For each of `to` new pixels the range of the `from` old ones that it covers, never empty.
fn spans(from: u32, to: u32) -> Vec<(usize, usize)> {
    let (from, to) = (u64::from(from), u64::from(to));
    let span = |i: u64| {
        let start = i * from / to;
        let end = ((i + 1) * from / to).max(start + 1);
        (start as usize, end as usize)
    };
    (0..to).map(span).collect()
}

impl fmt::Debug for Rgb8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rgb8({}×{})", self.width, self.height)
    }
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_as_many_bytes_as_it_says() {
        assert!(Rgb8::new(2, 1, vec![0; 6]).is_some());
        assert_eq!(Rgb8::new(2, 1, vec![0; 5]), None);
        assert_eq!(Rgb8::new(0, 1, vec![]), None);
    }

    #[test]
    fn shrinking_takes_means_and_growing_repeats() {
        let Some(image) = Rgb8::new(2, 2, [[0; 3], [100; 3], [200; 3], [100; 3]].concat()) else {
            panic!("four pixels are an image");
        };
        assert_eq!(image.resized(1, 1).pixels(), [100, 100, 100]);
        assert_eq!(image.resized(4, 2).pixel(1, 0), [0, 0, 0]);
        assert_eq!(image.resized(4, 2).pixel(3, 1), [100, 100, 100]);
    }

    #[test]
    fn digests_tell_images_apart() {
        let digest = |pixels| Rgb8::new(2, 1, pixels).map(|image| image.digest());
        assert_eq!(digest(vec![7; 6]), digest(vec![7; 6]));
        assert_ne!(digest(vec![7; 6]), digest(vec![8; 6]));
        assert_ne!(digest(vec![7; 6]), Rgb8::new(1, 2, vec![7; 6]).map(|image| image.digest()));
    }
}
