//! `sigmalab plugins describe`: the process that opens a plugin to learn what it is. Not for
//! people; `plugins list` starts it.

use super::pipe;
use crate::cli::failure::Failure;
use clap::Args;
use sigmalab_sampler::plugin::describe_here;
use std::io::Write as _;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// The plugin
    file: PathBuf,
}

/// Opens the plugin and writes what it is to the pipe on standard input.
pub(crate) fn run(arguments: &Describe) -> Result<(), Failure> {
    let mut pipe = pipe("describe", "sigmalab plugins list")?;
    let mut line = serde_json::to_vec(&describe_here(&arguments.file)).map_err(Failure::failed)?;
    line.push(b'\n');
    pipe.write_all(&line).map_err(Failure::failed)
}
