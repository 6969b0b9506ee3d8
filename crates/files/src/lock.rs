//! One writer at a time: a lock among the processes that read a file, change it and write it
//! again. It binds only those who ask for it, and ends with its process.

use crate::shared_folder::SharedFolder;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long others hold it for at most: a moment.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(5);

/// The right to change one file; given back when dropped.
#[derive(Debug)]
pub struct Lock {
    /// The system holds the lock as long as this is open.
    _held: File,
}

/// Why a file is not locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another program is writing `{}`: try again in a moment", .0.display())]
    Busy(PathBuf),
    /// The system refused.
    #[error("cannot lock `{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl Lock {
    /// Waits for the right to change `path`, whose folder must exist.
    ///
    /// The folder is what is locked: the file itself is replaced when it is written, and a file
    /// beside it would lie around. A file system that locks only what is open for writing, as NFS
    /// does, gets a hidden file all the same.
    pub fn of(path: &Path) -> Result<Lock, LockError> {
        Lock::within(path, PATIENCE)
    }

    fn within(path: &Path, patience: Duration) -> Result<Lock, LockError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let held = File::open(folder).map_err(failed)?;
        match acquire(&held, patience) {
            Ok(true) => return Ok(Lock { _held: held }),
            Ok(false) => return Err(LockError::Busy(path.to_owned())),
            Err(_) => {}
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside =
            SharedFolder::open(folder).and_then(|folder| folder.lock_file(format!(".{name}.lock")));
        let held = beside.map_err(failed)?;
        match acquire(&held, patience).map_err(failed)? {
            true => Ok(Lock { _held: held }),
            false => Err(LockError::Busy(path.to_owned())),
        }
    }
}

/// `false` where somebody else has it all the while.
fn acquire(file: &File, patience: Duration) -> io::Result<bool> {
    let end = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_second_writer_waits_for_the_first_and_nothing_lies_around() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("presets.toml");
        let first = Lock::of(&path).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let lock = Lock::of(&path).unwrap();
                assert!(done.load(Ordering::SeqCst));
                drop(lock);
            });
            std::thread::sleep(Duration::from_millis(30));
            done.store(true, Ordering::SeqCst);
            drop(first);
            second.join().unwrap();
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn who_never_gives_it_back_is_named_by_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("presets.toml");
        let _held = Lock::of(&path).unwrap();
        let told = Lock::within(&path, PAUSE).unwrap_err().to_string();
        assert!(told.starts_with("another program is writing") && told.contains("presets.toml"));
    }
}
