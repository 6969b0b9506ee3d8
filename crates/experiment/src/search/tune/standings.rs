//! How candidates stand after the generations so far: every distance that is known of each, and
//! who is ahead on the same samples.

use super::Setting;
use super::candidates::Kind;
use crate::generation::{Candidate, Instance, Stage};
use crate::search::{SearchError, Tried, loss};

/// A candidate and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    pub(super) name: String,
    pub(super) candidate: Candidate,
    /// Distances on tuning samples, in their order, as far as they were run.
    distances: Vec<Option<f64>>,
    /// The generation of the refinement that brought it; `None` for one of the race.
    moved: Option<usize>,
}

impl Standing {
    /// How many of the first samples it was run on.
    pub(super) fn samples(&self) -> usize {
        self.distances.iter().take_while(|distance| distance.is_some()).count()
    }

    /// The loss over the first so many samples; worst of all where it was not run on them.
    pub(super) fn loss(&self, samples: usize) -> f64 {
        let known: Vec<f64> = self.distances.iter().take(samples).copied().flatten().collect();
        let loss = loss(&known);
        if known.len() < samples || loss.is_nan() { f64::INFINITY } else { loss }
    }
}

impl Standing {
    /// Whether it is nearer than `other` on the first so many samples by more than a standard error
    /// of their differences: of many moves the best is else the luckiest.
    fn is_ahead_of(&self, other: &Standing, samples: usize) -> bool {
        let pairs = self.distances.iter().zip(&other.distances).take(samples);
        let differences: Vec<f64> = pairs
            .filter_map(|(own, other)| Some((*own)?.max(1e-12).ln() - (*other)?.max(1e-12).ln()))
            .collect();
        let count = differences.len() as f64;
        let mean = differences.iter().sum::<f64>() / count;
        let squares: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
        let error = (squares / (count - 1.0).max(1.0) / count).sqrt();
        differences.len() == samples && mean + error < 0.0
    }
}

/// Every candidate that was run in race and refinement, in the order in which they came.
pub(super) fn all(setting: &Setting<'_>, tried: &[Tried]) -> Vec<Standing> {
    let mut found: Vec<Standing> = Vec::new();
    let chosen_by = |stage| matches!(stage, Stage::Race | Stage::Refine);
    for tried in tried.iter().filter(|tried| chosen_by(tried.generation.stage)) {
        for (proposal, distances) in tried.generation.proposals.iter().zip(&tried.distances) {
            let Some(candidate) = &proposal.candidate else { continue };
            let index = found.iter().position(|known| known.candidate == *candidate);
            let index = index.unwrap_or_else(|| {
                found.push(Standing {
                    name: proposal.name.clone(),
                    candidate: candidate.clone(),
                    distances: vec![None; setting.tuning.len()],
                    moved: (tried.generation.stage == Stage::Refine)
                        .then_some(tried.generation.number),
                });
                found.len() - 1
            });
            for (instance, distance) in proposal.instances.iter().zip(distances) {
                let sample = setting.tuning.iter().position(|known: &Instance| known == instance);
                let slot =
                    sample.and_then(|sample| found.get_mut(index)?.distances.get_mut(sample));
                if let Some(slot) = slot {
                    *slot = Some(*distance);
                }
            }
        }
    }
    found
}

/// The best `count` on the samples that the race's last round or refinement had, whichever is
/// fewer.
pub(super) fn best(
    setting: &Setting<'_>,
    tried: &[Tried],
    count: usize,
) -> Result<Vec<Standing>, SearchError> {
    let samples = compared_on(setting, tried);
    let mut all = all(setting, tried);
    all.sort_by(|a, b| a.loss(samples).total_cmp(&b.loss(samples)));
    all.retain(|standing| standing.loss(samples).is_finite());
    all.truncate(count);
    if all.is_empty() { Err(SearchError::Nothing) } else { Ok(all) }
}

