//! Products of few rows: bound by reading the weight, so every piece of it is widened once and
//! multiplied with all rows at once.

use super::FEW_ROWS;
use crate::base::isa::vectorised;
use crate::base::number::{Number, rounded};
use crate::base::scratch::with_thread_scratch;
use crate::formats::stored::Matrix;
use crate::tile::Precision;
use rayon::prelude::*;

/// Partial sums of a dot product, enough to keep several registers of any width busy.
const LANES: usize = 64;
/// Values widened at a time.
const WIDE: usize = 1024;
/// Weight elements a task handles at least.
const TASK: usize = 1 << 17;

/// As [`super::multiply`], for up to [`FEW_ROWS`] rows.
pub(super) fn multiply<T: Number>(
    x: &[T],
    parts: &[Matrix<'_>],
    bias: Option<&[f32]>,
    precision: Precision,
    out: &mut [T],
) {
    let Some(inputs) = parts.first().map(|part| part.inputs) else { return };
    let outputs: usize = parts.iter().map(|part| part.outputs).sum();
    let rows = x.len() / inputs;
    assert!(rows <= FEW_ROWS);
    let x: Vec<f32> = x.iter().map(|value| value.to_f32()).collect();
    let mut first = 0;
    for part in parts {
        // One output after the other, all rows of each: y transposed.
        let mut y = vec![[0f32; FEW_ROWS]; part.outputs];
        let task = (TASK / inputs).max(1);
        y.par_chunks_mut(task).enumerate().for_each(|(i, y)| {
            with_thread_scratch(|scratch| {
                let wide = scratch.wide.floats(WIDE);
                vectorised!({
                    for (j, y) in y.iter_mut().enumerate() {
                        *y = output(&x, part, i * task + j, precision, wide);
                    }
                });
            });
        });
        for (j, sums) in y.iter().enumerate() {
            let scale = part.scale.map_or(1.0, |scale| scale[j]);
            let bias = bias.map_or(0.0, |bias| bias[first + j]);
            for (row, sum) in sums.iter().enumerate().take(rows) {
                out[row * outputs + first + j] = T::from_f32(sum * scale + bias);
            }
        }
        first += part.outputs;
    }
}

/// One output of every row.
#[inline(always)]
fn output(
    x: &[f32],
    part: &Matrix<'_>,
    output: usize,
    precision: Precision,
    wide: &mut [f32],
) -> [f32; FEW_ROWS] {
    let inputs = part.inputs;
    let round = precision == Precision::Bf16 && !part.values.exact_in_bf16();
    let mut sums = [[0f32; LANES]; FEW_ROWS];
    for first in (0..inputs).step_by(WIDE) {
        let wide = &mut wide[..WIDE.min(inputs - first)];
        let start = output * inputs + first;
        part.values.widen(start..start + wide.len(), wide);
        if round {
            wide.iter_mut().for_each(|value| *value = rounded(*value));
        }
        for (sums, x) in sums.iter_mut().zip(x.chunks_exact(inputs)) {
            let x = &x[first..first + wide.len()];
            let (w, w_rest) = wide.as_chunks::<LANES>();
            let (x, x_rest) = x.as_chunks::<LANES>();
            for (w, x) in w.iter().zip(x) {
                for lane in 0..LANES {
                    sums[lane] += w[lane] * x[lane];
                }
            }
            for (sum, (w, x)) in sums.iter_mut().zip(w_rest.iter().zip(x_rest)) {
                *sum += w * x;
            }
        }
    }
    sums.map(|sums| sums.iter().sum())
}
