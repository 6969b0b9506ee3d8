//! The plan of a sweep: a tree over trials that share the beginning of their trajectories, walked
//! depth first, and what it costs. It counts evaluations by the rules of the engine's trajectory
//! cache; it runs nothing.

mod chain;
mod unit;

pub use unit::Unit;

use super::trial::Trials;
use chain::{Chain, KnownNoises, KnownStates, StateHash};
use sigmalab_engine::event::NfeCount;
use sigmalab_engine::network::CHANNELS;
use sigmalab_engine::state_key::NOISES;
use std::collections::{HashMap, HashSet};

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
    pub run: Run,
    /// Its evaluations when everything before it was run before it.
    pub nfe: NfeCount,
}

/// A trial or a reference run, by its index in [`Trials`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Run {
    Reference(usize),
    Trial(usize),
}

impl Plan {
    pub fn of(trials: &Trials) -> Self {
        let chain = |recipe| Chain::of(recipe, &trials.samplers);
        let mut plan = Plan {
            runs: Vec::with_capacity(trials.trials.len() + trials.references.len()),
            units: Vec::new(),
            nfe: NfeCount::default(),
            reference_nfe: NfeCount::default(),
            cache_bytes: 0,
        };
        let mut ready = vec![false; trials.references.len()];
        // No state of one group is one of another's: one after the other takes less memory. What the
        // unconditional network says of a noise is.
        let mut noises = KnownNoises::default();
        let mut distinct = HashSet::new();
        for (group, members) in groups(trials).into_iter().enumerate() {
            let member = |at: usize| trials.trials.get(*members.get(at)?);
            let chains = members.iter().filter_map(|index| trials.trials.get(*index));
            let chains: Vec<Chain> = chains.map(|trial| chain(&trial.recipe)).collect();
            let order = depth_first(&chains);
            plan.units.extend(unit::units(trials, group, &members, &chains, &order));
            let mut known = KnownStates::default();
            let mut reference_chain = None;
            for at in order {
                let reference = member(at).and_then(|trial| trial.reference);
                if let Some(index) = reference
                    && let (Some(run), Some(ready @ false)) =
                        (trials.references.get(index), ready.get_mut(index))
                {
                    *ready = true;
                    let chain = reference_chain.insert(chain(&run.recipe));
                    distinct.insert(chain.noise());
                    let nfe = known.run(chain, &mut noises);
                    plan.reference_nfe += nfe;
                    plan.nfe += nfe;
                    plan.runs.push(PlannedRun { run: Run::Reference(index), nfe });
                }
                if let (Some(chain), Some(trial)) = (chains.get(at), members.get(at)) {
                    distinct.insert(chain.noise());
                    let nfe = known.run(chain, &mut noises);
                    known.forget_all_but(reference_chain.iter().chain([chain]));
                    plan.nfe += nfe;
                    plan.runs.push(PlannedRun { run: Run::Trial(*trial), nfe });
                }
            }
        }
        let tokens = |tokens: usize, steps: usize| {
            // x and two velocities a state, and one state more than there are steps; one spare for
            // the bookkeeping.
            3 * (tokens * CHANNELS * size_of::<f32>()) as u64 * (steps as u64 + 2)
        };
        let recipes = trials.trials.iter().map(|trial| &trial.recipe);
        let recipes = recipes.chain(trials.references.iter().map(|reference| &reference.recipe));
        let (mut largest, mut of_a_run) = (0, 0);
        for recipe in recipes {
            largest = largest.max(recipe.size.tokens());
            of_a_run = of_a_run.max(tokens(recipe.size.tokens(), recipe.steps.len()));
        }
        // And a velocity, with something for the bookkeeping, of every noise.
        let of_a_noise = (largest * CHANNELS * size_of::<f32>()) as u64 + 64;
        plan.cache_bytes = of_a_run + distinct.len().min(NOISES) as u64 * of_a_noise;
        plan
    }

    /// Evaluations of the runs for which `pending` holds, in the plan's order, by a process that
    /// has computed nothing yet.
    pub fn remaining(&self, trials: &Trials, mut pending: impl FnMut(Run) -> bool) -> NfeCount {
        let (mut known, mut noises) = (KnownStates::default(), KnownNoises::default());
        let mut total = NfeCount::default();
        let mut last_reference = None;
        for planned in &self.runs {
            if !pending(planned.run) {
                continue;
            }
            let recipe = match planned.run {
                Run::Reference(index) => trials.references.get(index).map(|run| &run.recipe),
                Run::Trial(index) => trials.trials.get(index).map(|run| &run.recipe),
            };
            let Some(chain) = recipe.map(|recipe| Chain::of(recipe, &trials.samplers)) else {
                continue;
            };
            total += known.run(&chain, &mut noises);
            match planned.run {
                Run::Reference(_) => last_reference = Some(chain),
                Run::Trial(_) => known.forget_all_but(last_reference.iter().chain([&chain])),
            }
        }
        total
    }
}

/// The trials group by group, a group being those of one prompt, seed and size, which have one
/// reference run.
fn groups(trials: &Trials) -> Vec<Vec<usize>> {
    let mut indices: HashMap<_, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (number, trial) in trials.trials.iter().enumerate() {
        let group = (&trial.recipe.prompt, trial.seed, trial.recipe.size);
        let index = *indices.entry(group).or_insert(groups.len());
        match groups.get_mut(index) {
            Some(members) => members.push(number),
            None => groups.push(vec![number]),
        }
    }
    groups
}

/// The trials of a group depth first over the tree of their states. Branches keep the order of the
/// trials that open them.
fn depth_first(chains: &[Chain]) -> Vec<usize> {
    let keys = |at: &usize| chains.get(*at).map(|chain| chain.keys.as_slice()).unwrap_or_default();
    let mut sorted: Vec<usize> = (0..chains.len()).collect();
    sorted.sort_by(|a, b| keys(a).cmp(keys(b)));
    let mut order = Vec::with_capacity(chains.len());
    branches(&sorted, &keys, &mut order);
    order
}

/// Puts trials into the order, which are sorted by the keys of their states.
fn branches<'k>(
    sorted: &[usize],
    keys: &impl Fn(&usize) -> &'k [StateHash],
    order: &mut Vec<usize>,
) {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return };
    // Sorted as they are, the outermost two share least.
    let shared = keys(first).iter().zip(keys(last)).take_while(|(a, b)| a == b).count();
    let branch = |at: &usize| keys(at).get(shared);
    let mut parts: Vec<&[usize]> = sorted.chunk_by(|a, b| branch(a) == branch(b)).collect();
    if let [whole] = parts.as_slice() {
        // All of them end here.
        let begin = order.len();
        order.extend_from_slice(whole);
        if let Some(new) = order.get_mut(begin..) {
            new.sort_unstable();
        }
        return;
    }
    // Those that end here stand before those that go on.
    let goes_on = |part: &&[usize]| part.first().and_then(branch).is_some();
    parts.sort_by_key(|part| (goes_on(part), part.iter().min().copied()));
    parts.into_iter().for_each(|part| branches(part, keys, order));
}

#[cfg(test)]
mod tests;
