//! `sigmalab sweep status`: where a sweep stands, at any time.

use super::load;
use super::progress::in_words;
use crate::cli::failure::Failure;
use crate::cli::print::{self, counted, one_line};
use clap::Args;
use sigmalab_experiment::status::Status;
use std::fmt::Write as _;
use std::path::PathBuf;

/// The arguments of `sweep status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab sweep status runs/quickstart
  sigmalab sweep status quickstart --json")]
pub(super) struct StatusCommand {
    /// Run directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Most failures that are told; the table has them all.
const MOST_FAILURES: usize = 10;

/// Prints the status.
pub(super) fn run(arguments: &StatusCommand) -> Result<(), Failure> {
    let sweep = load::open(&arguments.dir)?;
    let status = Status::of(&sweep).map_err(Failure::failed)?;
    if arguments.json { print::json(&status) } else { print::result(&text(&status)) }
}

fn text(status: &Status) -> String {
    let mut text = format!(
        "{}: {} of {} done, {} failed, {} to do",
        status.name,
        status.done,
        counted(status.trials, "trial"),
        status.failed,
        status.pending
    );
    if status.skipped > 0 {
        let _ = write!(text, ", {} skipped", status.skipped);
    }
    if status.references > 0 {
        let _ = write!(
            text,
            "; {} of {}",
            status.references_done,
            counted(status.references, "reference run")
        );
    }
    text.push('\n');
    if status.paused {
        text.push_str("paused; `sigmalab sweep resume` goes on\n");
    }
    let nfe = status.nfe;
    let _ = writeln!(
        text,
        "made   {} + {} evaluations, {} + {} saved",
        nfe.cond_done, nfe.uncond_done, nfe.cond_saved, nfe.uncond_saved
    );
    if status.pending > 0 {
        let _ = write!(
            text,
            "to do  {} + {} evaluations",
            status.remaining.cond_done, status.remaining.uncond_done
        );
        if let Some(seconds) = status.remaining_seconds {
            let _ = write!(text, ", about {} in one process", in_words(seconds));
        }
        text.push('\n');
    }
    for worker in &status.workers {
        let who = match &worker.process {
            Some(process) => format!("process {} on {}", process.id, one_line(&process.host)),
            None => "a process".to_owned(),
        };
        let _ = write!(text, "part {} is worked on by {who}", one_line(&worker.unit));
        if let Some(seconds) = worker.silent_seconds {
            let _ = write!(
                text,
                ", whose worker has said nothing for {}: a long step, or it hangs; `sigmalab sweep \
                 cancel` gives it up",
                in_words(seconds as f64)
            );
        }
        text.push('\n');
    }
    if status.former > 0 {
        let _ = writeln!(
            text,
            "{} of the table {} of an earlier form of the experiment",
            counted(status.former, "row"),
            if status.former == 1 { "is" } else { "are" }
        );
    }
    if status.damaged > 0 {
        let are = if status.damaged == 1 { "is" } else { "are" };
        let _ = writeln!(text, "{} of the journals {are} damaged", counted(status.damaged, "line"));
    }
    for failure in status.failures.iter().take(MOST_FAILURES) {
        let _ = writeln!(
            text,
            "failed {} (number {}, {}): {}",
            failure.trial,
            failure.number,
            counted(failure.attempts as usize, "time"),
            one_line(&failure.error)
        );
    }
    if status.failures.len() > MOST_FAILURES {
        let _ = writeln!(text, "and {} more", status.failures.len() - MOST_FAILURES);
    }
    text
}
