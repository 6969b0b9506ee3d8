//! What `sweep run` says of a sweep before it begins and when it has ended. It decides nothing.

use super::progress::in_words;
use super::report::warn_of_missing_pictures;
use crate::cli::failure::{Exit, Failure};
use crate::cli::print::{self, counted};
use sigmalab_experiment::launch::RefusalKind;
use sigmalab_experiment::plan::Run;
use sigmalab_experiment::record::{Kind, Outcome};
use sigmalab_experiment::runner::{Ended, RunOptions};
use sigmalab_experiment::sweep::{RunStatus, Sweep};

/// A sweep that somebody or something stopped.
pub(super) fn stopped(sweep: &Sweep, ended: &Ended, done: usize, trials: usize) -> Failure {
    let how = match &ended.cause {
        Some(cause) => format!("stopped: {}", print::one_line(cause)),
        None if ended.cancelled => "cancelled".to_owned(),
        None => "interrupted".to_owned(),
    };
    let message = format!(
        "{how}; {done} of {} are recorded in `{}`",
        counted(trials, "trial"),
        sweep.directory.path().display()
    );
    let failure = Failure::new(Exit::Interrupted, message);
    match ended.cancelled && ended.cause.is_none() {
        true => failure.of_kind(RefusalKind::Cancelled),
        false => failure,
    }
}

/// A sweep of which all is done that can be, and some trials failed.
pub(super) fn with_failed_trials(sweep: &Sweep, failed: usize) -> Failure {
    let first = sweep.ledger.of(Kind::Trial);
    let cause = first.into_iter().find_map(|record| match &record.outcome {
        Outcome::Failed { error } => Some(error.clone()),
        Outcome::Done(_) => None,
    });
    let message = format!(
        "{} failed, the first: {}",
        counted(failed, "trial"),
        print::one_line(&cause.unwrap_or_default())
    );
    let directory = print::quoted(sweep.directory.path());
    Failure::failed(message)
        .way_out(format_args!("sigmalab sweep retry {directory} --failed"))
        .way_out(format_args!("sigmalab sweep status {directory} to see every cause"))
}

pub(super) fn warn_of(sweep: &Sweep, options: &RunOptions) {
    if sweep.trials.duplicates > 0 {
        let (have, are) = match sweep.trials.duplicates {
            1 => ("has", "is"),
            _ => ("have", "are"),
        };
        print::warning(format_args!(
            "{} {have} the same recipe as an earlier one and {are} run once",
            counted(sweep.trials.duplicates, "trial")
        ));
    }
    let trials = (0..sweep.trials.trials.len()).map(Run::Trial);
    let references = (0..sweep.trials.references.len()).map(Run::Reference);
    // A line whose trial was run again is no news any more.
    if sweep.damaged() > 0
        && trials.chain(references).any(|run| sweep.status_of(run) == RunStatus::Pending)
    {
        let (are, their) =
            if sweep.damaged() == 1 { ("is", "its trial is") } else { ("are", "their trials are") };
        print::warning(format_args!(
            "{} of the journals {are} damaged and skipped; {their} run again",
            counted(sweep.damaged(), "line")
        ));
    }
    warn_of_missing_pictures(sweep);
    if let Some(bytes) = options.cache_bytes.filter(|bytes| *bytes < sweep.plan.cache_bytes) {
        print::warning(format_args!(
            "--cache {} is less than the {} MiB that the plan needs: some steps will be computed \
             again",
            bytes >> 20,
            sweep.plan.cache_bytes.div_ceil(1 << 20)
        ));
    }
}

/// What a sweep came to, as its last line.
pub(super) fn line(
    sweep: &Sweep,
    ended: &Ended,
    (done, failed, skipped): (usize, usize, usize),
    seconds: f64,
) -> String {
    let nfe = ended.nfe;
    let counted_too = |count: usize, what: &str| match count {
        0 => String::new(),
        count => format!(", {count} {what}"),
    };
    let (failures, skips) = (counted_too(failed, "failed"), counted_too(skipped, "skipped"));
    format!(
        "{}  {done} of {} done{failures}{skips}  {} + {} evaluations, {} + {} saved  {}\n",
        sweep.directory.path().display(),
        counted(sweep.trials.trials.len(), "trial"),
        nfe.cond_done,
        nfe.uncond_done,
        nfe.cond_saved,
        nfe.uncond_saved,
        in_words(seconds)
    )
}
