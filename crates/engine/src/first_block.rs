//! The pair of networks with a first-block cache each, for one run: a network's answer depends on those
//! before it. Knows nothing of steps.

use super::network::{Network, grid, time};
use sigmalab_model::{FirstBlockCache, Model, ModelError, PromptFeatures};
use sigmalab_schedule::sigmas::Sigma;
use sigmalab_schedule::size::Size;
use std::cell::RefCell;

/// The networks of a model, which leave out the blocks after the first where little has changed.
pub(super) struct FirstBlockCached<'a> {
    model: &'a Model,
    conditional: RefCell<FirstBlockCache>,
    unconditional: RefCell<FirstBlockCache>,
}

impl<'a> FirstBlockCached<'a> {
    /// Nothing was evaluated yet. `threshold` is the recipe's.
    pub(super) fn new(model: &'a Model, threshold: f64) -> Self {
        let [conditional, unconditional] =
            [(); 2].map(|()| RefCell::new(FirstBlockCache::new(threshold)));
        Self { model, conditional, unconditional }
    }
}

impl Network for FirstBlockCached<'_> {
    type Prompt = PromptFeatures;
    type Error = ModelError;

    fn conditional(
        &self,
        x: &[f32],
        size: Size,
        sigma: Sigma,
        prompt: &PromptFeatures,
    ) -> Result<Vec<f32>, ModelError> {
        let cache = &mut self.conditional.borrow_mut();
        self.model.conditional_cached(x, grid(size), time(sigma), prompt, cache)
    }

    fn unconditional(&self, x: &[f32], size: Size, sigma: Sigma) -> Result<Vec<f32>, ModelError> {
        let cache = &mut self.unconditional.borrow_mut();
        self.model.unconditional_cached(x, grid(size), time(sigma), cache)
    }

    fn first_block_only(&self) -> u64 {
        self.conditional.borrow().reused() + self.unconditional.borrow().reused()
    }
}
