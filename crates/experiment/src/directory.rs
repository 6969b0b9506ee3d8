//! A run directory: where everything of a sweep lies, and the frozen copy of what it runs.

mod error;

pub use error::DirectoryError;

use super::difference;
use super::inputs::Inputs;
use serde::{Deserialize, Serialize};
use sigmalab_files::shared_folder::SharedFolder;
use sigmalab_files::target::{OnCollision, TargetError};
use sigmalab_files::unfinished;
use sigmalab_text::text_file::without_mark;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The version this build writes.
const VERSION: u32 = 1;

/// The frozen copy: what counts.
const FROZEN: &str = "frozen.json";

/// Most bytes of it that are read: an experiment file with a hundred thousand prompts has a tenth.
const FROZEN_LIMIT: u64 = 256 << 20;

/// Most bytes of a small file that are read.
const SMALL: u64 = 16 << 20;

/// The experiment file again, for people.
pub(super) const COPY: &str = "experiment.toml";

/// What a detached process says.
pub const OUTPUT: &str = "run.log";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDirectory {
    path: PathBuf,
}

/// An experiment as a run directory holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Frozen {
    pub(super) version: u32,
    /// BLAKE3 of `experiment`.
    pub(super) blake3: String,
    /// The text of the experiment file.
    pub(super) experiment: String,
    pub(super) inputs: Inputs,
}

/// Digits of an identity that name a folder: 256 folders.
pub(super) const DIGITS: usize = 2;

