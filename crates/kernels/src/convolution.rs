//! Two-dimensional convolution as a product with the tile kernels: the rows of the product are the
//! kernel's outputs, packed once; its columns are pixels, whose surroundings are gathered panel by
//! panel in the cache. What comes before (doubling the image, normalising it) happens on the way
//! in and what comes after (adding an image) on the way out, so neither needs an image of its own.

use crate::exp::exp;
use crate::isa::vectorised;
use crate::product::micro::{COLUMNS, ROWS, TILE};
use crate::product::{BLOCK, Core, Out, Precision, Rows, WIDE_LANES, pack_strip};
use crate::scratch::{ThreadScratch, with_thread_scratch};
use rayon::prelude::*;

/// Pixels of a row that a task computes.
const PIXELS: usize = 2 * COLUMNS;
/// Rows of the image that a task computes.
const LINES: usize = 4;

/// A convolution with a square, odd kernel, stride 1 and zeros around the image, in f32.
#[derive(Debug, Clone)]
pub struct Convolution {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    bias: Vec<f32>,
    /// Packed rows, as [`crate::product`] packs them.
    packed: Vec<u32>,
}

/// An image stored channel by channel.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    /// Planes, row after row.
    pub values: &'a [f32],
    /// Rows of a plane.
    pub height: usize,
    /// Columns of a plane.
    pub width: usize,
}

/// What happens to an image on its way into a convolution.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before<'a> {
    /// Whether every pixel is first made 2 × 2.
    pub doubled: bool,
    /// silu(factor · x + term), a factor and a term for each channel.
    pub normalised: Option<&'a [(f32, f32)]>,
}

impl Convolution {
    /// `weight` is [outputs, inputs, kernel, kernel], `bias` has a value for each output.
    /// `None` where the lengths do not fit, or the kernel is even.
    pub fn new(weight: &[f32], bias: &[f32], inputs: usize, kernel: usize) -> Option<Self> {
        let depth = inputs * kernel * kernel;
        let outputs = bias.len();
        if depth == 0 || outputs == 0 || kernel.is_multiple_of(2) || weight.len() != outputs * depth
        {
            return None;
        }
        let core = Core::chosen(Precision::F32);
        let strips = outputs.div_ceil(ROWS);
        let mut packed = vec![0; strips * ROWS * depth];
        let mut wide = vec![0; WIDE_LANES];
        for (block, out) in packed.chunks_mut(strips * ROWS * BLOCK).enumerate() {
            let span = block * BLOCK..((block + 1) * BLOCK).min(depth);
            for (strip, out) in out.chunks_exact_mut(ROWS * span.len()).enumerate() {
                let values = &weight[strip * ROWS * depth..];
                let rows = Rows { values, stride: depth, count: ROWS.min(outputs - strip * ROWS) };
                pack_strip(core, rows, span.clone(), &mut wide, out);
            }
        }
        Some(Self { inputs, outputs, kernel, bias: bias.to_vec(), packed })
    }

    /// Channels of the result.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Channels of the image.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Side of the kernel.
    pub fn kernel(&self) -> usize {
        self.kernel
    }

    /// Convolves `image`. To `out` [outputs, height, width] the result is added where `add` says
    /// so, else it is written over it. Height and width are those of the image, twice that where
    /// it is doubled.
    ///
    /// # Panics
    /// Where an image, or what normalises it, is not of that size.
    pub fn apply(&self, image: Image<'_>, before: Before<'_>, add: bool, out: &mut [f32]) {
        let double = usize::from(before.doubled) + 1;
        let (height, width) = (image.height * double, image.width * double);
        assert_eq!(image.values.len(), self.inputs * image.height * image.width);
        assert_eq!(out.len(), self.outputs * height * width);
        assert!(before.normalised.is_none_or(|of| of.len() == self.inputs));
        let out = Out {
            values: out.as_mut_ptr(),
            len: out.len(),
            rows: self.outputs,
            outputs: height * width,
        };
        self.run(Source::Image(image, before), (height, width), add, out);
    }

    /// Convolves an image into its own memory: the first planes are overwritten with the result
    /// [outputs, height, width], the others keep what they had. `false`, and nothing is done,
    /// unless a pixel depends on itself alone (a kernel of 1) and the result has no more planes
    /// than the image.
    ///
    /// # Panics
    /// Where the image is not of that size.
    pub fn apply_in_place(&self, image: &mut [f32], height: usize, width: usize) -> bool {
        assert_eq!(image.len(), self.inputs * height * width);
        if self.kernel != 1 || self.outputs > self.inputs {
            return false;
        }
        let out = Out {
            values: image.as_mut_ptr(),
            len: image.len(),
            rows: self.inputs,
            outputs: height * width,
        };
        self.run(Source::Result, (height, width), false, out);
        true
    }

    fn run(&self, source: Source<'_>, (height, width): (usize, usize), add: bool, out: Out<f32>) {
        let across = width.div_ceil(PIXELS);
        let tasks = across * height.div_ceil(LINES);
        (0..tasks).into_par_iter().for_each(|task| {
            let top = task / across * LINES;
            let left = task % across * PIXELS;
            let window = Window {
                convolution: self,
                source,
                add,
                top,
                left,
                lines: LINES.min(height - top),
                pixels: PIXELS.min(width - left),
                width,
                height,
            };
            with_thread_scratch(|scratch| window.run(out, scratch));
        });
    }
}

