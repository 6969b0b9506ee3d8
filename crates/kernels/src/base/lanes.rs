//! Sums and maxima in a fixed number of lanes: the compiler can vectorise them, and the order of
//! additions, hence every bit of the result, does not depend on the machine or on threads.

use super::number::Number;

/// Partial results kept side by side.
const LANES: usize = 16;

/// Σ f(x), added up in [`LANES`] interleaved partial sums.
#[inline(always)]
pub(crate) fn sum_of<T: Copy>(values: &[T], f: impl Fn(T) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += f(value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += f(value);
    }
    lanes.iter().sum()
}

/// The largest value; −∞ for none. A NaN may or may not be seen.
#[inline(always)]
pub(crate) fn max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = if value > *lane { value } else { *lane };
    }
    lanes.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The largest magnitude; 0 for none.
#[inline(always)]
pub(crate) fn max_magnitude<T: Number>(values: &[T]) -> f32 {
    let mut lanes = [0f32; 4 * LANES];
    let (chunks, rest) = values.as_chunks::<{ 4 * LANES }>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            let magnitude = value.to_f32().abs();
            *lane = if magnitude > *lane { magnitude } else { *lane };
        }
    }
    let rest = rest.iter().map(|value| value.to_f32().abs());
    rest.chain(lanes).fold(0.0, f32::max)
}
