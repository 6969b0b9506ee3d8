//! `sigmalab plugins probe`: the process in which checks of a plugin run. Not for people;
//! `plugins check` starts it.

use super::pipe;
use crate::cli::failure::Failure;
use clap::Args;
use sigmalab_sampler::check::check_here;
use std::io::Write as _;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// The plugin
    file: PathBuf,
    /// Place of the first check
    from: usize,
}

/// Runs the checks and writes what comes of them to the pipe on standard input.
pub(crate) fn run(arguments: &Probe) -> Result<(), Failure> {
    let mut pipe = pipe("probe", "sigmalab plugins check FILE")?;
    let mut broken = None;
    check_here(&arguments.file, arguments.from, &mut |progress| {
        let written = serde_json::to_vec(&progress).map_err(std::io::Error::from);
        let written = written.and_then(|mut line| {
            line.push(b'\n');
            pipe.write_all(&line)
        });
        broken = broken.take().or(written.err());
    });
    broken.map_or(Ok(()), |error| Err(Failure::failed(error)))
}
