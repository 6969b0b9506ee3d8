//! The command line: flags to plain requests, rooms' answers to text. One file a subcommand;
//! each resolves what was asked, calls the rooms, and prints.

mod caption;
mod completions;
mod device_list;
mod devices;
mod doctor;
mod failure;
mod generate;
mod interrupt;
mod memory_flags;
mod model;
mod model_flags;
mod plugins;
mod preset_flags;
mod presets;
mod print;
mod prompt;
mod samplers;
mod schedule;
mod schedule_flags;
mod size_flags;
mod sweep;
mod text_input;
mod tune;
mod usage;
mod values;
mod workbench;
mod worker;

use clap::{CommandFactory, Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

/// A workbench for the samplers of Ideogram 4.
///
/// It draws images from prompts with a schedule whose every step you can set, and shows what each
/// step did. Without a checkpoint of your own it runs on a small built-in one that draws coloured
/// shapes.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    args_conflicts_with_subcommands = true,
    after_help = "Without a command the workbench opens: a grid of steps, the image beside it.

Examples:
  sigmalab
  sigmalab generate --prompt \"a red circle on a blue background\" --output out.png
  sigmalab generate --recipe out.png --gw 7x45,2x3 --output softer.png
  sigmalab schedule V4_DEFAULT_20

Exit codes: 0 done, 1 failed, 2 bad usage or bad input, 130 interrupted.
`sigmalab COMMAND --help` explains a command."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    workbench: workbench::Workbench,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Draw an image from a prompt
    Generate(Box<generate::Generate>),
    /// Show the steps and noise levels of a preset
    Schedule(Box<schedule::ScheduleCommand>),
    /// List, show and check presets
    Presets(presets::PresetsCommand),
    /// Plan, run and report sweeps of experiment files
    Sweep(Box<sweep::SweepCommand>),
    /// Find a faster preset from reference runs
    Tune(Box<tune::TuneCommand>),
    /// List and check sampler plugins, and start a new one
    Plugins(plugins::PluginsCommand),
    /// Inspect a checkpoint
    Model(model::ModelCommand),
    /// Check and wrap structured captions
    Caption(caption::CaptionCommand),
    /// List the devices that networks can run on, and what is missing for GPUs
    Device(devices::DeviceCommand),
    /// Show what the program finds around it, and what to do about problems
    Doctor(doctor::Doctor),
    /// Print a shell's completion script
    Completions(completions::Completions),
    #[command(hide = true)]
    Worker(worker::Worker),
}

/// Runs the command line and gives the exit code.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let mut command = Cli::command();
            command.build();
            let error = usage::with_hint(error, &command);
            // Help goes to standard output and ends with 0, errors to standard error with 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // Those that the workbench starts; a worker's standard output is not for answers.
    let answers = matches!(cli.command, Some(Command::Sweep(_) | Command::Tune(_)));
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match answers && print::answers_a_program() {
                true => drop(print::json(&print::refusal(&failure))),
                false => print::failure(&failure),
            }
            failure.exit.into()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    // Wherever a sampler may run; a worker that finds it wrong has nobody to tell.
    if let None | Some(Command::Generate(_) | Command::Sweep(_)) = &cli.command {
        worker::plugin_limit()?;
    }
    // Wherever the hub may be asked.
    if let None
    | Some(Command::Generate(_) | Command::Sweep(_) | Command::Tune(_) | Command::Model(_)) =
        &cli.command
    {
        model_flags::check_token_setting()?;
    }
    match cli.command {
        Some(Command::Generate(arguments)) => generate::run(&arguments),
        Some(Command::Schedule(arguments)) => schedule::run(&arguments),
        Some(Command::Presets(arguments)) => presets::run(&arguments),
        Some(Command::Sweep(arguments)) => sweep::run(&arguments),
        Some(Command::Tune(arguments)) => tune::run(&arguments),
        Some(Command::Plugins(arguments)) => plugins::run(&arguments),
        Some(Command::Model(arguments)) => model::run(&arguments),
        Some(Command::Caption(arguments)) => caption::run(&arguments),
        Some(Command::Device(arguments)) => devices::run(&arguments),
        Some(Command::Doctor(arguments)) => doctor::run(&arguments),
        Some(Command::Completions(arguments)) => completions::run(&arguments),
        Some(Command::Worker(arguments)) => worker::run(&arguments),
        None => workbench::run(&cli.workbench),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
