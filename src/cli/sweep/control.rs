//! `sigmalab sweep pause`, `resume` and `cancel`: what running processes are to do, through a file
//! in the run directory.

use super::load;
use crate::cli::failure::Failure;
use crate::cli::print::{self, counted};
use clap::Args;
use sigmalab_experiment::control::Control;
use sigmalab_experiment::plan::Run;
use sigmalab_experiment::sweep::{Standing, Sweep};
use std::path::PathBuf;

/// The arguments of `sweep pause`.
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
    let sweep = load::open(&arguments.dir)?;
    change(&sweep, |control| control.paused = true)?;
    let dir = sweep.directory.path().display();
    print::result(&format!("{dir}  paused: trials that are going are finished, no other begins\n"))
}

/// Processes go on, or trials are run after all.
pub(super) fn resume(arguments: &TrialsCommand) -> Result<(), Failure> {
    let sweep = load::open(&arguments.dir)?;
    let dir = sweep.directory.path().display();
    if arguments.trials.is_empty() {
        change(&sweep, |control| control.paused = false)?;
        return print::result(&format!("{dir}  not paused\n"));
    }
    let trials = named(&sweep, &arguments.trials)?;
    refuse_recorded(&sweep, &trials)?;
    change(&sweep, |control| control.take_up(&trials))?;
    let count = counted(trials.len(), "trial");
    print::result(&format!("{dir}  {count} to be run; `sigmalab sweep run` where nobody does\n"))
}

/// Every process stops, or trials are not run.
pub(super) fn cancel(arguments: &TrialsCommand) -> Result<(), Failure> {
    let sweep = load::open(&arguments.dir)?;
    let dir = sweep.directory.path().display();
    if arguments.trials.is_empty() {
        change(&sweep, |control| control.stops = control.stops.wrapping_add(1))?;
        return print::result(&format!(
            "{dir}  cancelled: processes stop before their next evaluation\n"
        ));
    }
    let trials = named(&sweep, &arguments.trials)?;
    refuse_recorded(&sweep, &trials)?;
    let count = counted(trials.len(), "trial");
    change(&sweep, |control| control.skip(trials))?;
    print::result(&format!("{dir}  {count} not to be run; `sigmalab sweep resume` takes it back\n"))
}

/// A trial that has ended is neither run again nor passed over.
fn refuse_recorded(sweep: &Sweep, trials: &[String]) -> Result<(), Failure> {
    let standing = |id: &String| {
        let place = sweep.trials.trials.iter().position(|trial| trial.id.short() == id)?;
        Some(sweep.standing(Run::Trial(place))).filter(|standing| *standing != Standing::Pending)
    };
    let Some((trial, standing)) = trials.iter().find_map(|id| Some((id, standing(id)?))) else {
        return Ok(());
    };
    let failure = Failure::bad_input(format_args!(
        "trial {trial} has ended already and keeps its record; nothing was changed"
    ));
    Err(match standing {
        Standing::Failed => failure.way_out(format_args!(
            "sigmalab sweep retry {} --failed",
            sweep.directory.path().display()
        )),
        _ => failure,
    })
}

fn change(sweep: &Sweep, change: impl FnOnce(&mut Control)) -> Result<(), Failure> {
    Control::change(&sweep.directory, change).map(|_| ()).map_err(Failure::failed)
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
