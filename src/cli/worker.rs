//! `sigmalab worker`: the process that the engine starts for itself. Not for people.

use super::failure::Failure;
use clap::Args;
use sigmalab::engine::memory_size::MemorySize;
use sigmalab::engine::worker::{ServeError, ServeOptions, serve};
use std::path::PathBuf;
use std::time::Duration;

/// Sets how long code of a plugin may run in one step.
const LIMIT_VARIABLE: &str = "SIGMALAB_PLUGIN_SECONDS";

/// The arguments of `worker`.
#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// Budget of the trajectory cache in bytes
    #[arg(long)]
    cache_bytes: Option<u64>,
    /// Memory it may take in bytes
    #[arg(long)]
    memory_bytes: Option<u64>,
    /// Cache folder
    #[arg(long)]
    cache_folder: Option<PathBuf>,
    /// How long code of a plugin may run in one step
    #[arg(long)]
    plugin_seconds: Option<f64>,
}

/// Serves until the caller closes the pipe.
pub(crate) fn run(arguments: &Worker) -> Result<(), Failure> {
    let own = || std::env::var(LIMIT_VARIABLE).ok()?.trim().parse().ok();
    let limit = arguments.plugin_seconds.or_else(own);
    let limit = limit.and_then(|limit| Duration::try_from_secs_f64(limit).ok());
    serve(ServeOptions {
        cache_bytes: arguments.cache_bytes,
        memory_limit: arguments.memory_bytes.map(MemorySize),
        cache_folder: arguments.cache_folder.clone(),
        plugin_limit: limit,
    })
    .map_err(|error| match error {
        ServeError::NoPipe(_) => Failure::bad_input(error),
        ServeError::Pipe(_) => Failure::failed(error),
    })
}
