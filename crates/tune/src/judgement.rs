//! Whether what was found is better on prompts that nothing was chosen by. The unit is the prompt;
//! comparisons stand in an order that was fixed before, so that each may be read by itself.

use super::sign_flip::{FEWEST, SignFlip, sign_flip};
use serde::Serialize;

/// The distances of one schedule: of each prompt, one a seed.
pub type ByPrompt = Vec<Vec<f64>>;

/// What was found against another schedule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The other schedule.
    pub other: String,
    pub distance: f64,
    /// The distance of what was found over the other's: the geometric mean.
    pub ratio: f64,
    /// The interval of 95 % about it, where there is one.
    pub interval: Option<(f64, f64)>,
    /// Chance of such a ratio if there were no difference.
    pub p: f64,
    /// On how many prompts it is nearer.
    pub nearer: usize,
    /// How many prompts there are.
    pub prompts: usize,
    pub verdict: Verdict,
}

/// What a comparison says of the schedule that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Nearer,
    Farther,
    Undecided,
    /// There are too few prompts to tell.
    TooFewPrompts,
}

impl Verdict {
    pub fn in_words(self) -> &'static str {
        match self {
            Verdict::Nearer => "nearer",
            Verdict::Farther => "farther",
            Verdict::Undecided => "cannot be told",
            Verdict::TooFewPrompts => "too few prompts",
        }
    }
}

/// Compares distances on the same prompts and seeds; `None` where a prompt has none, or one that
/// is no number above 0.
pub fn compare(found: &ByPrompt, other: &ByPrompt, name: &str) -> Option<Comparison> {
    let usable = |distances: &ByPrompt| {
        distances
            .iter()
            .all(|seeds| !seeds.is_empty() && seeds.iter().all(|d| d.is_finite() && *d >= 0.0))
    };
    if found.len() != other.len() || !usable(found) || !usable(other) {
        return None;
    }
    // Equal pictures are no reason to divide by 0.
    let ln = |distance: &f64| distance.max(1e-12).ln();
    let differences: Vec<f64> = found
        .iter()
        .zip(other)
        .map(|(found, other)| {
            let pairs = found.iter().zip(other).map(|(a, b)| ln(a) - ln(b));
            pairs.sum::<f64>() / found.len().min(other.len()) as f64
        })
        .collect();
    let SignFlip { pairs, mean, low, high, p } = sign_flip(&differences)?;
    let verdict = match (pairs < FEWEST, high < 0.0, low > 0.0) {
        (true, ..) => Verdict::TooFewPrompts,
        (_, true, _) => Verdict::Nearer,
        (_, _, true) => Verdict::Farther,
        _ => Verdict::Undecided,
    };
    Some(Comparison {
        other: name.to_owned(),
        distance: mean_distance(other),
        ratio: mean.exp(),
        interval: (low.is_finite() && high.is_finite()).then(|| (low.exp(), high.exp())),
        p,
        nearer: differences.iter().filter(|difference| **difference < 0.0).count(),
        prompts: pairs,
        verdict,
    })
}

/// The mean over prompts of the mean over seeds.
pub fn mean_distance(distances: &ByPrompt) -> f64 {
    let mean = |values: &Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
    distances.iter().map(mean).sum::<f64>() / distances.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::draws::{normal, uniform};
    use crate::flow::{Run, sigmas};
    use crate::grid::{logit, sigmoid};
    use crate::weights::euler;

    fn one_seed(distances: &[f64]) -> ByPrompt {
        distances.iter().map(|distance| vec![*distance]).collect()
    }

    #[test]
    fn a_tenth_nearer_on_every_prompt_is_nearer() {
        let other: Vec<f64> = (0..8).map(|i| 0.05 + uniform(1, &[i])).collect();
        let found: Vec<f64> = other.iter().map(|distance| 0.9 * distance).collect();
        let told = compare(&one_seed(&found), &one_seed(&other), "x").unwrap();
        assert_eq!((told.verdict, told.nearer, told.prompts), (Verdict::Nearer, 8, 8));
        assert!((told.ratio - 0.9).abs() < 1e-9);
        let back = compare(&one_seed(&other), &one_seed(&found), "x").unwrap();
        assert_eq!(back.verdict, Verdict::Farther);
        let few = compare(&one_seed(&found[..5]), &one_seed(&other[..5]), "x").unwrap();
        assert_eq!((few.verdict, few.interval), (Verdict::TooFewPrompts, None));
    }

    #[test]
    fn prompts_count_once_however_many_seeds_they_have() {
        let found: ByPrompt = (0..6).map(|_| vec![0.9; 10]).collect();
        let other: ByPrompt = (0..6).map(|_| vec![1.0; 10]).collect();
        let told = compare(&found, &other, "x").unwrap();
        assert_eq!((told.prompts, told.p), (6, 0.03125));
    }

    #[test]
    fn what_cannot_be_compared_is_not() {
        assert_eq!(compare(&one_seed(&[1.0]), &one_seed(&[1.0, 2.0]), "x"), None);
        assert_eq!(compare(&one_seed(&[f64::NAN]), &one_seed(&[1.0]), "x"), None);
        assert_eq!(compare(&vec![vec![]], &vec![vec![]], "x"), None);
    }

    /// Among many schedules some are near on one sample by chance: errors of single steps cancel
    /// there, and nowhere else.
    #[test]
    fn what_fits_one_prompt_and_seed_alone_is_refused_on_others() {
        let fine = sigmas(48);
        // One value: what many have in common cannot be fitted away.
        let end = |run: &Run| run.end()[0];
        let references: Vec<f32> =
            (0..60).map(|seed| end(&Run::euler(&fine, |_| 1.0, seed))).collect();
        let distance = |levels: &[f64], seed: u64| {
            let found = end(&Run::with(levels, &vec![1.0; levels.len() - 1], seed, euler));
            f64::from((found - references[seed as usize]).abs())
        };
        let shaken = |number: u64| -> Option<Vec<f64>> {
            let mut levels = sigmas(5);
            for (k, level) in levels.iter_mut().enumerate().take(5).skip(1) {
                *level = sigmoid(logit(*level) + 0.6 * normal(number, &[k as u64]));
            }
            levels.windows(2).all(|ends| ends[0] > ends[1]).then_some(levels)
        };
        let all: Vec<Vec<f64>> = (0..300).filter_map(shaken).collect();
        let nearest = |seeds: &[u64]| -> Vec<f64> {
            let sum = |levels: &Vec<f64>| -> f64 {
                seeds.iter().map(|seed| distance(levels, *seed)).sum()
            };
            all.iter().min_by(|a, b| sum(a).total_cmp(&sum(b))).unwrap().clone()
        };
        let good = nearest(&(20..40).collect::<Vec<u64>>());
        let share =
            |seed: u64, levels: &[f64]| distance(levels, seed) / distance(&good, seed).max(1e-9);
        let (tuned_on, fitted) = (40..60)
            .map(|seed| (seed, nearest(&[seed])))
            .min_by(|a, b| share(a.0, &a.1).total_cmp(&share(b.0, &b.1)))
            .unwrap();
        assert!(share(tuned_on, &fitted) < 0.5, "it is \"better\" where it was tuned");
        let held_out = |levels: &[f64]| -> ByPrompt {
            (0..20).map(|seed| vec![distance(levels, seed)]).collect()
        };
        let (fitted, good) = (held_out(&fitted), held_out(&good));
        let told = compare(&fitted, &good, "good").unwrap();
        assert_ne!(told.verdict, Verdict::Nearer, "{told:?}");
        assert!(mean_distance(&fitted) > mean_distance(&good), "{told:?}");
    }
}
