//! The larger kernels for both number formats, compiled here: a generic function would be
//! compiled once more in every crate that calls it, with that crate's optimisation.

use crate::attend::{self, Attention, Heads};
use crate::base::number::Number;
use crate::formats::stored::Matrix;
use crate::gemm;
use crate::rows::heads::{self, Angles, HeadRun};
use crate::rows::{norm, swiglu};
use crate::tile::Precision;
use half::bf16;

/// The two weights of a gated layer, which have the same shape.
#[derive(Debug, Clone, Copy)]
pub struct Gated<'a> {
    /// The one whose outputs go through SiLU.
    pub gate: Matrix<'a>,
    /// The one that they are multiplied with.
    pub up: Matrix<'a>,
    /// Where products are of bytes, [`crate::product::row_peaks`] of both.
    pub peaks: Option<[&'a [f32]; 2]>,
}

/// A number format that activations come in, with the kernels for it. The public functions of the same
/// names say what each does.
pub trait Real: Number {
    /// [`multiply`].
    fn multiply(
        x: &[Self],
        parts: &[Matrix<'_>],
        bias: Option<&[f32]>,
        precision: Precision,
        out: &mut [Self],
    );
    /// [`multiply_in_bytes`].
    fn multiply_in_bytes(
        x: &[Self],
        parts: &[Matrix<'_>],
        peaks: &[&[f32]],
        bias: Option<&[f32]>,
        out: &mut [Self],
    );
    /// [`multiply_in_bytes_beside_outliers`].
    fn multiply_in_bytes_beside_outliers(
        x: &mut [Self],
        weight: &Matrix<'_>,
        peaks: &[f32],
        out: &mut [Self],
    );
    /// [`multiply_gated`].
    fn multiply_gated(x: &[Self], weights: Gated<'_>, precision: Precision, out: &mut [Self]);
    /// [`Attention::apply`].
    fn attend(
        attention: &Attention,
        q: Heads<'_, Self>,
        k: Heads<'_, Self>,
        v: Heads<'_, Self>,
        out: &mut [Self],
    );
    /// [`normalise_and_turn`].
    fn normalise_and_turn(
        x: &mut [Self],
        stride: usize,
        runs: &[HeadRun<'_, Self>],
        eps: f32,
        angles: Angles<'_, Self>,
    );
    /// [`rms_norm`].
    fn rms_norm(x: &[Self], gain: &[Self], eps: f32, out: &mut [Self]);
    /// [`add_rms_norm`].
    fn add_rms_norm(x: &[Self], gain: &[Self], eps: f32, sum: &mut [Self]);
    /// [`add`].
    fn add(x: &[Self], sum: &mut [Self]);
    /// [`swiglu_in_place`].
    fn swiglu_in_place(gate: &mut [Self], up: &[Self]);
}

macro_rules! compiled {
    ($number:ty) => {
        impl Real for $number {
            fn multiply(
                x: &[Self],
                parts: &[Matrix<'_>],
                bias: Option<&[f32]>,
                precision: Precision,
                out: &mut [Self],
            ) {
                gemm::multiply(x, parts, bias, precision, out);
            }

            fn multiply_in_bytes(
                x: &[Self],
                parts: &[Matrix<'_>],
                peaks: &[&[f32]],
                bias: Option<&[f32]>,
                out: &mut [Self],
            ) {
                gemm::multiply_in_bytes(x, parts, peaks, bias, out);
            }

            fn multiply_in_bytes_beside_outliers(
                x: &mut [Self],
                weight: &Matrix<'_>,
                peaks: &[f32],
                out: &mut [Self],
            ) {
                gemm::outliers::multiply(x, weight, peaks, out);
            }

            fn multiply_gated(
                x: &[Self],
                weights: Gated<'_>,
                precision: Precision,
                out: &mut [Self],
            ) {
                let Gated { gate, up, peaks } = weights;
                gemm::multiply_gated(x, [gate, up], peaks, precision, out);
            }

            fn attend(
                attention: &Attention,
                q: Heads<'_, Self>,
                k: Heads<'_, Self>,
                v: Heads<'_, Self>,
                out: &mut [Self],
            ) {
                attend::attend(attention, q, k, v, out);
            }

            fn normalise_and_turn(
                x: &mut [Self],
                stride: usize,
                runs: &[HeadRun<'_, Self>],
                eps: f32,
                angles: Angles<'_, Self>,
            ) {
                heads::normalise_and_turn(x, stride, runs, eps, angles);
            }

            fn rms_norm(x: &[Self], gain: &[Self], eps: f32, out: &mut [Self]) {
                norm::rms_norm(x, gain, eps, out);
            }

            fn add_rms_norm(x: &[Self], gain: &[Self], eps: f32, sum: &mut [Self]) {
                norm::add_rms_norm(x, gain, eps, sum);
            }

            fn add(x: &[Self], sum: &mut [Self]) {
                norm::add(x, sum);
            }

            fn swiglu_in_place(gate: &mut [Self], up: &[Self]) {
                swiglu::swiglu_in_place(gate, up);
            }
        }
    };
}

compiled!(f32);
compiled!(bf16);

/// y = scale · (x·Wᵀ) + bias for `x` [rows, inputs], over the outputs of `parts` one after the
/// other; `out` is [rows, outputs of all parts].
///
/// Sums are f32, block by block of the inputs in a fixed order, so they do not depend on the
/// number of threads.
///
/// # Panics
/// Where `x`, `out`, `bias` or a scale is shorter than that.
pub fn multiply<T: Real>(
    x: &[T],
    parts: &[Matrix<'_>],
    bias: Option<&[f32]>,
    precision: Precision,
    out: &mut [T],
) {
    T::multiply(x, parts, bias, precision, out);
}

/// As [`multiply`], in bytes. `peaks` are [`crate::product::row_peaks`] of each part. A handful of rows
/// is multiplied in f32.
///
/// # Panics
/// As [`multiply`], and where peaks are missing.
pub fn multiply_in_bytes<T: Real>(
    x: &[T],
    parts: &[Matrix<'_>],
    peaks: &[&[f32]],
    bias: Option<&[f32]>,
    out: &mut [T],
) {
    T::multiply_in_bytes(x, parts, peaks, bias, out);
}

/// As [`multiply_in_bytes`] of one part, but for the columns of x that stand out most, 1 of 24: these are
/// rounded to bf16, and multiplied as [`multiply`] does. They are taken out of `x`, which is not to be used
/// afterwards.
///
/// # Panics
/// As [`multiply_in_bytes`].
pub fn multiply_in_bytes_beside_outliers<T: Real>(
    x: &mut [T],
    weight: &Matrix<'_>,
    peaks: &[f32],
    out: &mut [T],
) {
    T::multiply_in_bytes_beside_outliers(x, weight, peaks, out);
}

/// silu(x·Gᵀ) · (x·Uᵀ) for `x` [rows, inputs] to `out` [rows, outputs]: to the bit what [`multiply`] (or
/// [`multiply_in_bytes`]) and [`swiglu_in_place`] give, but x is packed once and neither factor is
/// written.
///
/// # Panics
/// As [`multiply`], and where the weights differ in shape.
pub fn multiply_gated<T: Real>(x: &[T], weights: Gated<'_>, precision: Precision, out: &mut [T]) {
    T::multiply_gated(x, weights, precision, out);
}

impl Attention {
    /// Writes `out` [length, heads · head_dim]. Sums are f32; the blocks follow from the shape,
    /// so the result does not depend on the number of threads.
    ///
    /// # Panics
    /// Where an operand is shorter than the shape, or has heads or tokens that overlap.
    pub fn apply<T: Real>(&self, q: Heads<'_, T>, k: Heads<'_, T>, v: Heads<'_, T>, out: &mut [T]) {
        T::attend(self, q, k, v, out);
    }
}

/// Normalises each head of each run to mean square 1 (`eps` added), times the gain, rounded to
/// the stored format; then turns it by its token's angles, the first half of a head paired with
/// the second. `x` has rows of `stride` values.
///
/// # Panics
/// Where a run reaches over its row, or angles or gains are too few.
pub fn normalise_and_turn<T: Real>(
    x: &mut [T],
    stride: usize,
    runs: &[HeadRun<'_, T>],
    eps: f32,
    angles: Angles<'_, T>,
) {
    T::normalise_and_turn(x, stride, runs, eps, angles);
}

/// `out` = x / √(mean(x²) + eps) · gain for every row of `gain.len()` values.
pub fn rms_norm<T: Real>(x: &[T], gain: &[T], eps: f32, out: &mut [T]) {
    T::rms_norm(x, gain, eps, out);
}

/// `sum` += x / √(mean(x²) + eps) · gain for every row of `gain.len()` values: a normalised,
/// gated branch added to its residual in one pass, rounded once.
pub fn add_rms_norm<T: Real>(x: &[T], gain: &[T], eps: f32, sum: &mut [T]) {
    T::add_rms_norm(x, gain, eps, sum);
}

/// `sum` += x, rounded once.
pub fn add<T: Real>(x: &[T], sum: &mut [T]) {
    T::add(x, sum);
}

/// As [`crate::swiglu::swiglu`], over the gates themselves.
pub fn swiglu_in_place<T: Real>(gate: &mut [T], up: &[T]) {
    T::swiglu_in_place(gate, up);
}
