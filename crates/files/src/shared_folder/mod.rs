//! Folders in which others may put files: what is in them is reached through no link, is a plain
//! file of bounded size where it is read, and is never waited for. Knows nothing of what the files
//! hold.
//!
//! A folder is opened once and everything in it is named relative to it, so that nobody can put
//! another one in its place between a look and a deed.

mod name;
mod plain;
mod writing;

pub use name::stays_below;
pub use plain::{append_to, append_to_private, make_private_folder, open_plain, read_plain};

use plain::{checked, in_words};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A folder that is open.
#[derive(Debug)]
pub struct SharedFolder {
    handle: OwnedFd,
    path: PathBuf,
    /// The mode of files that are new in it; the process's umask applies.
    new: Mode,
}

/// Files as any program makes them.
const PLAIN: Mode = Mode::from_raw_mode(0o666);

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FILE: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

impl SharedFolder {
    /// Opens the folder that somebody named: their links are followed.
    pub fn open(path: &Path) -> Result<Self> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let handle = rustix::fs::open(path, FOLDER, Mode::empty())?;
        Ok(SharedFolder { handle, path: path.to_owned(), new: PLAIN })
    }

    /// Opens a folder whose own name was not chosen by whoever named the folder around it: it may
    /// not be a link.
    pub fn open_last(path: &Path) -> Result<Self> {
        match (path.parent(), path.file_name()) {
            (Some(around), Some(name)) => SharedFolder::open(around)?.folder(name),
            _ => SharedFolder::open(path),
        }
    }

    /// The same folder; files that are new in it are for this user alone.
    pub fn private(self) -> Self {
        SharedFolder { new: Mode::from_raw_mode(0o600), ..self }
    }

    /// Where it is, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where something in it is, for messages.
    pub fn path_of(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.path.join(name.as_ref())
    }

    /// A folder in this one.
    pub fn folder(&self, name: impl AsRef<OsStr>) -> Result<Self> {
        let name = name::checked(name.as_ref())?;
        let handle =
            rustix::fs::openat(&self.handle, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
                .map_err(|error| self.cause(name, error.into(), "it is not a folder"))?;
        Ok(SharedFolder { handle, path: self.path.join(name), new: self.new })
    }

    /// The same, made if it is not there.
    pub fn make_folder(&self, name: impl AsRef<OsStr>) -> Result<Self> {
        let name = name::checked(name.as_ref())?;
        match rustix::fs::mkdirat(&self.handle, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => {
                // What is written into it is not to be lost with it.
                let _ = self.sync();
                self.folder(name)
            }
            Err(rustix::io::Errno::EXIST) => self.folder(name),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder in which a name of several parts ends, and its last part.
    pub fn way_to<'n>(&self, name: &'n str) -> Result<(Self, &'n str)> {
        self.way(name, SharedFolder::folder)
    }

    /// The same; folders on the way are made.
    pub fn make_way_to<'n>(&self, name: &'n str) -> Result<(Self, &'n str)> {
        self.way(name, SharedFolder::make_folder)
    }

    fn way<'n>(
        &self,
        name: &'n str,
        step: impl Fn(&Self, &'n str) -> Result<Self>,
    ) -> Result<(Self, &'n str)> {
        let handle = self.handle.try_clone()?;
        let mut folder = SharedFolder { handle, path: self.path.clone(), new: self.new };
        let mut rest = name;
        while let Some((first, after)) = rest.split_once('/') {
            folder = step(&folder, first).map_err(|error| match error.kind() {
                // Not the file that was asked for is wrong, but a folder on the way to it.
                ErrorKind::InvalidInput | ErrorKind::NotADirectory => {
                    Error::new(error.kind(), format!("the folder `{first}`: {error}"))
                }
                _ => error,
            })?;
            rest = after;
        }
        Ok((folder, rest))
    }

    /// The names in it, in no order.
    pub fn names(&self) -> Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Opens a file to read.
    pub fn file(&self, name: impl AsRef<OsStr>) -> Result<File> {
        self.open_as(name.as_ref(), OFlags::RDONLY)
    }

    /// What a file holds, at most `most` bytes.
    pub fn read(&self, name: impl AsRef<OsStr>, most: u64) -> Result<Vec<u8>> {
        plain::read(self.file(name)?, most)
    }

    /// The same as text.
    pub fn read_text(&self, name: impl AsRef<OsStr>, most: u64) -> Result<String> {
        let text = String::from_utf8(self.read(name, most)?);
        text.map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
    }

    /// What the system says of a name in it: of a link itself, not of what it leads to.
    fn stat(&self, name: &OsStr) -> Result<Stat> {
        Ok(rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Whether anything has that name, a link that leads nowhere too.
    pub fn has(&self, name: impl AsRef<OsStr>) -> bool {
        name::checked(name.as_ref()).is_ok_and(|name| self.stat(name).is_ok())
    }

    /// The length of a plain file; `None` where there is none of that name.
    pub fn length_of(&self, name: impl AsRef<OsStr>) -> Option<u64> {
        let stat = self.stat(name::checked(name.as_ref()).ok()?).ok()?;
        is_plain(&stat).then(|| u64::try_from(stat.st_size).unwrap_or_default())
    }

    /// Opens a plain file in a way that neither follows a link nor waits.
    fn open_as(&self, name: &OsStr, access: OFlags) -> Result<File> {
        let name = name::checked(name)?;
        // Looked at first: opening a device may do something.
        let stat = self.stat(name)?;
        if !is_plain(&stat) {
            return Err(in_words(&stat));
        }
        let opened = rustix::fs::openat(&self.handle, name, FILE | access, Mode::empty());
        let opened =
            opened.map_err(|error| self.cause(name, error.into(), "it is not a plain file"));
        checked(File::from(opened?))
    }

    /// A link is told of by name: the system says no more than that it cannot be opened so.
    fn cause(&self, name: &OsStr, error: Error, otherwise: &str) -> Error {
        match self.stat(name) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
                in_words(&stat)
            }
            Ok(_) if error.kind() == ErrorKind::NotADirectory => {
                Error::new(ErrorKind::NotADirectory, otherwise.to_owned())
            }
            _ => error,
        }
    }
}

fn is_plain(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

#[cfg(test)]
mod tests;
