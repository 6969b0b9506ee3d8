//! A tune: references, candidates without evaluations, a race, refinement, and the judgement of
//! one finalist on held-out prompts, each stage a generation or several.

mod allotment;
mod candidates;
mod refine;
mod role;
mod solvers;
mod standings;
mod verdict;

pub use allotment::Allotment;
pub use candidates::Predicted;
pub(crate) use role::{Role, judged};
pub use verdict::{Ladder, OtherSize, Verdict, verdict};

use super::{Ask, SearchError, Tried};
use crate::generation::{Candidate, Draft, Instance, Proposal, Stage};
use crate::inputs::{FrozenPreset, FrozenTune};
use crate::spec::tune::{Target, TuneSpec};
use crate::trial::{Experiment, TrialId, very_many};
use candidates::{Kind, Known};
use serde_json::json;
use sigmalab_schedule::free::Overrides;
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;
use sigmalab_tune::gram::{ReferencePath, gw_at};
use sigmalab_tune::grid::levels_of;
use sigmalab_tune::halving::{self, Round};
use sigmalab_tune::split::split;
use std::collections::BTreeMap;

/// The part of what is left after reference runs and judgement that goes to the race.
const RACE_SHARE: f64 = 0.55;

/// Candidates that the race ends with.
const LAST: usize = 2;

/// Samples that the race begins with: one alone ranks by chance.
const FIRST: usize = 2;

/// What a tune is about, looked up once.
pub struct Setting<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) spec: &'a TuneSpec,
    pub(super) frozen: &'a FrozenTune,
    /// The size that schedules are found at.
    pub(super) size: Size,
    pub(super) reference: FrozenPreset,
    /// What schedules are chosen by, whole prompts first.
    pub tuning: Vec<Instance>,
    /// What nothing is chosen by.
    pub held_out: Vec<Instance>,
    /// What the parts may cost.
    pub allotment: Allotment,
}

impl<'a> Setting<'a> {
    /// Looks up what an experiment says.
    ///
    /// # Errors
    /// Where there is nothing to tune on, or the budget does not reach.
    pub fn of(experiment: &'a Experiment) -> Result<Self, SearchError> {
        let missing = |what: &str| SearchError::Damaged(format!("the experiment has no {what}"));
        let spec = experiment.spec.tune.as_ref().ok_or_else(|| missing("[tune]"))?;
        let frozen = experiment.inputs.tune.as_ref().ok_or_else(|| missing("frozen budget"))?;
        let reference = experiment.reference_preset()?.ok_or_else(|| missing("[reference]"))?;
        let size = experiment.spec.sizes.first().copied();
        let size = size.unwrap_or(experiment.inputs.default_size);
        let texts: Vec<String> =
            experiment.inputs.prompts.iter().map(|prompt| prompt.text.clone()).collect();
        if texts.len() < 2 {
            return Err(SearchError::Prompts(
                "a tune needs at least two prompts, one to tune on and one to judge on, and \
                 twelve or more to be conclusive: give more with --prompts"
                    .to_owned(),
            ));
        }
        let split = split(&texts, frozen.opened);
        let seeds = &experiment.spec.seeds;
        let allotment = Allotment::of(spec, frozen, &reference, &split, seeds.len().max(1))?;
        let instances = |prompts: &[usize], count: usize| -> Vec<Instance> {
            let on = |seed: &u64| {
                let seed = *seed;
                let prompts = prompts.iter().take(count).copied();
                prompts.map(move |prompt| Instance { prompt, seed, size })
            };
            seeds.iter().flat_map(on).collect()
        };
        let tuning = instances(&split.tuning, allotment.tuning);
        let held_out = instances(&split.held_out, allotment.held_out);
        Ok(Setting { experiment, spec, frozen, size, reference, tuning, held_out, allotment })
    }

    pub(super) fn terminal(&self) -> Terminal {
        self.reference.terminal
    }

    /// Where the reference preset's steps start, and its guidance weights.
    fn reference_levels(&self) -> (Vec<f64>, Vec<f64>) {
        let steps = &self.reference.steps;
        let gw = steps.iter().map(|step| step.gw).collect();
        (levels_of(steps, self.size, self.terminal()), gw)
    }

