//! Products of bytes: each row of x and each row of W is scaled to −127…127 by its own largest
//! magnitude and rounded. Sums are exact; what is lost is lost in rounding, which the outputs of
//! a transformer's attention and of the first half of its feed-forward layers bear.

use super::interleave::{self, Strip};
use super::micro::{COLUMNS, Lane, Micro, ROWS, TILE};
use super::{BATCH, BLOCK, Columns, FEW_ROWS, Out, PACKED_LANES, Precision, few_rows, tasks};
use crate::Real;
use crate::isa::{InstructionSet, vectorised};
use crate::lanes::max_magnitude;
use crate::scratch::{SharedScratch, ThreadScratch, with_thread_scratch};
use crate::stored::Matrix;
use rayon::prelude::*;
use std::ops::Range;

/// The largest byte used; −128 is not, so that both signs are alike.
const LARGEST: f32 = 127.0;
/// Added to the bytes of x, which the instructions take as unsigned.
const OFFSET: i32 = 128;
/// Elements in a block of depth.
const VALUES: usize = 4 * BLOCK;
/// Adding 1.5·2²³ leaves the nearest integer of a small number in the low bits.
const ROUND: f32 = 12_582_912.0;

/// The largest magnitude in each row of a weight, its scale left out.
pub fn row_peaks(matrix: &Matrix<'_>) -> Vec<f32> {
    let mut peaks = vec![0f32; matrix.outputs];
    peaks.par_chunks_mut(16).enumerate().for_each(|(i, peaks)| {
        with_thread_scratch(|scratch| {
            let wide = scratch.wide.floats(VALUES);
            vectorised!({
                for (j, peak) in peaks.iter_mut().enumerate() {
                    for first in (0..matrix.inputs).step_by(VALUES) {
                        let wide = &mut wide[..VALUES.min(matrix.inputs - first)];
                        let start = (16 * i + j) * matrix.inputs + first;
                        matrix.values.widen(start..start + wide.len(), wide);
                        *peak = peak.max(max_magnitude(wide));
                    }
                }
            });
        });
    });
    peaks
}

