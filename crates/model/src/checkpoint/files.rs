//! The files of a checkpoint: in a folder, or in memory.

use super::error::CheckpointError;
use super::map;
use crate::linear::StoredBytes;
use sigmalab_files::shared_folder::open_plain;
use std::io::{Error, ErrorKind, Read, Result as IoResult};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An embedded file: its path in the checkpoint's folder, with `/`, and its bytes.
pub(super) type Embedded = (&'static str, &'static [u8]);

/// Where a checkpoint's files are.
#[derive(Debug, Clone)]
pub(super) enum Files {
    Folder(PathBuf),
    /// In memory for as long as the program runs.
    Memory(&'static [Embedded]),
}

impl Files {
    /// A file as messages name it.
    pub(super) fn place(&self, path: &str) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(path),
            Self::Memory(_) => Path::new("demo checkpoint").join(path),
        }
    }

    /// Whether there is such a file.
    pub(super) fn has(&self, path: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(path).is_file(),
            Self::Memory(files) => files.iter().any(|(name, _)| *name == path),
        }
    }

    /// Whether there is anything of that name: a folder or a broken link too, which reading then
    /// tells of.
    pub(super) fn has_anything(&self, path: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(path).symlink_metadata().is_ok(),
            Self::Memory(_) => self.has(path),
        }
    }

    /// Whether there is such a folder.
    pub(super) fn has_folder(&self, path: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(path).is_dir(),
            Self::Memory(files) => files
                .iter()
                .any(|(name, _)| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))),
        }
    }

    /// The names of the files in a folder (`""` is the whole), sorted; none in memory, whose
    /// files are known.
    pub(super) fn list(&self, folder: &str) -> Vec<String> {
        let Self::Folder(root) = self else { return Vec::new() };
        let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// A large file's bytes, mapped where they are in a file.
    pub(super) fn map(&self, path: &str) -> Result<StoredBytes, CheckpointError> {
        match self {
            Self::Folder(folder) => {
                let file = folder.join(path);
                map::map(&file).map_err(|source| unreadable(file, path, source))
            }
            Self::Memory(_) => {
                let bytes: &'static [u8] = self.embedded(path)?;
                Ok(StoredBytes::new(Arc::new(bytes)))
            }
        }
    }

    /// A small file's bytes.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, CheckpointError> {
        match self {
            Self::Folder(folder) => {
                let file = folder.join(path);
                read_small(&file).map_err(|source| unreadable(file, path, source))
            }
            Self::Memory(_) => Ok(self.embedded(path)?.to_vec()),
        }
    }

    fn embedded(&self, path: &str) -> Result<&'static [u8], CheckpointError> {
        let found = match self {
            Self::Memory(files) => files.iter().find(|(name, _)| *name == path),
            Self::Folder(_) => None,
        };
        found.map(|(_, bytes)| *bytes).ok_or_else(|| CheckpointError::MissingFile {
            file: self.place(path),
            looked_for: path.to_owned(),
        })
    }
}

/// Most bytes of a configuration, an index or a tokenizer; the largest in use has 11 MiB.
const SMALL: u64 = 64 << 20;

fn read_small(file: &Path) -> IoResult<Vec<u8>> {
    let mut bytes = Vec::new();
    open_plain(file)?.take(SMALL + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SMALL {
        let problem = format!("it is too large (more than {} MiB)", SMALL >> 20);
        return Err(Error::new(ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

fn unreadable(file: PathBuf, path: &str, source: std::io::Error) -> CheckpointError {
    if source.kind() == ErrorKind::NotFound {
        CheckpointError::MissingFile { file, looked_for: path.to_owned() }
    } else {
        CheckpointError::Unreadable { file, source }
    }
}
