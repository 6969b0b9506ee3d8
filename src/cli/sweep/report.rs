//! `sigmalab sweep report`: what a sweep found.

use super::load;
use crate::cli::failure::Failure;
use crate::cli::print;
use clap::Args;
use sigmalab::experiment::report::{self, Finding, ReportError, Written};
use sigmalab::experiment::sweep::Sweep;
use std::path::PathBuf;

/// The arguments of `sweep report`.
#[derive(Debug, Args)]
pub(super) struct ReportCommand {
    /// Run directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes the report and prints the summary.
pub(super) fn run(arguments: &ReportCommand) -> Result<(), Failure> {
    let mut sweep = load::open(&arguments.dir)?;
    sweep.write_tables().map_err(Failure::failed)?;
    let written = write(&sweep)?;
    let mut text = match report::tuned(&sweep) {
        Some(verdict) => report::tune_summary(&sweep, &verdict),
        None => report::summary(&Finding::of(&sweep)),
    };
    text.push('\n');
    for file in written.sheet.iter().chain([&written.page]) {
        text.push_str(&format!("{}\n", file.display()));
    }
    print::result(&text)
}

/// Writes contact sheet and page.
pub(crate) fn write(sweep: &Sweep) -> Result<Written, Failure> {
    report::write(sweep).map_err(|error| match error {
        ReportError::Nothing | ReportError::NotJudged => Failure::bad_input(error)
            .way_out(format_args!("sigmalab sweep status {}", sweep.directory.path().display())),
        ReportError::Write(_) => Failure::failed(error),
    })
}
