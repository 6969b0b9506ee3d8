//! A convolution's input as a matrix, so that the convolution is a matrix product.

use rayon::prelude::*;

/// What each place of a square kernel sees of an image stored channel by channel, the image
/// being continued with zeros so that it keeps its size (stride 1, odd kernel).
#[derive(Debug, Clone, Copy)]
pub struct Patches {
    /// Planes in the image.
    pub channels: usize,
    /// Rows of a plane.
    pub height: usize,
    /// Columns of a plane.
    pub width: usize,
    /// Side of the kernel, odd.
    pub kernel: usize,
}

impl Patches {
    /// Rows of the matrix: a place in the kernel each, channel by channel, and one of ones, with
    /// which a product adds the bias.
    pub fn matrix_rows(&self) -> usize {
        self.channels * self.kernel * self.kernel + 1
    }

    /// The matrix's columns for the pixels of image rows `first`…`first + rows`:
    /// [`Self::matrix_rows`] rows of `rows · width` values. Each is made of whole runs of the
    /// image, copied.
    pub fn fill(&self, image: &[f32], first: usize, rows: usize, out: &mut [f32]) {
        let (plane, area) = (self.height * self.width, self.kernel * self.kernel);
        if plane == 0 || area == 0 || rows == 0 {
            return;
        }
        out.par_chunks_mut(rows * self.width).enumerate().for_each(|(i, out)| {
            let (channel, place) = (i / area, i % area);
            match image.chunks_exact(plane).nth(channel) {
                Some(plane) => self.shifted(plane, place, first, out),
                None => out.fill(1.0),
            }
        });
    }

    /// A plane moved by a place's distance from the middle of the kernel, from row `first` on.
    fn shifted(&self, plane: &[f32], place: usize, first: usize, out: &mut [f32]) {
        let middle = self.kernel / 2;
        let (down, right) = (place / self.kernel, place % self.kernel);
        // Columns of the output that the image reaches: those x with 0 ≤ x + right − middle < width.
        let start = middle.saturating_sub(right).min(self.width);
        let end = (self.width + middle).saturating_sub(right).min(self.width).max(start);
        for (y, out) in out.chunks_exact_mut(self.width).enumerate() {
            let row = (first + y + down).checked_sub(middle).filter(|&row| row < self.height);
            let Some(row) = row else {
                out.fill(0.0);
                continue;
            };
            let row = &plane[row * self.width..][..self.width];
            out[..start].fill(0.0);
            if start < end {
                let seen = &row[start + right - middle..end + right - middle];
                out[start..end].copy_from_slice(seen);
            }
            out[end..].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Patches;

    #[test]
    fn every_place_of_the_kernel_sees_its_neighbour_and_zeros_outside() {
        for (kernel, width) in [(1, 4), (3, 4), (5, 4), (3, 1), (5, 1)] {
            let patches = Patches { channels: 2, height: 3, width, kernel };
            let image: Vec<f32> = (1..=2 * 3 * width).map(|i| i as f32).collect();
            let at = |c: usize, y: isize, x: isize| {
                let inside = (0..3).contains(&y) && (0..width as isize).contains(&x);
                if inside { image[(c * 3 + y as usize) * width + x as usize] } else { 0.0 }
            };
            for (first, rows) in [(0, 3), (1, 1), (2, 1), (0, 2)] {
                let mut out = vec![f32::NAN; patches.matrix_rows() * rows * width];
                patches.fill(&image, first, rows, &mut out);
                for (i, &value) in out.iter().enumerate() {
                    let (row, pixel) = (i / (rows * width), i % (rows * width));
                    let (channel, place) = (row / (kernel * kernel), row % (kernel * kernel));
                    let middle = (kernel / 2) as isize;
                    let y = (first + pixel / width + place / kernel) as isize - middle;
                    let x = (pixel % width + place % kernel) as isize - middle;
                    let expected = if channel == 2 { 1.0 } else { at(channel, y, x) };
                    assert_eq!(value, expected, "kernel {kernel} place {place} at {y},{x}");
                }
            }
        }
    }
}
