//! y = x·Wᵀ over weights as they are stored.
//!
//! The rows of x are packed once. Then each task takes some columns of y, that is rows of W:
//! widens them block by block into a panel that stays in the second-level cache, and multiplies
//! all rows of x with it. Nothing of the size of W is ever allocated, and row scale, bias and
//! rounding are applied to sums that are still in the cache.

mod bytes;
#[cfg(test)]
mod bytes_tests;
mod few_rows;
mod floats;
pub(crate) mod outliers;
mod plan;
mod run;
#[cfg(test)]
mod tests;

pub use bytes::row_peaks;

use crate::base::isa::InstructionSet;
use crate::base::number::Number;
use crate::base::scratch::Buffer;
use crate::formats::stored::Matrix;
use crate::rows::swiglu::swiglu_in_place;
use crate::tile::{Core, Precision};
use plan::Plan;
use run::Finish;

/// Up to so many rows a product is bound by reading the weight, and done row by row.
const FEW_ROWS: usize = 4;

/// See [`crate::product::multiply`].
pub(crate) fn multiply<T: Number>(
    x: &[T],
    parts: &[Matrix<'_>],
    bias: Option<&[f32]>,
    precision: Precision,
    out: &mut [T],
) {
    let Some(inputs) = inputs_of(parts) else { return };
    if x.len() / inputs <= FEW_ROWS {
        return few_rows::multiply(x, parts, bias, precision, out);
    }
    multiply_with(Core::chosen(precision), x, parts, bias, out);
}

/// See [`crate::product::multiply_in_bytes`].
pub(crate) fn multiply_in_bytes<T: Number>(
    x: &[T],
    parts: &[Matrix<'_>],
    peaks: &[&[f32]],
    bias: Option<&[f32]>,
    out: &mut [T],
) {
    let Some(inputs) = inputs_of(parts) else { return };
    if x.len() / inputs <= FEW_ROWS {
        return few_rows::multiply(x, parts, bias, Precision::F32, out);
    }
    multiply_in_bytes_with(InstructionSet::chosen(), x, parts, peaks, bias, out);
}

/// See [`crate::product::multiply_gated`]; `peaks` where products are of bytes.
pub(crate) fn multiply_gated<T: Number>(
    x: &[T],
    both: [Matrix<'_>; 2],
    peaks: Option<[&[f32]; 2]>,
    precision: Precision,
    out: &mut [T],
) {
    let Some(inputs) = inputs_of(&both) else { return };
    if x.len() / inputs > FEW_ROWS {
        let core = Core::chosen(precision);
        return multiply_gated_with(core, x, both, peaks, out);
    }
    let precision = if peaks.is_some() { Precision::F32 } else { precision };
    let mut up = Buffer::take::<T>(out.len());
    let up = up.values(out.len());
    few_rows::multiply(x, &both[..1], None, precision, out);
    few_rows::multiply(x, &both[1..], None, precision, up);
    swiglu_in_place(out, up);
}

/// The inputs that all parts have; `None` where there are none.
fn inputs_of(parts: &[Matrix<'_>]) -> Option<usize> {
    let inputs = parts.first().map(|part| part.inputs).filter(|inputs| *inputs > 0)?;
    assert!(parts.iter().all(|part| part.inputs == inputs));
    Some(inputs)
}

fn multiply_with<T: Number>(
    core: Core,
    x: &[T],
    parts: &[Matrix<'_>],
    bias: Option<&[f32]>,
    out: &mut [T],
) {
    let outputs: usize = parts.iter().map(|part| part.outputs).sum();
    let Some(inputs) = inputs_of(parts).filter(|_| outputs > 0) else { return };
    let plan = |strips| (Plan::of_parts(parts, strips), Finish::Columns);
    floats::multiply(core, x, inputs, plan, bias, outputs, out);
}

fn multiply_in_bytes_with<T: Number>(
    set: InstructionSet,
    x: &[T],
    parts: &[Matrix<'_>],
    peaks: &[&[f32]],
    bias: Option<&[f32]>,
    out: &mut [T],
) {
    let outputs: usize = parts.iter().map(|part| part.outputs).sum();
    let Some(inputs) = inputs_of(parts).filter(|_| outputs > 0) else { return };
    assert!(parts.iter().zip(peaks).all(|(part, peaks)| part.outputs == peaks.len()));
    let peaks = peaks.concat();
    assert_eq!(peaks.len(), outputs);
    let plan = |strips| (Plan::of_parts(parts, strips), Finish::Columns);
    bytes::multiply(set, x, inputs, plan, (&peaks, bias), outputs, out);
}

fn multiply_gated_with<T: Number>(
    core: Core,
    x: &[T],
    both: [Matrix<'_>; 2],
    peaks: Option<[&[f32]; 2]>,
    out: &mut [T],
) {
    let outputs = both[0].outputs;
    assert_eq!(outputs, both[1].outputs);
    let Some(inputs) = inputs_of(&both).filter(|_| outputs > 0) else { return };
    let plan = |strips| (Plan::of_both(both, strips), Finish::Gated);
    match peaks {
        Some(peaks) => {
            assert!(peaks.iter().all(|peaks| peaks.len() == outputs));
            bytes::multiply(core.set, x, inputs, plan, (&peaks.concat(), None), outputs, out);
        }
        None => floats::multiply(core, x, inputs, plan, None, outputs, out),
    }
}
