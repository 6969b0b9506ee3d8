//! The trajectory cache: every state a run passes through, keyed by everything that determines
//! it, so that a run which shares a prefix with an earlier one starts where the prefix ends.
//!
//! A state is the latents before step k. The velocities at a state do not depend on the gw of
//! step k, so runs that differ first in gw at step k share them too. This file knows nothing of
//! how velocities are made.

use super::state_key::StateKey;
use sigmalab_metrics::trajectory::StepMetrics;
use std::collections::HashMap;
use std::sync::Arc;

/// Evaluations of the two networks in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepCost {
    /// Conditional evaluations.
    pub cond: u64,
    /// Unconditional evaluations.
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
    budget: u64,
    bytes: u64,
    clock: u64,
}

impl TrajectoryCache {
    /// An empty cache that holds at most `budget` bytes; 0 keeps nothing.
    pub fn new(budget: u64) -> Self {
        TrajectoryCache { slots: HashMap::new(), budget, bytes: 0, clock: 0 }
    }

    /// Bytes held.
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

    fn make_room(&mut self, bytes: u64) {
        while self.bytes + bytes > self.budget {
            let oldest = self.slots.iter().min_by_key(|(_, slot)| slot.last_used);
            let Some((&key, _)) = oldest else { return };
            if let Some(slot) = self.slots.remove(&key) {
                self.bytes -= slot.state.bytes();
            }
        }
    }
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

    proptest! {
        #[test]
        fn the_budget_is_never_exceeded_and_bytes_are_what_is_held(
            budget in 0_u64..20_000,
            puts in prop::collection::vec((0_u8..12, 0_usize..1500, any::<bool>()), 0..60),
        ) {
            let mut cache = TrajectoryCache::new(budget);
            for (name, len, with_velocity) in puts {
                let mut state = state(0.0, len);
                state.v_cond = with_velocity.then(|| vec![0.0; len].into());
                cache.put(key(&name.to_string()), state);
                prop_assert!(cache.bytes() <= budget);
                let held: u64 = cache.slots.values().map(|slot| slot.state.bytes()).sum();
                prop_assert_eq!(held, cache.bytes());
            }
        }
    }
}
