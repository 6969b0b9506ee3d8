//! Successive halving: many candidates on few samples, fewer on more. Ranks decide who goes on;
//! nothing is tested on the way.

/// A round: so many candidates, each on the first so many samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Candidates that take part.
    pub candidates: usize,
    /// Samples each of them has had after the round.
    pub samples: usize,
}

/// The rounds for so many candidates, samples and runs in all: each round keeps the `eta`th part,
/// until at most `last` are left, and samples grow as candidates fall. Where runs do not reach for
/// `first` samples each, fewer candidates take part, or at last fewer samples are taken. Empty where
/// there is nothing to run.
pub fn rounds(
    candidates: usize,
    samples: usize,
    runs: usize,
    eta: usize,
    last: usize,
    first: usize,
) -> Vec<Round> {
    let (eta, last) = (eta.max(2), last.max(1));
    let least = first.clamp(1, samples.max(1));
    let most = candidates.min(runs);
    // One candidate is no race.
    let choices = (2..=most).rev().map(|taken| (taken, least));
    for (taken, least) in choices.chain((1..=most).rev().map(|taken| (taken, 1))) {
        let mut kept = vec![taken];
        while let Some(&now) = kept.last().filter(|now| **now > last) {
            kept.push(now.div_ceil(eta).max(last));
        }
        for first in (least..=samples).rev() {
            // As many more samples as candidates are fewer.
            let mut rounds: Vec<Round> = kept
                .iter()
                .map(|&now| Round { candidates: now, samples: (first * taken / now).min(samples) })
                .collect();
            rounds.dedup_by(|b, a| a.samples == b.samples);
            if cost(&rounds) <= runs {
                return rounds;
            }
        }
    }
    Vec::new()
}

/// Runs that rounds take: samples that a candidate has had already are not run again.
pub fn cost(rounds: &[Round]) -> usize {
    let mut before = 0;
    let mut sum = 0;
    for round in rounds {
        sum += round.candidates * (round.samples - before);
        before = round.samples;
    }
    sum
}

/// Places of the `keep` candidates with the least loss; of equal ones the first. A loss that is
/// no number is the worst there is.
pub fn survivors(losses: &[f64], keep: usize) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..losses.len()).collect();
    let loss = |index: &usize| losses.get(*index).copied().filter(|loss| !loss.is_nan());
    indices.sort_by(|a, b| {
        loss(a).unwrap_or(f64::INFINITY).total_cmp(&loss(b).unwrap_or(f64::INFINITY))
    });
    indices.truncate(keep);
    indices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::normal;

    #[test]
    fn rounds_fit_the_runs_and_grow_in_samples() {
        for candidates in [1, 2, 7, 40, 100] {
            for samples in [1, 4, 12, 32] {
                for runs in [0, 1, 5, 40, 300, 10_000] {
                    let rounds = rounds(candidates, samples, runs, 3, 2, 2);
                    assert!(cost(&rounds) <= runs);
                    if runs >= 4 && candidates > 1 && samples > 1 {
                        assert!(rounds[0].samples > 1, "{rounds:?}");
                    }
                    assert_eq!(rounds.is_empty(), runs == 0);
                    assert!(rounds.is_sorted_by(|a, b| {
                        a.candidates > b.candidates && a.samples < b.samples
                    }));
                    assert!(rounds.iter().all(|round| round.samples <= samples));
                }
            }
        }
    }

    #[test]
    fn with_runs_enough_everybody_is_run_on_everything() {
        assert_eq!(rounds(5, 8, 40, 3, 1, 1), [Round { candidates: 5, samples: 8 }]);
    }

    #[test]
    fn a_failed_candidate_never_survives_one_that_did_not_fail() {
        assert_eq!(survivors(&[f64::NAN, 2.0, f64::INFINITY, 1.0], 2), [3, 1]);
        assert_eq!(survivors(&[1.0, 1.0, 1.0], 2), [0, 1]);
    }

    #[test]
    fn of_known_qualities_in_noise_the_best_is_found_for_a_third_of_the_runs() {
        let (candidates, samples) = (27, 27);
        let mut found = 0;
        for seed in 0..20 {
            let value = |candidate: usize, sample: usize| {
                candidate as f64 * 0.15 + 0.5 * normal(seed, &[candidate as u64, sample as u64])
            };
            let rounds = rounds(candidates, samples, candidates * samples / 3, 3, 1, 1);
            let mut left: Vec<usize> = (0..candidates).rev().collect();
            for (round, next) in rounds.iter().zip(rounds.iter().skip(1).map(Some).chain([None])) {
                let losses: Vec<f64> = left
                    .iter()
                    .map(|c| {
                        (0..round.samples).map(|s| value(*c, s)).sum::<f64>() / round.samples as f64
                    })
                    .collect();
                let keep = next.map_or(1, |next| next.candidates);
                left = survivors(&losses, keep).into_iter().map(|index| left[index]).collect();
            }
            found += usize::from(left[0] <= 1);
        }
        assert!(found >= 17, "{found} of 20");
    }
}
