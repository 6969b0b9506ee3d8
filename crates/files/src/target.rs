//! Writing a file whole or not at all: checked before the work, written under a temporary name
//! in the same folder, renamed at the end. What takes a file's place has its mode and its owner; where
//! that cannot be, or the file has other names, it is written over. Knows nothing of what it holds.

use crate::access_list;
use crate::planted::planted_link;
use crate::unfinished;
use rustix::fs::{Gid, Uid};
use std::fs::{File, Metadata, Permissions};
use std::io::{BufWriter, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A place that a file can be written to.
#[derive(Debug, Clone)]
pub struct Target {
    /// As it was named: what is told of it.
    name: PathBuf,
    /// Where it is, links followed.
    path: PathBuf,
    /// The same without links and detours: equal for equal files.
    real: PathBuf,
    /// The mode of a file that is new there; the process's umask applies.
    new: u32,
}

/// What to do where the target has come to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCollision {
    Replace,
    /// Fail with [`TargetError::Exists`].
    Refuse,
}

/// Why a file cannot be written. `role` says which file, as in "the image".
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("cannot write `{}`: the folder `{}` does not exist", path.display(), folder.display())]
    NoFolder { path: PathBuf, folder: PathBuf },
    #[error("cannot write `{}`: `{}` is not a folder", path.display(), folder.display())]
    NotAFolder {
        path: PathBuf,
        /// What stands in the folder's place.
        folder: PathBuf,
    },
    #[error("cannot write `{}`: no permission to write in `{}`", path.display(), folder.display())]
    NotWritable { path: PathBuf, folder: PathBuf },
    /// A link on the way is somebody else's, who could send what is written anywhere.
    #[error(
        "cannot write `{}`: the link `{}` belongs to another user, in a folder where everybody may put \
         one: name another file, or the one that is meant", path.display(), link.display()
    )]
    PlantedLink { path: PathBuf, link: PathBuf },
    #[error("cannot write `{}`: it is {what}, not a file", path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    /// The file is there, and only writing over it would keep whose it is or its other names.
    #[error(
        "cannot write `{}`: it {why}, which only writing over it would keep, and there is no \
         permission for that", path.display()
    )]
    NotKept {
        path: PathBuf,
        /// What a new file in its place would lose.
        why: &'static str,
    },
    /// Something else was there first.
    #[error("`{}` exists already", path.display())]
    Exists { path: PathBuf },
    /// The system refused.
    #[error("cannot write `{}`: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

impl Target {
    /// Checks that `path` can be written, without touching anything. A symbolic link is followed,
    /// so that it stays a link; one that leads nowhere is refused, and one that another user planted.
    pub fn check(path: &Path) -> Result<Self, TargetError> {
        let io = |source| TargetError::Io { path: path.to_owned(), source };
        let not_a_file = |what| TargetError::NotAFile { path: path.to_owned(), what };
        if let Some(link) = planted_link(path) {
            return Err(TargetError::PlantedLink { path: path.to_owned(), link });
        }
        let resolved = match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() => std::fs::canonicalize(path).map_err(io)?,
            Ok(meta) if meta.is_dir() => return Err(not_a_file("a folder")),
            Ok(_) => return Err(not_a_file("a device or a pipe")),
            Err(_) if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink()) => {
                return Err(not_a_file("a link that leads nowhere"));
            }
            // What may come to be is checked below; a name too long, say, never does.
            Err(error) if !leaves_room(&error) => return Err(io(error)),
            Err(_) => path.to_owned(),
        };
        let Some(name) = resolved.file_name() else { return Err(not_a_file("a folder")) };
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(not_a_file("the name of a folder"));
        }
        let folder = folder_of(&resolved);
        let named = |path: &Path, folder: &Path| (path.to_owned(), folder.to_owned());
        let (path, folder_name) = named(path, &folder);
        match std::fs::metadata(&folder) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return Err(TargetError::NotAFolder { path, folder: folder_name }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(TargetError::NoFolder { path, folder: folder_name });
            }
            Err(source) => return Err(TargetError::Io { path, source }),
        }
        // The current folder may have been deleted: its name is still good, its path is not.
        let real = match std::fs::canonicalize(&folder) {
            Ok(real) => real.join(name),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(TargetError::NoFolder { path, folder: folder_name });
            }
            Err(source) => return Err(TargetError::Io { path, source }),
        };
        let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        if rustix::fs::access(&folder, wanted).is_err() {
            return Err(TargetError::NotWritable { path, folder: folder_name });
        }
        if let Some(why) =
            std::fs::metadata(&resolved).ok().and_then(|meta| bound(&resolved, &meta))
            && rustix::fs::access(&resolved, rustix::fs::Access::WRITE_OK).is_err()
        {
            return Err(TargetError::NotKept { path, why });
        }
        Ok(Target { name: path, path: resolved, real, new: 0o666 })
    }

    /// The same for a file that is for this user alone, where it is new.
    pub fn private(self) -> Self {
        Target { new: 0o600, ..self }
    }

    /// Whether both are one file, by whatever names.
    pub fn is_same_file(&self, other: &Self) -> bool {
        let id = |target: &Target| {
            let there = std::fs::metadata(&target.path).ok()?;
            Some((there.dev(), there.ino()))
        };
        self.real == other.real || id(self).is_some_and(|own| id(other) == Some(own))
    }

    /// Where the file will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a temporary file beside the target with `write`. Nothing is at the target yet.
    pub fn draft<E>(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Draft, TargetError>
    where
        E: Into<std::io::Error>,
    {
        let io = |source| TargetError::Io { path: self.name.clone(), source };
        unfinished::clear_once(&folder_of(&self.path));
        let temporary = tempfile::Builder::new()
            .prefix(unfinished::PREFIX)
            .suffix(unfinished::SUFFIX)
            .permissions(Permissions::from_mode(self.new))
            .tempfile_in(folder_of(&self.path))
            .map_err(io)?;
        unfinished::hold(temporary.as_file());
        let mut buffered = BufWriter::new(temporary);
        write(&mut buffered).map_err(|error| io(error.into()))?;
        let temporary = buffered.into_inner().map_err(|error| io(error.into_error()))?;
        temporary.as_file().sync_all().map_err(io)?;
        Ok(Draft { temporary, name: self.name.clone(), path: self.path.clone() })
    }
}

