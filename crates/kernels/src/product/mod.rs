//! y = x·Wᵀ over weights as they are stored.
//!
//! The rows of x are packed once. Then each task takes some columns of y, that is rows of W:
//! widens them block by block into a panel that stays in the second-level cache, and multiplies
//! all rows of x with it. Nothing of the size of W is ever allocated, and row scale, bias and
//! rounding are applied to sums that are still in the cache.

mod bytes;
mod fast;
mod few_rows;
mod interleave;
pub(crate) mod micro;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use bytes::multiply_in_bytes_chosen;
pub use bytes::{multiply_in_bytes, row_peaks};

use crate::Real;
use crate::isa::{InstructionSet, vectorised};
use crate::scratch::{SharedScratch, ThreadScratch, with_thread_scratch};
use crate::stored::{Matrix, Stored};
use interleave::{BATCH, Interleave, Strip};
use micro::{COLUMNS, Lane, Micro, ROWS, TILE};
use rayon::prelude::*;
use std::ops::Range;

/// Lanes along the depth that are multiplied at a time: a panel of them has 32 KiB and stays in
/// the first-level cache while all rows go by.
pub(crate) const BLOCK: usize = 256;
/// Most panels of [`COLUMNS`] columns in a task. Their incomplete sums are kept meanwhile, and the
/// rows of a block are read from the second-level cache once a panel.
const PANELS: usize = 2;
/// Most lanes of packed rows at a time; more rows are multiplied in turns (64 MiB).
const PACKED_LANES: usize = 16 << 20;
/// Values widened at a time, so that they are in the first-level cache when they are packed.
const WIDE: usize = 256;
/// Lanes of scratch in which rows are widened.
pub(crate) const WIDE_LANES: usize = BATCH * WIDE;
/// Up to so many rows a product is bound by reading the weight, and done row by row.
const FEW_ROWS: usize = 4;

/// The precision of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Weights are widened to f32.
    F32,
    /// Weights are rounded to bf16 where they do not fit it. Rows must fit bf16.
    Bf16,
}

/// Whether the bf16 products of this processor are faster than its f32 ones. On Intel's cores
/// they take two cycles where an f32 product takes half of one, and a bf16 pair is but two
/// products: f32 does the same sums in half the time. On AMD's they are twice as fast as f32.
fn bf16_pairs_pay(set: InstructionSet) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let vendor = std::arch::x86_64::__cpuid(0);
        let amd =
            [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD";
        set == InstructionSet::Avx512 && amd && is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = set;
        false
    }
}

/// How products are computed on this processor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Core {
    set: InstructionSet,
    pub(crate) micro: Micro,
    round: bool,
}

impl Core {
    /// The fastest way to the precision with the chosen instructions.
    pub(crate) fn chosen(precision: Precision) -> Self {
        let set = InstructionSet::chosen();
        let lane = match precision {
            Precision::Bf16 if bf16_pairs_pay(set) => Lane::Bf16Pair,
            _ => Lane::F32,
        };
        Self::new(set, lane, precision)
    }

    pub(crate) fn new(set: InstructionSet, lane: Lane, precision: Precision) -> Self {
        Self { set, micro: Micro::new(lane, set), round: precision == Precision::Bf16 }
    }

    /// Packs [`ROWS`] rows of `count` f32, `stride` apart, as a strip.
    #[inline(always)]
    pub(crate) fn interleave_strip(
        self,
        wide: &mut [u32],
        stride: usize,
        count: usize,
        out: &mut [u32],
    ) {
        let strip = Strip { step: ROWS, first: 0 };
        self.interleave().run(wide, stride, ROWS, count, out, strip);
    }

    fn interleave(self) -> Interleave {
        Interleave { lane: self.micro.lane(), set: self.set }
    }

    /// Lanes that `values` values take.
    pub(crate) fn lanes(self, values: usize) -> usize {
        values.div_ceil(self.micro.lane().elements())
    }
}

