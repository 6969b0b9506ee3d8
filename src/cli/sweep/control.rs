//! `sigmalab sweep pause`, `resume` and `cancel`: what running processes are to do, through
//! files in the run directory.

use super::{cluster, run_directory};
use crate::cli::failure::Failure;
use crate::cli::print::{self, counted};
use clap::Args;
use sigmalab_experiment::control::{Request, ask};
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_experiment::plan::Run;
use sigmalab_experiment::sweep::{RunStatus, Sweep};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab sweep pause runs/mine")]
pub(super) struct PauseCommand {
    /// Run directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// The arguments of `sweep resume` and `sweep cancel`.
#[derive(Debug, Args)]
pub(super) struct TrialsCommand {
    /// Run directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Only these trials, by number or by the beginning of their identity
    #[arg(value_name = "TRIAL")]
    trials: Vec<String>,
}

/// No process begins another trial.
pub(super) fn pause(arguments: &PauseCommand) -> Result<(), Failure> {
    let directory = run_directory::named(&arguments.dir)?;
    change(&directory, Request::Pause {})?;
    let dir = directory.path().display();
    print::result(&format!(
        "{dir}  paused: the current trials are finished, no others are started\n"
    ))
}

/// Processes go on, or trials are run after all.
pub(super) fn resume(arguments: &TrialsCommand) -> Result<(), Failure> {
    let directory = run_directory::named(&arguments.dir)?;
    let dir = directory.path().display();
    if arguments.trials.is_empty() {
        change(&directory, Request::Resume {})?;
        return print::result(&format!("{dir}  no longer paused\n"));
    }
    let sweep = run_directory::open(&arguments.dir)?;
    let trials = named(&sweep, &arguments.trials)?;
    refuse_recorded(&sweep, &trials)?;
    let count = counted(trials.len(), "trial");
    change(&directory, Request::TakeUp { trials })?;
    print::result(&format!(
        "{dir}  {count} to be run; `sigmalab sweep run` if no process is running\n"
    ))
}

/// Every process stops, or trials are not run.
pub(super) fn cancel(arguments: &TrialsCommand) -> Result<(), Failure> {
    let directory = run_directory::named(&arguments.dir)?;
    let dir = directory.path().display();
    if arguments.trials.is_empty() {
        // What is not running yet first: it would begin once a place is free.
        let report = cluster::cancel_pending(&directory);
        change(&directory, Request::Stop { cause: None })?;
        return print::result(&format!(
            "{dir}  cancelled: processes stop before their next evaluation\n{report}"
        ));
    }
    let sweep = run_directory::open(&arguments.dir)?;
    let trials = named(&sweep, &arguments.trials)?;
    refuse_recorded(&sweep, &trials)?;
    let count = counted(trials.len(), "trial");
    change(&directory, Request::Skip { trials })?;
    print::result(&format!("{dir}  {count} will not be run; `sigmalab sweep resume` undoes this\n"))
}

/// A trial that has ended is neither run again nor passed over.
fn refuse_recorded(sweep: &Sweep, trials: &[String]) -> Result<(), Failure> {
    let standing = |id: &String| {
        let index = sweep.trials.trials.iter().position(|trial| trial.id.short() == id)?;
        Some(sweep.status_of(Run::Trial(index))).filter(|standing| *standing != RunStatus::Pending)
    };
    let Some((trial, standing)) = trials.iter().find_map(|id| Some((id, standing(id)?))) else {
        return Ok(());
    };
    let failure = Failure::bad_input(format_args!(
        "trial {trial} has ended already and keeps its record; nothing was changed"
    ));
    Err(match standing {
        RunStatus::Failed => failure.way_out(format_args!(
            "sigmalab sweep retry {} --failed",
            sweep.directory.path().display()
        )),
        _ => failure,
    })
}

fn change(directory: &RunDirectory, request: Request) -> Result<(), Failure> {
    ask(directory, request).map_err(Failure::failed)
}

/// The identities of trials, short.
fn named(sweep: &Sweep, names: &[String]) -> Result<Vec<String>, Failure> {
    let found = names.iter().map(|name| {
        sweep
            .trials
            .named(name)
            .map(|trial| trial.id.short().to_owned())
            .map_err(Failure::bad_input)
    });
    found.collect()
}
