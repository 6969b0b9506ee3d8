//! The larger kernels for both number formats, compiled here: a generic function would be
//! compiled once more in every crate that calls it, with that crate's optimisation.

use crate::attention::{Attention, Heads};
use crate::heads::{Angles, HeadRun};
use crate::product::Precision;
use crate::stored::Matrix;
use crate::{attention, heads, norm, product, swiglu};
use half::bf16;

/// See the module; the public functions of the same names say what each does.
pub trait Compiled: Sized {
    /// [`product::multiply`].
    fn multiply(
        x: &[Self],
        parts: &[Matrix<'_>],
        bias: Option<&[f32]>,
        precision: Precision,
        out: &mut [Self],
    );
    /// [`product::multiply_in_bytes`].
    fn multiply_in_bytes(
        x: &[Self],
        parts: &[Matrix<'_>],
        peaks: &[&[f32]],
        bias: Option<&[f32]>,
        out: &mut [Self],
    );
    /// [`Attention::apply`].
    fn attend(
        attention: &Attention,
        q: Heads<'_, Self>,
        k: Heads<'_, Self>,
        v: Heads<'_, Self>,
        out: &mut [Self],
    );
    /// [`heads::normalise_and_turn`].
    fn normalise_and_turn(
        x: &mut [Self],
        stride: usize,
        runs: &[HeadRun<'_, Self>],
        eps: f32,
        angles: Angles<'_, Self>,
    );
    /// [`norm::rms_norm`].
    fn rms_norm(x: &[Self], gain: &[Self], eps: f32, out: &mut [Self]);
    /// [`norm::add_rms_norm`].
    fn add_rms_norm(x: &[Self], gain: &[Self], eps: f32, sum: &mut [Self]);
    /// [`norm::add`].
    fn add(x: &[Self], sum: &mut [Self]);
    /// [`swiglu::swiglu_in_place`].
    fn swiglu_in_place(gate: &mut [Self], up: &[Self]);
}

macro_rules! compiled {
    ($number:ty) => {
        impl Compiled for $number {
            fn multiply(
                x: &[Self],
                parts: &[Matrix<'_>],
                bias: Option<&[f32]>,
                precision: Precision,
                out: &mut [Self],
            ) {
                product::multiply_chosen(x, parts, bias, precision, out);
            }

            fn multiply_in_bytes(
                x: &[Self],
                parts: &[Matrix<'_>],
                peaks: &[&[f32]],
                bias: Option<&[f32]>,
                out: &mut [Self],
            ) {
                product::multiply_in_bytes_chosen(x, parts, peaks, bias, out);
            }

            fn attend(
                attention: &Attention,
                q: Heads<'_, Self>,
                k: Heads<'_, Self>,
                v: Heads<'_, Self>,
                out: &mut [Self],
            ) {
                attention::attend(attention, q, k, v, out);
            }

            fn normalise_and_turn(
                x: &mut [Self],
                stride: usize,
                runs: &[HeadRun<'_, Self>],
                eps: f32,
                angles: Angles<'_, Self>,
            ) {
                heads::normalise_and_turn_all(x, stride, runs, eps, angles);
            }

            fn rms_norm(x: &[Self], gain: &[Self], eps: f32, out: &mut [Self]) {
                norm::rms_norm_rows(x, gain, eps, out);
            }

            fn add_rms_norm(x: &[Self], gain: &[Self], eps: f32, sum: &mut [Self]) {
                norm::add_rms_norm_rows(x, gain, eps, sum);
            }

            fn add(x: &[Self], sum: &mut [Self]) {
                norm::add_all(x, sum);
            }

            fn swiglu_in_place(gate: &mut [Self], up: &[Self]) {
                swiglu::gate_all(gate, up);
            }
        }
    };
}

compiled!(f32);
compiled!(bf16);
