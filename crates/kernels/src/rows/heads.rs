//! Normalising and turning the queries and keys of every head, where they stand.

use crate::base::isa::vectorised;
use crate::base::lanes::sum_of;
use crate::base::number::Number;
use rayon::prelude::*;

/// Runs of heads in rows that hold a token each.
#[derive(Debug, Clone, Copy)]
pub struct HeadRun<'a, T> {
    /// The first head's first value in a row.
    pub first: usize,
    /// Heads, one after the other.
    pub heads: usize,
    /// Gains of the RMS normalisation, one for each value of a head.
    pub gain: &'a [T],
}

/// Cosines and sines of a token's angles, half a head of each a token.
#[derive(Debug, Clone, Copy)]
pub struct Angles<'a, T> {
    /// Cosines, token after token.
    pub cos: &'a [T],
    /// Sines alike.
    pub sin: &'a [T],
}

/// Tokens a task handles.
const TOKENS: usize = 8;

/// See [`crate::heads::normalise_and_turn`].
pub(crate) fn normalise_and_turn<T: Number>(
    x: &mut [T],
    stride: usize,
    runs: &[HeadRun<'_, T>],
    eps: f32,
    angles: Angles<'_, T>,
) {
    if stride == 0 {
        return;
    }
    x.par_chunks_mut(TOKENS * stride).enumerate().for_each(|(i, x)| {
        vectorised!({
            for (j, row) in x.chunks_exact_mut(stride).enumerate() {
                for run in runs {
                    let head_dim = run.gain.len();
                    let half = head_dim / 2;
                    let token = (i * TOKENS + j) * half;
                    let cos = &angles.cos[token..token + half];
                    let sin = &angles.sin[token..token + half];
                    let heads = &mut row[run.first..run.first + run.heads * head_dim];
                    for head in heads.chunks_exact_mut(head_dim) {
                        turn(head, run.gain, eps, cos, sin);
                    }
                }
            }
        });
    });
}

#[inline(always)]
fn turn<T: Number>(head: &mut [T], gain: &[T], eps: f32, cos: &[T], sin: &[T]) {
    let squares = sum_of(head, |v| v.to_f32() * v.to_f32());
    let scale = 1.0 / (squares / head.len() as f32 + eps).sqrt();
    let half = head.len() / 2;
    let (first, second) = head.split_at_mut(half);
    let (first_gain, second_gain) = gain.split_at(half);
    for i in 0..half {
        let normalised = |v: T, gain: T| T::from_f32(v.to_f32() * scale * gain.to_f32()).to_f32();
        let (a, b) = (normalised(first[i], first_gain[i]), normalised(second[i], second_gain[i]));
        let (cos, sin) = (cos[i].to_f32(), sin[i].to_f32());
        first[i] = T::from_f32(a * cos - b * sin);
        second[i] = T::from_f32(b * cos + a * sin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_normalised_and_turned_and_all_else_is_left() {
        let (tokens, stride) = (11, 20);
        let gain: [f32; 4] = [0.5, 2.0, 1.0, -1.0];
        let angles: Vec<f64> = (0..tokens * 2).map(|i| i as f64 * 0.7).collect();
        let cos: Vec<f32> = angles.iter().map(|a| a.cos() as f32).collect();
        let sin: Vec<f32> = angles.iter().map(|a| a.sin() as f32).collect();
        let before: Vec<f32> = (0..tokens * stride).map(|i| (i * 37 % 11) as f32 - 4.5).collect();
        let mut x = before.clone();
        let run = HeadRun { first: 3, heads: 2, gain: &gain };
        let angles_of = Angles { cos: &cos, sin: &sin };
        normalise_and_turn(&mut x, stride, &[run], 1e-5, angles_of);
        for token in 0..tokens {
            for column in 0..stride {
                let i = token * stride + column;
                let Some(inside) = column.checked_sub(3).filter(|c| *c < 8) else {
                    assert_eq!(x[i], before[i]);
                    continue;
                };
                let head = &before[token * stride + 3 + inside / 4 * 4..][..4];
                let square: f64 = head.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / 4.0;
                let y: Vec<f64> = head
                    .iter()
                    .zip(gain)
                    .map(|(v, g)| f64::from(*v) / (square + 1e-5).sqrt() * f64::from(g))
                    .collect();
                let (j, angle) = (inside % 4, angles[token * 2 + inside % 2]);
                let expected = match j {
                    0 | 1 => y[j] * angle.cos() - y[j + 2] * angle.sin(),
                    _ => y[j] * angle.cos() + y[j - 2] * angle.sin(),
                };
                assert!((f64::from(x[i]) - expected).abs() < 1e-5);
            }
        }
    }
}
