//! Products of bytes: each row of x and each row of W is scaled to −127…127 by its own largest
//! magnitude and rounded. Sums are exact; what is lost is lost in rounding, which the outputs of
//! a transformer's attention and of the first half of its feed-forward layers bear.

use super::plan::{Panel, Plan, deal, rows_at_a_time};
use super::run::{Constants, Finish, Operand, PackedRows, Task};
use crate::base::isa::{InstructionSet, vectorised};
use crate::base::lanes::max_magnitude;
use crate::base::number::Number;
use crate::base::out::Out;
use crate::base::scratch::{SharedScratch, with_thread_scratch};
use crate::formats::stored::Matrix;
use crate::pack::bytes::{LARGEST, OFFSET, VALUES, inverse, panel, strip};
use crate::pack::{Rows, WIDE_LANES};
use crate::tile::{BLOCK, COLUMNS, Lane, Micro, ROWS};
use rayon::prelude::*;
use std::ops::Range;

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

/// Rows of x times the weights of a plan, which has `outputs` columns. `peaks` are [`row_peaks`] of the
/// weights, one after the other.
pub(super) fn multiply<'w, T: Number>(
    set: InstructionSet,
    x: &[T],
    inputs: usize,
    plan: impl Fn(usize) -> (Plan<'w>, Finish),
    (peaks, bias): (&[f32], Option<&[f32]>),
    outputs: usize,
    out: &mut [T],
) {
    let depth = inputs.div_ceil(4);
    let most = rows_at_a_time(x.len() / inputs, depth);
    let steps: Vec<f32> = peaks.iter().map(|peak| peak / LARGEST).collect();
    let factors: Vec<f32> = steps.iter().map(|step| inverse(*step)).collect();
    for (x, out) in x.chunks(most * inputs).zip(out.chunks_mut(most * outputs)) {
        let rows = x.len() / inputs;
        let strips = rows.div_ceil(ROWS);
        let x_steps: Vec<f32> =
            x.par_chunks(inputs).map(|row| vectorised!(max_magnitude(row)) / LARGEST).collect();
        let lanes = strips * ROWS * depth;
        let mut shared = SharedScratch::take(lanes);
        let packed = shared.lanes(lanes);
        pack_rows(set, x, inputs, &x_steps, strips, packed);
        let packed = PackedRows { lanes: packed, strips, inputs };
        let out = Out { values: out.as_mut_ptr(), len: out.len(), rows, outputs };
        let (plan, finish) = plan(strips);
        let bytes = Bytes { set, steps: &steps, factors: &factors, x_steps: &x_steps, bias };
        deal(plan.tasks.len(), |task| {
            let panels = &plan.panels[plan.tasks[task].clone()];
            let task = Task { operand: &bytes, panels, finish, out };
            with_thread_scratch(|scratch| task.run(packed, scratch));
        });
    }
}

/// Packs x as [`super::floats`] does, four values a lane.
fn pack_rows<T: Number>(
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
            let mut factors = [0.0; ROWS];
            for (factor, step) in factors.iter_mut().zip(steps) {
                *factor = inverse(*step);
            }
            let rows = Rows { values: x, stride: inputs, count: steps.len() };
            with_thread_scratch(|scratch| {
                let wide = scratch.wide.lanes(WIDE_LANES);
                vectorised!(strip(set, rows, &factors, span.clone(), wide, out));
            });
        });
    });
}

struct Bytes<'a> {
    set: InstructionSet,
    /// What a byte of each row of the weights stands for, and 1 / that.
    steps: &'a [f32],
    factors: &'a [f32],
    /// What a byte of each row of x stands for.
    x_steps: &'a [f32],
    bias: Option<&'a [f32]>,
}

impl Operand for Bytes<'_> {
    fn micro(&self) -> Micro {
        Micro::new(Lane::Bytes, self.set)
    }

    fn pack(
        &self,
        of: &Panel<'_>,
        span: Range<usize>,
        wide: &mut [u32],
        totals: &mut [u32; COLUMNS],
        out: &mut [u32],
    ) {
        let factors = &self.factors[of.output..][..of.count];
        let place = (of.row, of.count);
        vectorised!(panel(self.set, &of.matrix, place, (factors, totals), span, wide, out));
    }

    /// The sum of a row's bytes is what the offset of x adds to its products.
    fn constants(&self, panel: &Panel<'_>, totals: &[u32; COLUMNS]) -> Constants {
        let mut constants = Constants::NONE.with_bias(self.bias, panel);
        let steps = &self.steps[panel.output..][..panel.count];
        for (i, (scale, step)) in constants.scale.iter_mut().zip(steps).enumerate() {
            *scale = step * panel.matrix.scale.map_or(1.0, |scale| scale[panel.row + i]);
        }
        constants.offset = totals.map(|total| OFFSET.wrapping_mul(total as i32));
        constants
    }

    #[inline(always)]
    fn values(&self, sums: &[u32; COLUMNS], constants: &Constants, row: usize) -> [f32; COLUMNS] {
        let step = self.x_steps[row];
        let mut values = [0.0; COLUMNS];
        for i in 0..COLUMNS {
            let sum = (sums[i] as i32).wrapping_sub(constants.offset[i]);
            values[i] = sum as f32 * (step * constants.scale[i]) + constants.bias[i];
        }
        values
    }
}
