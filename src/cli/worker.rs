//! `sigmalab worker`: the process that the engine starts for itself. Not for people.

use super::failure::Failure;
use clap::Args;
use sigmalab_engine::memory_size::MemorySize;
use sigmalab_engine::worker::{ServeError, ServeOptions, serve};
use std::path::PathBuf;
use std::time::Duration;

/// Sets how long code of a plugin may run in one step.
const LIMIT_VARIABLE: &str = "SIGMALAB_PLUGIN_SECONDS";

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

/// How long code of a plugin may run in one step, where the environment says so.
pub(crate) fn plugin_limit() -> Result<Option<Duration>, Failure> {
    let Some(value) = std::env::var_os(LIMIT_VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let text = value.to_string_lossy();
    let seconds: Option<f64> = text.trim().parse().ok().filter(|seconds| *seconds > 0.0);
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(limit) => Ok(Some(limit)),
        None => Err(Failure::bad_input(format_args!(
            "{LIMIT_VARIABLE} is `{text}`: expected a number of seconds above 0"
        ))
        .way_out(format_args!("{LIMIT_VARIABLE}=30"))),
    }
}

/// Serves until the caller closes the pipe.
pub(crate) fn run(arguments: &Worker) -> Result<(), Failure> {
    let limit = match arguments.plugin_seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => plugin_limit()?,
    };
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
