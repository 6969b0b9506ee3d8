//! The presets file as the workbench and commands use it: what it holds, noticing that somebody
//! else changed it, and saving into it without losing what they wrote. Knows the file's place; its text form is
//! the schedule room's.

mod changes;
mod names;
#[cfg(test)]
mod tests;

pub use changes::Changes;
pub use names::check_name;
use sigmalab_files::lock::{Lock, LockError};
use sigmalab_files::shared_folder::open_plain;
use sigmalab_files::target::{OnCollision, Target};
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::preset_file::{PresetFile, UnknownPreset};
use sigmalab_text::text_file::{decode_marked, in_the_form_of, plain, without_mark};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::SystemTime;

/// Most bytes of a presets file that are read.
const LIMIT: u64 = 16 << 20;

/// What a first file begins as, comments and all.
const BUILT_IN: &str = include_str!("../presets.toml");

/// How often a change is tried that somebody without a lock interferes with.
const TRIES: usize = 5;

/// Whether a preset of that name ships with the program, whatever the file holds under it.
pub fn ships(name: &str) -> bool {
    shipped(name).is_some()
}

/// Whether a preset has the name of one that ships, and is another.
pub fn stands_in_for_a_shipped_one(preset: &Preset) -> bool {
    shipped(&preset.name).is_some_and(|shipped| shipped != preset)
}

fn shipped(name: &str) -> Option<&'static Preset> {
    static FILE: LazyLock<Option<PresetFile>> = LazyLock::new(|| PresetFile::builtin().ok());
    FILE.as_ref()?.get(name).ok()
}

/// The presets there are and the file they are saved to.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// The text the presets were read from; `None` where there is no file yet.
    text: Option<String>,
    file: PresetFile,
    /// The file as it was when it was looked at last.
    seen: Stamp,
}

/// What tells a file from another version of it without reading it; `None` where there is none.
type Stamp = Option<(Option<SystemTime>, u64, u64)>;

/// What a change of the file relies on. Where another program changed just that, the change is not
/// made; whatever else it changed stays.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// The preset of this name is as the caller knows it; `None` where there is to be none.
    Preset {
        name: &'a str,
        /// As it was read.
        known: Option<&'a Preset>,
    },
    /// The preset of this name is the default.
    Default(&'a str),
}

/// How a change came into the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// The file was as it had been read.
    Plain,
    /// Another program had changed other things in it; both are in it now.
    Merged(Changes),
}

/// Why presets cannot be read or saved.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot read presets `{}`: {problem}", path.display())]
    Read { path: PathBuf, problem: String },
    #[error("cannot write presets `{}`: {problem}; nothing was changed", path.display())]
    Write { path: PathBuf, problem: String },
    /// Its text is wrong.
    #[error("{0}")]
    Text(String),
    /// Somebody else is writing it, again and again.
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("{what}; nothing was saved")]
    Conflict { what: String },
}

