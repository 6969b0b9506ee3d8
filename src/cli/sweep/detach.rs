//! `--detach`: the same command again as a process of its own, which lives on when the terminal or
//! the connection it was started from ends.

use super::running_flags::RunningFlags;
use crate::cli::device_list::DeviceList;
use crate::cli::failure::Failure;
use crate::cli::print;
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_experiment::launch::{launch, own_program};
use sigmalab_experiment::process::Process;
use std::ffi::OsString;
use std::process::Command;

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detached {
    /// `sweep run`.
    Run,
    /// `sweep run --worker`.
    Worker,
    /// `sweep retry --failed`.
    Retry,
}

impl Detached {
    pub(super) fn of(retry_failed: bool) -> Self {
        if retry_failed { Detached::Retry } else { Detached::Run }
    }
}

/// Starts one on a run directory and does not wait for its end.
pub(super) fn start(
    directory: &RunDirectory,
    what: Detached,
    flags: &RunningFlags,
    devices: Option<&DeviceList>,
) -> Result<(), Failure> {
    let log = match what {
        // Many machines that write to one file write over each other.
        Detached::Worker => {
            let folder = directory.shared().and_then(|shared| shared.make_folder("workers"));
            let name = format!("{}.out", Process::this().file_name());
            folder.map_err(Failure::failed)?.path_of(name)
        }
        Detached::Run | Detached::Retry => directory.output(),
    };
    let mut command = Command::new(own_program().map_err(Failure::failed)?);
    command.args(arguments(directory, what, flags, devices));
    let launched = launch(directory, &log, command).map_err(Failure::failed)?;
    if print::answers_a_program() {
        return print::json(&launched);
    }
    print::result(&format!(
        "{}  process {} runs it; its output is in {}\n",
        launched.directory.display(),
        launched.process,
        launched.output.display()
    ))
}

/// In the process that was started: a session of its own, so that nothing that happens to the
/// terminal reaches it.
pub(super) fn arrive() -> Result<(), Failure> {
    let left = rustix::process::setsid();
    left.map(|_| ()).map_err(|error| {
        Failure::failed(format_args!("cannot start a session of its own: {error}"))
    })
}

fn arguments(
    directory: &RunDirectory,
    what: Detached,
    flags: &RunningFlags,
    devices: Option<&DeviceList>,
) -> Vec<OsString> {
    let retry_failed = what == Detached::Retry;
    let command = if retry_failed { "retry" } else { "run" };
    let mut arguments: Vec<OsString> = vec!["sweep".into(), command.into()];
    let mut add = |flag: &str, value: Option<String>| {
        arguments.extend(value.map(|value| format!("{flag}={value}").into()));
    };
    add("--devices", devices.map(DeviceList::to_string));
    add("--threads", flags.threads.map(|threads| threads.to_string()));
    add("--memory-limit", flags.memory.given().map(str::to_owned));
    add("--cache", flags.cache.map(|mib| mib.to_string()));
    add("--shard", flags.shard.map(|shard| format!("{}/{}", shard.index + 1, shard.count)));
    for (flag, given) in [
        ("--failed", retry_failed),
        ("--worker", what == Detached::Worker),
        ("--quiet", flags.quiet),
        ("--no-report", flags.no_report),
    ] {
        arguments.extend(given.then(|| flag.into()));
    }
    arguments.extend(["--detached".into(), "--".into(), directory.path().into()]);
    arguments
}
