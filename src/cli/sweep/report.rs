//! `sigmalab sweep report`: what a sweep found.

use super::load;
use crate::cli::failure::Failure;
use crate::cli::print::{self, counted};
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
    warn_of_missing_pictures(&sweep);
    let written = write(&sweep)?;
    let mut text = report::summary(&Finding::of(&sweep));
    text.push('\n');
    for file in written.sheet.iter().chain([&written.page]) {
        text.push_str(&format!("{}\n", file.display()));
    }
    print::result(&text)
}

/// Says which pictures of recorded runs are gone: nothing draws them again by itself.
pub(super) fn warn_of_missing_pictures(sweep: &Sweep) {
    let missing = sweep.missing_pictures();
    let Some(first) = missing.first() else { return };
    let (are, their) = if missing.len() == 1 { ("is", "its") } else { ("are", "their") };
    print::warning(format_args!(
        "{} of finished runs {are} gone, the first `{first}`: {their} records stay, and no sweep draws \
         them again",
        counted(missing.len(), "picture")
    ));
}

/// Writes contact sheet and page.
pub(super) fn write(sweep: &Sweep) -> Result<Written, Failure> {
    report::write(sweep).map_err(|error| match error {
        ReportError::Nothing => Failure::bad_input(error)
            .way_out(format_args!("sigmalab sweep status {}", sweep.directory.path().display())),
        ReportError::Write(_) => Failure::failed(error),
    })
}
