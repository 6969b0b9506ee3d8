//! The plan of a sweep: a tree over trials that share the beginning of their trajectories, walked
//! depth first, and what it costs. It counts evaluations by the rules of the engine's trajectory
//! cache; it runs nothing.

mod chain;
mod unit;

pub use unit::Unit;

use super::trial::Trials;
use chain::{Chain, KnownStates};
use sigmalab_engine::event::NfeCount;
use sigmalab_engine::network::CHANNELS;
use std::collections::HashMap;

/// What a sweep runs and in which order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Runs in the order in which one process does them all.
    pub runs: Vec<PlannedRun>,
    /// Parts that processes take as a whole, in the same order.
    pub units: Vec<Unit>,
    /// Evaluations of all runs: `done` are needed, `saved` are those that running every trial
    /// alone would need beside them.
    pub nfe: NfeCount,
    /// The same of the reference runs alone.
    pub reference_nfe: NfeCount,
    /// Bytes of trajectory cache that the plan needs to be kept to: the states of one run.
    pub cache_bytes: u64,
}

/// A run in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedRun {
    /// What is run.
    pub run: Run,
    /// Its evaluations when everything before it was run before it.
    pub nfe: NfeCount,
}

/// A trial or a reference run, by its place in [`Trials`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Run {
    /// A reference run.
    Reference(usize),
    /// A trial.
    Trial(usize),
}

impl Plan {
    /// The plan of `trials`.
    pub fn of(trials: &Trials) -> Self {
        let chain = |recipe| Chain::of(recipe, &trials.samplers);
        let chains: Vec<Chain> = trials.trials.iter().map(|trial| chain(&trial.recipe)).collect();
        let references: Vec<Chain> =
            trials.references.iter().map(|reference| chain(&reference.recipe)).collect();
        let order = depth_first(trials, &chains);
        let mut known = KnownStates::default();
        let mut plan = Plan {
            runs: Vec::new(),
            units: unit::units(trials, &chains, &order),
            nfe: NfeCount::default(),
            reference_nfe: NfeCount::default(),
            cache_bytes: 0,
        };
        let mut ready = vec![false; references.len()];
        for trial in order {
            let reference = trials.trials.get(trial).and_then(|trial| trial.reference);
            if let Some(reference) = reference
                && let (Some(chain), Some(false)) =
                    (references.get(reference), ready.get(reference))
            {
                let nfe = known.run(chain);
                add(&mut plan.reference_nfe, nfe);
                add(&mut plan.nfe, nfe);
                plan.runs.push(PlannedRun { run: Run::Reference(reference), nfe });
                if let Some(ready) = ready.get_mut(reference) {
                    *ready = true;
                }
            }
            if let Some(chain) = chains.get(trial) {
                let nfe = known.run(chain);
                add(&mut plan.nfe, nfe);
                plan.runs.push(PlannedRun { run: Run::Trial(trial), nfe });
            }
        }
        let tokens = |tokens: usize, steps: usize| {
            // x and two velocities a state, and one state more than there are steps; one spare for
            // the bookkeeping.
            3 * (tokens * CHANNELS * size_of::<f32>()) as u64 * (steps as u64 + 2)
        };
        let recipes = trials.trials.iter().map(|trial| &trial.recipe);
        let recipes = recipes.chain(trials.references.iter().map(|reference| &reference.recipe));
        plan.cache_bytes = recipes
            .map(|recipe| tokens(recipe.size.tokens(), recipe.steps.len()))
            .max()
            .unwrap_or_default();
        plan
    }

    /// Evaluations of the runs for which `pending` holds, in the plan's order, by a process that
    /// has computed nothing yet.
    pub fn remaining(&self, trials: &Trials, mut pending: impl FnMut(Run) -> bool) -> NfeCount {
        let mut known = KnownStates::default();
        let mut total = NfeCount::default();
        for planned in &self.runs {
            if !pending(planned.run) {
                continue;
            }
            let recipe = match planned.run {
                Run::Reference(place) => trials.references.get(place).map(|run| &run.recipe),
                Run::Trial(place) => trials.trials.get(place).map(|run| &run.recipe),
            };
            if let Some(recipe) = recipe {
                add(&mut total, known.run(&Chain::of(recipe, &trials.samplers)));
            }
        }
        total
    }
}

/// Adds `more` to `sum`.
pub(super) fn add(sum: &mut NfeCount, more: NfeCount) {
    sum.cond_done += more.cond_done;
    sum.uncond_done += more.uncond_done;
    sum.cond_saved += more.cond_saved;
    sum.uncond_saved += more.uncond_saved;
}

/// The trials group by group, a group being those of one reference run or else of one prompt,
/// seed and size; within it depth first over the tree of their states. Branches keep the order of
/// the trials that open them.
fn depth_first(trials: &Trials, chains: &[Chain]) -> Vec<usize> {
    let mut ordinals: HashMap<_, usize> = HashMap::new();
    let mut places: Vec<(usize, Vec<usize>, usize)> = Vec::with_capacity(chains.len());
    let mut groups: HashMap<_, usize> = HashMap::new();
    for (number, (trial, chain)) in trials.trials.iter().zip(chains).enumerate() {
        let next = groups.len();
        let group = (&trial.recipe.prompt, trial.seed, trial.recipe.size);
        let group = *groups.entry(group).or_insert(next);
        let path = chain.keys.iter().map(|key| {
            let next = ordinals.len();
            *ordinals.entry(*key).or_insert(next)
        });
        places.push((group, path.collect(), number));
    }
    places.sort();
    places.into_iter().map(|(_, _, number)| number).collect()
}

#[cfg(test)]
mod tests;
