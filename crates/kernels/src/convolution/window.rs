//! A window of the result: the image around it is gathered once, prepared on the way, and panels of
//! patches are made of that in the cache.

use super::{Before, Convolution, PIXELS};
use crate::base::exp::exp;
use crate::base::isa::vectorised;
use crate::base::out::Out;
use crate::base::scratch::ThreadScratch;
use crate::tile::{BLOCK, COLUMNS, Core, Precision, ROWS, TILE};

/// Consecutive rows of an image's planes.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub(super) values: &'a [f32],
    /// From a plane to the next.
    pub(super) plane: usize,
    /// The image's row that stands first in every plane.
    pub(super) first: usize,
    /// Columns of the image.
    pub(super) width: usize,
}

impl<'a> Lines<'a> {
    #[inline(always)]
    fn row(&self, channel: usize, row: usize) -> &'a [f32] {
        let start = channel * self.plane + (row - self.first) * self.width;
        &self.values[start..start + self.width]
    }
}

/// A part of the result.
pub(super) struct Window<'a> {
    pub(super) convolution: &'a Convolution,
    pub(super) source: Lines<'a>,
    pub(super) before: Before<'a>,
    pub(super) add: bool,
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) lines: usize,
    pub(super) pixels: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Window<'_> {
    pub(super) fn run(&self, out: Out<f32>, scratch: &mut ThreadScratch) {
        let core = Core::chosen(Precision::F32);
        let Convolution { inputs, outputs, kernel, packed, .. } = self.convolution;
        let depth = inputs * kernel * kernel;
        let strips = outputs.div_ceil(ROWS);
        let ThreadScratch { panel, sums, more, .. } = scratch;
        // The image around the window, prepared once.
        let (rows, columns) = (self.lines + kernel - 1, PIXELS + kernel - 1);
        let around = more.floats(inputs * rows * columns);
        vectorised!(self.gather(around, rows, columns));
        let across = self.pixels.div_ceil(COLUMNS);
        let panels = self.lines * across;
        let (sums, _) = sums.lanes(strips * panels * TILE).as_chunks_mut::<TILE>();
        for (block, packed) in packed.chunks(strips * ROWS * BLOCK).enumerate() {
            let first = block * BLOCK;
            let lanes = BLOCK.min(depth - first);
            for p in 0..panels {
                let (line, pixel) = (p / across, p % across * COLUMNS);
                let panel = panel.floats(lanes * COLUMNS);
                vectorised!({
                    for (i, out) in panel.as_chunks_mut::<COLUMNS>().0.iter_mut().enumerate() {
                        let (channel, place) =
                            ((first + i) / (kernel * kernel), (first + i) % (kernel * kernel));
                        let row = channel * rows + line + place / kernel;
                        let start = row * columns + pixel + place % kernel;
                        out.copy_from_slice(&around[start..start + COLUMNS]);
                    }
                });
                let panel = crate::base::scratch::as_lanes(panel);
                let sums = &mut sums[p * strips..(p + 1) * strips];
                for (strip, tile) in packed.chunks_exact(lanes * ROWS).zip(sums) {
                    core.micro.run(strip, panel, tile, block == 0);
                }
            }
        }
        vectorised!({
            for (i, tile) in sums.iter().enumerate() {
                let (p, strip) = (i / strips, i % strips);
                self.store(tile, strip * ROWS, p / across, p % across * COLUMNS, out);
            }
        });
    }

    /// Fills `around` [inputs, rows, columns] with the image from half a kernel above and left
    /// of the window on, zeros outside.
    #[inline(always)]
    fn gather(&self, around: &mut [f32], rows: usize, columns: usize) {
        let before = self.before;
        let half = self.convolution.kernel / 2;
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
            let from = self.source.row(channel, line >> shift);
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
