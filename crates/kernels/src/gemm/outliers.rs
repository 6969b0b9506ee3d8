//! Products of bytes beside which the columns of x that stand out are multiplied in bf16 with theirs of the
//! weight: what one large value would take from the steps of its whole row is left to the others. (The
//! decomposition of LLM.int8(), arXiv 2208.07339; here a fixed share of the columns, chosen anew for
//! every product.)

use super::{FEW_ROWS, few_rows, floats, inputs_of, multiply_in_bytes_with};
use crate::base::isa::{InstructionSet, vectorised};
use crate::base::lanes::sum_of;
use crate::base::number::Number;
use crate::base::scratch::{Buffer, with_thread_scratch};
use crate::formats::float8::E4M3;
use crate::formats::stored::{Matrix, Stored};
use crate::gemm::plan::Plan;
use crate::gemm::run::Finish;
use crate::pack::stored_as;
use crate::tile::{Core, Precision};
use half::bf16;
use rayon::prelude::*;

/// One column of so many stands out.
const SHARE: usize = 24;
/// Columns that are judged at a time.
const SPAN: usize = 512;
/// Values widened at a time.
const WIDE: usize = 1024;
/// Rows of the weight, or of x, that a task goes through.
const TASK: usize = 16;

/// See [`crate::product::multiply_in_bytes_beside_outliers`].
pub(crate) fn multiply<T: Number>(x: &mut [T], weight: &Matrix<'_>, peaks: &[f32], out: &mut [T]) {
    let Some(inputs) = inputs_of(&[*weight]).filter(|_| weight.outputs > 0) else { return };
    if x.len() / inputs <= FEW_ROWS {
        return few_rows::multiply(x, &[*weight], None, Precision::F32, out);
    }
    let columns = columns_that_stand_out(x, inputs);
    let taken = take(x, inputs, &columns);
    multiply_in_bytes_with(InstructionSet::chosen(), x, &[*weight], &[peaks], None, out);
    if columns.is_empty() {
        return;
    }
    let values = gathered(weight, &columns);
    let few = Matrix { inputs: columns.len(), values: stored_as(&values), ..*weight };
    let mut more = Buffer::take::<f32>(out.len());
    let more = more.values::<f32>(out.len());
    let plan = |strips| (Plan::of_parts(&[few], strips), Finish::Columns);
    let core = Core::chosen(Precision::Bf16);
    floats::multiply(core, &taken, columns.len(), plan, None, weight.outputs, more);
    out.par_chunks_mut(TASK * WIDE).zip(more.par_chunks(TASK * WIDE)).for_each(|(out, more)| {
        vectorised!(for (out, more) in out.iter_mut().zip(more) {
            *out = T::from_f32(out.to_f32() + more);
        });
    });
}

/// The columns with the largest values, each row's against its own root of the mean square, in their
/// order; of equals the first.
fn columns_that_stand_out<T: Number>(x: &[T], inputs: usize) -> Vec<usize> {
    let square = |value: T| value.to_f32() * value.to_f32();
    let weights: Vec<f32> = x
        .par_chunks(inputs)
        .map(|row| {
            let sum = vectorised!(sum_of(row, square));
            if sum > 0.0 { (inputs as f32 / sum).sqrt() } else { 0.0 }
        })
        .collect();
    let mut highest = vec![0f32; inputs];
    highest.par_chunks_mut(SPAN).enumerate().for_each(|(i, highest)| {
        vectorised!(for (row, weight) in x.chunks_exact(inputs).zip(&weights) {
            for (highest, value) in highest.iter_mut().zip(&row[i * SPAN..]) {
                let value = value.to_f32().abs() * weight;
                *highest = if value > *highest { value } else { *highest };
            }
        });
    });
    let mut columns: Vec<usize> = (0..inputs).collect();
    let count = inputs / SHARE;
    if count > 0 {
        let order = |a: &usize, b: &usize| highest[*b].total_cmp(&highest[*a]).then(a.cmp(b));
        columns.select_nth_unstable_by(count - 1, order);
    }
    columns.truncate(count);
    columns.sort_unstable();
    columns
}

