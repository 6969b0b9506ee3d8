//! Normalisation over rows and over channel groups. Every row (or group) is computed by one
//! thread in a fixed order, so results do not depend on how many threads share the work.

use crate::base::exp::exp;
use crate::base::isa::vectorised;
use crate::base::lanes::sum_of;
use crate::base::number::Number;
use rayon::prelude::*;

/// Rows handed to a thread at a time hold at least this many values.
const VALUES_PER_TASK: usize = 16 * 1024;
/// Values added up in f32 before the sum goes on in f64.
const CHUNK: usize = 2048;

/// See [`crate::norm::rms_norm`].
pub(crate) fn rms_norm<T: Number>(x: &[T], gain: &[T], eps: f32, out: &mut [T]) {
    for_rows(
        x,
        gain.len(),
        out,
        #[inline(always)]
        |row, out| {
            let scale = inverse_root_mean_square(row, eps);
            for ((out, &v), &gain) in out.iter_mut().zip(row).zip(gain) {
                *out = T::from_f32(v.to_f32() * scale * gain.to_f32());
            }
        },
    );
}

/// See [`crate::norm::add_rms_norm`].
pub(crate) fn add_rms_norm<T: Number>(x: &[T], gain: &[T], eps: f32, sum: &mut [T]) {
    for_rows(
        x,
        gain.len(),
        sum,
        #[inline(always)]
        |row, sum| {
            let scale = inverse_root_mean_square(row, eps);
            for ((sum, &v), &gain) in sum.iter_mut().zip(row).zip(gain) {
                *sum = T::from_f32(sum.to_f32() + v.to_f32() * scale * gain.to_f32());
            }
        },
    );
}

/// See [`crate::norm::add`].
pub(crate) fn add<T: Number>(x: &[T], sum: &mut [T]) {
    let chunks = x.par_chunks(VALUES_PER_TASK).zip(sum.par_chunks_mut(VALUES_PER_TASK));
    chunks.for_each(|(x, sum)| {
        vectorised!({
            for (sum, v) in sum.iter_mut().zip(x) {
                *sum = T::from_f32(sum.to_f32() + v.to_f32());
            }
        });
    });
}

#[inline(always)]
fn inverse_root_mean_square<T: Number>(row: &[T], eps: f32) -> f32 {
    let squares = sum_of(row, |v| v.to_f32() * v.to_f32());
    1.0 / (squares / row.len() as f32 + eps).sqrt()
}

/// `out` = (x − mean(x)) / √(var(x) + eps) · gain for every row of `gain.len()` values.
pub fn layer_norm<T: Number>(x: &[T], gain: &[T], eps: f32, out: &mut [T]) {
    for_rows(
        x,
        gain.len(),
        out,
        #[inline(always)]
        |row, out| {
            let n = row.len() as f32;
            let mean = sum_of(row, T::to_f32) / n;
            let squares = sum_of(row, |v| (v.to_f32() - mean) * (v.to_f32() - mean));
            let scale = 1.0 / (squares / n + eps).sqrt();
            for ((out, &v), &gain) in out.iter_mut().zip(row).zip(gain) {
                *out = T::from_f32((v.to_f32() - mean) * scale * gain.to_f32());
            }
        },
    );
}

fn for_rows<T: Number>(
    x: &[T],
    width: usize,
    out: &mut [T],
    row: impl Fn(&[T], &mut [T]) + Send + Sync,
) {
    if width == 0 {
        return;
    }
    let values = width * (VALUES_PER_TASK / width).max(1);
    x.par_chunks(values).zip(out.par_chunks_mut(values)).for_each(|(x, out)| {
        vectorised!({
            for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                row(x, out);
            }
        });
    });
}

/// Group normalisation of one image stored channel by channel (`channels` planes), with a gain
/// and a bias a channel: mean and variance are taken over each of `groups` runs of channels.
/// `silu` applies x·sigmoid(x) to the result in the same pass.
#[derive(Debug, Clone, Copy)]
pub struct GroupNorm {
    /// Planes in the image.
    pub channels: usize,
    /// Runs of channels; divides `channels`.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f32,
    /// Whether SiLU follows.
    pub silu: bool,
}

impl GroupNorm {
    /// What normalising `x` does to each channel: a factor and a term.
    pub fn affine(&self, x: &[f32], gain: &[f32], bias: &[f32]) -> Vec<(f32, f32)> {
        let channels = self.channels / self.groups.max(1);
        let plane = x.len() / self.channels.max(1);
        if channels == 0 || plane == 0 {
            return Vec::new();
        }
        let statistics: Vec<(f32, f32)> =
            x.par_chunks(channels * plane).map(|group| self.statistics(group)).collect();
        gain.iter()
            .zip(bias)
            .enumerate()
            .map(|(channel, (gain, bias))| {
                let (mean, scale) = statistics[channel / channels];
                let factor = gain * scale;
                (factor, bias - mean * factor)
            })
            .collect()
    }

