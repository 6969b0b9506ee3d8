//! What workers on other machines leave in a run directory: a file each, which says where it runs
//! and how it ended. What a machine is at fault for is counted by them. Knows nothing of queues.

use super::control::Control;
use super::directory::{DirectoryError, RunDirectory};
use super::process::Process;
use serde::{Deserialize, Serialize};
use sigmalab_files::nonce::nonce;
use sigmalab_files::shared_folder::SharedFolder;
use sigmalab_files::target::{OnCollision, TargetError};

/// The version this build writes.
const VERSION: u32 = 1;

/// Most bytes of a file that are read.
const MOST: u64 = 1 << 20;

/// Most files that are looked at.
const MOST_FILES: usize = 10_000;

/// Workers that ended because of their machines or the disk, after which the sweep stops.
pub const MOST_TROUBLES: usize = 3;

/// A worker as its file tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    version: u32,
    pub process: Process,
    /// What the queue calls it, as `slurm 123_4`, where one started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The last request that said that everything is mended, when it began.
    #[serde(default)]
    mended: u64,
    /// How it ended; `None` while it runs, and where it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub exit: u8,
    pub cause: String,
    /// Whether its machine or the disk was at fault.
    pub trouble: bool,
}

/// This process's own file.
#[derive(Debug)]
pub struct OwnFile {
    name: String,
    worker: Worker,
}

impl OwnFile {
    /// Says that this process begins to work.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(
        directory: &RunDirectory,
        control: &Control,
        task: Option<String>,
    ) -> Result<Self, WorkersError> {
        directory.create(&directory.workers())?;
        let (process, mended) = (Process::this(), control.mended());
        let name = format!(
            "workers/{}-{}.json",
            process.file_name(),
            nonce().get(..8).unwrap_or_default()
        );
        let worker = Worker { version: VERSION, process, task, mended, end: None };
        let own = OwnFile { name, worker };
        own.write(directory)?;
        Ok(own)
    }

    /// Says how it ended.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn end(mut self, directory: &RunDirectory, end: End) -> Result<(), WorkersError> {
        self.worker.end = Some(end);
        self.write(directory)
    }

    fn write(&self, directory: &RunDirectory) -> Result<(), WorkersError> {
        let text = serde_json::to_string(&self.worker).unwrap_or_default() + "\n";
        directory.put(&self.name, OnCollision::Replace, |out| out.write_all(text.as_bytes()))?;
        Ok(())
    }
}

/// Why a worker cannot say how it stands.
#[derive(Debug, thiserror::Error)]
pub enum WorkersError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Write(#[from] TargetError),
}

/// Every worker that has a file. One that cannot be read says nothing.
pub fn all(directory: &RunDirectory) -> Vec<Worker> {
    let Ok(folder) = SharedFolder::open_last(&directory.workers()) else { return Vec::new() };
    let mut names = folder.names().unwrap_or_default();
    names.retain(|name| name.to_str().is_some_and(|name| name.ends_with(".json")));
    names.sort();
    let read = |name| -> Option<Worker> {
        let worker: Worker = serde_json::from_slice(&folder.read(name, MOST).ok()?).ok()?;
        (worker.version == VERSION).then_some(worker)
    };
    names.iter().take(MOST_FILES).filter_map(read).collect()
}

/// The workers that ended because of their machines or the disk since somebody last said that all
/// is mended.
pub fn troubles(workers: &[Worker], control: &Control) -> Vec<(Process, End)> {
    let since = workers.iter().filter(|worker| worker.mended == control.mended());
    let ended = since.filter_map(|worker| Some((worker.process.clone(), worker.end.clone()?)));
    ended.filter(|(_, end)| end.trouble).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::control::{Request, ask};

    #[test]
    fn troubles_are_counted_until_somebody_says_that_they_are_mended() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(folder.path());
        let control = || Control::read(&directory).unwrap();
        let end = |trouble: bool| End { exit: 78, cause: "no model".to_owned(), trouble };
        for trouble in [true, true, false, true] {
            let own = OwnFile::begin(&directory, &control(), Some("slurm 1_0".to_owned())).unwrap();
            own.end(&directory, end(trouble)).unwrap();
        }
        OwnFile::begin(&directory, &control(), None).unwrap();
        let workers = all(&directory);
        assert_eq!(workers.len(), 5);
        assert_eq!(workers.iter().filter(|worker| worker.end.is_none()).count(), 1);
        assert_eq!(troubles(&workers, &control()).len(), MOST_TROUBLES);
        ask(&directory, Request::Mended {}).unwrap();
        assert_eq!(troubles(&all(&directory), &control()), []);
        std::fs::write(folder.path().join("workers/x.json"), "{").unwrap();
        assert_eq!(all(&directory).len(), 5);
    }
}
