//! `sigmalab plugins`: list them, check one, begin one. Two hidden actions are the processes in
//! which code of plugins runs.

mod check;
mod describe;
mod list;
mod new;
mod probe;

use super::failure::Failure;
use clap::{Args, Subcommand};
use sigmalab_sampler::plugin::parent_pipe;
use std::os::unix::net::UnixStream;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab plugins list
  sigmalab plugins new my-solver --lang rust
  sigmalab plugins check target/debug/libmy_solver.so
  sigmalab generate --prompt \"a red circle\" --sampler heun --output out.png

Plugins are looked for beside the program, in the folders of SIGMALAB_PLUGIN_PATH (with `:`
between them), and in the folder `plugins` of your data folder.")]
pub(crate) struct PluginsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Every sampler that can be named, and a line for every file that cannot be used
    List(list::List),
    /// Check that a sampler is what it claims to be: its order of accuracy, its evaluations, its use of memory
    Check(check::Check),
    /// Start a sampler: a project that builds offline and explains itself
    New(new::New),
    #[command(hide = true)]
    Describe(describe::Describe),
    #[command(hide = true)]
    Probe(probe::Probe),
}

/// Does what was asked.
pub(crate) fn run(arguments: &PluginsCommand) -> Result<(), Failure> {
    match &arguments.action {
        Action::List(arguments) => list::run(arguments),
        Action::Check(arguments) => check::run(arguments),
        Action::New(arguments) => new::run(arguments),
        Action::Describe(arguments) => describe::run(arguments),
        Action::Probe(arguments) => probe::run(arguments),
    }
}

/// The pipe to the process that started `plugins {action}`, which `way_out` does for people.
fn pipe(action: &str, way_out: &str) -> Result<UnixStream, Failure> {
    parent_pipe().map_err(|error| {
        Failure::bad_input(format_args!(
            "`sigmalab plugins {action}` is started by sigmalab itself, with a pipe as standard \
             input: {error}"
        ))
        .way_out(way_out)
    })
}
