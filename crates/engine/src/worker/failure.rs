//! Why a run in a worker process has no result.

use sigmalab_sampler::plugin::Place;

/// Why a run has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunFailure {
    /// The caller cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// The request or the checkpoint is at fault: exit code 2.
    #[error("{0}")]
    BadInput(String),
    /// The computation failed: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// This machine is at fault, and another may do better: it cannot load the checkpoint, has no
    /// such device, or too little memory.
    #[error("{message}")]
    OfMachine {
        message: String,
        /// Whether the request or the checkpoint is at fault: exit code 2, else 1.
        bad_input: bool,
    },
    /// The worker process died; the cause in words. The next run starts a new one.
    #[error("the worker process died: {cause}")]
    WorkerDied {
        cause: String,
        /// Whether it was killed, most likely because memory ran out.
        killed: bool,
    },
    /// The worker process died of a plugin, or was ended because of one; the cause in words. The
    /// next run starts a new one.
    #[error("the worker process died in {place}: {cause}")]
    SamplerDied { place: Place, cause: String },
    #[error("the worker process could not be started: {0}")]
    NoWorker(String),
}

impl RunFailure {
    /// The worker died for a cause of its own.
    pub fn worker_died(cause: impl Into<String>) -> Self {
        RunFailure::WorkerDied { cause: cause.into(), killed: false }
    }

    /// Whether the system killed the worker, most likely because memory ran out.
    pub fn was_killed(&self) -> bool {
        matches!(self, RunFailure::WorkerDied { killed: true, .. })
    }

    /// Whether the worker is gone with it. The next run starts a new one.
    pub fn took_the_worker(&self) -> bool {
        matches!(self, RunFailure::WorkerDied { .. } | RunFailure::SamplerDied { .. })
    }
}
