//! Operands in the order that tiles read: for every place along the depth, the lanes of all rows side
//! by side. A strip has [`ROWS`] rows of x, a panel [`COLUMNS`] rows of a weight.
//!
//! In AVX-512 registers every format is packed straight from its bytes by one loop; elsewhere, and
//! where the shape does not allow it, rows are widened to f32 first.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod bytes;
pub(crate) mod interleave;
#[cfg(target_arch = "x86_64")]
mod loads;
#[cfg(test)]
mod tests;

use crate::base::isa::InstructionSet;
use crate::base::number::{Number, rounded};
use crate::formats::stored::{Matrix, Stored};
use crate::tile::{COLUMNS, Core, Lane, ROWS};
use interleave::{Interleave, Strip};
use std::ops::Range;

/// Rows that are interleaved at a time.
pub(crate) const BATCH: usize = 16;
/// Values widened at a time, so that they are in the first-level cache when they are packed.
const WIDE: usize = 256;
/// Lanes of scratch that packing wants.
pub(crate) const WIDE_LANES: usize = BATCH * WIDE + bytes::VALUES;

/// Up to [`BATCH`] rows to pack: `rows` of them from `row` on, of `inputs` values each.
#[derive(Clone, Copy)]
struct Source<'a> {
    stored: Stored<'a>,
    inputs: usize,
    row: usize,
    rows: usize,
}

/// What lanes are made of.
enum Lanes<'a> {
    /// A value, as it is.
    Floats,
    /// A value that is rounded to bf16 where it does not fit.
    Rounded,
    /// Two of those.
    Pairs,
    /// Four values, each row's times its factor, rounded to bytes.
    Bytes {
        factors: &'a [f32],
        /// Whether 128 is added.
        unsigned: bool,
        /// To each row's, the sum of its bytes is added.
        totals: &'a mut [u32],
    },
}

/// Packs the values `span` of each row, as lanes `step` apart; false where that is left to the general
/// way.
fn in_registers(
    set: InstructionSet,
    from: Source<'_>,
    span: Range<usize>,
    lanes: Lanes<'_>,
    out: &mut [u32],
    step: usize,
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if set == InstructionSet::Avx512 {
        return loads::pack(from, span, lanes, out, step);
    }
    let _ = (set, from, span, lanes, out, step);
    false
}

/// The bytes of activations.
pub(crate) fn stored_as<T: Number>(x: &[T]) -> Stored<'_> {
    // SAFETY: `Number` is f32 or bf16, plain numbers without padding; the bytes are lent as long
    // as `x` is.
    #[allow(unsafe_code)]
    let bytes = unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<u8>(), size_of_val(x)) };
    if T::BF16 { Stored::Bf16(bytes) } else { Stored::F32(bytes) }
}

/// Up to [`ROWS`] rows of numbers, `stride` apart; the last may end behind what is read of it.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) stride: usize,
    pub(crate) count: usize,
}

/// The values `span` of each row as a strip, filled up with rows of 0. Compiled for the instructions of
/// the function it is called from.
#[inline(always)]
pub(crate) fn strip<T: Number>(
    core: Core,
    x: Rows<'_, T>,
    span: Range<usize>,
    wide: &mut [u32],
    out: &mut [u32],
) {
    let Rows { values, stride, count: rows } = x;
    let from = Source { stored: stored_as(values), inputs: stride, row: 0, rows };
    if rows < ROWS {
        interleave::clear(out, ROWS, rows, ROWS - rows);
    }
    let lanes = match core.micro.lane() {
        Lane::Bf16Pair => Lanes::Pairs,
        _ if T::BF16 => Lanes::Rounded,
        _ => Lanes::Floats,
    };
    if in_registers(core.set, from, span.clone(), lanes, out, ROWS) {
        return;
    }
    let interleave = Interleave { lane: core.micro.lane(), set: core.set };
    for first in span.clone().step_by(WIDE) {
        let count = WIDE.min(span.end - first);
        for (row, x) in values.chunks(stride).enumerate().take(rows) {
            let out = interleave::floats(wide, row * WIDE, count);
            for (out, x) in out.iter_mut().zip(&x[first..]) {
                *out = x.to_f32();
            }
        }
        let out = &mut out[core.lanes(first - span.start) * ROWS..];
        interleave.run(wide, WIDE, rows, count, out, Strip { step: ROWS, first: 0 });
    }
}

/// The inputs `span` of up to [`COLUMNS`] rows of a weight, from `row` on, as a panel [lanes of span,
/// COLUMNS], filled up with rows of 0.
#[inline(always)]
pub(crate) fn panel(
    core: Core,
    matrix: &Matrix<'_>,
    (row, rows): (usize, usize),
    span: Range<usize>,
    wide: &mut [u32],
    out: &mut [u32],
) {
    let exact = matrix.values.exact_in_bf16();
    let round = core.round && !exact;
    let interleave = Interleave { lane: core.micro.lane(), set: core.set };
    for batch in (0..rows).step_by(BATCH) {
        let rows = BATCH.min(rows - batch);
        let from = Source { stored: matrix.values, inputs: matrix.inputs, row: row + batch, rows };
        let lanes = match core.micro.lane() {
            Lane::Bf16Pair => Lanes::Pairs,
            _ if core.round || exact => Lanes::Rounded,
            _ => Lanes::Floats,
        };
        if in_registers(core.set, from, span.clone(), lanes, &mut out[batch..], COLUMNS) {
            continue;
        }
        for first in span.clone().step_by(WIDE) {
            let values = WIDE.min(span.end - first);
            for r in 0..rows {
                let start = (row + batch + r) * matrix.inputs + first;
                let out = interleave::floats(wide, r * WIDE, values);
                matrix.values.widen(start..start + values, out);
                if round {
                    out.iter_mut().for_each(|value| *value = rounded(*value));
                }
            }
            let out = &mut out[core.lanes(first - span.start) * COLUMNS..];
            interleave.run(wide, WIDE, rows, values, out, Strip { step: COLUMNS, first: batch });
        }
    }
    if rows < COLUMNS {
        interleave::clear(out, COLUMNS, rows, COLUMNS - rows);
    }
}
