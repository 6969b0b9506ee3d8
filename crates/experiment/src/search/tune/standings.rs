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
}

impl Standing {
    /// How many of the first samples it was run on.
    fn samples(&self) -> usize {
        self.distances.iter().take_while(|distance| distance.is_some()).count()
    }

    /// The loss over the first so many samples; worst of all where it was not run on them.
    pub(super) fn loss(&self, samples: usize) -> f64 {
        let known: Vec<f64> = self.distances.iter().take(samples).copied().flatten().collect();
        let loss = loss(&known);
        if known.len() < samples || loss.is_nan() { f64::INFINITY } else { loss }
    }
}

/// Every candidate that was run in race and refinement, in the order in which they came.
pub(super) fn all(setting: &Setting<'_>, tried: &[Tried]) -> Vec<Standing> {
    let mut found: Vec<Standing> = Vec::new();
    let chosen_by = |stage| matches!(stage, Stage::Race | Stage::Refine);
    for tried in tried.iter().filter(|tried| chosen_by(tried.generation.stage)) {
        for (proposal, distances) in tried.generation.proposals.iter().zip(&tried.distances) {
            let Some(candidate) = &proposal.candidate else { continue };
            let place = found.iter().position(|known| known.candidate == *candidate);
            let place = place.unwrap_or_else(|| {
                found.push(Standing {
                    name: proposal.name.clone(),
                    candidate: candidate.clone(),
                    distances: vec![None; setting.tuning.len()],
                });
                found.len() - 1
            });
            for (instance, distance) in proposal.instances.iter().zip(distances) {
                let sample = setting.tuning.iter().position(|known: &Instance| known == instance);
                let slot =
                    sample.and_then(|sample| found.get_mut(place)?.distances.get_mut(sample));
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

/// How many samples the last ones were compared on.
pub(super) fn compared_on(setting: &Setting<'_>, tried: &[Tried]) -> usize {
    let chosen_by = |stage| matches!(stage, Stage::Race | Stage::Refine);
    let last = tried.iter().rev().find(|tried| chosen_by(tried.generation.stage));
    let proposals = last.map(|tried| tried.generation.proposals.as_slice()).unwrap_or_default();
    let samples = proposals.iter().map(|proposal| proposal.instances.len()).min();
    samples.unwrap_or(0).min(setting.tuning.len())
}

/// The best of some kinds: among those that were run on most samples the one ahead, else the first
/// by prediction.
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
