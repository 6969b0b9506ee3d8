//! What a search asks of the engine while it chooses: weights of solvers, and the inner products
//! of reference runs. Knows nothing of how it chooses.

use super::News;
use crate::directory::RunDirectory;
use crate::gram_file;
use crate::search::{Ask, SearchError};
use crate::trial::TrialId;
use sigmalab_engine::recipe::{Recipe, SamplerRef};
use sigmalab_engine::request::{RunRequest, Wanted};
use sigmalab_engine::worker::{Engine, RunFailure};
use sigmalab_tune::gram::ReferencePath;
use sigmalab_tune::weights::{Stencil, Weights};

/// Answers what a search asks, with the engine of the runner.
pub(super) struct Asked<'a, 'n> {
    pub(super) engine: &'a mut Engine,
    pub(super) directory: RunDirectory,
    /// Identity, prompt, recipe, and how often a Gram matrix takes a step, of each reference run.
    pub(super) references: Vec<(TrialId, String, Recipe, Option<usize>)>,
    pub(super) news: &'a mut (dyn FnMut(News<'_>) -> bool + 'n),
}

impl Ask for Asked<'_, '_> {
    fn weigh(
        &mut self,
        sampler: &SamplerRef,
        stencils: &[Stencil],
    ) -> Result<Option<Vec<Weights>>, SearchError> {
        let news = &mut self.news;
        Ok(self.engine.weigh(sampler, stencils, &mut || news(News::Tick))?)
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
        let request = RunRequest { recipe: recipe.clone(), noise: None, previews: false, wanted };
        let news = &mut self.news;
        let output = self.engine.run_watched(&request, &mut |event, silence| match event {
            Some(event) => news(News::Event(event)),
            None => news(silence.map_or(News::Tick, News::Silent)),
        });
        let output = output.map_err(|failure| match failure {
            RunFailure::Cancelled => SearchError::Worker(RunFailure::Cancelled),
            _ => failed(),
        })?;
        let run = output.gram.ok_or_else(failed)?;
        gram_file::write(&self.directory, reference.short(), &run)
            .map_err(|error| SearchError::Damaged(error.to_string()))?;
        ReferencePath::new(run.sigmas, run.gw, run.basis, run.gram).ok_or_else(failed)
    }
}
