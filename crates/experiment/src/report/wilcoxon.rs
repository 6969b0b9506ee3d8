//! Wilcoxon's signed-rank test: whether paired differences lie around 0. Numbers in, numbers out.
//!
//! Differences of 0 are left out, ties share the mean of their ranks. Up to 50 differences the
//! distribution over all signs is exact, ties or not; beyond that it is normal with ties corrected
//! for and no correction for continuity. Source: Wilcoxon, *Individual comparisons by ranking
//! methods* (1945).

use statrs::function::erf::erfc;
use std::f64::consts::SQRT_2;

/// Most differences whose distribution is computed exactly.
const EXACT: usize = 50;

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wilcoxon {
    /// Differences that are not 0.
    pub pairs: usize,
    /// The smaller of the two rank sums.
    pub statistic: f64,
    /// The two-sided p-value.
    pub p: f64,
}

/// Tests paired differences; `None` where all are 0 or one is not finite.
pub fn signed_rank(differences: &[f64]) -> Option<Wilcoxon> {
    if differences.iter().any(|difference| !difference.is_finite()) {
        return None;
    }
    let mut kept: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let pairs = kept.len();
    if pairs == 0 {
        return None;
    }
    kept.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    // Twice the ranks, so that shared ones are whole numbers.
    let mut ranks: Vec<usize> = Vec::with_capacity(pairs);
    let (mut positive, mut tied) = (0, 0.0);
    for ties in kept.chunk_by(|a, b| a.abs() == b.abs()) {
        let rank = 2 * ranks.len() + ties.len() + 1;
        positive += rank * ties.iter().filter(|difference| **difference > 0.0).count();
        ranks.extend(std::iter::repeat_n(rank, ties.len()));
        tied += (ties.len() as f64).powi(3) - ties.len() as f64;
    }
    let smaller = positive.min(ranks.iter().sum::<usize>() - positive);
    let statistic = smaller as f64 / 2.0;
    let p = if pairs <= EXACT { exact(&ranks, smaller) } else { normal(pairs, statistic, tied) };
    Some(Wilcoxon { pairs, statistic, p })
}

/// Twice the probability that positive ranks sum to `most` at most, where every sign is as likely
/// as the other; at most 1.
fn exact(ranks: &[usize], most: usize) -> f64 {
    // shares[s] is the share of the sign patterns whose positive ranks sum to s.
    let mut shares = vec![0.0; most + 1];
    if let Some(none) = shares.first_mut() {
        *none = 1.0;
    }
    for rank in ranks {
        for sum in (0..=most).rev() {
            let with = sum.checked_sub(*rank).and_then(|rest| shares.get(rest)).copied();
            if let Some(share) = shares.get_mut(sum) {
                *share = (*share + with.unwrap_or(0.0)) / 2.0;
            }
        }
    }
    (2.0 * shares.iter().sum::<f64>()).min(1.0)
}

fn normal(pairs: usize, statistic: f64, tied: f64) -> f64 {
    let n = pairs as f64;
    let mean = n * (n + 1.0) / 4.0;
    let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - tied / 2.0) / 24.0;
    if variance <= 0.0 {
        return 1.0;
    }
    // Two tails of the normal distribution.
    erfc((statistic - mean).abs() / variance.sqrt() / SQRT_2).min(1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Statistic and p-value as `scipy.stats.wilcoxon` gives them by default.
    fn agrees(differences: &[f64], statistic: f64, p: f64) {
        let found = signed_rank(differences).unwrap();
        assert_eq!(found.statistic, statistic, "{differences:?}");
        assert!((found.p - p).abs() < 1e-9 * p, "{} instead of {p}", found.p);
    }

    #[test]
    fn values_agree_with_scipys() {
        agrees(&[0.1, -0.2, 0.3, 0.45, -0.05, 0.6, 0.7, 0.8], 4.0, 0.0546875);
        let ties = [1.0, 1.0, 2.0, -2.0, 3.0, 3.0, -1.0, 4.0, 5.0, 5.0, -6.0, 7.0];
        agrees(&ties, 17.5, 0.09423828125);
        agrees(&[0.0, 1.0, 2.0, -3.0, 4.0, 5.0, 0.0, 6.0], 3.0, 0.15625);
        agrees(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.0, 0.0625);
        agrees(&[1.5], 0.0, 1.0);
        let many: Vec<f64> =
            (0..60).map(|i| f64::from((i * 37) % 101 - 40) / 10.0 + 0.01 * f64::from(i)).collect();
        agrees(&many, 514.0, 0.003157200642141992);
    }

    #[test]
    fn nothing_to_rank_is_no_test() {
        assert_eq!(signed_rank(&[]), None);
        assert_eq!(signed_rank(&[0.0, 0.0]), None);
        assert_eq!(signed_rank(&[1.0, f64::INFINITY]), None);
    }
}
