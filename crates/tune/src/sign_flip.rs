//! The exact sign-flip test of paired differences, and the interval that comes of turning it
//! round. It assumes nothing but that a difference is as likely to fall on either side of the
//! middle, and is exact for any number of pairs.
//!
//! Source: Fisher's randomisation test of matched pairs; the interval by Hartigan's typical values
//! (1969): the means of all subsets of n differences cut the line into 2ⁿ parts that the middle
//! lies in with equal chance.

use super::draws::uniform;

/// Fewest pairs that give an interval of 95 %.
pub const FEWEST: usize = 6;

/// Most pairs of which every subset is looked at; of more, so many drawn ones.
const EVERY: usize = 20;

/// What the test says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignFlip {
    pub pairs: usize,
    /// Mean of the differences.
    pub mean: f64,
    /// The interval of 95 % about it; infinite where there are too few pairs.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Chance of a mean so far from 0 if there were no difference; two-sided.
    pub p: f64,
}

/// Tests differences; `None` without any, or where one is not finite.
pub fn sign_flip(differences: &[f64]) -> Option<SignFlip> {
    let pairs = differences.len();
    if pairs == 0 || differences.iter().any(|difference| !difference.is_finite()) {
        return None;
    }
    let mean = differences.iter().sum::<f64>() / pairs as f64;
    let mut means = subset_means(differences);
    let parts = means.len() as f64 + 1.0;
    // Flipping a subset makes the sum at least as large as it was where the subset's mean is not
    // above 0.
    let share = |extreme: &dyn Fn(&f64) -> bool| {
        (1 + means.iter().filter(|mean| extreme(mean)).count()) as f64 / parts
    };
    let one_sided =
        if mean >= 0.0 { share(&|mean| *mean <= 0.0) } else { share(&|mean| *mean >= 0.0) };
    let cut = (parts * 0.025).floor() as usize;
    let (low, high) = match cut.checked_sub(1) {
        None => (f64::NEG_INFINITY, f64::INFINITY),
        Some(from_end) => {
            means.sort_by(f64::total_cmp);
            (means[from_end], means[means.len() - 1 - from_end])
        }
    };
    Some(SignFlip { pairs, mean, low, high, p: (2.0 * one_sided).min(1.0) })
}

/// The means of every subset but the empty one, or of many drawn ones.
fn subset_means(differences: &[f64]) -> Vec<f64> {
    let pairs = differences.len();
    if pairs <= EVERY {
        return (1..1_u32 << pairs)
            .map(|subset| {
                let chosen = differences.iter().enumerate();
                let sum: f64 =
                    chosen.filter(|(i, _)| subset >> i & 1 == 1).map(|(_, value)| value).sum();
                sum / f64::from(subset.count_ones())
            })
            .collect();
    }
    (0..1_u64 << 16)
        .filter_map(|draw| {
            let chosen: Vec<f64> = differences
                .iter()
                .enumerate()
                .filter(|(i, _)| uniform(17, &[draw, *i as u64]) < 0.5)
                .map(|(_, value)| *value)
                .collect();
            (!chosen.is_empty()).then(|| chosen.iter().sum::<f64>() / chosen.len() as f64)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::draws::normal;

    /// The share of sign patterns whose sum is at least as far from 0.
    fn by_patterns(differences: &[f64]) -> f64 {
        let sum: f64 = differences.iter().sum();
        let patterns = 1_u32 << differences.len();
        let extreme = (0..patterns).filter(|pattern| {
            let flipped: f64 = differences
                .iter()
                .enumerate()
                .map(|(i, value)| if pattern >> i & 1 == 1 { -value } else { *value })
                .sum();
            flipped.abs() >= sum.abs() - 1e-12
        });
        extreme.count() as f64 / f64::from(patterns)
    }

    #[test]
    fn p_is_the_share_of_sign_patterns_so_far_out() {
        for seed in 0..20 {
            let differences: Vec<f64> = (0..9).map(|i| normal(seed, &[i]) + 0.4).collect();
            let found = sign_flip(&differences).unwrap();
            assert!((found.p - by_patterns(&differences)).abs() < 1e-9, "{seed}");
        }
    }

    #[test]
    fn six_pairs_of_one_sign_are_the_fewest_that_say_anything() {
        let five = sign_flip(&[-1.0; 5]).unwrap();
        assert_eq!((five.p, five.high), (0.0625, f64::INFINITY));
        let six = sign_flip(&[-1.0, -2.0, -3.0, -1.5, -0.5, -0.7]).unwrap();
        assert_eq!((six.p, six.high, six.low), (0.03125, -0.5, -3.0));
        assert_eq!(FEWEST, 6);
    }

    #[test]
    fn the_interval_excludes_0_where_p_is_below_5_percent_and_only_there() {
        for seed in 0..60 {
            let shift = seed as f64 / 30.0 - 1.0;
            let differences: Vec<f64> = (0..10).map(|i| normal(seed, &[i]) + shift).collect();
            let found = sign_flip(&differences).unwrap();
            let excludes = found.low > 0.0 || found.high < 0.0;
            assert_eq!(excludes, found.p <= 0.05, "{seed}: {found:?}");
            assert!(found.low <= found.mean && found.mean <= found.high);
        }
    }

    #[test]
    fn many_pairs_are_sampled_and_say_the_same() {
        let differences: Vec<f64> = (0..30).map(|i| normal(5, &[i]) + 0.7).collect();
        let found = sign_flip(&differences).unwrap();
        assert!(found.p < 0.01 && found.low > 0.0, "{found:?}");
        assert!(found.high - found.low < 1.5);
    }

    #[test]
    fn no_numbers_are_no_test() {
        assert_eq!(sign_flip(&[]), None);
        assert_eq!(sign_flip(&[1.0, f64::NAN]), None);
    }
}
