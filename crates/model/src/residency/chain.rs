//! Layers that are used one after the other: the next one that is not in memory
//! is read meanwhile, and one that does not stay leaves after its turn.

use super::kept::{kept, window};
use super::{LayerBytes, bytes, leave};
use crate::checkpoint::page_in;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What comes after the last layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing for a while.
    Once,
    /// The first one again.
    Again,
}

/// Layers in the order of their turns.
#[derive(Debug)]
pub(super) struct Chain {
    layers: Arc<Vec<LayerBytes>>,
    order: Order,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Whether a layer stays after its turn.
    kept: Vec<bool>,
    /// Whether a layer is in memory or on its way there, as far as we know: the system may have
    /// taken it.
    here: Vec<bool>,
    /// Whether layers that leave make room for others.
    short: bool,
    /// The layer that was read ahead and has not had its turn.
    ahead: Option<usize>,
    /// Takes layers to read; started with the first.
    reader: Option<Sender<usize>>,
}

impl Chain {
    /// All stay.
    pub(super) fn new(layers: Vec<LayerBytes>, order: Order) -> Self {
        let count = layers.len();
        let (kept, here) = (vec![true; count], vec![false; count]);
        let state = State { kept, here, short: false, ahead: None, reader: None };
        Self { layers: Arc::new(layers), order, state: Mutex::new(state) }
    }

    /// Bytes that they need when none stays.
    pub(super) fn window(&self) -> u64 {
        window(&self.sizes())
    }

    fn sizes(&self) -> Vec<u64> {
        self.layers.iter().map(bytes).collect()
    }

    /// All of them take at most so many bytes from now on, or their window.
    pub(super) fn keep_within(&self, budget: u64) {
        let mut state = self.state();
        state.kept = kept(&self.sizes(), budget);
        state.short = state.kept.contains(&false);
        for index in 0..self.layers.len() {
            let stays = state.kept.get(index) == Some(&true) || state.ahead == Some(index);
            if !stays && state.is_here(index) {
                self.leave(&mut state, index);
            }
        }
    }

    /// Whether not all of them can stay.
    pub(super) fn is_short(&self) -> bool {
        self.state().short
    }

    /// Says whether layers that leave make room for others.
    pub(super) fn set_short(&self, short: bool) {
        self.state().short = short;
    }

    /// All leave.
    pub(super) fn release(&self) {
        let mut state = self.state();
        state.ahead = None;
        for index in 0..self.layers.len() {
            self.leave(&mut state, index);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, state: &mut State, index: usize) {
        state.set_here(index, false);
        if let Some(layer) = self.layers.get(index) {
            leave(layer, state.short);
        }
    }

    /// A layer has its turn; the next one that is not here is read meanwhile.
    fn enter(&self, index: usize) {
        let mut state = self.state();
        if state.ahead == Some(index) {
            state.ahead = None;
        }
        state.set_here(index, true);
        let count = self.layers.len();
        let after = match self.order {
            Order::Once => index + 1..count,
            Order::Again => index + 1..index + count,
        };
        let next = after
            .map(|next| next % count)
            .find(|next| !state.is_here(*next) || state.ahead == Some(*next));
        if next == state.ahead {
            return;
        }
        // What was read ahead is not needed yet, as where a step leaves out a network.
        if let Some(other) = state.ahead.take()
            && state.kept.get(other) == Some(&false)
        {
            self.leave(&mut state, other);
        }
        if let Some(next) = next {
            state.set_here(next, true);
            state.ahead = Some(next);
            self.read(&mut state, next);
        }
    }

    /// A layer's turn is over.
    fn exit(&self, index: usize) {
        let mut state = self.state();
        if state.kept.get(index) == Some(&false) {
            self.leave(&mut state, index);
        }
    }

    /// Reads a layer beside the computation. Where that cannot be, it is read when it is used.
    fn read(&self, state: &mut State, index: usize) {
        // Bytes in memory need no reader.
        let in_file = |layer: &LayerBytes| layer.iter().any(|bytes| bytes.is_mapped());
        if !self.layers.get(index).is_some_and(in_file) {
            return;
        }
        if state.reader.is_none() {
            let (sender, wanted) = mpsc::channel();
            let layers = Arc::clone(&self.layers);
            let read = move || {
                for index in wanted {
                    layers.get::<usize>(index).into_iter().flatten().for_each(page_in);
                }
            };
            let started = thread::Builder::new().name("read ahead".to_owned()).spawn(read);
            state.reader = started.is_ok().then_some(sender);
        }
        if let Some(reader) = &state.reader {
            let _ = reader.send(index);
        }
    }
}

impl State {
    fn is_here(&self, index: usize) -> bool {
        self.here.get(index) == Some(&true)
    }

