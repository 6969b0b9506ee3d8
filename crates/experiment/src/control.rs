//! What somebody wants of a sweep that others run: pause, an order, trials that are not to be run,
//! a stop. One small file in the run directory, written whole; processes look at it between trials
//! and twice a second within one. It knows nothing of who writes it and who obeys.

use super::directory::RunDirectory;
use super::trial::TrialId;
use serde::{Deserialize, Serialize};
use sigmalab_files::lock::{Lock, LockError};
use sigmalab_files::target::{OnCollision, TargetError};
use sigmalab_text::text_file::without_mark;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The version this build writes.
const VERSION: u32 = 1;

/// The file's name.
const FILE: &str = "control.json";

/// Least time between two looks at the file during a run.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is wanted of a sweep. Trials are named by the beginning of their identity, as rows and
/// files are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Version of this form.
    version: u32,
    /// No process begins another trial; those that are going are finished.
    #[serde(default)]
    pub paused: bool,
    /// How often the sweep was cancelled. A process stops where this is another number than when
    /// it began, so that processes that begin later need not take anything back.
    #[serde(default)]
    pub stops: u64,
    /// These come first, in this order.
    #[serde(default)]
    pub first: Vec<String>,
    /// These are not run; one that is going is stopped. They have no record, and are run once they
    /// are named here no more.
    #[serde(default)]
    pub skipped: Vec<String>,
}

impl Default for Control {
    fn default() -> Self {
        let (first, skipped) = (Vec::new(), Vec::new());
        Control { version: VERSION, paused: false, stops: 0, first, skipped }
    }
}

/// Why a control file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no control file of this build.
    #[error("`{}`: {problem}: delete it to go on without it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Another program writes it and does not end.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] TargetError),
}

impl Control {
    /// What the file of a run directory says; nothing is wanted where there is none.
    pub fn read(directory: &RunDirectory) -> Result<Self, ControlError> {
        let path = directory.path().join(FILE);
        let text = match directory.read_small(FILE) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Control::default()),
            Err(source) => return Err(ControlError::Io { path, source }),
        };
        let control: Control = serde_json::from_str(without_mark(&text)).map_err(|error| {
            ControlError::Damaged { path: path.clone(), problem: error.to_string() }
        })?;
        if control.version > VERSION {
            let found = control.version;
            let problem = format!("it is of version {found} and this build reads up to {VERSION}");
            return Err(ControlError::Damaged { path, problem });
        }
        Ok(control)
    }

    /// Changes the file of a run directory: what others changed meanwhile stays. Gives what it
    /// says now.
    pub fn change(
        directory: &RunDirectory,
        change: impl FnOnce(&mut Control),
    ) -> Result<Self, ControlError> {
        let path = directory.path().join(FILE);
        let _lock = Lock::of(&path)?;
        let before = Control::read(directory)?;
        let mut control = before.clone();
        change(&mut control);
        if control != before {
            let text = serde_json::to_string_pretty(&control).unwrap_or_default() + "\n";
            directory.put(FILE, OnCollision::Replace, |out| out.write_all(text.as_bytes()))?;
        }
        Ok(control)
    }

    /// Whether a trial is not to be run.
    pub fn skips(&self, id: &TrialId) -> bool {
        self.skipped.iter().any(|skipped| skipped == id.short())
    }

    /// Where a trial stands among those that come first; the others come after all of them.
    pub fn rank(&self, id: &TrialId) -> usize {
        let place = self.first.iter().position(|first| first == id.short());
        place.unwrap_or(self.first.len())
    }

    /// A trial comes before all others, or no longer does.
    pub fn put_first(&mut self, id: &str) {
        let was_first = self.first.first().is_some_and(|first| first == id);
        self.first.retain(|first| first != id);
        if !was_first {
            self.first.insert(0, id.to_owned());
        }
    }

    /// Trials that are not to be run from now on.
    pub fn skip(&mut self, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            if !self.skipped.contains(&id) {
                self.skipped.push(id);
            }
        }
    }

    /// Trials that are to be run after all.
    pub fn take_up(&mut self, ids: &[String]) {
        self.skipped.retain(|skipped| !ids.contains(skipped));
    }
}

