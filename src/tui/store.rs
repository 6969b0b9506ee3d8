//! The presets file as the workbench uses it: what it holds, saving into it, and noticing that
//! somebody else changed it. Knows the file's place; its text form is the schedule room's.

use crate::image_file::{OnCollision, Target};
use crate::schedule::preset::Preset;
use crate::schedule::preset_file::{PresetFile, UnknownPreset};
use std::path::{Path, PathBuf};

/// Most bytes of a presets file that are read.
const LIMIT: u64 = 16 << 20;

/// The presets there are and the file they are saved to.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// The text the presets were read from; `None` where there is no file yet.
    text: Option<String>,
    file: PresetFile,
}

/// Why presets cannot be read or saved.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be read.
    #[error("cannot read presets `{}`: {problem}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The file cannot be written.
    #[error("cannot write presets `{}`: {problem}; nothing was changed", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Its text is wrong.
    #[error("{0}")]
    Text(String),
    /// It is not what it was when it was read.
    #[error(
        "`{}` was changed by another program since it was read: nothing was saved; read it again \
         with reload-presets, your edits stay", .0.display()
    )]
    Changed(PathBuf),
}

impl Store {
    /// The presets of `path`, or the built-in ones where there is no such file; saving then makes
    /// it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let text = read(path)?;
        let file = match &text {
            Some(text) => parse(text, path)?,
            None => PresetFile::builtin().map_err(|error| StoreError::Text(error.to_string()))?,
        };
        Ok(Store { path: path.to_owned(), text, file })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a file yet.
    pub fn exists(&self) -> bool {
        self.text.is_some()
    }

    /// The presets, in the order of the file.
    pub fn presets(&self) -> &[Preset] {
        self.file.presets()
    }

    /// The preset to begin with.
    pub fn default_preset(&self) -> &Preset {
        self.file.default_preset()
    }

    /// The preset of that name.
    pub fn get(&self, name: &str) -> Result<&Preset, UnknownPreset> {
        self.file.get(name)
    }

    /// Whether the file is not what it was when it was read.
    pub fn is_changed_on_disk(&self) -> bool {
        read(&self.path).is_ok_and(|text| text != self.text)
    }

    /// Reads the file again.
    pub fn reload(&mut self) -> Result<(), StoreError> {
        *self = Store::open(&self.path)?;
        Ok(())
    }

    /// Puts a changed text into the file, whole or not at all, unless somebody else changed it.
    pub fn change(
        &mut self,
        change: impl FnOnce(&str) -> Result<String, String>,
    ) -> Result<(), StoreError> {
        if read(&self.path)? != self.text {
            return Err(StoreError::Changed(self.path.clone()));
        }
        // A first file begins as a copy of the built-in one, comments and all.
        let before = self.text.as_deref().unwrap_or(include_str!("../../presets.toml"));
        let after = change(before).map_err(StoreError::Text)?;
        let file = parse(&after, &self.path)?;
        self.write(&after)?;
        self.text = Some(after);
        self.file = file;
        Ok(())
    }

    fn write(&self, text: &str) -> Result<(), StoreError> {
        let failed = |problem: String| StoreError::Write { path: self.path.clone(), problem };
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        }
        let target = Target::check(&self.path).map_err(|error| failed(error.to_string()))?;
        let draft = target
            .draft(|out| out.write_all(text.as_bytes()))
            .map_err(|error| failed(error.to_string()))?;
        draft.commit(OnCollision::Replace).map_err(|error| failed(error.to_string()))?;
        Ok(())
    }
}

fn parse(text: &str, path: &Path) -> Result<PresetFile, StoreError> {
    PresetFile::parse(text, &path.display().to_string())
        .map_err(|error| StoreError::Text(error.to_string()))
}

/// The text of a file, `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, StoreError> {
    use std::io::Read;
    let failed = |problem: String| StoreError::Read { path: path.to_owned(), problem };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut text = String::new();
    file.take(LIMIT + 1).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    if text.len() as u64 > LIMIT {
        return Err(failed("it is too large for a presets file".to_owned()));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_that_somebody_else_changed_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("presets.toml");
        let mut store = Store::open(&path).unwrap();
        assert!(!store.exists());
        store.change(|text| Ok(format!("{text}\n# mine\n"))).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("# mine\n"));
        assert!(!store.is_changed_on_disk());

        let theirs = "[OTHER]\nruns = [{ steps = 2, gw = 7.0, mu = 0.0, std = 1.0 }]\n";
        std::fs::write(&path, theirs).unwrap();
        assert!(store.is_changed_on_disk());
        let error = store.change(|text| Ok(text.to_owned())).unwrap_err().to_string();
        assert!(error.contains("was changed by another program"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), theirs);

        store.reload().unwrap();
        assert_eq!(store.default_preset().name, "OTHER");
    }

    #[test]
    fn a_change_that_makes_the_file_unreadable_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("presets.toml");
        let mut store = Store::open(&path).unwrap();
        assert!(store.change(|_| Ok("[BROKEN]".to_owned())).is_err());
        assert!(!path.exists());
    }
}