/// Whether a folder is one of those among which files are spread.
pub(super) fn is_part(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.len() == DIGITS && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl RunDirectory {
    /// The run directory at `path`, whether it is there or not.
    pub fn at(path: &Path) -> Self {
        RunDirectory { path: path.to_owned() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a sweep has begun in it.
    pub fn has_begun(&self) -> bool {
        self.frozen_file().is_some()
    }

    /// Refuses what is no run directory, or one whose frozen copy cannot be read.
    ///
    /// # Errors
    /// Why it is none.
    pub fn check(&self) -> Result<(), DirectoryError> {
        self.frozen()?.map(drop).ok_or_else(|| DirectoryError::NotOne(self.path.clone()))
    }

    /// When what it runs was frozen: another time once it was extended.
    pub fn frozen_at(&self) -> Option<SystemTime> {
        self.frozen_file()?.modified().ok()
    }

    /// A hash of the frozen copy.
    pub(super) fn frozen_hash(&self) -> Option<String> {
        let text = self.read(FROZEN, FROZEN_LIMIT).ok()??;
        Some(blake3::hash(text.as_bytes()).to_hex().to_string())
    }

    /// What the system says of the frozen copy. A link is none.
    fn frozen_file(&self) -> Option<fs::Metadata> {
        fs::symlink_metadata(self.path.join(FROZEN)).ok().filter(fs::Metadata::is_file)
    }

    pub fn journals(&self) -> PathBuf {
        self.path.join("journal")
    }

    pub fn leases(&self) -> PathBuf {
        self.path.join("leases")
    }

    /// Folder of pictures of trials.
    pub fn images(&self) -> PathBuf {
        self.path.join("images")
    }

    /// Folder of latents of trials.
    pub fn latents(&self) -> PathBuf {
        self.path.join("latents")
    }

    /// Folder of reference runs: picture and latents.
    pub fn references(&self) -> PathBuf {
        self.path.join("references")
    }

    /// Folder of what searches proposed.
    pub fn generations(&self) -> PathBuf {
        self.path.join("generations")
    }

    /// Folder of Gram matrices of reference runs.
    pub fn grams(&self) -> PathBuf {
        self.path.join("gram")
    }

    /// Folder of what workers on other machines say: how they began and ended, and their logs.
    pub fn workers(&self) -> PathBuf {
        self.path.join("workers")
    }

    /// What the worker prints.
    pub fn log(&self) -> PathBuf {
        self.path.join("worker.log")
    }

    /// What a detached process says.
    pub fn output(&self) -> PathBuf {
        self.path.join(OUTPUT)
    }

    /// Begins a sweep here, or goes on with the one that was begun. `text` is that of the
    /// experiment file. With `extend` a changed one takes the place of what was frozen, which is
    /// kept beside it.
    pub fn begin(&self, text: &str, inputs: &Inputs, extend: bool) -> Result<(), DirectoryError> {
        if self.path.metadata().is_ok_and(|there| !there.is_dir()) {
            return Err(DirectoryError::Occupied(self.path.clone()));
        }
        let frozen = Frozen {
            version: VERSION,
            blake3: blake3::hash(text.as_bytes()).to_hex().to_string(),
            experiment: text.to_owned(),
            inputs: inputs.clone(),
        };
        let earlier = match self.frozen()? {
            Some(earlier) => Some(earlier),
            None if self.is_shown_late() => self.frozen()?,
            None => {
                self.refuse_strangers()?;
                for folder in [self.journals(), self.leases(), self.images(), self.references()] {
                    self.create(&folder)?;
                }
                match self.write(FROZEN, &json(&frozen), OnCollision::Refuse) {
                    Ok(()) => {
                        self.write(COPY, text, OnCollision::Replace)?;
                        return Ok(());
                    }
                    // Another process was quicker.
                    Err(DirectoryError::Write(TargetError::Exists { .. })) => self.frozen()?,
                    Err(error) => return Err(error),
                }
            }
        };
        let Some(earlier) = earlier else { return Err(DirectoryError::NotOne(self.path.clone())) };
        let difference = difference_of(&earlier, &frozen);
        if difference.is_empty() {
            return Ok(());
        }
        if !extend {
            return Err(DirectoryError::Changed { path: self.path.clone(), difference });
        }
        // They would go on with the parts of the earlier form, and some trials be made twice.
        let held = super::lease::Leases::new(&self.leases()).held();
        let held = held.map_err(|source| DirectoryError::Io { path: self.leases(), source })?;
        if let Some(first) = held.into_iter().next() {
            let lease = self.leases().join(format!("{}.{}", first.unit, first.attempt));
            return Err(DirectoryError::Running { path: self.path.clone(), lease });
        }
        let old = json(&earlier);
        let number = (1..)
            .find(|n| fs::symlink_metadata(self.path.join(format!("frozen-{n}.json"))).is_err());
        self.write(&format!("frozen-{}.json", number.unwrap_or(0)), &old, OnCollision::Refuse)?;
        self.write(FROZEN, &json(&frozen), OnCollision::Replace)?;
        self.write(COPY, text, OnCollision::Replace)
    }

    fn write(&self, name: &str, text: &str, collision: OnCollision) -> Result<(), DirectoryError> {
        Ok(self.put(name, collision, |out| out.write_all(text.as_bytes()))?)
    }

    /// Writes a file of the directory, `NAME` or below folders, which are made, whole or not at all.
    /// Through a link that somebody put there nothing is written: it is replaced.
    pub fn put(
        &self,
        name: &str,
        collision: OnCollision,
        fill: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> Result<(), TargetError> {
        let written = self.shared().and_then(|shared| {
            let (folder, last) = shared.make_way_to(name)?;
            match collision {
                OnCollision::Replace => folder.write(last, fill),
                OnCollision::Refuse => folder.write_new(last, fill),
            }
        });
        written.map_err(|source| {
            let path = self.path.join(name);
            match source.kind() {
                io::ErrorKind::AlreadyExists => TargetError::Exists { path },
                _ => TargetError::Io { path, source },
            }
        })
    }

    /// Opens a file of the directory, `NAME` or below folders, to read: a plain one, through no link.
    pub fn open(&self, name: &str) -> io::Result<File> {
        let shared = self.shared()?;
        let (folder, last) = shared.way_to(name)?;
        folder.file(last)
    }

    /// Opens the file of a run at `path`, which lies below a run directory, in the same way.
    pub fn open_below(path: &Path) -> io::Result<File> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let opened = match folder.parent().filter(|_| is_part(folder)) {
            Some(around) => {
                SharedFolder::open_last(around)?.folder(folder.file_name().unwrap_or_default())?
            }
            None => SharedFolder::open_last(folder)?,
        };
        opened.file(path.file_name().unwrap_or_default())
    }

    /// What a small file of the directory holds; `None` where there is none.
    pub(super) fn read_small(&self, name: &str) -> io::Result<Option<String>> {
        self.read(name, SMALL)
    }

    /// What a file of the directory, `NAME` or `FOLDER/NAME`, holds, at most `most` bytes; `None`
    /// where there is none.
    pub(super) fn read(&self, name: &str, most: u64) -> io::Result<Option<String>> {
        let text = self.shared().and_then(|shared| {
            let (folder, last) = shared.way_to(name)?;
            folder.read_text(last, most)
        });
        match text {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The directory as a folder that others may write to.
    pub fn shared(&self) -> io::Result<SharedFolder> {
        SharedFolder::open(&self.path)
    }

    /// Makes a folder of the directory, if it is not there.
    pub(super) fn create(&self, folder: &Path) -> Result<(), DirectoryError> {
        let made = fs::create_dir_all(&self.path).and_then(|()| {
            let name = folder.file_name().unwrap_or_default();
            self.shared()?.make_folder(name).map(drop)
        });
        made.map_err(|source| {
            // The system calls a link that leads nowhere a file that exists.
            let links = folder.ancestors().filter(|path| !path.exists());
            let mut links = links.filter_map(|path| Some((path, fs::read_link(path).ok()?)));
            match links.next() {
                Some((path, target)) => DirectoryError::Dangling { path: path.to_owned(), target },
                None => DirectoryError::Io { path: folder.to_owned(), source },
            }
        })
    }

    /// Removes what killed processes left of files they were writing.
    pub(super) fn tidy(&self) {
        let Ok(shared) = self.shared() else { return };
        let below = [self.images(), self.latents(), self.references()];
        let below = below.into_iter().chain([self.generations(), self.grams()]);
        let below = below.filter_map(|folder| shared.folder(folder.file_name()?).ok());
        for folder in below.chain(self.shared()) {
            unfinished::clear_within(&folder);
            let parts = folder.names().unwrap_or_default();
            let parts = parts.iter().filter(|name| is_part(Path::new(name)));
            parts.filter_map(|name| folder.folder(name).ok()).for_each(|part| {
                unfinished::clear_within(&part);
            });
        }
    }

    pub(super) fn frozen(&self) -> Result<Option<Frozen>, DirectoryError> {
        let path = self.path.join(FROZEN);
        let text = match self.read(FROZEN, FROZEN_LIMIT) {
            Ok(Some(text)) => without_mark(&text).to_owned(),
            Ok(None) => return Ok(None),
            Err(source) if source.kind() == io::ErrorKind::NotADirectory => {
                return Err(DirectoryError::NotOne(self.path.clone()));
            }
            Err(source) => return Err(DirectoryError::Io { path, source }),
        };
        let damaged = |problem: String| DirectoryError::Damaged { path: path.clone(), problem };
        let version = serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .and_then(|value| value.get("version")?.as_u64());
        if let Some(version) = version.filter(|version| *version > u64::from(VERSION)) {
            return Err(damaged(format!(
                "it has version {version}, and this build reads up to {VERSION}: update sigmalab"
            )));
        }
        let frozen: Frozen =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        let hash = blake3::hash(frozen.experiment.as_bytes()).to_hex().to_string();
        if hash != frozen.blake3 {
            return Err(damaged("the experiment in it was changed by hand".to_owned()));
        }
        Ok(Some(frozen))
    }

    /// Whether the frozen copy is there all the same: a network file system may say for a while that
    /// a file is not there which it lists. Waited for as long as that.
    fn is_shown_late(&self) -> bool {
        let began = std::time::Instant::now();
        let is_listed = || {
            let names = SharedFolder::open(&self.path).and_then(|folder| folder.names());
            names.is_ok_and(|names| names.iter().any(|name| name == FROZEN))
        };
        while is_listed() && began.elapsed() < super::lease::settled() {
            if self.has_begun() {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        false
    }

    /// A folder with other things in it is somebody else's. What a begin that was interrupted
    /// left is not.
    fn refuse_strangers(&self) -> Result<(), DirectoryError> {
        const OWN: [&str; 8] = [
            "journal",
            "leases",
            "images",
            "references",
            "generations",
            "gram",
            "workers",
            "cluster",
        ];
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(DirectoryError::Io { path: self.path.clone(), source }),
        };
        let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let own = |name: &String| {
            OWN.contains(&name.as_str()) || name == FROZEN || name.starts_with(unfinished::PREFIX)
        };
        if names.any(|name| !own(&name)) {
            return Err(DirectoryError::Occupied(self.path.clone()));
        }
        Ok(())
    }
}

fn json(frozen: &Frozen) -> String {
    serde_json::to_string_pretty(frozen).unwrap_or_default() + "\n"
}

/// An experiment file without its table `[cluster]`.
fn without_cluster(text: &str) -> String {
    let Ok(mut document) = text.parse::<toml_edit::DocumentMut>() else { return text.to_owned() };
    match document.remove("cluster") {
        Some(_) => document.to_string(),
        None => text.to_owned(),
    }
}

fn difference_of(earlier: &Frozen, now: &Frozen) -> String {
    // How a sweep is handed to a cluster is not what it runs.
    let same = without_cluster(&earlier.experiment) == without_cluster(&now.experiment);
    let text = match same {
        true => String::new(),
        false => difference::lines(&earlier.experiment, &now.experiment),
    };
    match now.inputs.difference(&earlier.inputs) {
        Some(inputs) => format!("{text}what it names has changed: {inputs}\n"),
        None => text,
    }
}

#[cfg(test)]
mod tests;
