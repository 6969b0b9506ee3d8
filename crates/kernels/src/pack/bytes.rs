//! Rows of numbers as bytes, four in a lane: each row times its own factor, rounded to −127…127.

use super::BATCH;
use super::interleave::{self, Strip};
use super::{Lanes, Rows, Source, in_registers, stored_as};
use crate::base::isa::InstructionSet;
use crate::base::number::Number;
use crate::base::scratch::as_floats;
use crate::formats::stored::Matrix;
use crate::tile::{BLOCK, COLUMNS, ROWS};
use std::ops::Range;

/// The largest byte used; −128 is not, so that both signs are alike.
pub(crate) const LARGEST: f32 = 127.0;
/// Added to the bytes of x, which the instructions take as unsigned.
pub(crate) const OFFSET: i32 = 128;
/// Values in a block of depth.
pub(crate) const VALUES: usize = 4 * BLOCK;
/// Adding 1.5·2²³ leaves the nearest integer of a small number in the low bits.
const ROUND: f32 = 12_582_912.0;

/// 1 / step; 0 where everything is 0.
pub(crate) fn inverse(step: f32) -> f32 {
    if step > 0.0 { 1.0 / step } else { 0.0 }
}

/// The nearest integer to a number of −127…127, in the low byte.
#[inline(always)]
fn byte(value: f32) -> u8 {
    (value + ROUND).to_bits() as u8
}

/// Bytes of `values` times `factor` as lanes, the last filled up with 0; `flipped` is added to each.
/// Says their sum.
#[inline(always)]
fn quantise(values: &[f32], factor: f32, flipped: u8, lanes: &mut [u32]) -> i32 {
    let mut total = 0i32;
    let (whole, rest) = values.as_chunks::<4>();
    for (lane, values) in lanes.iter_mut().zip(whole) {
        let four = values.map(|value| byte(value * factor));
        *lane = u32::from_le_bytes(four.map(|byte| byte.wrapping_add(flipped)));
        total += four.map(|byte| i32::from(byte as i8)).iter().sum::<i32>();
    }
    if let (Some(lane), false) = (lanes.last_mut(), rest.is_empty()) {
        let mut four = [flipped; 4];
        for (four, value) in four.iter_mut().zip(rest) {
            let byte = byte(value * factor);
            *four = byte.wrapping_add(flipped);
            total += i32::from(byte as i8);
        }
        *lane = u32::from_le_bytes(four);
    }
    total
}

/// The values `span` of each row of x as a strip, with [`OFFSET`] added; `factors` are the rows'.
#[inline(always)]
pub(crate) fn strip<T: Number>(
    set: InstructionSet,
    x: Rows<'_, T>,
    factors: &[f32],
    span: Range<usize>,
    wide: &mut [u32],
    out: &mut [u32],
) {
    let Rows { values, stride, count: rows } = x;
    if rows < ROWS {
        interleave::clear(out, ROWS, rows, ROWS - rows);
    }
    let from = Source { stored: stored_as(values), inputs: stride, row: 0, rows };
    let mut ignored = [0; ROWS];
    let lanes = Lanes::Bytes { factors, unsigned: true, totals: &mut ignored };
    if in_registers(set, from, span.clone(), lanes, out, ROWS) {
        return;
    }
    let (bytes, wide) = wide.split_at_mut(BATCH * BLOCK);
    let wide = &mut as_floats(wide)[..span.len()];
    let count = span.len().div_ceil(4);
    for (r, (row, factor)) in values.chunks(stride).zip(factors).enumerate().take(rows) {
        for (wide, x) in wide.iter_mut().zip(&row[span.clone()]) {
            *wide = x.to_f32();
        }
        quantise(wide, *factor, OFFSET as u8, &mut bytes[r * BLOCK..][..count]);
    }
    interleave::transpose(set, bytes, BLOCK, rows, count, out, Strip { step: ROWS, first: 0 });
}

/// The inputs `span` of up to [`COLUMNS`] rows of a weight, from `row` on, as a panel; `factors` are the
/// rows'. To `totals` the sum of each row's bytes is added.
#[inline(always)]
pub(crate) fn panel(
    set: InstructionSet,
    matrix: &Matrix<'_>,
    (row, rows): (usize, usize),
    (factors, totals): (&[f32], &mut [u32; COLUMNS]),
    span: Range<usize>,
    wide: &mut [u32],
    out: &mut [u32],
) {
    let count = span.len().div_ceil(4);
    for batch in (0..rows).step_by(BATCH) {
        let rows = BATCH.min(rows - batch);
        let (factors, totals) = (&factors[batch..][..rows], &mut totals[batch..][..rows]);
        let from = Source { stored: matrix.values, inputs: matrix.inputs, row: row + batch, rows };
        let lanes = Lanes::Bytes { factors, unsigned: false, totals };
        if in_registers(set, from, span.clone(), lanes, &mut out[batch..], COLUMNS) {
            continue;
        }
        let (bytes, wide) = wide.split_at_mut(BATCH * BLOCK);
        let wide = &mut as_floats(wide)[..span.len()];
        for (r, (factor, total)) in factors.iter().zip(totals).enumerate() {
            let start = (row + batch + r) * matrix.inputs + span.start;
            matrix.values.widen(start..start + wide.len(), wide);
            let sum = quantise(wide, *factor, 0, &mut bytes[r * BLOCK..][..count]);
            *total = total.wrapping_add(sum as u32);
        }
        let strip = Strip { step: COLUMNS, first: batch };
        interleave::transpose(set, bytes, BLOCK, rows, count, out, strip);
    }
    if rows < COLUMNS {
        interleave::clear(out, COLUMNS, rows, COLUMNS - rows);
    }
}