/// Takes columns out of x, where 0 is left.
fn take<T: Number>(x: &mut [T], inputs: usize, columns: &[usize]) -> Vec<bf16> {
    let count = columns.len();
    let mut taken = vec![bf16::ZERO; x.len() / inputs * count];
    let rows = x.par_chunks_mut(TASK * inputs).zip(taken.par_chunks_mut((TASK * count).max(1)));
    rows.for_each(|(x, taken)| {
        for (x, taken) in x.chunks_exact_mut(inputs).zip(taken.chunks_exact_mut(count)) {
            for (taken, column) in taken.iter_mut().zip(columns) {
                let value = std::mem::replace(&mut x[*column], T::from_f32(0.0));
                *taken = Number::from_f32(value.to_f32());
            }
        }
    });
    taken
}

/// The columns of a weight, [outputs, columns].
fn gathered(weight: &Matrix<'_>, columns: &[usize]) -> Vec<bf16> {
    let Matrix { outputs, inputs, values, .. } = *weight;
    let count = columns.len();
    let mut gathered = vec![bf16::ZERO; outputs * count];
    gathered.par_chunks_mut(TASK * count).enumerate().for_each(|(i, gathered)| {
        for (j, gathered) in gathered.chunks_exact_mut(count).enumerate() {
            let first = (TASK * i + j) * inputs;
            match values {
                // A value is found by its place.
                Stored::E4m3(bytes) => {
                    let row = bytes.get(first..first + inputs).unwrap_or_default();
                    for (gathered, column) in gathered.iter_mut().zip(columns) {
                        let code = row.get(*column).copied().unwrap_or_default();
                        *gathered = Number::from_f32(E4M3[usize::from(code)]);
                    }
                }
                _ => from_widened(values, first..first + inputs, columns, gathered),
            }
        }
    });
    gathered
}