/// As [`super::multiply`], in bytes. `peaks` are [`row_peaks`] of each part. A handful of rows is
/// multiplied in f32.
///
/// # Panics
/// As [`super::multiply`], and where peaks are missing.
pub fn multiply_in_bytes<T: Real>(
    x: &[T],
    parts: &[Matrix<'_>],
    peaks: &[&[f32]],
    bias: Option<&[f32]>,
    out: &mut [T],
) {
    T::multiply_in_bytes(x, parts, peaks, bias, out);
}

pub(crate) fn multiply_in_bytes_chosen<T: Real>(
    x: &[T],
    parts: &[Matrix<'_>],
    peaks: &[&[f32]],
    bias: Option<&[f32]>,
    out: &mut [T],
) {
    let Some(inputs) = parts.first().map(|part| part.inputs).filter(|inputs| *inputs > 0) else {
        return;
    };
    if x.len() / inputs <= FEW_ROWS {
        return few_rows::multiply(x, parts, bias, Precision::F32, out);
    }
    multiply_with(InstructionSet::chosen(), x, parts, peaks, bias, out);
}

pub(super) fn multiply_with<T: Real>(
    set: InstructionSet,
    x: &[T],
    parts: &[Matrix<'_>],
    peaks: &[&[f32]],
    bias: Option<&[f32]>,
    out: &mut [T],
) {
    let Some(inputs) = parts.first().map(|part| part.inputs) else { return };
    let outputs: usize = parts.iter().map(|part| part.outputs).sum();
    assert!(parts.iter().all(|part| part.inputs == inputs));
    assert!(parts.iter().zip(peaks).all(|(part, peaks)| part.outputs == peaks.len()));
    if outputs == 0 {
        return;
    }
    // Behind each part's first output, its peaks.
    let peaks = peaks.concat();
    assert_eq!(peaks.len(), outputs);
    let depth = inputs.div_ceil(4);
    let most = (PACKED_LANES / (ROWS * depth)).max(1) * ROWS;
    for (x, out) in x.chunks(most * inputs).zip(out.chunks_mut(most * outputs)) {
        let rows = x.len() / inputs;
        let strips = rows.div_ceil(ROWS);
        let steps: Vec<f32> =
            x.par_chunks(inputs).map(|row| vectorised!(peak_of(row)) / LARGEST).collect();
        let mut shared = SharedScratch::take();
        let packed = shared.lanes(strips * ROWS * depth);
        pack_rows(set, x, inputs, &steps, strips, packed);
        let out = Out { values: out.as_mut_ptr(), len: out.len(), rows, outputs };
        tasks(parts, strips).into_par_iter().for_each(|columns| {
            with_thread_scratch(|scratch| {
                let peaks = &peaks[columns.column..][..columns.count];
                let task = Task { set, columns, peaks, steps: &steps, bias };
                task.run(packed, strips, scratch, out);
            });
        });
    }
}

#[inline(always)]
fn peak_of<T: Real>(row: &[T]) -> f32 {
    let mut lanes = [0f32; 16];
    let (chunks, rest) = row.as_chunks::<16>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = lane.max(value.to_f32().abs());
        }
    }
    let rest = rest.iter().map(|value| value.to_f32().abs());
    rest.chain(lanes).fold(0.0, f32::max)
}

/// 1 / step; 0 where everything is 0.
fn inverse(step: f32) -> f32 {
    if step > 0.0 { 1.0 / step } else { 0.0 }
}

/// The nearest integer to a number of −127…127, in the low byte.
#[inline(always)]
fn byte(value: f32) -> u8 {
    (value + ROUND).to_bits() as u8
}

/// Packs x as in [`super::pack_rows`], four values a lane.
fn pack_rows<T: Real>(
    set: InstructionSet,
    x: &[T],
    inputs: usize,
    steps: &[f32],
    strips: usize,
    packed: &mut [u32],
) {
    packed.par_chunks_mut(strips * ROWS * BLOCK).enumerate().for_each(|(block, packed)| {
        let span = block * VALUES..((block + 1) * VALUES).min(inputs);
        let lanes = span.len().div_ceil(4);
        let rows = x.par_chunks(ROWS * inputs).zip(steps.par_chunks(ROWS));
        packed.par_chunks_mut(ROWS * lanes).zip(rows).for_each(|(out, (x, steps))| {
            with_thread_scratch(|scratch| {
                let bytes = scratch.wide.lanes(BATCH * BLOCK);
                vectorised!({
                    for (r, (row, step)) in x.chunks_exact(inputs).zip(steps).enumerate() {
                        let factor = inverse(*step);
                        let lanes = &mut bytes[r * BLOCK..][..lanes];
                        for (lane, values) in lanes.iter_mut().zip(row[span.clone()].chunks(4)) {
                            let mut four = [OFFSET as u8; 4];
                            for (byte_of, value) in four.iter_mut().zip(values) {
                                *byte_of = byte(value.to_f32() * factor).wrapping_add(OFFSET as u8);
                            }
                            *lane = u32::from_le_bytes(four);
                        }
                    }
                });
                let rows = steps.len();
                let strip = Strip { step: ROWS, first: 0 };
                interleave::transpose(set, bytes, BLOCK, rows, lanes, out, strip);
                if rows < ROWS {
                    interleave::clear(out, ROWS, rows, ROWS - rows);
                }
            });
        });
    });
}

struct Task<'a> {
    set: InstructionSet,
    columns: Columns<'a>,
    peaks: &'a [f32],
    /// What a byte of each row of x stands for.
    steps: &'a [f32],
    bias: Option<&'a [f32]>,
}

