//! Why a request has no image, and who is at fault.

use crate::denoise::DenoiseError;
use crate::memory_size::MemorySize;
use crate::recipe::RecipeError;
use crate::solver::SolverError;
use sigmalab_model::ModelError;
use sigmalab_model::source::SourceError;
use sigmalab_sampler::SamplerError;
use sigmalab_sampler::plugin::Place;
use sigmalab_schedule::size::Size;

/// Why a request has no image.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(
        "--memory-limit {limit} is too little for an image of {size} from this checkpoint: it takes \
         {least}{}", cache_part(*.cache)
    )]
    MemoryLimit {
        limit: MemorySize,
        /// Width × height of the image.
        size: Size,
        least: MemorySize,
        cache: MemorySize,
    },
    /// There is no such sampler, or it cannot be used.
    #[error(transparent)]
    Solver(#[from] SolverError),
    #[error(transparent)]
    Source(SourceError),
    /// The model could not be built or run.
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Denoise(DenoiseError<ModelError>),
    #[error("sampler `{id}` failed at a step of unit vectors: {error}")]
    Weigh { id: String, error: SamplerError },
    #[error("a run of {steps} steps does not divide into parts of {every}")]
    Nodes {
        steps: usize,
        /// Steps between the nodes asked for.
        every: usize,
    },
}

impl From<SourceError> for SessionError {
    fn from(error: SourceError) -> Self {
        if error.is_cancelled() { SessionError::Cancelled } else { SessionError::Source(error) }
    }
}

impl From<DenoiseError<ModelError>> for SessionError {
    fn from(error: DenoiseError<ModelError>) -> Self {
        match error {
            DenoiseError::Cancelled => SessionError::Cancelled,
            DenoiseError::Network { source, .. } => SessionError::Model(source),
            error => SessionError::Denoise(error),
        }
    }
}

impl SessionError {
    /// Whether the request or the checkpoint is at fault, not the computation.
    pub fn is_bad_input(&self) -> bool {
        match self {
            SessionError::Cancelled | SessionError::Denoise(_) | SessionError::Weigh { .. } => {
                false
            }
            SessionError::Model(error) => error.is_bad_input(),
            SessionError::Source(error) => error.is_bad_input(),
            SessionError::Recipe(_)
            | SessionError::Solver(_)
            | SessionError::MemoryLimit { .. }
            | SessionError::Nodes { .. } => true,
        }
    }

    /// Whether an operation of the networks failed.
    pub(crate) fn is_of_the_computation(&self) -> bool {
        matches!(self, SessionError::Model(error) if !error.is_bad_input())
    }

    /// Whether this machine is at fault and another may do better: it has not this checkpoint, no
    /// device, too little memory, another sampler of that name.
    pub fn is_of_this_machine(&self) -> bool {
        match self {
            SessionError::Source(_) | SessionError::MemoryLimit { .. } => true,
            SessionError::Recipe(RecipeError::Fingerprint { .. }) => true,
            SessionError::Model(error) => error.is_of_this_machine(),
            _ => false,
        }
    }

    /// Where a plugin wrote to what is not its own, and what it did: this process is not to go on.
    pub fn corruption(&self) -> Option<(Place, &str)> {
        let (sampler, step, message) = match self {
            SessionError::Denoise(DenoiseError::Corrupted { step, sampler, message }) => {
                (sampler, Some(*step), message)
            }
            SessionError::Weigh { id, error: SamplerError::Corrupting(message) } => {
                (id, None, message)
            }
            _ => return None,
        };
        Some((Place { sampler: sampler.clone(), step }, message))
    }
}

fn cache_part(cache: MemorySize) -> String {
    match cache.0 {
        0 => String::new(),
        _ => format!(", {cache} of it for the trajectory cache"),
    }
}