    /// The reference's guidance weight at each level.
    pub(super) fn gw_of(&self, levels: &[f64]) -> Vec<f64> {
        let (sigmas, gw) = self.reference_levels();
        levels.iter().map(|level| gw_at(&sigmas, &gw, *level)).collect()
    }

    /// The reference preset in another number of steps, as flags make it.
    pub(super) fn naive(&self, steps: usize) -> Result<Vec<Step>, SearchError> {
        let overrides = Overrides { num_steps: Some(steps), ..Overrides::default() };
        let made = self.reference.preset().with_overrides(&overrides);
        let made = made.map_err(|error| SearchError::Damaged(error.to_string()))?;
        Ok(made.steps.0)
    }

    pub(super) fn euler(&self, steps: Vec<Step>, terminal: Terminal) -> Candidate {
        Candidate { steps, terminal, sampler: "euler".to_owned(), params: BTreeMap::new() }
    }
}

/// The presets that a tune is judged against: from itself the reference is no distance away, so that
/// beside it, where it is imitated, nothing is told.
fn judged_against<'a>(
    spec: &TuneSpec,
    frozen: &'a FrozenTune,
    reference: &FrozenPreset,
) -> Vec<&'a FrozenPreset> {
    let is_itself = |preset: &FrozenPreset| {
        spec.target == Target::Imitate
            && (&preset.steps, preset.terminal) == (&reference.steps, reference.terminal)
    };
    frozen.against.iter().filter(|preset| !is_itself(preset)).collect()
}

fn proposal(name: &str, candidate: Candidate, instances: &[Instance], pictures: bool) -> Proposal {
    Proposal {
        name: name.to_owned(),
        values: Vec::new(),
        point: Vec::new(),
        candidate: Some(candidate),
        instances: instances.to_vec(),
        pictures,
    }
}

/// What is tried next; `None` once all is judged.
pub(super) fn next(
    experiment: &Experiment,
    tried: &[Tried],
    references: &[(Instance, TrialId)],
    ask: &mut dyn Ask,
) -> Result<Option<Draft>, SearchError> {
    let setting = Setting::of(experiment)?;
    let Some(last) = tried.last() else { return first(&setting).map(Some) };
    match last.generation.stage {
        Stage::References => start_race(&setting, references, ask).map(Some),
        Stage::Race => match go_on(&setting, tried)? {
            Some(draft) => Ok(Some(draft)),
            None => refine_or_judge(&setting, tried).map(Some),
        },
        Stage::Refine => refine_or_judge(&setting, tried).map(Some),
        Stage::Judgement => match ladder(&setting, tried, references, ask)? {
            Some(draft) => Ok(Some(draft)),
            None => sizes(&setting, tried),
        },
        Stage::Ladder => sizes(&setting, tried),
        Stage::Sizes | Stage::Search => Ok(None),
    }
}

/// The reference runs of tuning. What is proposed is the same schedule once more, which costs
/// nothing: every evaluation is the reference run's.
fn first(setting: &Setting<'_>) -> Result<Draft, SearchError> {
    let steps = match setting.spec.target {
        Target::Imitate => setting.reference.steps.clone(),
        Target::Exact => very_many(&setting.reference.steps, setting.size, setting.terminal())?,
    };
    let same = setting.euler(steps, setting.terminal());
    Ok(Draft {
        stage: Stage::References,
        proposals: vec![proposal("reference", same, &setting.tuning, false)],
        note: serde_json::Value::Null,
    })
}

/// What the reference runs of tuning left.
fn paths(
    setting: &Setting<'_>,
    references: &[(Instance, TrialId)],
    ask: &mut dyn Ask,
) -> Result<Vec<ReferencePath>, SearchError> {
    let of = |instance: &Instance| {
        let known = references.iter().find(|(known, _)| known == instance);
        let missing = || SearchError::Reference {
            prompt: setting
                .experiment
                .inputs
                .prompts
                .get(instance.prompt)
                .map(|prompt| prompt.id.clone())
                .unwrap_or_default(),
        };
        known.map(|(_, id)| id.clone()).ok_or_else(missing)
    };
    setting.tuning.iter().map(|instance| ask.path(&of(instance)?)).collect()
}

