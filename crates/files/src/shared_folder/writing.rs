//! Writing in a shared folder: new files under names that were free, files replaced as wholes, and
//! logs that grow. Nothing that lies there already is written through.

use super::{FILE, SharedFolder, is_plain, name};
use crate::nonce::nonce;
use crate::unfinished::{self, PREFIX, SUFFIX};
use rustix::fs::{AtFlags, OFlags};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Error, ErrorKind, Result, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// How often a name is tried that turned out to be taken.
const TRIES: usize = 16;

impl SharedFolder {
    /// Makes a file that was not there, to append to.
    pub fn create_new(&self, name: impl AsRef<OsStr>) -> Result<File> {
        self.create(name.as_ref(), OFlags::WRONLY | OFlags::APPEND)
    }

    fn create(&self, name: &OsStr, access: OFlags) -> Result<File> {
        let name = name::checked(name)?;
        // EXCL follows no link either.
        let flags = FILE | OFlags::CREATE | OFlags::EXCL | access;
        Ok(File::from(rustix::fs::openat(self, name, flags, self.new)?))
    }

    /// Opens a file to append to, made if it is not there.
    pub fn append(&self, name: impl AsRef<OsStr>) -> Result<File> {
        self.open_or_create(name.as_ref(), OFlags::WRONLY | OFlags::APPEND)
    }

    /// Opens a file to lock, made if it is not there. Nothing is written to it.
    pub fn lock_file(&self, name: impl AsRef<OsStr>) -> Result<File> {
        self.open_or_create(name.as_ref(), OFlags::WRONLY)
    }

