//! What a search tries next: a function of the experiment and of what came of complete
//! generations, so that kills, the order of records and the number of processes change nothing.
//! It runs nothing; what it has to know of a solver or a reference run it asks for.

mod points;
pub mod tune;

use super::generation::{Draft, Generation, Instance};
use super::ledger::Ledger;
use super::record::Kind;
use super::spec::Method;
use super::trial::{Experiment, TrialError, TrialId};
use sigmalab_engine::recipe::SamplerRef;
use sigmalab_engine::worker::RunFailure;
use sigmalab_tune::gram::ReferencePath;
use sigmalab_tune::weights::{Stencil, Weights};

/// A generation that is complete, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    pub generation: Generation,
    /// The distance of every proposal on every one of its instances; NaN where it failed.
    pub distances: Vec<Vec<f64>>,
}

/// What searches ask of whoever can run things.
pub trait Ask {
    /// The weights of a sampler's steps; `None` where it is not linear.
    fn weigh(
        &mut self,
        sampler: &SamplerRef,
        stencils: &[Stencil],
    ) -> Result<Option<Vec<Weights>>, SearchError>;

    /// What a finished reference run left of its trajectory.
    fn path(&mut self, reference: &TrialId) -> Result<ReferencePath, SearchError>;
}

/// Why nothing is proposed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("a schedule that was found cannot be run: {0}")]
    Trial(#[from] TrialError),
    #[error(
        "the budget of {budget} evaluations is too small: reference runs and the judgement alone \
         take {least}; give twice that, or more"
    )]
    Budget { budget: u64, least: u64 },
    /// There are no prompts to tune on, or none to judge on.
    #[error("{0}")]
    Prompts(String),
    #[error("the reference run of prompt `{prompt}` failed; `sigmalab sweep retry` runs it again")]
    Reference { prompt: String },
    #[error("every candidate failed; `sigmalab sweep status` tells why")]
    Nothing,
    /// The worker could not say what was asked.
    #[error(transparent)]
    Worker(#[from] RunFailure),
    /// Something of the run directory is not as it should be.
    #[error("{0}")]
    Damaged(String),
}

/// What is tried next; `None` where the search is over.
pub fn next(
    experiment: &Experiment,
    tried: &[Tried],
    references: &[(Instance, TrialId)],
    ask: &mut dyn Ask,
) -> Result<Option<Draft>, SearchError> {
    match experiment.spec.method {
        Method::Search(search) => Ok(points::next(experiment, search, tried)),
        Method::Tune => tune::next(experiment, tried, references, ask),
        _ => Ok(None),
    }
}

/// The distance of a trial to its reference run; `None` while it has no record, NaN where it
/// failed.
pub(super) fn distance(ledger: &Ledger, id: &TrialId) -> Option<f64> {
    let record = ledger.get(Kind::Trial, id)?;
    let against = record.measured().and_then(|measured| measured.against);
    Some(against.map_or(f64::NAN, |against| against.latent_rmse))
}

/// The mean of the logarithms of distances: what a factor of two is worth is the same for easy
/// and hard prompts.
pub(super) fn loss(distances: &[f64]) -> f64 {
    let sum: f64 = distances.iter().map(|distance| distance.max(1e-12).ln()).sum();
    let nothing = distances.is_empty() || distances.iter().any(|distance| !distance.is_finite());
    if nothing { f64::NAN } else { sum / distances.len() as f64 }
}
