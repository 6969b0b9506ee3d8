//! The states a run passes through, by key, and what is known of them: what the engine's rules
//! for sharing ([`sigmalab_engine::state_key`]) save, counted without tensors.

use sigmalab_engine::event::NfeCount;
use sigmalab_engine::guidance::needs_unconditional;
use sigmalab_engine::recipe::Recipe;
use sigmalab_engine::state_key::{FirstVelocities, Need, StateKey, past_steps, resume_index};
use sigmalab_sampler::Samplers;
use std::collections::HashMap;

/// What a plan keeps of a state's key: half of it, which no two states of a sweep share either.
pub(super) type StateHash = u128;

/// The states of one run.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// Keys of the N + 1 states.
    pub(super) keys: Vec<StateHash>,
    /// Whether each of the N steps needs the unconditional network.
    unconditional: Vec<bool>,
    /// Evaluations of a network a step.
    evaluations: u64,
    /// Past steps that have to be known where a run resumes.
    past: usize,
    /// The noise as the unconditional network sees it.
    noise: StateHash,
    /// Whether runs share its states.
    shared: bool,
}

impl Chain {
    /// The states of a recipe; none where it cannot be run.
    pub(super) fn of(recipe: &Recipe, samplers: &Samplers) -> Self {
        let Ok((schedule, chosen)) = recipe.check(samplers) else {
            return Chain {
                keys: vec![],
                unconditional: vec![],
                evaluations: 0,
                past: 0,
                noise: 0,
                shared: false,
            };
        };
        // Equal names are equal weights and equal noise within one sweep.
        let model = format!("{:?}", recipe.model);
        let noise = serde_json::to_string(&recipe.noise).unwrap_or_default();
        let keys = StateKey::of_recipe(recipe, (&chosen).into(), &schedule, &model, &noise);
        Chain {
            keys: keys.iter().map(StateKey::half).collect(),
            unconditional: schedule
                .steps()
                .iter()
                .map(|step| needs_unconditional(step.gw))
                .collect(),
            evaluations: u64::from(chosen.info.evaluations_per_step),
            past: past_steps(&chosen.info),
            noise: StateKey::of_noise(recipe, &schedule, &model, &noise).half(),
            shared: recipe.shares_states(),
        }
    }

    /// Its evaluations where nothing is known.
    fn alone(&self) -> NfeCount {
        let unconditional = self.unconditional.iter().filter(|needed| **needed).count();
        NfeCount {
            cond_done: self.evaluations * self.unconditional.len() as u64,
            uncond_done: self.evaluations * unconditional as u64,
            ..NfeCount::default()
        }
    }

    /// The noise as the unconditional network sees it.
    pub(super) fn noise(&self) -> StateHash {
        self.noise
    }

    /// Steps that have to be taken after the first `shared` states.
    pub(super) fn steps_after(&self, shared: usize) -> usize {
        (self.keys.len().saturating_sub(1)).saturating_sub(shared.saturating_sub(1))
    }

    /// How many states two runs share from the start.
    pub(super) fn shared(&self, other: &Chain) -> usize {
        self.keys.iter().zip(&other.keys).take_while(|(a, b)| a == b).count()
    }
}

/// The noises at which the unconditional network was evaluated.
pub(super) type KnownNoises = FirstVelocities<StateHash, ()>;

/// Which velocities are known at a state.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    cond: bool,
    uncond: bool,
}

/// States that runs have passed through.
#[derive(Debug, Default)]
pub(super) struct KnownStates(HashMap<StateHash, Known>);

impl KnownStates {
    /// Runs a chain: counts its evaluations and remembers its states, and in `noises` its noise.
    pub(super) fn run(&mut self, chain: &Chain, noises: &mut KnownNoises) -> NfeCount {
        if !chain.shared {
            return chain.alone();
        }
        let mut nfe = NfeCount::default();
        let steps = chain.unconditional.len();
        let start =
            resume_index(steps, chain.past, |index, need| self.is_known(chain, index, need));
        let start = start.unwrap_or(0);
        for (step, &unconditional) in chain.unconditional.iter().enumerate() {
            let networks = u64::from(unconditional);
            if step < start {
                nfe.cond_saved += chain.evaluations;
                nfe.uncond_saved += networks * chain.evaluations;
                continue;
            }
            let Some(key) = chain.keys.get(step) else { continue };
            let known = self.0.entry(*key).or_default();
            if step == 0 && unconditional {
                known.uncond |= noises.get(&chain.noise).is_some();
                let _ = noises.put(chain.noise, ());
            }
            let fresh = |known: &mut bool| u64::from(!std::mem::replace(known, true));
            let cond = fresh(&mut known.cond);
            let uncond = if unconditional { fresh(&mut known.uncond) } else { 0 };
            // Evaluations within a step are the sampler's own, and remembered by nobody.
            let inner = chain.evaluations.saturating_sub(1);
            nfe.cond_done += cond + inner;
            nfe.cond_saved += 1 - cond;
            nfe.uncond_done += uncond + networks * inner;
            nfe.uncond_saved += networks - uncond;
            if let Some(next) = chain.keys.get(step + 1) {
                self.0.entry(*next).or_default();
            }
        }
        nfe
    }

    /// Forgets the states of all other runs. Depth first, none of them is passed through again.
    pub(super) fn forget_all_but<'c>(&mut self, chains: impl Iterator<Item = &'c Chain>) {
        let before = std::mem::take(&mut self.0);
        let keys = chains.flat_map(|chain| &chain.keys);
        self.0 = keys.filter_map(|key| Some((*key, *before.get(key)?))).collect();
    }

    /// Whether what a run needs of a state to resume at it or after it is known.
    fn is_known(&self, chain: &Chain, index: usize, need: Need) -> bool {
        let known = chain.keys.get(index).and_then(|key| self.0.get(key));
        let unconditional = chain.unconditional.get(index).copied().unwrap_or(false);
        known.is_some_and(|known| match need {
            Need::Latents => true,
            Need::Velocities => known.cond && (known.uncond || !unconditional),
        })
    }
}
