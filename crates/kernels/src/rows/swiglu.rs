//! The gate of a SwiGLU feed-forward layer.

use crate::base::exp::exp;
use crate::base::isa::vectorised;
use crate::base::number::Number;
use rayon::prelude::*;

const VALUES_PER_TASK: usize = 8 * 1024;

/// `out` = silu(gate) · up, silu(x) = x·sigmoid(x) rounded to the stored format in between.
pub fn swiglu<T: Number>(gate: &[T], up: &[T], out: &mut [T]) {
    let inputs = gate.par_chunks(VALUES_PER_TASK).zip(up.par_chunks(VALUES_PER_TASK));
    inputs.zip(out.par_chunks_mut(VALUES_PER_TASK)).for_each(|((gate, up), out)| {
        vectorised!({
            for ((out, &gate), &up) in out.iter_mut().zip(gate).zip(up) {
                *out = gated(gate, up);
            }
        });
    });
}

/// See [`crate::swiglu::swiglu_in_place`].
pub(crate) fn swiglu_in_place<T: Number>(gate: &mut [T], up: &[T]) {
    gate.par_chunks_mut(VALUES_PER_TASK).zip(up.par_chunks(VALUES_PER_TASK)).for_each(
        |(gate, up)| {
            vectorised!({
                for (gate, &up) in gate.iter_mut().zip(up) {
                    *gate = gated(*gate, up);
                }
            });
        },
    );
}

/// silu(gate) · up, rounded in between.
#[inline(always)]
pub(crate) fn gated<T: Number>(gate: T, up: T) -> T {
    let gate = gate.to_f32();
    let silu = T::from_f32(gate / (1.0 + exp(-gate)));
    T::from_f32(silu.to_f32() * up.to_f32())
}

#[cfg(test)]
mod tests {
    use super::{swiglu, swiglu_in_place};

    #[test]
    fn it_is_silu_of_the_gate_times_the_other_half() {
        let gate: Vec<f32> = (-200..200).map(|i| i as f32 * 0.7).collect();
        let up: Vec<f32> = (0..400).map(|i| (i % 9) as f32 - 4.0).collect();
        let mut out = vec![0.0; 400];
        swiglu(&gate, &up, &mut out);
        let mut in_place = gate.clone();
        swiglu_in_place(&mut in_place, &up);
        assert_eq!(in_place, out);
        for ((g, u), out) in gate.iter().zip(&up).zip(out) {
            let (g, u) = (f64::from(*g), f64::from(*u));
            let exact = g / (1.0 + (-g).exp()) * u;
            assert!((f64::from(out) - exact).abs() <= 1e-6 * exact.abs().max(1e-6), "{g} {u}");
        }
    }
}