    /// Normalises `x` into `out`.
    pub fn apply(&self, x: &[f32], gain: &[f32], bias: &[f32], out: &mut [f32]) {
        let channels = self.channels / self.groups.max(1);
        let plane = x.len() / self.channels.max(1);
        if channels == 0 || plane == 0 {
            return;
        }
        let statistics: Vec<(f32, f32)> =
            x.par_chunks(channels * plane).map(|group| self.statistics(group)).collect();
        let planes = x.par_chunks(plane).zip(out.par_chunks_mut(plane));
        planes.zip(gain.par_iter().zip(bias)).enumerate().for_each(
            |(channel, ((x, out), affine))| {
                let (mean, scale) = statistics[channel / channels];
                let (gain, bias) = (affine.0 * scale, *affine.1);
                vectorised!({
                    for (out, &v) in out.iter_mut().zip(x) {
                        let y = (v - mean) * gain + bias;
                        *out = if self.silu { y / (1.0 + exp(-y)) } else { y };
                    }
                });
            },
        );
    }

    /// Mean and 1/√(variance + eps).
    fn statistics(&self, group: &[f32]) -> (f32, f32) {
        let n = group.len() as f64;
        let mean = (total(group, |v| v) / n) as f32;
        let variance = total(group, |v| (v - mean) * (v - mean)) / n;
        (mean, (1.0 / (variance + f64::from(self.eps)).sqrt()) as f32)
    }
}

/// Σ f(v), in f32 within chunks and in f64 over them.
fn total(values: &[f32], f: impl Fn(f32) -> f32 + Sync) -> f64 {
    let chunk = |chunk: &[f32]| f64::from(vectorised!(sum_of(chunk, &f)));
    let parts: Vec<f64> = values.par_chunks(CHUNK).map(chunk).collect();
    parts.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 % 1000) as f32) / 250.0 - 1.3).collect()
    }

    #[test]
    fn rms_norm_gives_rows_of_mean_square_one() {
        let x = values(5 * 300);
        let mut out = vec![0.0; x.len()];
        rms_norm(&x, &[1.0; 300], 0.0, &mut out);
        for row in out.chunks(300) {
            let mean = row.iter().map(|v| f64::from(v * v)).sum::<f64>() / 300.0;
            assert!((mean - 1.0).abs() < 1e-6, "{mean}");
        }
    }

    #[test]
    fn a_normalised_branch_is_added_to_its_residual() {
        let (x, gain) = (values(5 * 300), values(300));
        let mut normalised = vec![0.0; x.len()];
        rms_norm(&x, &gain, 1e-5, &mut normalised);
        let mut sum = vec![2.5; x.len()];
        add_rms_norm(&x, &gain, 1e-5, &mut sum);
        assert!(sum.iter().zip(normalised).all(|(sum, normalised)| *sum == 2.5 + normalised));
    }

    #[test]
    fn layer_norm_gives_rows_of_mean_zero_and_variance_one() {
        let x = values(3 * 77);
        let mut out = vec![0.0; x.len()];
        layer_norm(&x, &[1.0; 77], 0.0, &mut out);
        for row in out.chunks(77) {
            let mean = row.iter().map(|&v| f64::from(v)).sum::<f64>() / 77.0;
            let variance = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / 77.0;
            assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{mean} {variance}");
        }
    }

    #[test]
    fn bf16_rows_are_normalised_in_f32_and_rounded_once() {
        let wide = values(64);
        let narrow: Vec<half::bf16> = wide.iter().map(|&v| half::bf16::from_f32(v)).collect();
        let widened: Vec<f32> = narrow.iter().map(|v| v.to_f32()).collect();
        let mut expected = vec![0.0; 64];
        rms_norm(&widened, &[1.0; 64], 1e-5, &mut expected);
        let mut out = vec![half::bf16::ZERO; 64];
        rms_norm(&narrow, &[half::bf16::ONE; 64], 1e-5, &mut out);
        let expected: Vec<_> = expected.into_iter().map(half::bf16::from_f32).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn group_norm_normalises_each_run_of_channels_by_itself() {
        let (channels, groups, plane) = (6, 3, 5000);
        let x: Vec<f32> = values(channels * plane)
            .into_iter()
            .enumerate()
            .map(|(i, v)| v * (1.0 + (i / (2 * plane)) as f32) + 40.0)
            .collect();
        let norm = GroupNorm { channels, groups, eps: 0.0, silu: false };
        let mut out = vec![0.0; x.len()];
        norm.apply(&x, &[1.0; 6], &[0.5; 6], &mut out);
        for group in out.chunks(2 * plane) {
            let n = group.len() as f64;
            let mean = group.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
            let variance = group.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
            assert!(
                (mean - 0.5).abs() < 1e-5 && (variance - 1.0).abs() < 1e-4,
                "{mean} {variance}"
            );
        }
        let mut activated = vec![0.0; x.len()];
        GroupNorm { silu: true, ..norm }.apply(&x, &[1.0; 6], &[0.5; 6], &mut activated);
        for (a, y) in activated.iter().zip(&out) {
            assert!((a - y / (1.0 + (-y).exp())).abs() < 1e-6);
        }
    }
}
