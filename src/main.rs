//! The program: the command line over the library's rooms.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
