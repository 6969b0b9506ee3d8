//! `sigmalab completions`: scripts that let a shell complete commands and flags.

use super::failure::Failure;
use super::{Cli, print, samplers};
use clap::builder::PossibleValuesParser;
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab completions bash > ~/.local/share/bash-completion/completions/sigmalab
  sigmalab completions zsh > \"${fpath[1]}/_sigmalab\"
  sigmalab completions fish > ~/.config/fish/completions/sigmalab.fish

The script knows the samplers that there are now: write it again when you have more.")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(arguments: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "sigmalab", &mut script);
    print::result(&String::from_utf8_lossy(&script))
}

/// The command line, with the names of the samplers where one is asked for.
fn command() -> Command {
    let samplers = samplers::every_sampler();
    let ids: Vec<String> = samplers.all().map(|(info, _)| info.id.to_string()).collect();
    Cli::command().mut_subcommand("generate", |generate| {
        generate.mut_arg("sampler", |sampler| sampler.value_parser(PossibleValuesParser::new(ids)))
    })
}
