//! What a search asks of the engine while it chooses: weights of solvers, and the inner products
//! of reference runs. Knows nothing of how it chooses.

use super::RunnerEvent;
use crate::control::Followed;
use crate::directory::RunDirectory;
use crate::gram_file;
use crate::search::{Ask, SearchError};
use crate::trial::TrialId;
use sigmalab_engine::event::NfeCount;
use sigmalab_engine::recipe::{Recipe, SamplerRef};
use sigmalab_engine::request::{RunRequest, Wanted};
use sigmalab_engine::worker::{Engine, RunFailure};
use sigmalab_tune::gram::ReferencePath;
use sigmalab_tune::weights::{Stencil, Weights};
use std::sync::Arc;

/// Answers what a search asks, with the engine of the runner.
pub(super) struct EngineQueries<'a, 'n> {
    pub(super) engine: &'a mut Engine,
    pub(super) directory: RunDirectory,
    /// Identity, prompt, recipe, and how often a Gram matrix takes a step, of each reference run.
    pub(super) references: Vec<(TrialId, String, Arc<Recipe>, Option<usize>)>,
    pub(super) on_event: &'a mut (dyn FnMut(RunnerEvent<'_>) -> bool + 'n),
    pub(super) followed: &'a mut Followed,
    /// Evaluations of this process, to which those made here are added.
    pub(super) nfe: &'a mut NfeCount,
}

impl Ask for EngineQueries<'_, '_> {
    fn weigh(
        &mut self,
        sampler: &SamplerRef,
        stencils: &[Stencil],
    ) -> Result<Option<Vec<Weights>>, SearchError> {
        let (on_event, followed) = (&mut self.on_event, &mut self.followed);
        let mut goes_on = || {
            followed.look_now_and_then();
            on_event(RunnerEvent::Tick) && !followed.is_cancelled()
        };
        Ok(self.engine.weigh(sampler, stencils, &mut goes_on)?)
    }

    fn path(&mut self, reference: &TrialId) -> Result<ReferencePath, SearchError> {
        if let Some(found) = gram_file::read(&self.directory, reference.short()) {
            return Ok(found);
        }
        // Its file was deleted or damaged: the same recipe gives the same values.
        let known = self.references.iter().find(|(id, ..)| id == reference);
        let Some((_, prompt, recipe, gram)) = known else {
            return Err(SearchError::Reference { prompt: reference.short().to_owned() });
        };
        let failed = || SearchError::Reference { prompt: prompt.clone() };
        let wanted = Wanted { picture: false, gram: *gram };
        let recipe = recipe.as_ref().clone();
        let request = RunRequest { wanted, ..RunRequest::of(recipe) };
        let (on_event, followed) = (&mut self.on_event, &mut self.followed);
        let output = self.engine.run_watched(&request, &mut |event, silence| {
            let goes_on = match event {
                Some(event) => on_event(RunnerEvent::Event(event)),
                None => on_event(silence.map_or(RunnerEvent::Tick, RunnerEvent::Silent)),
            };
            followed.look_now_and_then();
            goes_on && !followed.is_cancelled()
        });
        let output = output.map_err(|failure| match failure {
            RunFailure::Cancelled => SearchError::Worker(RunFailure::Cancelled),
            _ => failed(),
        })?;
        *self.nfe += output.nfe;
        let run = output.gram.ok_or_else(failed)?;
        gram_file::write(&self.directory, reference.short(), &run)
            .map_err(|error| SearchError::Damaged(error.to_string()))?;
        ReferencePath::new(run.sigmas, run.gw, run.basis, run.gram).ok_or_else(failed)
    }
}