    fn open_or_create(&self, name: &OsStr, access: OFlags) -> Result<File> {
        for _ in 0..TRIES {
            match self.open_as(name, access) {
                Ok(file) if file.metadata()?.nlink() > 1 => {
                    let problem = "it is a second name of a file elsewhere: remove it";
                    return Err(Error::new(ErrorKind::InvalidInput, problem));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                opened => return opened,
            }
            match self.create(name, access) {
                // Another process was quicker: its file will do.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => return created,
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Opens a file of this user's own to go on with, made if it is not there. Anything else of
    /// that name, somebody else's file among it, is removed first: what it holds is not known.
    pub fn own_file(&self, name: impl AsRef<OsStr>) -> Result<File> {
        let name = name.as_ref();
        let user = rustix::process::geteuid().as_raw();
        for _ in 0..TRIES {
            let stat = match self.stat(name::checked(name)?) {
                Ok(stat) => Some(stat),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            match stat {
                Some(stat) if is_plain(&stat) && stat.st_uid == user && stat.st_nlink == 1 => {
                    let file = self.open_as(name, OFlags::RDWR)?;
                    let opened = file.metadata()?;
                    if opened.uid() == user && opened.nlink() == 1 {
                        return Ok(file);
                    }
                }
                Some(_) => self.remove(name)?,
                None => match self.create(name, OFlags::RDWR) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    created => return created,
                },
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Adds to the end of a file that is there; it is on the disk, and the file closed, when this
    /// returns. A network file system shows what was written to others only then.
    pub fn grow(&self, name: impl AsRef<OsStr>, bytes: &[u8]) -> Result<()> {
        let mut file = self.open_as(name.as_ref(), OFlags::WRONLY | OFlags::APPEND)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Writes a file whole or not at all: under a name of its own, then renamed. What lies in its
    /// place is replaced; of a link, the link.
    pub fn write(
        &self,
        name: impl AsRef<OsStr>,
        fill: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        self.write_then(name.as_ref(), fill, |draft, name| self.rename(draft, name))
    }

    /// The same; fails with [`ErrorKind::AlreadyExists`] where something lies in its place.
    pub fn write_new(
        &self,
        name: impl AsRef<OsStr>,
        fill: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        self.write_then(name.as_ref(), fill, |draft, name| self.rename_new(draft, name))
    }

    pub(super) fn write_then(
        &self,
        name: &OsStr,
        fill: impl FnOnce(&mut dyn Write) -> Result<()>,
        put: impl FnOnce(&str, &OsStr) -> Result<()>,
    ) -> Result<()> {
        let name = name::checked(name)?;
        let (draft, file) = self.draft()?;
        // Others that tidy up know it by that from one that a killed process left. It is held until
        // it has its name, which is when the file is closed.
        unfinished::hold(&file);
        let written = fill_and_sync(&file, fill).and_then(|()| put(&draft, name));
        // The name is to survive a crash too, or what names this file outlives it. A file system
        // that cannot do that for folders is none the worse.
        if written.is_ok() {
            let _ = self.sync();
        }
        if written.is_err() {
            // What is left of it only takes room.
            let _ = self.remove(&draft);
        }
        written
    }

    /// Gives a file of this folder a name that is free.
    fn rename_new(&self, from: &str, to: &OsStr) -> Result<()> {
        use rustix::fs::RenameFlags;
        use rustix::io::Errno;
        match rustix::fs::renameat_with(self, from, self, to, RenameFlags::NOREPLACE) {
            // A file system that cannot do it in one step.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                match rustix::fs::linkat(self, from, self, to, AtFlags::empty()) {
                    // A network file system may have asked twice, and been answered the second time
                    // that the first was heard.
                    Err(Errno::EXIST) if self.is_same(from, to) => {}
                    linked => linked?,
                }
                // Two names are better than an error after the deed.
                let _ = self.remove(from);
                Ok(())
            }
            renamed => Ok(renamed?),
        }
    }

    /// Whether two names are of one file.
    fn is_same(&self, one: &str, other: &OsStr) -> bool {
        match (self.stat(OsStr::new(one)), self.stat(other)) {
            (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
            _ => false,
        }
    }

    fn draft(&self) -> Result<(String, File)> {
        for _ in 0..TRIES {
            let name = format!("{PREFIX}{}{SUFFIX}", nonce());
            match self.create(OsStr::new(&name), OFlags::WRONLY) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => return Ok((name, created?)),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Gives a file of this folder another name here, in the place of whatever has it.
    pub fn rename(&self, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) -> Result<()> {
        let (from, to) = (name::checked(from.as_ref())?, name::checked(to.as_ref())?);
        Ok(rustix::fs::renameat(self, from, self, to)?)
    }

    /// Takes a name away; of a link, the link.
    pub fn remove(&self, name: impl AsRef<OsStr>) -> Result<()> {
        let name = name::checked(name.as_ref())?;
        Ok(rustix::fs::unlinkat(self, name, AtFlags::empty())?)
    }

    /// Makes a symbolic link to `target`.
    pub fn link_to(&self, target: &Path, name: impl AsRef<OsStr>) -> Result<()> {
        let name = name::checked(name.as_ref())?;
        Ok(rustix::fs::symlinkat(target, self, name)?)
    }

    /// Whether an open file is still the one of that name.
    pub fn is_at(&self, file: &File, name: impl AsRef<OsStr>) -> bool {
        let there = name::checked(name.as_ref()).and_then(|name| self.stat(name));
        match (rustix::fs::fstat(file), there) {
            (Ok(held), Ok(there)) => (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino),
            _ => false,
        }
    }

    /// Its names are on the disk when this returns.
    pub fn sync(&self) -> Result<()> {
        Ok(rustix::fs::fsync(self)?)
    }

    /// Bytes that are free on its disk, where the system knows.
    pub fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::fstatvfs(self).ok().filter(|disk| disk.f_blocks > 0)?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

impl std::os::fd::AsFd for SharedFolder {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

fn fill_and_sync(file: &File, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let mut buffered = BufWriter::new(file);
    fill(&mut buffered)?;
    buffered.into_inner().map_err(|error| error.into_error())?.sync_all()
}
