//! Two-dimensional convolution as a product with the tile kernels: the rows of the product are the
//! kernel's outputs, packed once; its columns are pixels, whose surroundings are gathered panel by
//! panel in the cache. What comes before (doubling the image, normalising it) happens on the way
//! in and what comes after (adding an image) on the way out, so neither needs an image of its own.

mod in_place;
mod window;

pub use in_place::InPlace;

use crate::base::out::Out;
use crate::base::scratch::with_thread_scratch;
use crate::pack::{self, Rows, WIDE_LANES};
use crate::tile::{BLOCK, COLUMNS, Core, Precision, ROWS};
use rayon::prelude::*;
use std::ops::Range;
use window::{Lines, Window};

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
    /// Packed rows, as [`crate::pack`] packs them.
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

/// A factor and a term for each channel.
pub type Affine<'a> = &'a [(f32, f32)];

/// What happens to an image on its way into a convolution.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before<'a> {
    /// Whether every pixel is first made 2 × 2.
    pub doubled: bool,
    /// silu(factor · x + term).
    pub normalised: Option<Affine<'a>>,
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
                pack::strip(core, rows, span.clone(), &mut wide, out);
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
        let plane = image.height * image.width;
        let lines = Lines { values: image.values, plane, first: 0, width: image.width };
        self.run(lines, before, 0..height, (height, width), add, out);
    }

    /// Convolves `lines` into the rows `tops` of the result, which is `height` × `width`.
    fn run(
        &self,
        lines: Lines<'_>,
        before: Before<'_>,
        tops: Range<usize>,
        (height, width): (usize, usize),
        add: bool,
        out: Out<f32>,
    ) {
        let across = width.div_ceil(PIXELS);
        let tasks = across * tops.len().div_ceil(LINES);
        (0..tasks).into_par_iter().for_each(|task| {
            let top = tops.start + task / across * LINES;
            let left = task % across * PIXELS;
            let window = Window {
                convolution: self,
                source: lines,
                before,
                add,
                top,
                left,
                lines: LINES.min(tops.end - top),
                pixels: PIXELS.min(width - left),
                width,
                height,
            };
            with_thread_scratch(|scratch| window.run(out, scratch));
        });
    }
}

#[cfg(test)]
mod tests;
