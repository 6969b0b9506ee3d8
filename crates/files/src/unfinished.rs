//! Files and folders on their way to a name: what they are called until then, how long somebody is
//! at them, and taking away those that a killed process left behind. Knows nothing of what they
//! hold.

use crate::nonce::nonce;
use crate::shared_folder::SharedFolder;
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// How the name of something unfinished begins.
pub const PREFIX: &str = ".sigmalab-";

/// How it ends.
pub const SUFFIX: &str = ".tmp";

/// Between two system calls something new is nobody's yet.
const NEW: Duration = Duration::from_secs(60);

/// Where files cannot be held: what has not been written to for so long is nobody's.
const OLD: Duration = Duration::from_secs(3600);

/// Says that somebody is at it, until `file` (a folder that was opened, too) is closed; a process
/// that ends lets go.
pub fn hold(file: impl AsFd) {
    // Where the file system cannot, age decides.
    let _ = flock(file, FlockOperation::NonBlockingLockExclusive);
}

/// Opens a folder and holds it for as long as the result lives.
///
/// # Errors
/// The folder cannot be opened.
pub fn hold_folder(folder: &Path) -> io::Result<File> {
    let opened = File::open(folder)?;
    hold(&opened);
    Ok(opened)
}

/// Takes away what killed processes of this user left unfinished in a folder. What cannot be taken
/// away only takes room.
pub fn clear(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !is_one(&name) {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        let is_plain = metadata.is_file() || metadata.is_dir();
        let own = metadata.uid() == rustix::process::geteuid().as_raw();
        if is_plain && own && is_left_behind(|| File::open(entry.path()).ok(), &metadata) {
            let _ = match metadata.is_dir() {
                true => fs::remove_dir_all(entry.path()),
                false => fs::remove_file(entry.path()),
            };
        }
    }
}

/// The same in a folder that others may write to: plain files alone, and through no link. Processes
/// of other machines write there, whose locks may not be seen and whose clocks may be others: a
/// file goes that is an hour old by the clock of the folder's own file system.
pub fn clear_within(folder: &SharedFolder) {
    let drafts: Vec<_> =
        folder.names().unwrap_or_default().into_iter().filter(|n| is_one(n)).collect();
    if drafts.is_empty() {
        return;
    }
    let Some(now) = clock_of(folder) else { return };
    for name in drafts {
        let Ok(file) = folder.file(&name) else { continue };
        let Ok(metadata) = file.metadata() else { continue };
        let own = metadata.uid() == rustix::process::geteuid().as_raw();
        let age = metadata.modified().ok().and_then(|modified| now.duration_since(modified).ok());
        if own && age.is_some_and(|age| age > OLD) && !is_locked(&file) {
            let _ = folder.remove(&name);
        }
    }
}

/// What time it is for whoever stamps the files of a folder.
fn clock_of(folder: &SharedFolder) -> Option<SystemTime> {
    let name = format!("{PREFIX}{}{SUFFIX}", nonce());
    let probe = folder.create_new(&name).ok()?;
    let now = probe.metadata().and_then(|metadata| metadata.modified());
    let _ = folder.remove(&name);
    now.ok()
}

fn is_locked(file: &File) -> bool {
    let lock = flock(file, FlockOperation::NonBlockingLockExclusive);
    matches!(lock, Err(rustix::io::Errno::WOULDBLOCK))
}

fn is_one(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
}

/// What [`clear`] does, once a process and folder: for whoever writes many files.
pub fn clear_once(folder: &Path) {
    static CLEARED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    if CLEARED.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.clone()) {
        clear(&folder);
    }
}

fn is_left_behind<F: AsFd>(open: impl FnOnce() -> Option<F>, metadata: &Metadata) -> bool {
    let age = metadata.modified().ok().and_then(|modified| modified.elapsed().ok());
    let Some(age) = age.filter(|age| *age > NEW) else { return false };
    let Some(opened) = open() else { return false };
    match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => true,
        Err(rustix::io::Errno::WOULDBLOCK) => false,
        Err(_) => age > OLD,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn age(path: &Path) -> File {
        let file = File::open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(120)).unwrap();
        file
    }

    #[test]
    fn in_a_shared_folder_only_what_is_an_hour_old_by_its_own_clock_goes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let made = [(".sigmalab-old.tmp", 7200), (".sigmalab-a.tmp", 120), (".sigmalab-b.tmp", 0)];
        for (name, seconds) in made {
            fs::write(at(name), "x").unwrap();
            let file = File::open(at(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        }
        clear_within(&SharedFolder::open(folder.path()).unwrap());
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert!(left == 2 && !at(".sigmalab-old.tmp").exists(), "{left}");
    }

    #[test]
    fn what_nobody_holds_goes_and_everything_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [".sigmalab-dead.tmp", ".sigmalab-new.tmp", ".sigmalab-held.tmp", "c.tmp"] {
            fs::write(at(name), "x").unwrap();
        }
        for name in [".sigmalab-folder.tmp", ".sigmalab-held-folder.tmp"] {
            fs::create_dir_all(at(name).join("deep")).unwrap();
        }
        std::os::unix::fs::symlink("c.tmp", at(".sigmalab-link.tmp")).unwrap();
        for name in [".sigmalab-dead.tmp", "c.tmp", ".sigmalab-folder.tmp"] {
            age(&at(name));
        }
        let held = age(&at(".sigmalab-held.tmp"));
        hold(&held);
        age(&at(".sigmalab-held-folder.tmp"));
        let folder_held = hold_folder(&at(".sigmalab-held-folder.tmp")).unwrap();
        clear(folder.path());
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                ".sigmalab-held-folder.tmp",
                ".sigmalab-held.tmp",
                ".sigmalab-link.tmp",
                ".sigmalab-new.tmp",
                "c.tmp"
            ]
        );
        drop((held, folder_held));
        clear_once(folder.path());
        assert!(!at(".sigmalab-held.tmp").exists() && !at(".sigmalab-held-folder.tmp").exists());
    }
}