/// y = scale · (x·Wᵀ) + bias for `x` [rows, inputs], over the outputs of `parts` one after the
/// other; `out` is [rows, outputs of all parts].
///
/// Sums are f32, block by block of the inputs in a fixed order, so they do not depend on the
/// number of threads.
///
/// # Panics
/// Where `x`, `out`, `bias` or a scale is shorter than that.
pub fn multiply<T: Real>(
    x: &[T],
    parts: &[Matrix<'_>],
    bias: Option<&[f32]>,
    precision: Precision,
    out: &mut [T],
) {
    T::multiply(x, parts, bias, precision, out);
}

pub(crate) fn multiply_chosen<T: Real>(
    x: &[T],
    parts: &[Matrix<'_>],
    bias: Option<&[f32]>,
    precision: Precision,
    out: &mut [T],
) {
    let Some(inputs) = parts.first().map(|part| part.inputs).filter(|inputs| *inputs > 0) else {
        return;
    };
    if x.len() / inputs <= FEW_ROWS {
        return few_rows::multiply(x, parts, bias, precision, out);
    }
    multiply_with(Core::chosen(precision), x, parts, bias, out);
}

/// A task: some columns of one part.
#[derive(Clone, Copy)]
struct Columns<'a> {
    matrix: Matrix<'a>,
    /// The first row of `matrix`.
    row: usize,
    count: usize,
    /// The column of the result that it gives.
    column: usize,
}

fn multiply_with<T: Real>(
    core: Core,
    x: &[T],
    parts: &[Matrix<'_>],
    bias: Option<&[f32]>,
    out: &mut [T],
) {
    let Some(inputs) = parts.first().map(|part| part.inputs) else { return };
    let outputs: usize = parts.iter().map(|part| part.outputs).sum();
    assert!(parts.iter().all(|part| part.inputs == inputs));
    if outputs == 0 {
        return;
    }
    let depth = core.lanes(inputs);
    let most = (PACKED_LANES / (ROWS * depth).max(1)).max(1) * ROWS;
    for (x, out) in x.chunks(most * inputs).zip(out.chunks_mut(most * outputs)) {
        let rows = x.len() / inputs;
        let strips = rows.div_ceil(ROWS);
        let mut shared = SharedScratch::take();
        let packed = shared.lanes(strips * ROWS * depth);
        pack_rows(core, x, inputs, strips, packed);
        let tasks = tasks(parts, strips);
        let out = Out { values: out.as_mut_ptr(), len: out.len(), rows, outputs };
        tasks.into_par_iter().for_each(|columns| {
            with_thread_scratch(|scratch| {
                let place = Epilogue { columns, bias, out };
                multiply_columns(core, packed, depth, columns, scratch, place);
            });
        });
    }
}

/// Deals the columns to tasks, at least several a thread where there are enough.
fn tasks<'a>(parts: &[Matrix<'a>], strips: usize) -> Vec<Columns<'a>> {
    let outputs: usize = parts.iter().map(|part| part.outputs).sum();
    let fair = outputs.div_ceil(COLUMNS) / (3 * rayon::current_num_threads()).max(1);
    // With few rows packing a panel is much of the work, and all panels are read but once.
    let panels = if strips < PANELS { 1 } else { fair.clamp(1, PANELS) };
    let width = panels * COLUMNS;
    let mut tasks = Vec::with_capacity(outputs.div_ceil(width) + parts.len());
    let mut first = 0;
    for matrix in parts {
        tasks.extend((0..matrix.outputs).step_by(width).map(|row| Columns {
            matrix: *matrix,
            row,
            count: width.min(matrix.outputs - row),
            column: first + row,
        }));
        first += matrix.outputs;
    }
    tasks
}

/// Rows to pack: `rows` of them from `row` on, of `inputs` values each.
#[derive(Clone, Copy)]
struct Values<'a> {
    stored: Stored<'a>,
    inputs: usize,
    row: usize,
    rows: usize,
}

/// The bytes of activations.
pub(crate) fn stored_as<T: Real>(x: &[T]) -> Stored<'_> {
    // SAFETY: `Real` is f32 or bf16, plain numbers without padding; the bytes are lent as long
    // as `x` is.
    #[allow(unsafe_code)]
    let bytes = unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<u8>(), size_of_val(x)) };
    if T::BF16 { Stored::Bf16(bytes) } else { Stored::F32(bytes) }
}