/// Whether a file of the name could be made once its folder is there.
fn leaves_room(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

/// What a new file in the place of this one would lose, in words after "it"; `None` where it can be
/// given everything. Root can give files away.
fn bound(path: &Path, there: &Metadata) -> Option<&'static str> {
    let me = rustix::process::geteuid();
    let in_group = || {
        let mine = rustix::process::getgroups().unwrap_or_default();
        let own = rustix::process::getegid();
        mine.iter().chain([&own]).any(|group| group.as_raw() == there.gid())
    };
    if there.nlink() > 1 {
        Some("has other names (hard links)")
    } else if !me.is_root() && there.uid() != me.as_raw() {
        Some("belongs to another user")
    } else if !me.is_root() && !in_group() {
        Some("belongs to a group that you are not in")
    } else if access_list::has_one(path) {
        Some("has an access list")
    } else {
        None
    }
}

/// Gives a new file the owner and the mode of the one whose place it takes; whether it has them.
fn take_over(new: &NamedTempFile, there: &Metadata) -> bool {
    let Ok(meta) = new.as_file().metadata() else { return false };
    if (meta.uid(), meta.gid()) != (there.uid(), there.gid()) {
        let (owner, group) = (Uid::from_raw(there.uid()), Gid::from_raw(there.gid()));
        if rustix::fs::fchown(new, Some(owner), Some(group)).is_err() {
            return false;
        }
    }
    // After the owner, whose change takes some bits of the mode away.
    let mode = Permissions::from_mode(there.mode() & 0o7777);
    new.as_file().set_permissions(mode).is_ok()
}

/// Puts the contents of `from` over those of the file at `path`. Room is made before a byte of it
/// changes, so that a full disk leaves it as it is.
fn write_over(from: &File, path: &Path) -> std::io::Result<()> {
    let mut from = from;
    // Links were followed when the path was looked at: what is one now was put there since.
    let no_link = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let mut over = File::options().write(true).custom_flags(no_link).open(path)?;
    let length = from.seek(SeekFrom::End(0))?;
    from.rewind()?;
    let keep = rustix::fs::FallocateFlags::KEEP_SIZE;
    // Not every file system can tell beforehand; one that can says that it is full.
    if let Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) =
        rustix::fs::fallocate(&over, keep, 0, length.max(1))
    {
        return Err(std::io::ErrorKind::StorageFull.into());
    }
    std::io::copy(&mut from, &mut over)?;
    over.set_len(length)?;
    over.sync_all()
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("/"),
    }
}

/// A file written under a temporary name; deleted unless it is committed.
#[derive(Debug)]
pub struct Draft {
    temporary: NamedTempFile,
    name: PathBuf,
    path: PathBuf,
}

impl Draft {
    /// Gives the file its name; gives that name as it was written.
    pub fn commit(self, collision: OnCollision) -> Result<PathBuf, TargetError> {
        let Draft { temporary, name, path } = self;
        let renamed = match collision {
            OnCollision::Replace => {
                let there = std::fs::metadata(&path).ok().filter(Metadata::is_file);
                let taken_over = match &there {
                    Some(there) => bound(&path, there).is_none() && take_over(&temporary, there),
                    None => true,
                };
                if !taken_over {
                    let io = |source| TargetError::Io { path: name.clone(), source };
                    write_over(temporary.as_file(), &path).map_err(io)?;
                    return Ok(name);
                }
                temporary.persist(&path)
            }
            OnCollision::Refuse => temporary.persist_noclobber(&path),
        };
        match renamed {
            Ok(_) => Ok(name),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(TargetError::Exists { path: name })
            }
            Err(error) => Err(TargetError::Io { path: name, source: error.error }),
        }
    }

    /// Gives the file the first of `names` (in the same folder) that is free.
    pub fn commit_to_first_free(
        self,
        names: impl Iterator<Item = PathBuf>,
    ) -> Result<PathBuf, TargetError> {
        let Draft { mut temporary, name: path, .. } = self;
        for name in names {
            match temporary.persist_noclobber(&name) {
                Ok(_) => return Ok(name),
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                    temporary = error.file;
                }
                Err(error) => return Err(TargetError::Io { path: name, source: error.error }),
            }
        }
        Err(TargetError::Exists { path })
    }
}

#[cfg(test)]
mod tests;