    fn set_here(&mut self, index: usize, here: bool) {
        if let Some(state) = self.here.get_mut(index) {
            *state = here;
        }
    }
}

/// The turns of one network's layers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turns<'a> {
    chain: &'a Chain,
    /// The chain's layer that is this network's first.
    first: usize,
}

impl<'a> Turns<'a> {
    pub(super) fn new(chain: &'a Chain, first: usize) -> Self {
        Self { chain, first }
    }

    /// The turn of a layer, until what is returned is dropped.
    pub(crate) fn of(&self, layer: usize) -> Turn<'a> {
        let index = self.first + layer;
        self.chain.enter(index);
        Turn { chain: self.chain, index }
    }
}

/// A layer is in use.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    chain: &'a Chain,
    index: usize,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.chain.exit(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::StoredBytes;

    const SIZE: usize = 10;

    fn chain(layers: usize) -> Chain {
        let layer = || vec![StoredBytes::new(Arc::new(vec![0_u8; SIZE]))];
        Chain::new((0..layers).map(|_| layer()).collect(), Order::Again)
    }

    /// Layers that are here, after the turn of each of `turns` has begun.
    fn here(chain: &Chain, turns: impl IntoIterator<Item = usize>) -> Vec<Vec<usize>> {
        let turns = turns.into_iter().map(|index| {
            let _turn = Turns::new(chain, 0).of(index);
            let state = chain.state();
            (0..chain.layers.len()).filter(|index| state.is_here(*index)).collect()
        });
        turns.collect()
    }

    #[test]
    fn without_a_limit_the_next_layer_is_read_ahead_and_all_stay() {
        let chain = chain(4);
        assert_eq!(
            here(&chain, [0, 1, 2, 3]),
            [vec![0, 1], vec![0, 1, 2], vec![0, 1, 2, 3], vec![0, 1, 2, 3]]
        );
        assert_eq!(here(&chain, [0, 1]), [vec![0, 1, 2, 3], vec![0, 1, 2, 3]]);
        chain.release();
        assert_eq!(here(&chain, [2]), [vec![2, 3]]);
    }

    #[test]
    fn after_the_last_layer_of_those_used_once_none_is_read_ahead() {
        let chain = Chain { order: Order::Once, ..chain(3) };
        chain.keep_within(0);
        for _ in 0..2 {
            assert_eq!(here(&chain, 0..3), [vec![0, 1], vec![1, 2], vec![2]]);
        }
    }

    #[test]
    fn with_no_room_only_the_layer_in_use_and_the_next_one_are_here() {
        let chain = chain(4);
        chain.keep_within(0);
        for _ in 0..3 {
            assert_eq!(
                here(&chain, [0, 1, 2, 3]),
                [vec![0, 1], vec![1, 2], vec![2, 3], vec![0, 3]]
            );
        }
    }

    #[test]
    fn layers_that_stay_are_here_and_the_next_that_goes_is_read_under_them() {
        let chain = chain(6);
        // Room for two besides the window: 2 and 5 stay.
        chain.keep_within(4 * SIZE as u64);
        here(&chain, 0..6);
        assert_eq!(
            here(&chain, 0..6),
            [
                vec![0, 1, 2, 5],
                vec![1, 2, 3, 5],
                vec![2, 3, 5],
                vec![2, 3, 4, 5],
                vec![0, 2, 4, 5],
                vec![0, 2, 5],
            ]
        );
    }

    #[test]
    fn a_network_that_is_left_out_does_not_keep_the_other_from_being_read_ahead() {
        let chain = chain(6);
        chain.keep_within(0);
        // The conditional network alone, as at gw 1.
        here(&chain, 0..3);
        assert_eq!(here(&chain, 0..3), [vec![0, 1], vec![1, 2], vec![2, 3]]);
    }

    #[test]
    fn layers_leave_at_once_where_the_room_shrinks() {
        let chain = chain(4);
        here(&chain, 0..4);
        chain.keep_within(30);
        let state = chain.state();
        assert_eq!(state.here, state.kept);
        assert_eq!(state.kept.iter().filter(|kept| **kept).count(), 1);
    }
}