/// Packs `x` [rows, inputs]: block of depth by block, strip of [`ROWS`] rows by strip, the last
/// filled up with rows of 0. So a panel meets all rows of its block in the order of memory.
fn pack_rows<T: Real>(core: Core, x: &[T], inputs: usize, strips: usize, packed: &mut [u32]) {
    let values = BLOCK * core.micro.lane().elements();
    packed.par_chunks_mut(strips * ROWS * BLOCK).enumerate().for_each(|(block, packed)| {
        let span = block * values..((block + 1) * values).min(inputs);
        let strip = ROWS * core.lanes(span.len());
        packed.par_chunks_mut(strip).zip(x.par_chunks(ROWS * inputs)).for_each(|(out, x)| {
            with_thread_scratch(|scratch| {
                let wide = scratch.wide.lanes(WIDE_LANES);
                let rows = Rows { values: x, stride: inputs, count: x.len() / inputs };
                vectorised!(pack_strip(core, rows, span.clone(), wide, out));
            });
        });
    });
}

/// Up to [`ROWS`] rows of numbers, `stride` apart; the last may end behind what is read of it.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) stride: usize,
    pub(crate) count: usize,
}

/// The values `span` of each row as a strip, filled up with rows of 0.
#[inline(always)]
pub(crate) fn pack_strip<T: Real>(
    core: Core,
    x: Rows<'_, T>,
    span: Range<usize>,
    wide: &mut [u32],
    out: &mut [u32],
) {
    let Rows { values, stride, count: rows } = x;
    let stored = Values { stored: stored_as(values), inputs: stride, row: 0, rows };
    if rows < ROWS {
        interleave::clear(out, ROWS, rows, ROWS - rows);
    }
    if fast::pack(core, stored, span.clone(), false, out, ROWS) {
        return;
    }
    for first in span.clone().step_by(WIDE) {
        let count = WIDE.min(span.end - first);
        for (row, x) in values.chunks(stride).enumerate().take(rows) {
            let out = interleave::floats(wide, row * WIDE, count);
            for (out, x) in out.iter_mut().zip(&x[first..]) {
                *out = x.to_f32();
            }
        }
        let out = &mut out[core.lanes(first - span.start) * ROWS..];
        let strip = Strip { step: ROWS, first: 0 };
        core.interleave().run(wide, WIDE, rows, count, out, strip);
    }
}

/// Widens and packs the inputs `span` of rows `row`…`row + count` of a weight: panels of
/// [`COLUMNS`] rows one after the other, each [lanes of span, COLUMNS].
#[inline(always)]
pub(crate) fn pack_panels(
    core: Core,
    matrix: &Matrix<'_>,
    (row, count): (usize, usize),
    span: Range<usize>,
    wide: &mut [u32],
    panels: &mut [u32],
) {
    let lanes = core.lanes(span.len());
    let round = core.round && !matrix.values.exact_in_bf16();
    for (panel, out) in panels.chunks_mut(lanes * COLUMNS).enumerate() {
        let row = row + panel * COLUMNS;
        let rows = COLUMNS.min(count.saturating_sub(panel * COLUMNS));
        for batch in (0..rows).step_by(BATCH) {
            let rows = BATCH.min(rows - batch);
            let stored =
                Values { stored: matrix.values, inputs: matrix.inputs, row: row + batch, rows };
            if fast::pack(core, stored, span.clone(), round, &mut out[batch..], COLUMNS) {
                continue;
            }
            for first in span.clone().step_by(WIDE) {
                let values = WIDE.min(span.end - first);
                for r in 0..rows {
                    let start = (row + batch + r) * matrix.inputs + first;
                    let out = interleave::floats(wide, r * WIDE, values);
                    matrix.values.widen(start..start + values, out);
                    if round {
                        out.iter_mut().for_each(|value| *value = crate::real::rounded(*value));
                    }
                }
                let out = &mut out[core.lanes(first - span.start) * COLUMNS..];
                let strip = Strip { step: COLUMNS, first: batch };
                core.interleave().run(wide, WIDE, rows, values, out, strip);
            }
        }
        if rows < COLUMNS {
            interleave::clear(out, COLUMNS, rows, COLUMNS - rows);
        }
    }
}

