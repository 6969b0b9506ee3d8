//! Softmax over rows of attention scores, in place.

use crate::base::exp::exp;
use crate::base::isa::vectorised;
use crate::base::lanes::{max, sum_of};
use rayon::prelude::*;

/// Scores of queries against keys become weights: softmax(scale · score) along each row of
/// `keys` values.
#[derive(Debug, Clone, Copy)]
pub struct Softmax {
    /// Length of a row.
    pub keys: usize,
    /// Multiplies the scores, above 0.
    pub scale: f32,
    /// Where only earlier keys may be seen.
    pub causal: Option<Causal>,
}

/// Rows are queries of one head after another, each head's in order; the query at place p sees
/// keys 0…p.
#[derive(Debug, Clone, Copy)]
pub struct Causal {
    /// Place of each head's first row in the sequence.
    pub first: usize,
    /// Rows a head has.
    pub rows: usize,
}

impl Softmax {
    /// Turns rows of scores into rows of weights that add up to 1; unseen keys get 0.
    pub fn apply(&self, scores: &mut [f32]) {
        if self.keys == 0 {
            return;
        }
        scores.par_chunks_mut(self.keys).with_min_len(8).enumerate().for_each(|(i, row)| {
            let seen = match self.causal {
                Some(causal) => (causal.first + i % causal.rows.max(1) + 1).min(row.len()),
                None => row.len(),
            };
            let (seen, unseen) = row.split_at_mut(seen);
            unseen.fill(0.0);
            vectorised!({
                let max = max(seen);
                for v in seen.iter_mut() {
                    *v = exp((*v - max) * self.scale);
                }
                let inverse = 1.0 / sum_of(seen, |v| v);
                for v in seen.iter_mut() {
                    *v *= inverse;
                }
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_add_up_to_one_and_follow_the_definition() {
        let mut row: Vec<f32> = (0..37).map(|i| (i % 7) as f32 - 3.0).collect();
        let exact: Vec<f64> = row.iter().map(|&v| (f64::from(v) * 0.5).exp()).collect();
        let total: f64 = exact.iter().sum();
        Softmax { keys: 37, scale: 0.5, causal: None }.apply(&mut row);
        for (v, exact) in row.iter().zip(exact) {
            assert!((f64::from(*v) - exact / total).abs() < 1e-7);
        }
    }

    #[test]
    fn a_causal_row_gives_nothing_to_later_keys() {
        // Two heads of two queries at places 1 and 2 of three.
        let mut scores = vec![1.0f32; 4 * 3];
        let causal = Some(Causal { first: 1, rows: 2 });
        Softmax { keys: 3, scale: 1.0, causal }.apply(&mut scores);
        let third = 1.0 / 3.0;
        let head = [0.5, 0.5, 0.0, third, third, third];
        for (v, expected) in scores.iter().zip(head.iter().chain(&head)) {
            assert!((v - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn a_nan_score_is_not_hidden() {
        let mut scores = vec![0.0, f32::NAN, 1.0];
        Softmax { keys: 3, scale: 1.0, causal: None }.apply(&mut scores);
        assert!(scores.iter().all(|v| v.is_nan()));
    }
}