/// The one that is ahead on the first so many samples: the best of the race, unless a move about it
/// came clearly nearer, unless a move about that did, and so on.
pub(super) fn leader(
    setting: &Setting<'_>,
    tried: &[Tried],
    samples: usize,
) -> Result<Standing, SearchError> {
    let all = all(setting, tried);
    let best_of = |moved: Option<usize>| {
        let own = all.iter().filter(|standing| standing.moved == moved);
        let own = own.filter(|standing| standing.loss(samples).is_finite());
        own.min_by(|a, b| a.loss(samples).total_cmp(&b.loss(samples)))
    };
    let mut leader = best_of(None).ok_or(SearchError::Nothing)?;
    let refined = tried.iter().filter(|tried| tried.generation.stage == Stage::Refine);
    for number in refined.map(|tried| tried.generation.number) {
        let next = best_of(Some(number)).filter(|next| next.is_ahead_of(leader, samples));
        leader = next.unwrap_or(leader);
    }
    Ok(leader.clone())
}

/// How many samples the last ones were compared on.
pub(super) fn compared_on(setting: &Setting<'_>, tried: &[Tried]) -> usize {
    let chosen_by = |stage| matches!(stage, Stage::Race | Stage::Refine);
    let last = tried.iter().rev().find(|tried| chosen_by(tried.generation.stage));
    let proposals = last.map(|tried| tried.generation.proposals.as_slice()).unwrap_or_default();
    let samples = proposals.iter().map(|proposal| proposal.instances.len()).min();
    samples.unwrap_or(0).min(setting.tuning.len())
}

/// The best of some kinds: among those that were run on most samples the one ahead. `None` where
/// none of them was run.
pub(super) fn best_of(setting: &Setting<'_>, tried: &[Tried], kinds: &[Kind]) -> Option<Standing> {
    let begun = tried.iter().find(|tried| tried.generation.stage == Stage::Race)?;
    let told = begun.generation.note.get("candidates")?.as_array()?;
    let is_of = |name: &str| {
        told.iter().any(|told| {
            let kind = told.get("kind").cloned().and_then(|kind| serde_json::from_value(kind).ok());
            told.get("name").and_then(|found| found.as_str()) == Some(name)
                && kind.is_some_and(|kind: Kind| kinds.contains(&kind))
        })
    };
    let mut all = all(setting, tried);
    all.retain(|standing| is_of(&standing.name));
    let most = all.iter().map(Standing::samples).max()?;
    all.into_iter()
        .filter(|standing| standing.samples() == most)
        .min_by(|a, b| a.loss(most).total_cmp(&b.loss(most)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeMap;

    fn standing(distances: &[f64]) -> Standing {
        let terminal = sigmalab_schedule::terminal::Terminal::Reference;
        let (sampler, params) = ("euler".to_owned(), BTreeMap::new());
        Standing {
            name: String::new(),
            candidate: Candidate { steps: Vec::new(), terminal, sampler, params },
            distances: distances.iter().map(|distance| Some(*distance)).collect(),
            moved: None,
        }
    }

    #[test]
    fn a_move_is_ahead_where_it_is_nearer_throughout_and_not_by_one_lucky_prompt() {
        let before = standing(&[0.1, 0.05, 0.08, 0.06, 0.09, 0.07]);
        let throughout = standing(&[0.095, 0.048, 0.075, 0.058, 0.085, 0.066]);
        let lucky = standing(&[0.101, 0.051, 0.079, 0.061, 0.091, 0.035]);
        assert!(lucky.loss(6) < throughout.loss(6));
        assert!(throughout.is_ahead_of(&before, 6) && !before.is_ahead_of(&throughout, 6));
        assert!(!lucky.is_ahead_of(&before, 6));
        // What was not run on all of them is ahead of nobody.
        assert!(!standing(&[0.01; 5]).is_ahead_of(&before, 6));
    }
}
