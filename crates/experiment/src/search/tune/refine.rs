//! Refinement: small moves about the best two candidates, and then about the best, each
//! generation one kind of move.

use super::standings::{self, Standing};
use super::{Setting, proposal};
use crate::generation::{Candidate, Draft, Instance, Proposal, Stage};
use crate::search::{SearchError, Tried};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sigmalab_sampler::ParamKind;
use sigmalab_tune::grid::{levels_of, steps_of};
use sigmalab_tune::local::{Moves, Shape, neighbours};

/// Fewest samples that moves are compared on: on three or four the best of eight moves is the
/// luckiest.
const FEWEST: usize = 6;

/// How far levels move at first, in logit σ.
const FIRST: f64 = 0.2;

/// Moves of levels smaller than this are not worth a run.
const LEAST: f64 = 0.04;

/// How far guidance weights move at first, as a share.
const FIRST_GW: f64 = 0.12;

/// Smallest move of guidance weights.
const LEAST_GW: f64 = 0.05;

/// What a generation moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Params,
    Levels,
    Guidance,
}

#[derive(Serialize, Deserialize)]
struct Note {
    moves: Kind,
    size: f64,
}

/// The next generation of moves; `None` where no move is worth its cost, or the budget of the search
/// has no room for any.
pub(super) fn next(setting: &Setting<'_>, tried: &[Tried]) -> Result<Option<Draft>, SearchError> {
    let spent = tried.last().map_or(0, |tried| tried.generation.spent);
    let left = setting.allotment.budget.saturating_sub(setting.allotment.judgement + spent);
    let run = 2 * setting.spec.steps as u64;
    let runs = (left / run.max(1)) as usize;
    let refined: Vec<&Tried> =
        tried.iter().filter(|tried| tried.generation.stage == Stage::Refine).collect();
    let samples = match refined.first() {
        Some(_) => standings::compared_on(setting, tried),
        // So that some generations of eight moves fit.
        None => standings::compared_on(setting, tried).min((runs / 24).max(FEWEST)),
    };
    let instances: Vec<Instance> = setting.tuning.iter().copied().take(samples).collect();
    let mut at: Option<Note> = match refined.last() {
        None => Some(Note { moves: Kind::Params, size: 1.0 }),
        Some(last) => after(setting, tried, last, samples)?,
    };
    let incumbents = match refined.is_empty() {
        true => standings::best(setting, tried, 2)?,
        false => vec![standings::leader(setting, tried, samples)?],
    };
    let known = standings::all(setting, tried);
    // A run that was made for an earlier generation costs nothing.
    let lacking = |proposal: &Proposal| {
        let standing =
            known.iter().find(|known| Some(&known.candidate) == proposal.candidate.as_ref());
        standing.map_or(samples, |standing| samples.saturating_sub(standing.samples()))
    };
    while let Some(note) = at {
        // About the best alone where runs do not reach for two.
        for incumbents in [incumbents.as_slice(), incumbents.get(..1).unwrap_or_default()] {
            let proposals = moves_about(setting, incumbents, &note, &instances);
            if proposals.len() == incumbents.len() {
                continue;
            }
            if proposals.iter().map(lacking).sum::<usize>() <= runs {
                return Ok(Some(Draft { stage: Stage::Refine, proposals, note: json!(note) }));
            }
        }
        at = following(setting, note.moves);
    }
    Ok(None)
}

/// Incumbents, which come along where they lack samples, and their moves, each schedule once.
fn moves_about(
    setting: &Setting<'_>,
    incumbents: &[Standing],
    note: &Note,
    instances: &[Instance],
) -> Vec<Proposal> {
    let with = |name: &str, candidate| proposal(name, candidate, instances, false);
    let mut proposals: Vec<Proposal> =
        incumbents.iter().map(|known| with(&known.name, known.candidate.clone())).collect();
    for incumbent in incumbents {
        for (name, candidate) in moved(setting, incumbent, note) {
            let known = proposals.iter().any(|known| known.candidate.as_ref() == Some(&candidate));
            if !known {
                proposals.push(with(&format!("{} {name}", incumbent.name), candidate));
            }
        }
    }
    proposals
}

