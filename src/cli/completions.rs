//! `sigmalab completions`: scripts that let a shell complete commands and flags.

use super::failure::Failure;
use super::{Cli, print};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// The arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab completions bash > ~/.local/share/bash-completion/completions/sigmalab
  sigmalab completions zsh > \"${fpath[1]}/_sigmalab\"
  sigmalab completions fish > ~/.config/fish/completions/sigmalab.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(arguments: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "sigmalab", &mut script);
    print::result(&String::from_utf8_lossy(&script))
}
