//! A SwiGLU feed-forward layer on the processor, some tokens at a time.

use super::storage::Number;
use crate::linear::Linear;
use crate::profile::{Operation, timed};
use sigmalab_kernels::swiglu::swiglu_in_place;

/// Tokens at a time: enough that widening the weights again is nothing beside the products, few
/// enough that the intermediate values of a large image do not outgrow its layer's weights.
const TOKENS: usize = 1320;

/// The three projections of a feed-forward layer.
pub(crate) struct FeedForward<'a> {
    /// The one that goes through SiLU.
    pub(crate) gate: &'a Linear,
    /// The one that is multiplied with it.
    pub(crate) up: &'a Linear,
    /// Back to the width of the sequence.
    pub(crate) down: &'a Linear,
}

impl FeedForward<'_> {
    /// Calls `add` with some rows of `hidden` and what the layer makes of `prepare`'s version of
    /// them, until all are done.
    pub(crate) fn run<T: Number>(
        &self,
        hidden: &mut [T],
        prepare: impl Fn(&[T], &mut [T]),
        add: impl Fn(&[T], &mut [T]),
    ) {
        let width = self.gate.inputs().max(1);
        let inner = self.gate.outputs();
        let zero = T::from_f32(0.0);
        let most = TOKENS.min(hidden.len() / width);
        let mut rows = vec![zero; most * width];
        let mut gate = vec![zero; most * inner];
        let mut up = vec![zero; most * inner];
        for hidden in hidden.chunks_mut(TOKENS * width) {
            let tokens = hidden.len() / width;
            let rows = &mut rows[..hidden.len()];
            let (gate, up) = (&mut gate[..tokens * inner], &mut up[..tokens * inner]);
            timed(Operation::Norms, || prepare(hidden, rows));
            timed(Operation::FeedForward, || {
                self.gate.multiply(rows, gate);
                self.up.multiply(rows, up);
            });
            timed(Operation::Gates, || swiglu_in_place(gate, up));
            timed(Operation::FeedForward, || self.down.multiply(gate, rows));
            timed(Operation::Norms, || add(rows, hidden));
        }
    }
}
