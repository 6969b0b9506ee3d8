//! `sigmalab worker`: the process that the engine starts for itself. Not for people.

use super::failure::Failure;
use clap::Args;
use sigmalab::engine::worker::{ServeError, serve};
use std::path::PathBuf;

/// The arguments of `worker`.
#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// Budget of the trajectory cache in bytes
    #[arg(long)]
    cache_bytes: Option<u64>,
    /// Cache folder
    #[arg(long)]
    cache_folder: Option<PathBuf>,
}

/// Serves until the caller closes the pipe.
pub(crate) fn run(arguments: &Worker) -> Result<(), Failure> {
    serve(arguments.cache_bytes, arguments.cache_folder.clone()).map_err(|error| match error {
        ServeError::NoPipe(_) => Failure::bad_input(error),
        ServeError::Pipe(_) => Failure::failed(error),
    })
}