impl Store {
    /// The presets of `path`, or the built-in ones where there is no such file; saving then makes
    /// it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let seen = stamp(path);
        let text = read(path)?;
        let file = parse(text.as_deref().unwrap_or(BUILT_IN), path)?;
        Ok(Store { path: path.to_owned(), text, file, seen })
    }

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

    pub fn get(&self, name: &str) -> Result<&Preset, UnknownPreset> {
        self.file.get(name)
    }

    /// Reads the file again; what is different now.
    pub fn reload(&mut self) -> Result<Changes, StoreError> {
        let new = Store::open(&self.path)?;
        let changes = Changes::between(&self.file, &new.file);
        *self = new;
        Ok(changes)
    }

    /// Looks whether somebody else changed the file, and if so takes over what it holds now. Each
    /// change is told once. As long as there is none, this is one question to the system.
    ///
    /// # Errors
    /// Where the file cannot be read now; the presets that were read stay.
    pub fn notice(&mut self) -> Result<Option<Changes>, StoreError> {
        let stamp = stamp(&self.path);
        if stamp == self.seen {
            return Ok(None);
        }
        self.seen = stamp;
        let text = read(&self.path)?;
        if text == self.text {
            return Ok(None);
        }
        let file = parse(text.as_deref().unwrap_or(BUILT_IN), &self.path)?;
        let changes = Changes::between(&self.file, &file);
        (self.text, self.file) = (text, file);
        Ok(Some(changes))
    }

    /// Changes the text of the file, whole or not at all. Where another program changed it since
    /// it was read, `change` gets its text, provided that what it relies on is as it was.
    ///
    /// # Errors
    /// Where it is not, and where the file or the changed text cannot be read or written. Nothing
    /// is written then.
    pub fn change(
        &mut self,
        claim: Claim<'_>,
        change: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Saved, StoreError> {
        self.change_all(&[claim], change)
    }

    /// The same for a change that relies on several things.
    ///
    /// # Errors
    /// As [`Store::change`] has.
    pub fn change_all(
        &mut self,
        claims: &[Claim<'_>],
        change: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Saved, StoreError> {
        let failed = |problem: String| StoreError::Write { path: self.path.clone(), problem };
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        }
        let target = Target::check(&self.path).map_err(|error| failed(error.to_string()))?;
        let lock = Lock::of(target.path())?;
        for _ in 0..TRIES {
            let text = read(&self.path)?;
            let before = text.as_deref().unwrap_or(BUILT_IN);
            let there = match text == self.text {
                true => self.file.clone(),
                false => parse(before, &self.path)?,
            };
            claims.iter().try_for_each(|claim| claim.check(&there, &self.path))?;
            let after = change(&plain(before)).map_err(StoreError::Text)?;
            // Marks and line ends are not this program's to change.
            let after = in_the_form_of(before, &after);
            let file = parse(&after, &self.path)?;
            if text.as_ref() != Some(&after) {
                let draft = target
                    .draft(|out| out.write_all(after.as_bytes()))
                    .map_err(|error| failed(error.to_string()))?;
                // An editor asks for no lock: between this look and the new name is no time for it.
                if read(&self.path)? != text {
                    continue;
                }
                draft.commit(OnCollision::Replace).map_err(|error| failed(error.to_string()))?;
            }
            self.seen = stamp(&self.path);
            let saved = match text == self.text {
                true => Saved::Plain,
                false => Saved::Merged(Changes::between(&self.file, &there)),
            };
            drop(lock);
            (self.text, self.file) = (Some(after), file);
            return Ok(saved);
        }
        Err(LockError::Busy(self.path.clone()).into())
    }
}

impl Claim<'_> {
    fn check(&self, there: &PresetFile, path: &Path) -> Result<(), StoreError> {
        let path = path.display();
        let what = match *self {
            Claim::Preset { name, known } => match (known, there.get(name).ok()) {
                (known, there) if known == there => return Ok(()),
                (None, _) => format!("there is a preset `{name}` already: choose another name"),
                (Some(_), None) => format!("another program deleted `{name}` from {path}"),
                (Some(_), Some(_)) => format!("another program changed `{name}` in {path}"),
            },
            Claim::Default(known) => match &there.default_preset().name {
                now if now == known => return Ok(()),
                now => format!("another program made `{now}` the default of {path}"),
            },
        };
        Err(StoreError::Conflict { what })
    }
}

fn parse(text: &str, path: &Path) -> Result<PresetFile, StoreError> {
    PresetFile::parse(without_mark(text), &path.display().to_string())
        .map_err(|error| StoreError::Text(error.to_string()))
}

fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok(), meta.len(), meta.ino()))
}

/// The text of a file as it is, with its mark; `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, StoreError> {
    use std::io::Read;
    let failed = |problem: String| StoreError::Read { path: path.to_owned(), problem };
    // It is read again whenever it changed, and may be in a folder where anybody puts a pipe.
    let file = match open_plain(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > LIMIT {
        return Err(failed("it is too large for a presets file".to_owned()));
    }
    decode_marked(bytes).map(Some).map_err(|error| failed(error.to_string()))
}
