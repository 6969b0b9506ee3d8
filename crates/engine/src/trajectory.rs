//! The trajectory cache: every state a run passes through, keyed by everything that determines
//! it, so that a run which shares a prefix with an earlier one starts where the prefix ends.
//!
//! A state is the latents before step k. The velocities at a state do not depend on the gw of
//! step k, so runs that differ first in gw at step k share them too. This file knows nothing of
//! how velocities are made.

use super::state_key::{FirstVelocities, StateKey};
use sigmalab_metrics::trajectory::StepMetrics;
use std::collections::HashMap;
use std::sync::Arc;

/// Evaluations of the two networks in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepCost {
    pub cond: u64,
    pub uncond: u64,
}

/// A step on the way to a state: what it did and what it cost when it was computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepTaken {
    pub metrics: StepMetrics,
    /// Evaluations a run needs for it.
    pub cost: StepCost,
}

/// A state and what is known of it.
#[derive(Debug, Clone)]
pub struct State {
    pub x: Arc<[f32]>,
    /// The steps that led here, first step first.
    pub steps: Arc<[StepTaken]>,
    /// The conditional velocity at (x, σ), once evaluated.
    pub v_cond: Option<Arc<[f32]>>,
    /// The unconditional velocity at (x, σ), once evaluated.
    pub v_uncond: Option<Arc<[f32]>>,
}

impl State {
    fn bytes(&self) -> u64 {
        let values = [Some(&self.x), self.v_cond.as_ref(), self.v_uncond.as_ref()];
        let tensors: usize =
            values.into_iter().flatten().map(|tensor| size_of_val::<[f32]>(tensor)).sum();
        (tensors + size_of_val::<[StepTaken]>(&self.steps) + size_of::<Slot>()) as u64
    }
}

struct Slot {
    state: State,
    last_used: u64,
}

/// States under a memory budget; the least recently used go first.
pub struct TrajectoryCache {
    slots: HashMap<StateKey, Slot>,
    /// Unconditional velocities at the noise. They go after all states.
    first: FirstVelocities<StateKey, Arc<[f32]>>,
    budget: u64,
    bytes: u64,
    clock: u64,
}

