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

/// The next generation of moves; `None` where no move is worth its cost, or the budget of the
/// search is used up.
pub(super) fn next(setting: &Setting<'_>, tried: &[Tried]) -> Result<Option<Draft>, SearchError> {
    let spent = tried.last().map_or(0, |tried| tried.generation.spent);
    let left = setting.allotment.budget.saturating_sub(setting.allotment.judgement + spent);
    let run = 2 * setting.spec.steps as u64;
    let runs = (left / run.max(1)) as usize;
    let refined: Vec<&Tried> =
        tried.iter().filter(|tried| tried.generation.stage == Stage::Refine).collect();
    let samples = match refined.first() {
        Some(_) => standings::compared_on(setting, tried),
        // So that about three generations of eight moves about two fit.
        None => standings::compared_on(setting, tried).min((runs / 40).max(3)),
    };
    let instances: Vec<Instance> = setting.tuning.iter().copied().take(samples).collect();
    let mut at: Option<Note> = match refined.last() {
        None => Some(Note { moves: Kind::Params, size: 1.0 }),
        Some(last) => after(setting, tried, last, samples)?,
    };
    let incumbents = standings::best(setting, tried, if refined.is_empty() { 2 } else { 1 })?;
    while let Some(note) = at {
        let mut proposals: Vec<Proposal> = Vec::new();
        for incumbent in &incumbents {
            for (name, candidate) in moved(setting, incumbent, &note) {
                let known =
                    proposals.iter().any(|known| known.candidate.as_ref() == Some(&candidate));
                if !known {
                    let name = format!("{} {name}", incumbent.name);
                    proposals.push(proposal(&name, candidate, &instances, false));
                }
            }
        }
        if proposals.is_empty() {
            at = following(setting, note.moves);
            continue;
        }
        // Incumbents come along where they lack samples, which they do not in most cases.
        let all = incumbents
            .iter()
            .map(|known| proposal(&known.name, known.candidate.clone(), &instances, false));
        let cost = (proposals.len() + incumbents.len()) * samples;
        if cost > runs {
            return Ok(None);
        }
        let proposals = all.chain(proposals).collect();
        return Ok(Some(Draft { stage: Stage::Refine, proposals, note: json!(note) }));
    }
    Ok(None)
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
    let best = standings::best(setting, tried, 1)?;
    let before: Vec<Standing> = standings::all(setting, &tried[..tried.len().saturating_sub(1)]);
    let nearest_before =
        before.iter().map(|known| known.loss(samples)).fold(f64::INFINITY, f64::min);
    let improved = best.first().is_some_and(|best| best.loss(samples) < nearest_before);
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
            ParamKind::Choice(names) => (0..names.len()).map(|place| place as f64).collect(),
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
