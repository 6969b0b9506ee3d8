//! `sigmalab sweep submit`: a sweep handed to the queue of a cluster, and what becomes of it there.
//! Each time is a folder `cluster/N` of the run directory with the script, what was asked for and
//! the logs. The sweep itself knows nothing of queues: what they start are workers.

mod hq;
mod quantities;
mod queue;
mod settings;
mod slurm;
mod ssh;
mod submit;

pub(super) use queue::{Task, cancel_pending, stands};
pub(super) use submit::{SubmitCommand, submit};

use serde::{Deserialize, Serialize};
use settings::{Engine, Settings};
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_files::shared_folder::SharedFolder;
use std::path::PathBuf;

/// The version this build writes.
const VERSION: u32 = 1;

/// The folder of submissions.
const FOLDER: &str = "cluster";

/// Most bytes of a file that are read.
const MOST: u64 = 1 << 20;

/// A sweep that is handed over.
#[derive(Debug)]
struct Job {
    name: String,
    /// The run directory as every machine sees it.
    directory: PathBuf,
    /// The program as every machine sees it.
    program: PathBuf,
    /// Flags of each worker.
    flags: Vec<String>,
    settings: Settings,
    /// What goes to the queue's own command.
    own: Vec<String>,
}

impl Job {
    /// What the queue calls it.
    fn title(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
        format!("sigmalab-{}", self.name.chars().map(plain).collect::<String>())
    }

    /// The command that is a worker.
    fn command(&self) -> Vec<String> {
        let mut command = vec![self.program.display().to_string(), "sweep".into(), "run".into()];
        command.extend([self.directory.display().to_string(), "--worker".to_owned()]);
        command.extend(self.flags.iter().cloned());
        command
    }

    /// The command that writes tables and report at the end.
    fn last_command(&self) -> Vec<String> {
        let command = [&self.program.display().to_string(), "sweep", "report"].map(str::to_owned);
        command.into_iter().chain([self.directory.display().to_string()]).collect()
    }
}

/// Words as a shell takes them.
fn line(words: &[String]) -> String {
    let quoted = |word: &String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,+%@".contains(c);
        match !word.is_empty() && word.chars().all(plain) {
            true => word.clone(),
            false => format!("'{}'", word.replace('\'', r"'\''")),
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// What was handed over, as its file tells of it.
#[derive(Debug, Serialize, Deserialize)]
struct Submission {
    version: u32,
    engine: Engine,
    /// What the queue calls the workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    /// What it calls the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<String>,
    /// How many workers were asked for, all rounds together.
    tasks: usize,
    settings: Settings,
}

/// The submissions of a run directory by number. One that cannot be read is left out.
fn submissions(directory: &RunDirectory) -> Vec<(u64, Submission)> {
    let Ok(folder) = SharedFolder::open_last(&directory.path().join(FOLDER)) else {
        return Vec::new();
    };
    let names = folder.names().unwrap_or_default();
    let number = |name: &std::ffi::OsString| -> Option<u64> { name.to_str()?.parse().ok() };
    let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    let read = |number: u64| -> Option<(u64, Submission)> {
        let bytes = folder.folder(number.to_string()).ok()?.read("job.json", MOST).ok()?;
        let submission: Submission = serde_json::from_slice(&bytes).ok()?;
        (submission.version == VERSION).then_some((number, submission))
    };
    numbers.into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more() {
        let words = ["a", "b c", "it's", "", "$(x)", "/p/q-1.2"].map(str::to_owned);
        assert_eq!(line(&words), r"a 'b c' 'it'\''s' '' '$(x)' /p/q-1.2");
    }
}