impl TrajectoryCache {
    /// An empty cache that holds at most `budget` bytes; 0 keeps nothing.
    pub fn new(budget: u64) -> Self {
        let first = FirstVelocities::default();
        TrajectoryCache { slots: HashMap::new(), first, budget, bytes: 0, clock: 0 }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The state of `key`, now the most recently used.
    pub fn get(&mut self, key: StateKey) -> Option<&State> {
        self.clock += 1;
        let slot = self.slots.get_mut(&key)?;
        slot.last_used = self.clock;
        Some(&slot.state)
    }

    /// Keeps `state`. Velocities known of the key before and not given anew are kept too.
    pub fn put(&mut self, key: StateKey, mut state: State) {
        if let Some(slot) = self.slots.remove(&key) {
            self.bytes -= slot.state.bytes();
            state.v_cond = state.v_cond.or(slot.state.v_cond);
            state.v_uncond = state.v_uncond.or(slot.state.v_uncond);
        }
        let bytes = state.bytes();
        if bytes > self.budget {
            return;
        }
        self.make_room(bytes);
        self.clock += 1;
        self.bytes += bytes;
        self.slots.insert(key, Slot { state, last_used: self.clock });
    }

    /// The unconditional velocity at a noise of that key, see [`StateKey::of_noise`].
    pub fn first_velocity(&mut self, noise: StateKey) -> Option<Arc<[f32]>> {
        self.first.get(&noise).cloned()
    }

    /// Keeps the unconditional velocity at a noise.
    pub fn put_first_velocity(&mut self, noise: StateKey, velocity: Arc<[f32]>) {
        let bytes = velocity_bytes(&velocity);
        if bytes > self.budget || self.first.get(&noise).is_some() {
            return;
        }
        self.make_room(bytes);
        self.bytes += bytes;
        for dropped in self.first.put(noise, velocity) {
            self.bytes -= velocity_bytes(&dropped);
        }
    }

    fn make_room(&mut self, bytes: u64) {
        while self.bytes + bytes > self.budget {
            let oldest = self.slots.iter().min_by_key(|(_, slot)| slot.last_used);
            let freed = match oldest.map(|(&key, _)| key) {
                Some(key) => self.slots.remove(&key).map(|slot| slot.state.bytes()),
                None => self.first.oldest().map(|velocity| velocity_bytes(&velocity)),
            };
            let Some(freed) = freed else { return };
            self.bytes -= freed;
        }
    }
}

fn velocity_bytes(velocity: &Arc<[f32]>) -> u64 {
    (size_of_val::<[f32]>(velocity) + size_of::<(StateKey, Arc<[f32]>)>()) as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn state(value: f32, len: usize) -> State {
        State { x: vec![value; len].into(), steps: [].into(), v_cond: None, v_uncond: None }
    }

    fn key(name: &str) -> StateKey {
        StateKey::of_parts(&[name.as_bytes()])
    }

    #[test]
    fn velocities_learnt_earlier_are_kept() {
        let mut cache = TrajectoryCache::new(1 << 20);
        let mut first = state(1.0, 4);
        first.v_cond = Some(vec![2.0; 4].into());
        cache.put(key("a"), first);
        let mut second = state(1.0, 4);
        second.v_uncond = Some(vec![3.0; 4].into());
        cache.put(key("a"), second);
        let found = cache.get(key("a")).unwrap();
        assert_eq!(found.v_cond.as_deref(), Some(&[2.0; 4][..]));
        assert_eq!(found.v_uncond.as_deref(), Some(&[3.0; 4][..]));
    }

    #[test]
    fn the_least_recently_used_state_goes_first() {
        let one = state(0.0, 100).bytes();
        let mut cache = TrajectoryCache::new(2 * one);
        cache.put(key("a"), state(1.0, 100));
        cache.put(key("b"), state(2.0, 100));
        cache.get(key("a"));
        cache.put(key("c"), state(3.0, 100));
        assert!(cache.get(key("a")).is_some());
        assert!(cache.get(key("b")).is_none());
        assert!(cache.get(key("c")).is_some());
    }

    #[test]
    fn velocities_at_a_noise_outlive_the_states_of_other_runs() {
        let one = state(0.0, 100).bytes();
        let mut cache = TrajectoryCache::new(3 * one);
        cache.put_first_velocity(key("noise"), vec![1.0; 100].into());
        for name in ["a", "b", "c", "d"] {
            cache.put(key(name), state(1.0, 100));
        }
        assert_eq!(cache.first_velocity(key("noise")).as_deref(), Some(&[1.0; 100][..]));
        assert!(cache.get(key("b")).is_none() && cache.get(key("d")).is_some());
        // Where there is room for nothing else, it is for a state.
        cache.put(key("e"), state(1.0, 290));
        assert!(cache.first_velocity(key("noise")).is_none() && cache.get(key("e")).is_some());
    }

    proptest! {
        #[test]
        fn the_budget_is_never_exceeded_and_bytes_are_what_is_held(
            budget in 0_u64..20_000,
            puts in prop::collection::vec((0_u8..12, 0_usize..1500, any::<bool>(), any::<bool>()), 0..60),
        ) {
            let mut cache = TrajectoryCache::new(budget);
            for (name, len, with_velocity, first) in puts {
                if first {
                    cache.put_first_velocity(key(&name.to_string()), vec![0.0; len].into());
                }
                let mut state = state(0.0, len);
                state.v_cond = with_velocity.then(|| vec![0.0; len].into());
                cache.put(key(&name.to_string()), state);
                prop_assert!(cache.bytes() <= budget);
                let held: u64 = cache.slots.values().map(|slot| slot.state.bytes()).sum();
                let held = held + cache.first.iter().map(velocity_bytes).sum::<u64>();
                prop_assert_eq!(held, cache.bytes());
            }
        }
    }
}