fn multiply_columns<T: Real>(
    core: Core,
    packed: &[u32],
    depth: usize,
    columns: Columns<'_>,
    scratch: &mut ThreadScratch,
    place: Epilogue<'_, T>,
) {
    let inputs = columns.matrix.inputs;
    let panels = columns.count.div_ceil(COLUMNS);
    let strips = packed.len() / (ROWS * depth);
    let values = BLOCK * core.micro.lane().elements();
    let (sums, _) = scratch.sums.lanes(strips * panels * TILE).as_chunks_mut::<TILE>();
    let wide = scratch.wide.lanes(WIDE_LANES);
    for (block, packed) in packed.chunks(strips * ROWS * BLOCK).enumerate() {
        let span = block * values..((block + 1) * values).min(inputs);
        let last = span.end == inputs;
        let lanes = core.lanes(span.len());
        let panel = scratch.panel.lanes(panels * COLUMNS * lanes);
        let rows = (columns.row, columns.count);
        vectorised!(pack_panels(core, &columns.matrix, rows, span, wide, panel));
        let panels = panel.chunks_exact(lanes * COLUMNS).zip(sums.chunks_exact_mut(strips));
        for (p, (panel, sums)) in panels.enumerate() {
            let strips = packed.chunks_exact(lanes * ROWS).zip(sums);
            for (i, (strip, tile)) in strips.enumerate() {
                core.micro.run(strip, panel, tile, block == 0);
                if last {
                    vectorised!(place.store(tile, i * ROWS, p * COLUMNS));
                }
            }
        }
    }
}

/// The result, written by many tasks, each in columns of its own.
#[derive(Clone, Copy)]
pub(crate) struct Out<T> {
    pub(crate) values: *mut T,
    pub(crate) len: usize,
    pub(crate) rows: usize,
    pub(crate) outputs: usize,
}

// SAFETY: tasks write to disjoint columns (`tasks` deals each column once) and nobody reads
// before all are done; `T` is plain data.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Out<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Out<T> {}

impl<T: Real> Out<T> {
    /// `count` values of a row from `column`.
    #[allow(clippy::mut_from_ref)]
    pub(crate) fn row(&self, row: usize, column: usize, count: usize) -> &mut [T] {
        let first = row * self.outputs + column;
        assert!(row < self.rows && column + count <= self.outputs && first + count <= self.len);
        // SAFETY: within the slice that `values` came from, which outlives the tasks; no other
        // task writes to these columns.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(self.values.add(first), count)
        }
    }
}

/// What is done to a tile of sums on its way to the result.
#[derive(Clone, Copy)]
struct Epilogue<'a, T> {
    columns: Columns<'a>,
    bias: Option<&'a [f32]>,
    out: Out<T>,
}

impl<T: Real> Epilogue<'_, T> {
    /// Writes the tile whose first row is `row` and whose first column `column` of the task's.
    #[inline(always)]
    fn store(&self, tile: &[u32; TILE], row: usize, column: usize) {
        let count = COLUMNS.min(self.columns.count - column);
        let scale =
            self.columns.matrix.scale.map(|scale| &scale[self.columns.row + column..][..count]);
        let column = self.columns.column + column;
        let bias = self.bias.map(|bias| &bias[column..][..count]);
        let (tile, _) = tile.as_chunks::<COLUMNS>();
        for (i, sums) in tile.iter().enumerate().take(self.out.rows - row) {
            let out = self.out.row(row + i, column, count);
            let mut values = sums.map(f32::from_bits);
            if let Some(scale) = scale {
                values.iter_mut().zip(scale).for_each(|(value, scale)| *value *= scale);
            }
            if let Some(bias) = bias {
                values.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
            }
            out.iter_mut().zip(values).for_each(|(out, value)| *out = T::from_f32(value));
        }
    }
}

#[cfg(test)]
#[path = "product_tests.rs"]
mod tests;