/// What comes after a generation: the same again where it was of use, smaller moves where not.
fn after(
    setting: &Setting<'_>,
    tried: &[Tried],
    last: &Tried,
    samples: usize,
) -> Result<Option<Note>, SearchError> {
    let note: Result<Note, _> = serde_json::from_value(last.generation.note.clone());
    let note = note.map_err(|error| SearchError::Damaged(format!("a generation: {error}")))?;
    let before = tried.get(..tried.len().saturating_sub(1)).unwrap_or_default();
    let leader = standings::leader(setting, tried, samples)?;
    let improved = leader.candidate != standings::leader(setting, before, samples)?.candidate;
    let (size, least) = match note.moves {
        Kind::Params => return Ok(following(setting, Kind::Params)),
        Kind::Levels => (note.size, LEAST),
        Kind::Guidance => (note.size, LEAST_GW),
    };
    let size = if improved { size } else { size / 2.0 };
    Ok(if size < least { following(setting, note.moves) } else { Some(Note { size, ..note }) })
}

fn following(setting: &Setting<'_>, moves: Kind) -> Option<Note> {
    match moves {
        Kind::Params => Some(Note { moves: Kind::Levels, size: FIRST }),
        Kind::Levels => {
            setting.spec.guidance.then_some(Note { moves: Kind::Guidance, size: FIRST_GW })
        }
        Kind::Guidance => None,
    }
}

fn moved(setting: &Setting<'_>, from: &Standing, note: &Note) -> Vec<(String, Candidate)> {
    let moves = match note.moves {
        Kind::Params => return params(setting, &from.candidate),
        Kind::Levels => Moves::Levels,
        Kind::Guidance => Moves::Guidance,
    };
    let Candidate { steps, terminal, .. } = &from.candidate;
    let levels = levels_of(steps, setting.size, *terminal);
    let shape = Shape { levels, gw: steps.iter().map(|step| step.gw).collect() };
    let reference = setting.gw_of(shape.levels.get(..shape.gw.len()).unwrap_or_default());
    neighbours(&shape, note.size, moves, &reference)
        .into_iter()
        .filter_map(|(name, shape)| {
            // Guidance follows σ, as the reference's does, until it is searched itself.
            let starts = shape.levels.get(..shape.gw.len())?;
            let gw = if moves == Moves::Levels {
                follow(setting, &shape, steps)
            } else {
                shape.gw.clone()
            };
            let steps = steps_of(starts, &gw, setting.size, *terminal)?;
            Some((name, Candidate { steps, ..from.candidate.clone() }))
        })
        .collect()
}

/// Guidance weights at moved levels: the reference's there, unless the candidate has its own.
fn follow(
    setting: &Setting<'_>,
    shape: &Shape,
    before: &[sigmalab_schedule::preset::Step],
) -> Vec<f64> {
    let starts = |levels: &[f64]| levels.get(..before.len()).unwrap_or_default().to_vec();
    let was = levels_of(before, setting.size, setting.terminal());
    let own: Vec<f64> = before.iter().map(|step| step.gw).collect();
    if setting.gw_of(&starts(&was)) == own { setting.gw_of(&starts(&shape.levels)) } else { own }
}

/// Other values of the sampler's parameters, its start left out: candidates had every start.
fn params(setting: &Setting<'_>, candidate: &Candidate) -> Vec<(String, Candidate)> {
    let Ok(info) = setting.experiment.samplers.info(&candidate.sampler) else { return Vec::new() };
    let mut found = Vec::new();
    for param in info.params.iter().filter(|param| param.key != "start") {
        let now = candidate.params.get(param.key.as_ref()).copied().unwrap_or(param.default);
        let others: Vec<f64> = match &param.kind {
            ParamKind::Choice(names) => (0..names.len()).map(|index| index as f64).collect(),
            ParamKind::Flag => vec![0.0, 1.0],
            ParamKind::Real | ParamKind::Integer if param.tunable && param.increment > 0.0 => {
                vec![now - param.increment, now + param.increment]
            }
            ParamKind::Real | ParamKind::Integer => Vec::new(),
        };
        let inside = |value: &f64| *value != now && (param.min..=param.max).contains(value);
        for value in others.into_iter().filter(inside) {
            let mut params = candidate.params.clone();
            params.insert(param.key.to_string(), value);
            let name = format!("{}={}", param.key, param.write(value));
            found.push((name, Candidate { params, ..candidate.clone() }));
        }
    }
    found
}