/// The candidates, and the first round of the race.
fn start_race(
    setting: &Setting<'_>,
    references: &[(Instance, TrialId)],
    ask: &mut dyn Ask,
) -> Result<Draft, SearchError> {
    let paths = paths(setting, references, ask)?;
    let Known { candidates, predicted } = candidates::find(setting, &paths, ask)?;
    let runs = setting.allotment.race_runs(setting.spec.steps, RACE_SHARE);
    let mut rounds = halving::rounds(candidates.len(), setting.tuning.len(), runs, 3, LAST, FIRST);
    if rounds.is_empty() {
        // Nothing to race for: the first candidate is the finalist.
        rounds.push(Round { candidates: 1, samples: 1 });
    }
    let round = rounds.first().copied().unwrap_or(Round { candidates: 1, samples: 1 });
    let instances: Vec<Instance> = setting.tuning.iter().copied().take(round.samples).collect();
    let proposals = candidates
        .iter()
        .take(round.candidates)
        .map(|found| proposal(&found.name, found.candidate.clone(), &instances, false))
        .collect();
    let told: Vec<_> = candidates
        .iter()
        .map(|found| {
            json!({
                "name": found.name,
                "kind": found.kind,
                "coefficient": found.coefficient,
                "predicted": found.predicted,
            })
        })
        .collect();
    let rounds: Vec<_> = rounds.iter().map(|round| (round.candidates, round.samples)).collect();
    let note = json!({ "rounds": rounds, "candidates": told, "predicted": predicted });
    Ok(Draft { stage: Stage::Race, proposals, note })
}

/// The race's next round, if there is one.
fn go_on(setting: &Setting<'_>, tried: &[Tried]) -> Result<Option<Draft>, SearchError> {
    let race: Vec<&Tried> =
        tried.iter().filter(|tried| tried.generation.stage == Stage::Race).collect();
    let (Some(begun), Some(last)) = (race.first(), race.last()) else { return Ok(None) };
    let rounds = begun.generation.note.get("rounds").cloned().unwrap_or_default();
    let rounds: Vec<(usize, usize)> = serde_json::from_value(rounds).unwrap_or_default();
    let Some((candidates, samples)) = rounds.get(race.len()).copied() else { return Ok(None) };
    let losses: Vec<f64> = last.distances.iter().map(|all| super::loss(all)).collect();
    if losses.iter().all(|loss| loss.is_nan()) {
        return Err(SearchError::Nothing);
    }
    let instances: Vec<Instance> = setting.tuning.iter().copied().take(samples).collect();
    let proposals: Vec<Proposal> = halving::survivors(&losses, candidates)
        .into_iter()
        .filter_map(|index| last.generation.proposals.get(index))
        .map(|survivor| Proposal { instances: instances.clone(), ..survivor.clone() })
        .collect();
    let note = json!({ "round": race.len() });
    Ok(Some(Draft { stage: Stage::Race, proposals, note }))
}

fn refine_or_judge(setting: &Setting<'_>, tried: &[Tried]) -> Result<Draft, SearchError> {
    match refine::next(setting, tried)? {
        Some(draft) => Ok(draft),
        None => judge(setting, tried),
    }
}

/// What the finalist is judged on, and against what. From here on it does not change.
fn judge(setting: &Setting<'_>, tried: &[Tried]) -> Result<Draft, SearchError> {
    let found = standings::leader(setting, tried, standings::compared_on(setting, tried))?;
    let held_out = &setting.held_out;
    let naive = Candidate {
        steps: setting.naive(setting.spec.steps)?,
        terminal: setting.terminal(),
        ..found.candidate.clone()
    };
    let mut all = vec![
        (Role::Found, proposal(&found.name, found.candidate, held_out, true)),
        (Role::Naive, proposal("naive, the same sampler", naive, held_out, true)),
    ];
    if let Some(plain) = standings::best_of(setting, tried, &[Kind::Pinned, Kind::Plain]) {
        let name = plain.name.clone();
        all.push((Role::Plain, proposal(&name, plain.candidate, held_out, false)));
    }
    for preset in judged_against(setting.spec, setting.frozen, &setting.reference) {
        let candidate = setting.euler(preset.steps.clone(), preset.terminal);
        let role = Role::Preset(preset.name.clone());
        all.push((role, proposal(&preset.name, candidate, held_out, true)));
    }
    let few: Vec<Instance> =
        held_out.iter().copied().take(setting.allotment.limit_samples).collect();
    let other = match setting.spec.target {
        Target::Imitate => {
            let steps = very_many(&setting.reference.steps, setting.size, setting.terminal())?;
            (Role::Limit, setting.euler(steps, setting.terminal()))
        }
        Target::Exact => {
            (Role::Reference, setting.euler(setting.reference.steps.clone(), setting.terminal()))
        }
    };
    let name = other.0.name().to_owned();
    all.push((other.0, proposal(&name, other.1, &few, false)));
    let (roles, proposals): (Vec<Role>, Vec<Proposal>) = all.into_iter().unzip();
    let plain = standings::best_of(setting, tried, &[Kind::Plain]);
    let note = json!({ "roles": roles, "plain": plain.map(|plain| plain.candidate) });
    Ok(Draft { stage: Stage::Judgement, proposals, note })
}

