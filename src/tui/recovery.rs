//! Edits that were not saved, kept in a file beside the program so that a dropped connection, a
//! killed terminal or a crash loses none. Knows files and processes; what the edits are is the
//! application's.

use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use sigmalab_engine::recipe::Recipe;
use sigmalab_files::shared_folder::{make_private_folder, read_plain};
use sigmalab_files::target::{OnCollision, Target};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How long after a change it is written.
const DELAY: Duration = Duration::from_secs(2);

/// Most bytes of a file that are read: a thousand steps take 100 KiB.
const LIMIT: u64 = 4 << 20;

/// The version this build writes.
const VERSION: u32 = 1;

/// What was being worked on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unsaved {
    /// Version of this form.
    version: u32,
    pub name: String,
    /// Everything a run of it depends on.
    pub recipe: Recipe,
}

impl Unsaved {
    /// A draft's name and recipe.
    pub fn new(name: String, recipe: Recipe) -> Self {
        Unsaved { version: VERSION, name, recipe }
    }
}

/// The file of this process, and when it is written next.
#[derive(Debug, Default)]
pub struct Recovery {
    /// `None` keeps nothing.
    path: Option<PathBuf>,
    written: Option<Unsaved>,
    due: Option<Instant>,
}

impl Recovery {
    /// Keeps edits under the data folder `data`; without one, nowhere.
    pub fn under(data: Option<&Path>) -> Self {
        let path = data.map(|data| folder(data).join(format!("{}{ENDING}", std::process::id())));
        Recovery { path, written: None, due: None }
    }

    /// Something was done that may have changed what is kept.
    pub fn touched(&mut self, now: Instant) {
        self.due.get_or_insert(now + DELAY);
    }

    /// Whether it is time to write.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// How long until it is; `None` where nothing is to be written.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(now))
    }

    /// Writes what is not saved, or removes the file where there is nothing; no work where it is
    /// as before.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn keep(&mut self, unsaved: Option<&Unsaved>) -> Result<(), String> {
        self.due = None;
        let Some(path) = self.path.as_deref().filter(|_| self.written.as_ref() != unsaved) else {
            return Ok(());
        };
        let done = match unsaved {
            Some(unsaved) => write(path, unsaved),
            None => remove(path),
        };
        done.map_err(|error| {
            format!("unsaved edits cannot be kept in `{}`: {error}", path.display())
        })?;
        self.written = unsaved.cloned();
        Ok(())
    }

    /// Somebody left and wants nothing kept.
    pub fn forget(&mut self) {
        if let Some(path) = &self.path {
            // What stays is offered again at the next start, which loses nothing.
            let _ = remove(path);
        }
    }
}

const ENDING: &str = ".json";

fn folder(data: &Path) -> PathBuf {
    data.join("unsaved")
}

fn write(path: &Path, unsaved: &Unsaved) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_private_folder(folder)?;
    }
    let text = serde_json::to_vec(unsaved)?;
    let target = Target::check(path).map_err(io::Error::other)?.private();
    let draft = target.draft(|out| out.write_all(&text)).map_err(io::Error::other)?;
    draft.commit(OnCollision::Replace).map_err(io::Error::other)?;
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The newest edits that a process which is no longer there left under the data folder `data`, and
/// when; their file is gone then. Files of other processes, and files that make no sense, stay.
pub fn take_abandoned(data: &Path) -> Option<(Unsaved, SystemTime)> {
    let files = fs::read_dir(folder(data)).ok()?.flatten();
    let mut found: Vec<_> = files
        .filter(|file| process_of(&file.path()).is_some_and(|process| !is_alive(process)))
        .filter_map(|file| {
            let path = file.path();
            Some((file.metadata().ok()?.modified().ok()?, read(&path)?, path))
        })
        .collect();
    found.sort_by_key(|(written, ..)| *written);
    // Whoever removes the file has it: two that start at once do not both restore.
    while let Some((written, unsaved, path)) = found.pop() {
        if fs::remove_file(path).is_ok() {
            return Some((unsaved, written));
        }
    }
    None
}

fn process_of(path: &Path) -> Option<i32> {
    path.file_name()?.to_str()?.strip_suffix(ENDING)?.parse().ok()
}

fn is_alive(process: i32) -> bool {
    // Another user's process may not be signalled, and is alive.
    Pid::from_raw(process)
        .is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

fn read(path: &Path) -> Option<Unsaved> {
    let text = read_plain(path, LIMIT).ok()?;
    serde_json::from_slice::<Unsaved>(&text).ok().filter(|unsaved| unsaved.version == VERSION)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tui::document::Document;
    use sigmalab_schedule::preset_file::PresetFile;
    use sigmalab_schedule::size::Size;

    fn unsaved(name: &str) -> Unsaved {
        let presets = PresetFile::builtin().unwrap();
        let document = Document::new(
            presets.default_preset(),
            Size::SQUARE,
            "demo".to_owned(),
            "a circle".to_owned(),
            1,
        );
        Unsaved::new(name.to_owned(), document.recipe())
    }

    #[test]
    fn edits_of_a_process_that_is_gone_are_found_once_and_those_of_a_living_one_never() {
        let data = tempfile::tempdir().unwrap();
        let mut recovery = Recovery::under(Some(data.path()));
        recovery.keep(Some(&unsaved("MINE"))).unwrap();
        assert_eq!(take_abandoned(data.path()), None);

        // A process that has ended: its number is free, or another's by now, in which case the
        // test learns nothing.
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let mine = folder(data.path()).join(format!("{}.json", std::process::id()));
        fs::rename(mine, folder(data.path()).join(format!("{dead}.json"))).unwrap();
        let found = take_abandoned(data.path());
        if !is_alive(i32::try_from(dead).unwrap()) {
            assert_eq!(found.map(|(unsaved, _)| unsaved), Some(unsaved("MINE")));
        }
        assert_eq!(take_abandoned(data.path()), None);
    }

    #[test]
    fn saved_edits_leave_no_file_and_unchanged_ones_are_not_written_again() {
        let data = tempfile::tempdir().unwrap();
        let file = folder(data.path()).join(format!("{}.json", std::process::id()));
        let mut recovery = Recovery::under(Some(data.path()));
        recovery.keep(Some(&unsaved("A"))).unwrap();
        fs::write(&file, "as it was").unwrap();
        recovery.keep(Some(&unsaved("A"))).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "as it was");
        recovery.keep(None).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn edits_are_for_their_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let data = tempfile::tempdir().unwrap();
        Recovery::under(Some(data.path())).keep(Some(&unsaved("A"))).unwrap();
        let mode = fs::metadata(folder(data.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn writing_waits_a_moment_and_happens_once() {
        let start = Instant::now();
        let mut recovery = Recovery::under(None);
        assert_eq!(recovery.wait(start), None);
        recovery.touched(start);
        recovery.touched(start + DELAY / 2);
        assert!(recovery.is_due(start + DELAY));
        recovery.keep(None).unwrap();
        assert!(!recovery.is_due(start + DELAY));
    }
}
