//! A SwiGLU feed-forward layer on the processor, some tokens at a time.

use super::storage::Number;
use crate::linear::Linear;
use crate::profile::{Operation, timed};
use sigmalab_kernels::Buffer;
use sigmalab_kernels::swiglu::swiglu_in_place;

/// Most tokens at a time: enough that widening the weights again is nothing beside the products, few
/// enough that the intermediate values of a large image do not outgrow its layer's weights.
const TOKENS: usize = 1536;

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
        let tokens = hidden.len() / width;
        // Shares of equal length: a few tokens that are left would cost as much as many.
        let most = tokens.div_ceil(tokens.div_ceil(TOKENS).max(1)).max(1);
        let mut rows = Buffer::take::<T>(most * width);
        let mut gate = Buffer::take::<T>(most * inner);
        for hidden in hidden.chunks_mut(most * width) {
            let tokens = hidden.len() / width;
            let rows = rows.values::<T>(hidden.len());
            let gate = gate.values::<T>(tokens * inner);
            timed(Operation::Norms, || prepare(hidden, rows));
            let fused =
                timed(Operation::FeedForward, || self.gate.multiply_gated(self.up, rows, gate));
            if !fused {
                let mut up = Buffer::take::<T>(gate.len());
                let up = up.values::<T>(gate.len());
                timed(Operation::FeedForward, || {
                    self.gate.multiply(rows, gate);
                    self.up.multiply(rows, up);
                });
                timed(Operation::Gates, || swiglu_in_place(gate, up));
            }
            timed(Operation::FeedForward, || self.down.multiply_and_take(gate, rows));
            timed(Operation::Norms, || add(rows, hidden));
        }
    }
}