/// Other numbers of steps on held-out prompts, by the finalist's solver.
fn ladder(
    setting: &Setting<'_>,
    tried: &[Tried],
    references: &[(Instance, TrialId)],
    ask: &mut dyn Ask,
) -> Result<Option<Draft>, SearchError> {
    if setting.spec.ladder.is_empty() {
        return Ok(None);
    }
    let Some((name, found)) = finalist(tried) else { return Ok(None) };
    let coefficient = coefficient_of(tried, name);
    let paths = paths(setting, references, ask)?;
    let few: Vec<Instance> =
        setting.held_out.iter().copied().take(setting.allotment.ladder_samples).collect();
    let mut proposals = Vec::new();
    for steps in &setting.spec.ladder {
        for (kind, candidate) in
            candidates::of_steps(setting, &paths, &found, coefficient, *steps, ask)?
        {
            proposals.push(proposal(&format!("{kind} {steps}"), candidate, &few, false));
        }
    }
    let ends = proposals.is_empty();
    let note = serde_json::Value::Null;
    Ok((!ends).then_some(Draft { stage: Stage::Ladder, proposals, note }))
}

/// The finalist at other sizes, beside the naive grid and the last preset that it was judged
/// against.
fn sizes(setting: &Setting<'_>, tried: &[Tried]) -> Result<Option<Draft>, SearchError> {
    let Some(judgement) = tried.iter().find(|tried| tried.generation.stage == Stage::Judgement)
    else {
        return Ok(None);
    };
    let roles = role::roles(&judgement.generation);
    let against = judged_against(setting.spec, setting.frozen, &setting.reference);
    let last = against.last().map(|preset| Role::Preset(preset.name.clone()));
    let mut proposals = Vec::new();
    for size in &setting.spec.further_sizes {
        let few: Vec<Instance> = setting
            .held_out
            .iter()
            .take(setting.allotment.size_samples)
            .map(|instance| Instance { size: *size, ..*instance })
            .collect();
        for (role, tried) in roles.iter().zip(&judgement.generation.proposals) {
            let told = matches!(role, Role::Found | Role::Naive) || Some(role) == last.as_ref();
            if let Some(candidate) = tried.candidate.clone().filter(|_| told) {
                proposals.push(proposal(role.name(), candidate, &few, false));
            }
        }
    }
    let ends = proposals.is_empty();
    let note = serde_json::Value::Null;
    Ok((!ends).then_some(Draft { stage: Stage::Sizes, proposals, note }))
}

/// The finalist and its name, once it is frozen.
fn finalist(tried: &[Tried]) -> Option<(&str, Candidate)> {
    let judgement = tried.iter().find(|tried| tried.generation.stage == Stage::Judgement)?;
    let found = judgement.generation.proposals.first()?;
    Some((&found.name, found.candidate.clone()?))
}

/// The coefficient of the programme that a candidate came from: moves add to its name.
fn coefficient_of(tried: &[Tried], name: &str) -> Option<f64> {
    let begun = tried.iter().find(|tried| tried.generation.stage == Stage::Race)?;
    let told = begun.generation.note.get("candidates")?.as_array()?;
    let name_of = |told: &serde_json::Value| {
        let own = told.get("name")?.as_str()?;
        let rest = name.strip_prefix(own)?;
        (rest.is_empty() || rest.starts_with(' ')).then_some(own.len())
    };
    let longest = told.iter().filter_map(|told| Some((name_of(told)?, told)));
    longest.max_by_key(|(length, _)| *length)?.1.get("coefficient")?.as_f64()
}

#[cfg(test)]
mod tests;
