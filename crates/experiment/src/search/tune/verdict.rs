//! What a tune found and how it was judged, made of complete generations alone.

use super::Setting;
use super::candidates::Predicted;
use super::role::{Role, roles};
use crate::generation::{Candidate, Stage};
use crate::search::{SearchError, Tried};
use crate::trial::Experiment;
use serde::Serialize;
use sigmalab_schedule::size::Size;
use sigmalab_tune::judgement::{self, ByPrompt, Comparison, compare, mean_distance};

/// What a tune found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The finalist's name.
    pub name: String,
    /// The schedule and its sampler.
    pub found: Candidate,
    /// Its mean distance on held-out prompts.
    pub distance: f64,
    /// Against other schedules, in the order that was fixed: the naive grid first.
    pub comparisons: Vec<Comparison>,
    /// The reference preset's own distance to the limit of many steps.
    pub reference_to_limit: Option<f64>,
    /// Prompts that were tuned on.
    pub tuning: usize,
    /// Prompts that it was judged on.
    pub held_out: usize,
    /// The best schedule of one mu and std, for programs that have no others.
    pub plain: Option<Candidate>,
    /// At other sizes.
    pub sizes: Vec<OtherSize>,
    /// Other numbers of steps.
    pub ladder: Vec<Ladder>,
    /// What was predicted without evaluations.
    pub predicted: Vec<Predicted>,
}

/// Distances at another size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OtherSize {
    pub size: Size,
    /// (schedule, mean distance).
    pub distances: Vec<(String, f64)>,
    /// Prompts and seeds.
    pub samples: usize,
}

/// Distances of another number of steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ladder {
    /// What it is of.
    pub name: String,
    pub steps: usize,
    pub distance: f64,
}

impl Verdict {
    /// Whether it may be saved: it is nearer than the naive grid of its own solver, and not by
    /// chance.
    pub fn beats_the_naive_grid(&self) -> bool {
        let first = self.comparisons.first();
        first.is_some_and(|first| first.verdict == judgement::Verdict::Nearer)
    }
}

/// What was found, once the judgement is complete.
///
/// # Errors
/// Where the experiment is none of a tune.
pub fn verdict(experiment: &Experiment, tried: &[Tried]) -> Result<Option<Verdict>, SearchError> {
    let setting = Setting::of(experiment)?;
    let Some(judged) = tried.iter().find(|tried| tried.generation.stage == Stage::Judgement) else {
        return Ok(None);
    };
    let roles = roles(&judged.generation);
    let of = |role: &Role| {
        let index = roles.iter().position(|known| known == role)?;
        Some((judged.generation.proposals.get(index)?, by_prompt(judged, index)))
    };
    let Some((proposal, found)) = of(&Role::Found) else { return Ok(None) };
    let Some(candidate) = proposal.candidate.clone() else { return Ok(None) };
    let others = roles.iter().filter(|role| role.is_judged() && **role != Role::Found);
    let comparisons = others
        .filter_map(|role| {
            let (_, distances) = of(role)?;
            compare(&found, &distances, role.name())
        })
        .collect();
    let limit = of(&Role::Limit).or_else(|| of(&Role::Reference));
    let begun = tried.iter().find(|tried| tried.generation.stage == Stage::Race);
    let note = |key: &str| begun.and_then(|begun| begun.generation.note.get(key).cloned());
    let predicted: Vec<Predicted> = note("predicted")
        .and_then(|predicted| serde_json::from_value(predicted).ok())
        .unwrap_or_default();
    let plain = judged.generation.note.get("plain").cloned();
    Ok(Some(Verdict {
        name: proposal.name.clone(),
        found: candidate,
        distance: mean_distance(&found),
        comparisons,
        reference_to_limit: limit
            .map(|(_, distances)| mean_distance(&distances))
            .filter(|distance| distance.is_finite()),
        tuning: setting.allotment.tuning,
        held_out: setting.allotment.held_out,
        plain: plain.and_then(|plain| serde_json::from_value(plain).ok()),
        sizes: sizes(tried),
        ladder: ladder(tried, judged, &roles),
        predicted,
    }))
}

/// The distances of a proposal, prompt by prompt.
fn by_prompt(tried: &Tried, index: usize) -> ByPrompt {
    let (Some(proposal), Some(distances)) =
        (tried.generation.proposals.get(index), tried.distances.get(index))
    else {
        return Vec::new();
    };
    let mut prompts: Vec<(usize, Vec<f64>)> = Vec::new();
    for (instance, distance) in proposal.instances.iter().zip(distances) {
        match prompts.iter_mut().find(|(prompt, _)| *prompt == instance.prompt) {
            Some((_, seeds)) => seeds.push(*distance),
            None => prompts.push((instance.prompt, vec![*distance])),
        }
    }
    prompts.into_iter().map(|(_, seeds)| seeds).collect()
}

fn mean(distances: &[f64]) -> f64 {
    distances.iter().sum::<f64>() / distances.len().max(1) as f64
}

fn sizes(tried: &[Tried]) -> Vec<OtherSize> {
    let mut found: Vec<OtherSize> = Vec::new();
    let stage = tried.iter().filter(|tried| tried.generation.stage == Stage::Sizes);
    for tried in stage {
        for (proposal, distances) in tried.generation.proposals.iter().zip(&tried.distances) {
            let Some(size) = proposal.instances.first().map(|instance| instance.size) else {
                continue;
            };
            let line = (proposal.name.clone(), mean(distances));
            match found.iter_mut().find(|known| known.size == size) {
                Some(known) => known.distances.push(line),
                None => {
                    let samples = distances.len();
                    found.push(OtherSize { size, distances: vec![line], samples });
                }
            }
        }
    }
    found
}

/// Other numbers of steps, and the finalist and the presets on the same prompts.
fn ladder(tried: &[Tried], judged: &Tried, roles: &[Role]) -> Vec<Ladder> {
    let Some(stage) = tried.iter().find(|tried| tried.generation.stage == Stage::Ladder) else {
        return Vec::new();
    };
    let proposals = stage.generation.proposals.iter().zip(&stage.distances);
    let rungs = proposals.filter_map(|(proposal, distances)| {
        let steps = proposal.candidate.as_ref()?.steps.len();
        let name = proposal.name.rsplit_once(' ').map_or(proposal.name.as_str(), |(n, _)| n);
        Some(Ladder { name: name.to_owned(), steps, distance: mean(distances) })
    });
    let same = stage.generation.proposals.first().map(|proposal| proposal.instances.as_slice());
    let same = same.unwrap_or_default();
    let others = roles.iter().zip(&judged.generation.proposals).zip(&judged.distances);
    let others = others.filter(|((role, _), _)| matches!(role, Role::Found | Role::Preset(_)));
    let others = others.filter_map(|((role, proposal), distances)| {
        let steps = proposal.candidate.as_ref()?.steps.len();
        let on = proposal.instances.iter().zip(distances);
        let on: Vec<f64> =
            on.filter(|(instance, _)| same.contains(instance)).map(|(_, d)| *d).collect();
        Some(Ladder { name: role.name().to_owned(), steps, distance: mean(&on) })
    });
    rungs.chain(others).collect()
}
