//! `sigmalab sweep`: experiments from a file to tables, pictures and a report.

mod budget;
mod cluster;
mod control;
mod detach;
pub(super) mod load;
pub(super) mod measuring;
mod new;
mod on_devices;
mod plan;
mod plot;
mod progress;
mod prompts_file;
pub(super) mod report;
pub(super) mod run;
pub(super) mod run_directory;
pub(super) mod running_flags;
mod status;
mod wording;
mod worker;

use super::failure::Failure;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(
    after_help = "A sweep lives in a run directory, by default runs/NAME: trials.csv, steps.csv, images,
report.html, and a journal from which an interrupted sweep continues. Start the same command in
several terminals or jobs on one directory and they share the work.

FILE.toml may also be the name of a built-in experiment: quickstart, polish-steps,
guidance-interval, mu-std, step-ladder, samplers, solver-accuracy, proxy-size, search or tune.

Examples:
  sigmalab sweep run quickstart
  sigmalab sweep new mine
  sigmalab sweep plan mine.toml
  sigmalab sweep run mine.toml --detach
  sigmalab sweep submit mine.toml --to slurm --workers 8 --gpus 1 --time 4:00:00
  sigmalab sweep status runs/quickstart
  sigmalab sweep report runs/quickstart"
)]
pub(crate) struct SweepCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write an experiment file with comments, to begin with
    New(new::NewCommand),
    /// Show what a sweep would run, what it saves, and how long it takes
    Plan(plan::PlanCommand),
    /// Run a sweep, or continue one
    Run(run::RunCommand),
    /// Hand a sweep to a cluster: Slurm, HyperQueue, or hosts by ssh
    Submit(Box<cluster::SubmitCommand>),
    /// Show the state of a sweep
    Status(status::StatusCommand),
    /// Run failed trials again
    Retry(run::RetryCommand),
    /// Keep running processes from starting further trials until `resume`
    Pause(control::PauseCommand),
    /// Let paused processes continue; with TRIALs, run these after all
    #[command(after_help = "Examples:
  sigmalab sweep resume runs/mine
  sigmalab sweep resume runs/mine 12 3f2a")]
    Resume(control::TrialsCommand),
    /// Stop every process of a sweep; with TRIALs, do not run these
    #[command(after_help = "Examples:
  sigmalab sweep cancel runs/mine
  sigmalab sweep cancel runs/mine 12 3f2a")]
    Cancel(control::TrialsCommand),
    /// Write the contact sheet and the page, and show what a sweep found
    Report(report::ReportCommand),
    /// Compare one column with another: a table, and a plot as SVG
    Plot(plot::PlotCommand),
}

/// Runs a subcommand.
pub(crate) fn run(arguments: &SweepCommand) -> Result<(), Failure> {
    match &arguments.command {
        Command::New(arguments) => new::run(arguments),
        Command::Plan(arguments) => plan::run(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Submit(arguments) => cluster::submit(arguments),
        Command::Status(arguments) => status::run(arguments),
        Command::Retry(arguments) => run::retry(arguments),
        Command::Pause(arguments) => control::pause(arguments),
        Command::Resume(arguments) => control::resume(arguments),
        Command::Cancel(arguments) => control::cancel(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Plot(arguments) => plot::run(arguments),
    }
}
