//! Processes that run a sweep on their own: how one is started, what it answers whoever started it,
//! and how the last one of a run directory ended. Forms that a process writes and another reads; it
//! knows no flags and no words for people.

use crate::directory::RunDirectory;
use crate::process::Process;
use serde::{Deserialize, Serialize};
use sigmalab_files::shared_folder::append_to;
use sigmalab_files::target::OnCollision;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set for a program that is started by this one and not by a person: it answers in JSON.
pub const ANSWERS: &str = "SIGMALAB_ANSWERS";

/// The file of the last process in a run directory.
const FILE: &str = "process.json";

/// Most bytes of it that are read.
const MOST: u64 = 1 << 20;

/// The version this build writes.
const VERSION: u32 = 1;

/// A process that was started and runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launched {
    pub directory: PathBuf,
    /// Its number on this machine.
    pub process: u32,
    /// The file that it writes what it says to.
    pub output: PathBuf,
}

/// Why a command did not do what was asked of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub message: String,
    /// Ways out, for a command line.
    #[serde(default)]
    pub ways_out: Vec<String>,
    /// What kind of refusal it is, where that matters to whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<RefusalKind>,
}

/// Kinds of refusals that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// The run directory has another form of the experiment, which can be extended.
    ExperimentChanged,
    Cancelled,
}

/// The last process of a run directory that was started to outlive its terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastProcess {
    version: u32,
    pub process: Process,
    /// Why it stopped before everything was done, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Refusal>,
}

impl LastProcess {
    /// Whether it lives, on this machine. Where it holds no part, it begins, or waits while the sweep
    /// is paused.
    pub fn lives(&self) -> bool {
        self.stopped.is_none()
            && self.process.is_beside(&Process::this())
            && !self.process.is_gone()
    }
}

/// The program that is running, to be started once more.
///
/// # Errors
/// The system does not say where it is.
pub fn own_program() -> io::Result<PathBuf> {
    // Stays the running program even when its file was replaced by a newer build.
    if cfg!(target_os = "linux") {
        return Ok(PathBuf::from("/proc/self/exe"));
    }
    std::env::current_exe()
}

/// Starts a command on a run directory, with what it says in the file `output`, and does not wait
/// for its end.
///
/// # Errors
/// Its file cannot be opened, or no process started.
pub fn launch(
    directory: &RunDirectory,
    output: &Path,
    mut command: Command,
) -> Result<Launched, LaunchError> {
    let failed = |source: io::Error| LaunchError::Output { path: output.to_owned(), source };
    let out = append_to(output).map_err(failed)?;
    let errors = out.try_clone().map_err(failed)?;
    command.stdin(Stdio::null()).stdout(out).stderr(errors).env_remove(ANSWERS);
    let child = command.spawn().map_err(LaunchError::Process)?;
    Ok(Launched {
        directory: directory.path().to_owned(),
        process: child.id(),
        output: output.to_owned(),
    })
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The file for what it says.
    #[error("`{}`: {source}", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error("no process can be started: {0}")]
    Process(io::Error),
}

/// Notes that this process is the last one that was started on a run directory, and why it stopped
/// where it has. Without the note nobody knows; no reason to end a sweep.
pub fn note(directory: &RunDirectory, stopped: Option<Refusal>) {
    let last = LastProcess { version: VERSION, process: Process::this(), stopped };
    let text = serde_json::to_string(&last).unwrap_or_default() + "\n";
    let _ = directory.put(FILE, OnCollision::Replace, |out| out.write_all(text.as_bytes()));
}

/// The last process of a run directory; `None` where there was none, or its file cannot be read.
pub fn last(directory: &RunDirectory) -> Option<LastProcess> {
    let text = directory.read(FILE, MOST).ok()??;
    let last: LastProcess = serde_json::from_str(&text).ok()?;
    (last.version == VERSION).then_some(last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_last_process_is_known_with_why_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(folder.path());
        assert_eq!(last(&directory), None);
        note(&directory, None);
        let begun = last(&directory).unwrap();
        assert!(begun.lives());
        let gone = Process { started: begun.process.started + 1, ..begun.process.clone() };
        assert!(!LastProcess { process: gone, ..begun.clone() }.lives());
        assert_eq!((begun.process, begun.stopped), (Process::this(), None));
        let why = Refusal {
            message: "cancelled".to_owned(),
            kind: Some(RefusalKind::Cancelled),
            ..Refusal::default()
        };
        note(&directory, Some(why.clone()));
        let ended = last(&directory).unwrap();
        assert!(!ended.lives());
        assert_eq!(ended.stopped, Some(why));
        for damaged in ["", "{", "{\"version\":9}"] {
            std::fs::write(folder.path().join(FILE), damaged).unwrap();
            assert_eq!(last(&directory), None, "{damaged}");
        }
    }
}
