//! A run directory: where everything of a sweep lies, and the frozen copy of what it runs.

use super::difference;
use super::inputs::Inputs;
use super::spec::{Spec, SpecError};
use super::trial::Experiment;
use crate::image_file::{OnCollision, Target, TargetError};
use crate::sampler::Samplers;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The version this build writes.
const VERSION: u32 = 1;

/// The frozen copy: what counts.
const FROZEN: &str = "frozen.json";

/// The experiment file again, for people.
const COPY: &str = "experiment.toml";

/// A run directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDirectory {
    path: PathBuf,
}

/// An experiment as a run directory holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frozen {
    version: u32,
    /// BLAKE3 of `experiment`.
    blake3: String,
    /// The text of the experiment file.
    experiment: String,
    inputs: Inputs,
}

/// Why a run directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It is another sweep's, or the sweep changed.
    #[error(
        "`{}` was begun with another version of the experiment:\n{difference}", path.display()
    )]
    Changed {
        /// The run directory.
        path: PathBuf,
        /// What differs, in lines.
        difference: String,
    },
    /// There is no sweep in it.
    #[error("`{}` is no run directory: it has no {FROZEN}", .0.display())]
    NotOne(PathBuf),
    /// Something else is in it.
    #[error("`{}` is not empty and is no run directory: name another with --dir", .0.display())]
    Occupied(PathBuf),
    /// The frozen copy is damaged.
    #[error("`{}`: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The frozen experiment is none for this build.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The system refused.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] TargetError),
}

