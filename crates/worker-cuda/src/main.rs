//! `sigmalab-worker-cuda`: what `sigmalab` starts for runs on a GPU. With `worker` it serves on the
//! pipe that it was given, with `devices` it says as JSON what it can do. It knows no command
//! line for people and draws no screen.

mod check;

use sigmalab_engine::worker::cuda::DEVICES_ARGUMENT;
use sigmalab_engine::worker::{ServeOptions, WORKER_ARGUMENT, serve};
use sigmalab_model::devices::report;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "sigmalab-worker-cuda is started by sigmalab itself; `devices` prints what it \
                     can do, `check` tries the kernels on a device";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    let done = match first.as_ref().and_then(|argument| argument.to_str()) {
        Some(WORKER_ARGUMENT) => run(arguments),
        Some(DEVICES_ARGUMENT) => devices(),
        Some(check::ARGUMENT) => check::run(arguments),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("sigmalab-worker-cuda: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let options = ServeOptions::from_arguments(arguments).map_err(|error| error.to_string())?;
    serve(options).map_err(|error| error.to_string())
}

fn devices() -> Result<(), String> {
    print(&report())
}

/// Prints a value as one line of JSON.
fn print(value: &impl serde::Serialize) -> Result<(), String> {
    let mut line = serde_json::to_vec(value).map_err(|error| error.to_string())?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).map_err(|error| error.to_string())
}