/// The control file as a process that runs trials follows it.
#[derive(Debug)]
pub(super) struct Followed {
    directory: RunDirectory,
    control: Control,
    /// How often the sweep had been cancelled when this process began.
    stops: u64,
    looked: Instant,
}

impl Followed {
    pub(super) fn new(directory: &RunDirectory) -> Result<Self, ControlError> {
        let control = Control::read(directory)?;
        let stops = control.stops;
        Ok(Followed { directory: directory.clone(), control, stops, looked: Instant::now() })
    }

    /// Looks at the file. One that cannot be read changes nothing: it was readable before.
    pub(super) fn look(&mut self) -> &Control {
        self.looked = Instant::now();
        if let Ok(control) = Control::read(&self.directory) {
            self.control = control;
        }
        &self.control
    }

    /// The same, where the last look is some time ago.
    pub(super) fn look_now_and_then(&mut self) -> &Control {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.look();
        }
        &self.control
    }

    /// What the file said at the last look.
    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    /// Whether the sweep was cancelled since this process began.
    pub(super) fn is_cancelled(&self) -> bool {
        self.control.stops != self.stops
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    fn directory() -> (tempfile::TempDir, RunDirectory) {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(folder.path());
        (folder, directory)
    }

    #[test]
    fn what_is_wanted_comes_back_and_changes_add_up() {
        let (_folder, directory) = directory();
        assert_eq!(Control::read(&directory).unwrap(), Control::default());
        Control::change(&directory, |control| control.paused = true).unwrap();
        Control::change(&directory, |control| control.skip(["a".to_owned()])).unwrap();
        Control::change(&directory, |control| control.skip(["a".to_owned(), "b".to_owned()]))
            .unwrap();
        let control = Control::read(&directory).unwrap();
        assert!(control.paused);
        assert_eq!(control.skipped, ["a", "b"]);
        let control = Control::change(&directory, |c| c.take_up(&["a".to_owned()])).unwrap();
        assert_eq!((control.skipped, control.paused), (vec!["b".to_owned()], true));
    }

    #[test]
    fn the_trial_put_first_last_comes_first_and_the_same_again_takes_it_back() {
        let mut control = Control::default();
        ["a", "b"].iter().for_each(|id| control.put_first(id));
        let rank = |control: &Control, id: &str| control.rank(&TrialId(id.to_owned()));
        assert_eq!(["b", "a", "c"].map(|id| rank(&control, id)), [0, 1, 2]);
        control.put_first("b");
        assert_eq!(["a", "b"].map(|id| rank(&control, id)), [0, 1]);
    }

    #[test]
    fn a_file_that_is_none_is_refused_with_a_way_out_and_kept() {
        let (folder, directory) = directory();
        for text in ["{", "{\"version\":1,\"pause\":true}", "{\"version\":9}"] {
            fs::write(folder.path().join(FILE), text).unwrap();
            let told = Control::change(&directory, |c| c.paused = true).unwrap_err().to_string();
            assert!(told.contains("delete it"), "{told}");
            assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), text);
        }
    }

    #[test]
    fn no_damaged_file_panics_and_none_is_lost_by_reading_it() {
        let (folder, directory) = directory();
        Control::change(&directory, |control| control.skip(["a".to_owned(), "b".to_owned()]))
            .unwrap();
        let whole = fs::read(folder.path().join(FILE)).unwrap();
        for damaged in sigmalab_mutations::Mutations::of(&whole, 20).take(2000) {
            fs::write(folder.path().join(FILE), &damaged).unwrap();
            let _ = Control::read(&directory);
            assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), damaged);
        }
    }

    #[test]
    fn a_process_that_begins_after_a_cancel_is_not_stopped_by_it() {
        let (_folder, directory) = directory();
        let mut early = Followed::new(&directory).unwrap();
        Control::change(&directory, |control| control.stops += 1).unwrap();
        let mut late = Followed::new(&directory).unwrap();
        early.look();
        late.look();
        assert!(early.is_cancelled() && !late.is_cancelled());
    }
}