impl Task<'_> {
    fn run<T: Real>(
        &self,
        packed: &[u32],
        strips: usize,
        scratch: &mut ThreadScratch,
        out: Out<T>,
    ) {
        let micro = Micro::new(Lane::Bytes, self.set);
        let inputs = self.columns.matrix.inputs;
        let panels = self.columns.count.div_ceil(COLUMNS);
        let ThreadScratch { panel, sums, wide, more } = scratch;
        let (sums, _) = sums.lanes(strips * panels * TILE).as_chunks_mut::<TILE>();
        // For each output the sum of its bytes: what the offset of x adds to a product.
        let totals = more.lanes(panels * COLUMNS);
        totals.fill(0);
        for (block, packed) in packed.chunks(strips * ROWS * BLOCK).enumerate() {
            let span = block * VALUES..((block + 1) * VALUES).min(inputs);
            let last = span.end == inputs;
            let lanes = span.len().div_ceil(4);
            let panel = panel.lanes(panels * COLUMNS * lanes);
            self.pack_panels(span, wide.lanes(BATCH * BLOCK + VALUES), totals, panel);
            let panels = panel.chunks_exact(lanes * COLUMNS).zip(sums.chunks_exact_mut(strips));
            for (p, (panel, sums)) in panels.enumerate() {
                let strips = packed.chunks_exact(lanes * ROWS).zip(sums);
                for (i, (strip, tile)) in strips.enumerate() {
                    micro.run(strip, panel, tile, block == 0);
                    if last {
                        let totals = &totals[p * COLUMNS..(p + 1) * COLUMNS];
                        vectorised!(self.store(tile, totals, i * ROWS, p * COLUMNS, out));
                    }
                }
            }
        }
    }

    fn pack_panels(
        &self,
        span: Range<usize>,
        wide: &mut [u32],
        totals: &mut [u32],
        panels: &mut [u32],
    ) {
        let lanes = span.len().div_ceil(4);
        let Columns { matrix, row, count, .. } = self.columns;
        let (bytes, wide) = wide.split_at_mut(BATCH * BLOCK);
        let wide = &mut crate::scratch::as_floats(wide)[..span.len()];
        for (panel, out) in panels.chunks_exact_mut(lanes * COLUMNS).enumerate() {
            let first = panel * COLUMNS;
            let rows = COLUMNS.min(count - first);
            for batch in (0..rows).step_by(BATCH) {
                let rows = BATCH.min(rows - batch);
                vectorised!({
                    for r in 0..rows {
                        let column = first + batch + r;
                        let start = (row + column) * matrix.inputs + span.start;
                        matrix.values.widen(start..start + wide.len(), wide);
                        let factor = inverse(self.peaks[column] / LARGEST);
                        let lanes = &mut bytes[r * BLOCK..][..lanes];
                        let mut total = 0i32;
                        let (whole, rest) = wide.as_chunks::<4>();
                        for (lane, values) in lanes.iter_mut().zip(whole) {
                            let four = values.map(|value| byte(value * factor));
                            *lane = u32::from_le_bytes(four);
                            total += four.map(|byte| i32::from(byte as i8)).iter().sum::<i32>();
                        }
                        if let (Some(lane), false) = (lanes.last_mut(), rest.is_empty()) {
                            let mut four = [0; 4];
                            for (four, value) in four.iter_mut().zip(rest) {
                                *four = byte(value * factor);
                                total += i32::from(*four as i8);
                            }
                            *lane = u32::from_le_bytes(four);
                        }
                        totals[column] = totals[column].wrapping_add(total as u32);
                    }
                });
                let strip = Strip { step: COLUMNS, first: batch };
                interleave::transpose(self.set, bytes, BLOCK, rows, lanes, out, strip);
            }
            if rows < COLUMNS {
                interleave::clear(out, COLUMNS, rows, COLUMNS - rows);
            }
        }
    }

    #[inline(always)]
    fn store<T: Real>(
        &self,
        tile: &[u32; TILE],
        totals: &[u32],
        row: usize,
        column: usize,
        out: Out<T>,
    ) {
        let count = COLUMNS.min(self.columns.count - column);
        let mut scales = [0f32; COLUMNS];
        for (i, scale) in scales.iter_mut().enumerate().take(count) {
            let own = self.columns.matrix.scale.map_or(1.0, |of| of[self.columns.row + column + i]);
            *scale = self.peaks[column + i] / LARGEST * own;
        }
        let first = self.columns.column + column;
        let mut biases = [0f32; COLUMNS];
        if let Some(bias) = self.bias {
            biases[..count].copy_from_slice(&bias[first..first + count]);
        }
        let rows = tile.as_chunks::<COLUMNS>().0.iter().zip(&self.steps[row..]);
        for (i, (sums, step)) in rows.enumerate() {
            let mut values = [0f32; COLUMNS];
            for j in 0..COLUMNS {
                let sum = (sums[j] as i32).wrapping_sub(OFFSET.wrapping_mul(totals[j] as i32));
                values[j] = sum as f32 * (step * scales[j]) + biases[j];
            }
            let out = out.row(row + i, first, count);
            out.iter_mut().zip(values).for_each(|(out, value)| *out = T::from_f32(value));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::stored::Stored;
    use proptest::prelude::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 31 + seed) * 7919 % 2003) as f32 / 1000.0 - 1.0).collect()
    }

    fn quantised(row: &[f32]) -> (Vec<f64>, f64) {
        let peak = row.iter().fold(0f32, |peak, v| peak.max(v.abs()));
        let factor = inverse(peak / LARGEST);
        let values = row.iter().map(|v| f64::from((v * factor).round_ties_even())).collect();
        (values, f64::from(peak / LARGEST))
    }

    fn check(rows: usize, inputs: usize, outputs: usize) {
        let (x, w) = (numbers(rows * inputs, 1), numbers(outputs * inputs, 2));
        let (scale, bias) = (numbers(outputs, 3), numbers(outputs, 4));
        let bytes: Vec<u8> = w.iter().flat_map(|v| v.to_le_bytes()).collect();
        let values = Stored::F32(&bytes);
        let matrix = Matrix { outputs, inputs, values, scale: Some(&scale) };
        let peaks = row_peaks(&matrix);
        let mut scalar = None;
        for set in InstructionSet::available() {
            let mut out = vec![0f32; rows * outputs];
            multiply_with(set, &x, &[matrix], &[&peaks], Some(&bias), &mut out);
            for (i, found) in out.iter().enumerate() {
                let (x, x_step) = quantised(&x[i / outputs * inputs..][..inputs]);
                let (w, w_step) = quantised(&w[i % outputs * inputs..][..inputs]);
                let sum: f64 = x.iter().zip(&w).map(|(x, w)| x * w).sum();
                let (scale, bias) = (f64::from(scale[i % outputs]), f64::from(bias[i % outputs]));
                let exact = sum * x_step * w_step * scale + bias;
                let bound = 1e-6 * (exact.abs() + bias.abs() + 1e-3);
                // Values that lie between two bytes may be rounded either way.
                let doubt = 2.0 * LARGEST as f64 * x_step * w_step * scale.abs();
                assert!(
                    (f64::from(*found) - exact).abs() <= bound + doubt,
                    "{set:?} {found} {exact}"
                );
            }
            // Sums are exact, so every instruction set gives the same bits.
            assert_eq!(scalar.get_or_insert_with(|| out.clone()), &out, "{set:?}");
        }
    }

    #[test]
    fn tiles_and_blocks_of_depth_meet_without_a_seam() {
        check(ROWS + 1, VALUES + 7, 2 * COLUMNS + 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn any_shape_gives_the_sums_of_its_rounded_numbers(
            rows in 1..30usize,
            inputs in 1..90usize,
            outputs in 1..70usize,
        ) {
            check(rows, inputs, outputs);
        }
    }

    #[test]
    fn rows_and_weights_of_zeros_give_the_bias() {
        let bytes = vec![0u8; 4 * 3 * 8];
        let matrix = Matrix { outputs: 3, inputs: 8, values: Stored::F32(&bytes), scale: None };
        let peaks = row_peaks(&matrix);
        let mut out = vec![7f32; 30];
        multiply_in_bytes(&[0f32; 80], &[matrix], &[&peaks], Some(&[1.0, 2.0, 3.0]), &mut out);
        assert!(out.chunks(3).all(|row| row == [1.0, 2.0, 3.0]));
    }
}