/// The values of a row at `columns`, from pieces of it.
fn from_widened(
    values: Stored<'_>,
    row: std::ops::Range<usize>,
    columns: &[usize],
    gathered: &mut [bf16],
) {
    with_thread_scratch(|scratch| {
        let wide = scratch.wide.floats(WIDE);
        let mut left = columns.iter().zip(gathered).peekable();
        for first in (0..row.len()).step_by(WIDE) {
            let wide = &mut wide[..WIDE.min(row.len() - first)];
            let start = row.start + first;
            values.widen(start..start + wide.len(), wide);
            while let Some((column, gathered)) = left.next_if(|(of, _)| **of < first + WIDE) {
                *gathered = Number::from_f32(wide[*column - first]);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::base::lanes::max_magnitude;
    use crate::gemm::row_peaks;
    use proptest::prelude::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 31 + seed) * 7919 % 2003) as f32 / 1000.0 - 1.0).collect()
    }

    /// Numbers of which some columns are much larger.
    fn with_outliers(rows: usize, inputs: usize, large: &[usize]) -> Vec<f32> {
        let mut x = numbers(rows * inputs, 1);
        for (i, row) in x.chunks_mut(inputs).enumerate() {
            for column in large {
                row[*column] = 60.0 + (i + column) as f32;
            }
        }
        x
    }

    fn matrix<'a>(bytes: &'a [u8], scale: &'a [f32], inputs: usize) -> Matrix<'a> {
        let values = Stored::F32(bytes);
        Matrix { outputs: scale.len(), inputs, values, scale: Some(scale) }
    }

    /// Largest difference from sums in f64, against what a byte of each row stands for.
    fn error(x: &[f32], weight: &Matrix<'_>, w: &[f32], out: &[f32], without: &[usize]) -> f64 {
        let (inputs, outputs) = (weight.inputs, weight.outputs);
        let mut worst = 0f64;
        for (i, found) in out.iter().enumerate() {
            let row = &x[i / outputs * inputs..][..inputs];
            let weights = &w[i % outputs * inputs..][..inputs];
            let sum: f64 =
                row.iter().zip(weights).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
            let scale = f64::from(weight.scale.unwrap()[i % outputs]);
            let mut rest = row.to_vec();
            without.iter().for_each(|column| rest[*column] = 0.0);
            // Half a byte of x and half a byte of the weight in each product, all in one direction.
            let (x_step, w_step) = (max_magnitude(&rest) / 127.0, max_magnitude(weights) / 127.0);
            let steps = f64::from(x_step + w_step * max_magnitude(&rest)) * inputs as f64 / 2.0;
            // And the bf16 of what stood out.
            let large: f64 = without.iter().map(|column| f64::from(row[*column].abs())).sum();
            let bound = (steps + large / 128.0) * scale.abs() + 1e-4;
            worst = worst.max((f64::from(*found) - sum * scale).abs() / bound);
        }
        worst
    }

    #[test]
    fn what_stands_out_leaves_the_others_their_steps() {
        let (rows, inputs, outputs) = (7, 96, 5);
        let large = [3, 40, 41, 95];
        let (mut x, w) = (with_outliers(rows, inputs, &large), numbers(outputs * inputs, 2));
        assert_eq!(columns_that_stand_out(&x, inputs), large);
        let bytes: Vec<u8> = w.iter().flat_map(|v| v.to_le_bytes()).collect();
        let scale = numbers(outputs, 3);
        let weight = matrix(&bytes, &scale, inputs);
        let (given, peaks) = (x.clone(), row_peaks(&weight));
        let mut out = vec![f32::NAN; rows * outputs];
        multiply(&mut x, &weight, &peaks, &mut out);
        assert!(error(&given, &weight, &w, &out, &large) <= 1.0);
        let mut alone = vec![f32::NAN; rows * outputs];
        multiply_in_bytes_with(
            InstructionSet::chosen(),
            &given,
            &[weight],
            &[&peaks],
            None,
            &mut alone,
        );
        assert!(error(&given, &weight, &w, &alone, &large) > 1.0, "it was no test");
    }

    #[test]
    fn every_format_gives_the_columns_that_widening_gives() {
        use crate::formats::ggml::{Block, Ggml};
        let (outputs, inputs) = (19, 2048);
        let stored: Vec<u8> = (0..4 * outputs * inputs).map(|i| (i * 37 % 120) as u8).collect();
        let columns: Vec<usize> = (0..inputs).step_by(29).chain([inputs - 1]).collect();
        let formats = [
            Stored::E4m3(&stored),
            Stored::Bf16(&stored),
            Stored::F32(&stored),
            Stored::Ggml(Ggml { block: Block::Q6K, bytes: &stored }),
        ];
        for values in formats {
            let weight = Matrix { outputs, inputs, values, scale: None };
            let found = gathered(&weight, &columns);
            let mut wide = vec![0f32; outputs * inputs];
            values.widen(0..outputs * inputs, &mut wide);
            for (row, found) in wide.chunks(inputs).zip(found.chunks(columns.len())) {
                for (column, found) in columns.iter().zip(found) {
                    assert_eq!(found.to_bits(), bf16::from_f32(row[*column]).to_bits());
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn any_shape_is_as_near_as_bytes_are(
            rows in 1..30usize,
            inputs in 1..120usize,
            outputs in 1..70usize,
        ) {
            let (mut x, w) = (numbers(rows * inputs, 5), numbers(outputs * inputs, 6));
            let bytes: Vec<u8> = w.iter().flat_map(|v| v.to_le_bytes()).collect();
            let scale = numbers(outputs, 7);
            let weight = matrix(&bytes, &scale, inputs);
            let (given, peaks) = (x.clone(), row_peaks(&weight));
            let mut out = vec![f32::NAN; rows * outputs];
            multiply(&mut x, &weight, &peaks, &mut out);
            prop_assert!(error(&given, &weight, &w, &out, &[]) <= 1.0);
        }
    }
}