impl RunDirectory {
    /// The run directory at `path`, whether it is there or not.
    pub fn at(path: &Path) -> Self {
        RunDirectory { path: path.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a sweep has begun in it.
    pub fn has_begun(&self) -> bool {
        self.path.join(FROZEN).is_file()
    }

    /// When what it runs was frozen: another time once it was extended.
    pub fn frozen_at(&self) -> Option<SystemTime> {
        fs::metadata(self.path.join(FROZEN)).ok()?.modified().ok()
    }

    /// Folder of journals.
    pub fn journals(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Folder of leases.
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

    /// What the worker prints.
    pub fn log(&self) -> PathBuf {
        self.path.join("worker.log")
    }

    /// What a detached process says.
    pub fn output(&self) -> PathBuf {
        self.path.join("run.log")
    }

    /// The experiment that the directory was begun with, its samplers among `samplers`.
    pub fn experiment(&self, samplers: Samplers) -> Result<Experiment, DirectoryError> {
        let frozen = self.frozen()?.ok_or_else(|| DirectoryError::NotOne(self.path.clone()))?;
        let name = self.path.join(COPY).display().to_string();
        let spec = Spec::parse(&frozen.experiment, &name)?;
        Ok(Experiment { spec, inputs: frozen.inputs, samplers })
    }

    /// Begins a sweep here, or goes on with the one that was begun. `text` is that of the
    /// experiment file. With `extend` a changed one takes the place of what was frozen, which is
    /// kept beside it.
    pub fn begin(&self, text: &str, inputs: &Inputs, extend: bool) -> Result<(), DirectoryError> {
        let frozen = Frozen {
            version: VERSION,
            blake3: blake3::hash(text.as_bytes()).to_hex().to_string(),
            experiment: text.to_owned(),
            inputs: inputs.clone(),
        };
        let earlier = match self.frozen()? {
            Some(earlier) => Some(earlier),
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
        let old = json(&earlier);
        let number = (1..).find(|n| !self.path.join(format!("frozen-{n}.json")).exists());
        self.write(&format!("frozen-{}.json", number.unwrap_or(0)), &old, OnCollision::Refuse)?;
        self.write(FROZEN, &json(&frozen), OnCollision::Replace)?;
        self.write(COPY, text, OnCollision::Replace)
    }

    /// Writes a file of the directory whole or not at all.
    fn write(&self, name: &str, text: &str, collision: OnCollision) -> Result<(), DirectoryError> {
        let target = Target::check(&self.path.join(name))?;
        let draft = target.draft(|out| out.write_all(text.as_bytes()))?;
        draft.commit(collision)?;
        Ok(())
    }

    /// Makes a folder, if it is not there.
    pub(super) fn create(&self, folder: &Path) -> Result<(), DirectoryError> {
        fs::create_dir_all(folder)
            .map_err(|source| DirectoryError::Io { path: folder.to_owned(), source })
    }

    /// Removes what killed processes left of files they were writing. A file is written in
    /// moments: one that is an hour old is nobody's.
    pub(super) fn tidy(&self) {
        const OLD: Duration = Duration::from_secs(3600);
        let folders = [self.images(), self.latents(), self.references()];
        let folders = folders.into_iter().chain([self.generations(), self.grams()]);
        for folder in folders.chain([self.path.clone()]) {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let unfinished = name
                    .to_str()
                    .is_some_and(|n| n.starts_with(".sigmalab-") && n.ends_with(".tmp"));
                let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
                if unfinished && age().is_some_and(|age| age > OLD) {
                    // What cannot be removed only takes room.
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    fn frozen(&self) -> Result<Option<Frozen>, DirectoryError> {
        let path = self.path.join(FROZEN);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DirectoryError::Io { path, source }),
        };
        let damaged = |problem: String| DirectoryError::Damaged { path: path.clone(), problem };
        let version = serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .and_then(|value| value.get("version")?.as_u64());
        if let Some(version) = version.filter(|version| *version > u64::from(VERSION)) {
            return Err(damaged(format!(
                "it is of version {version} and this build reads up to {VERSION}: update sigmalab"
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

    /// A folder with other things in it is somebody else's. What a begin that was interrupted
    /// left is not.
    fn refuse_strangers(&self) -> Result<(), DirectoryError> {
        const OWN: [&str; 6] = ["journal", "leases", "images", "references", "generations", "gram"];
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(DirectoryError::Io { path: self.path.clone(), source }),
        };
        let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let own = |name: &String| {
            OWN.contains(&name.as_str()) || name == FROZEN || name.starts_with(".sigmalab-")
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

fn difference_of(earlier: &Frozen, now: &Frozen) -> String {
    let text = difference::lines(&earlier.experiment, &now.experiment);
    match now.inputs.difference(&earlier.inputs) {
        Some(inputs) => format!("{text}what it names has changed: {inputs}\n"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::experiment::trial::tests::experiment;

    const TEXT: &str = "name = \"x\"\nprompts = [\"a\"]\nseeds = [1]\n";

    #[test]
    fn a_sweep_goes_on_with_the_same_file_and_is_refused_with_another() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(&folder.path().join("deep/runs/x"));
        let inputs = experiment("").inputs;
        assert!(matches!(
            directory.experiment(Samplers::built_in()),
            Err(DirectoryError::NotOne(_))
        ));
        directory.begin(TEXT, &inputs, false).unwrap();
        directory.begin(TEXT, &inputs, false).unwrap();
        assert_eq!(directory.experiment(Samplers::built_in()).unwrap().spec.seeds, [1]);

        let changed = TEXT.replace("[1]", "[1, 2]");
        let told = directory.begin(&changed, &inputs, false).unwrap_err().to_string();
        assert!(told.contains("-    3 | seeds = [1]\n+    3 | seeds = [1, 2]"), "{told}");
        assert_eq!(directory.experiment(Samplers::built_in()).unwrap().spec.seeds, [1]);

        let mut others = inputs.clone();
        others.fingerprint = "g".to_owned();
        let told = directory.begin(TEXT, &others, false).unwrap_err().to_string();
        assert!(told.contains("the checkpoint's contents"), "{told}");

        directory.begin(&changed, &inputs, true).unwrap();
        assert_eq!(directory.experiment(Samplers::built_in()).unwrap().spec.seeds, [1, 2]);
        assert!(directory.path().join("frozen-1.json").exists());
        let copy = fs::read_to_string(directory.path().join("experiment.toml")).unwrap();
        assert_eq!(copy, changed);
    }

    #[test]
    fn old_unfinished_files_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(folder.path());
        let old = std::time::SystemTime::now() - Duration::from_secs(7200);
        for (name, aged) in [(".sigmalab-a.tmp", true), (".sigmalab-b.tmp", false), ("c.tmp", true)]
        {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            if aged {
                file.set_modified(old).unwrap();
            }
        }
        directory.tidy();
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".sigmalab-b.tmp", "c.tmp"]);
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.tex"), "x").unwrap();
        let directory = RunDirectory::at(folder.path());
        let begun = directory.begin(TEXT, &experiment("").inputs, false);
        assert!(matches!(begun, Err(DirectoryError::Occupied(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_frozen_experiment_that_was_edited_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(folder.path());
        directory.begin(TEXT, &experiment("").inputs, false).unwrap();
        let path = folder.path().join(FROZEN);
        let text = fs::read_to_string(&path).unwrap().replace("seeds = [1]", "seeds = [2]");
        fs::write(&path, text).unwrap();
        let told = directory.experiment(Samplers::built_in()).unwrap_err().to_string();
        assert!(told.contains("changed by hand"), "{told}");
    }
}