/// Where a window's surroundings are read.
#[derive(Clone, Copy)]
enum Source<'a> {
    Image(Image<'a>, Before<'a>),
    /// Where the result is written: each pixel is read before it is overwritten.
    Result,
}

/// A part of the result.
struct Window<'a> {
    convolution: &'a Convolution,
    source: Source<'a>,
    add: bool,
    top: usize,
    left: usize,
    lines: usize,
    pixels: usize,
    width: usize,
    height: usize,
}

impl Window<'_> {
    fn run(&self, out: Out<f32>, scratch: &mut ThreadScratch) {
        let core = Core::chosen(Precision::F32);
        let Convolution { inputs, outputs, kernel, packed, .. } = self.convolution;
        let depth = inputs * kernel * kernel;
        let strips = outputs.div_ceil(ROWS);
        let ThreadScratch { panel, sums, more, .. } = scratch;
        // The image around the window, prepared once.
        let (rows, columns) = (self.lines + kernel - 1, PIXELS + kernel - 1);
        let around = more.floats(inputs * rows * columns);
        match self.source {
            Source::Image(image, before) => {
                vectorised(|| self.gather(image, before, around, rows, columns));
            }
            Source::Result => self.gather_pixels(out, around),
        }
        let across = self.pixels.div_ceil(COLUMNS);
        let panels = self.lines * across;
        let (sums, _) = sums.lanes(strips * panels * TILE).as_chunks_mut::<TILE>();
        for (block, packed) in packed.chunks(strips * ROWS * BLOCK).enumerate() {
            let first = block * BLOCK;
            let lanes = BLOCK.min(depth - first);
            for p in 0..panels {
                let (line, pixel) = (p / across, p % across * COLUMNS);
                let panel = panel.floats(lanes * COLUMNS);
                vectorised(|| {
                    for (i, out) in panel.as_chunks_mut::<COLUMNS>().0.iter_mut().enumerate() {
                        let (channel, place) =
                            ((first + i) / (kernel * kernel), (first + i) % (kernel * kernel));
                        let row = channel * rows + line + place / kernel;
                        let start = row * columns + pixel + place % kernel;
                        out.copy_from_slice(&around[start..start + COLUMNS]);
                    }
                });
                let panel = crate::scratch::as_lanes(panel);
                let sums = &mut sums[p * strips..(p + 1) * strips];
                for (strip, tile) in packed.chunks_exact(lanes * ROWS).zip(sums) {
                    core.micro.run(strip, panel, tile, block == 0);
                }
            }
        }
        vectorised(|| {
            for (i, tile) in sums.iter().enumerate() {
                let (p, strip) = (i / strips, i % strips);
                self.store(tile, strip * ROWS, p / across, p % across * COLUMNS, out);
            }
        });
    }

    /// Fills `around` [inputs, rows, columns] with the image from half a kernel above and left
    /// of the window on, zeros outside.
    #[inline(always)]
    fn gather(
        &self,
        image: Image<'_>,
        before: Before<'_>,
        around: &mut [f32],
        rows: usize,
        columns: usize,
    ) {
        let half = self.convolution.kernel / 2;
        let Image { values, height, width } = image;
        let shift = usize::from(before.doubled);
        // Columns of `around` that lie in the image.
        let start = half.saturating_sub(self.left).min(columns);
        let end = (self.width + half - self.left).min(columns).max(start);
        let first = (self.left + start).saturating_sub(half);
        for (i, out) in around.chunks_exact_mut(columns).enumerate() {
            let (channel, row) = (i / rows, i % rows);
            let line = (self.top + row).checked_sub(half).filter(|line| *line < self.height);
            let Some(line) = line else {
                out.fill(0.0);
                continue;
            };
            let plane = &values[channel * height * width..][..height * width];
            let from = &plane[(line >> shift) * width..][..width];
            out[..start].fill(0.0);
            out[end..].fill(0.0);
            let out = &mut out[start..end];
            if before.doubled {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = from[(first + i) >> 1];
                }
            } else {
                out.copy_from_slice(&from[first..first + out.len()]);
            }
            if let Some(of) = before.normalised {
                let (factor, term) = of[channel];
                for value in out.iter_mut() {
                    let y = *value * factor + term;
                    *value = y / (1.0 + exp(-y));
                }
            }
        }
    }

    /// Fills `around` [inputs, lines, PIXELS] with the window's own pixels.
    fn gather_pixels(&self, image: Out<f32>, around: &mut [f32]) {
        for (i, to) in around.chunks_exact_mut(PIXELS).enumerate() {
            let (channel, line) = (i / self.lines, i % self.lines);
            let (pixels, rest) = to.split_at_mut(self.pixels);
            let column = (self.top + line) * self.width + self.left;
            pixels.copy_from_slice(image.row(channel, column, self.pixels));
            rest.fill(0.0);
        }
    }

    #[inline(always)]
    fn store(&self, tile: &[u32; TILE], row: usize, line: usize, pixel: usize, out: Out<f32>) {
        let count = COLUMNS.min(self.pixels - pixel);
        let column = (self.top + line) * self.width + self.left + pixel;
        let bias = &self.convolution.bias[row..];
        for (i, (sums, bias)) in tile.as_chunks::<COLUMNS>().0.iter().zip(bias).enumerate() {
            let out = out.row(row + i, column, count);
            for (out, bits) in out.iter_mut().zip(sums) {
                let value = f32::from_bits(*bits) + bias;
                *out = if self.add { *out + value } else { value };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 31 + seed) * 7919 % 2003) as f32 / 1000.0 - 1.0).collect()
    }

    fn check(
        (inputs, outputs, kernel): (usize, usize, usize),
        (height, width): (usize, usize),
        doubled: bool,
        normalised: bool,
        add: bool,
    ) {
        let weight = numbers(outputs * inputs * kernel * kernel, 1);
        let bias = numbers(outputs, 2);
        let values = numbers(inputs * height * width, 3);
        let affine: Vec<(f32, f32)> = (0..inputs).map(|c| (1.0 + c as f32 * 0.1, 0.3)).collect();
        let double = if doubled { 2 } else { 1 };
        let (tall, wide) = (height * double, width * double);
        let at = |channel: usize, y: isize, x: isize| -> f64 {
            if !(0..tall as isize).contains(&y) || !(0..wide as isize).contains(&x) {
                return 0.0;
            }
            let (y, x) = (y as usize / double, x as usize / double);
            let value = f64::from(values[(channel * height + y) * width + x]);
            if !normalised {
                return value;
            }
            let y = value * f64::from(affine[channel].0) + f64::from(affine[channel].1);
            y / (1.0 + (-y).exp())
        };
        let before = Before { doubled, normalised: normalised.then_some(&affine[..]) };
        let convolution = Convolution::new(&weight, &bias, inputs, kernel).unwrap();
        let mut out = vec![0.25; outputs * tall * wide];
        convolution.apply(Image { values: &values, height, width }, before, add, &mut out);
        let half = (kernel / 2) as isize;
        for (i, found) in out.iter().enumerate() {
            let (o, y, x) = (i / (tall * wide), i / wide % tall, i % wide);
            let mut sum = f64::from(bias[o]) + if add { 0.25 } else { 0.0 };
            for c in 0..inputs {
                for ky in 0..kernel {
                    for kx in 0..kernel {
                        let w = weight[((o * inputs + c) * kernel + ky) * kernel + kx];
                        let (y, x) = (y as isize + ky as isize, x as isize + kx as isize);
                        sum += f64::from(w) * at(c, y - half, x - half);
                    }
                }
            }
            assert!((f64::from(*found) - sum).abs() < 2e-4, "at {i}: {found}, not {sum}");
        }
    }

    #[test]
    fn windows_and_blocks_of_depth_meet_without_a_seam() {
        check((3, 14, 3), (2 * LINES + 1, PIXELS + COLUMNS + 3), false, false, false);
        check((BLOCK / 9 + 5, 5, 3), (LINES + 1, 40), false, true, true);
        check((2, 3, 5), (3, PIXELS / 2 + 1), true, true, false);
    }

    #[test]
    fn a_pixel_s_result_may_take_the_pixel_s_place() {
        for (inputs, outputs, height, width) in [(5, 3, 9, 70), (300, 14, 3, 5), (4, 4, 1, 129)] {
            let weight = numbers(outputs * inputs, 1);
            let convolution = Convolution::new(&weight, &numbers(outputs, 2), inputs, 1).unwrap();
            let mut values = numbers(inputs * height * width, 3);
            let mut apart = vec![0.0; outputs * height * width];
            let image = Image { values: &values, height, width };
            convolution.apply(image, Before::default(), false, &mut apart);
            let rest = values[apart.len()..].to_vec();
            assert!(convolution.apply_in_place(&mut values, height, width));
            assert_eq!(values[..apart.len()], apart);
            assert_eq!(values[apart.len()..], rest);
        }
    }

    #[test]
    fn a_result_that_does_not_fit_its_image_leaves_it_alone() {
        for (outputs, kernel) in [(3, 1), (1, 3)] {
            let weight = numbers(outputs * 2 * kernel * kernel, 1);
            let convolution = Convolution::new(&weight, &vec![0.0; outputs], 2, kernel).unwrap();
            let mut values = numbers(2 * 12, 3);
            assert!(!convolution.apply_in_place(&mut values, 3, 4));
            assert_eq!(values, numbers(2 * 12, 3));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn any_shape_follows_the_definition(
            inputs in 1..8usize,
            outputs in 1..30usize,
            kernel in prop::sample::select(&[1usize, 3, 5][..]),
            height in 1..7usize,
            width in 1..40usize,
            flags in any::<(bool, bool, bool)>(),
        ) {
            check((inputs, outputs, kernel), (height, width), flags.0, flags.1, flags.2);
        }
    }
}
