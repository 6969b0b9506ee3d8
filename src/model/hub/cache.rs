//! The hub cache on disk: one folder a repository, with `refs`, `snapshots`, `blobs` and, beside
//! the repositories, `.locks`, laid out as `huggingface_hub` does. Makes no request.
//!
//! ```text
//! models--owner--name/refs/main                        the commit that the branch stood at
//! models--owner--name/snapshots/COMMIT/vae/config.json  -> ../../../blobs/ETAG
//! models--owner--name/blobs/ETAG                       a whole file
//! models--owner--name/blobs/ETAG.incomplete            as much of it as has come
//! models--owner--name/.no_exist/COMMIT/NAME            the commit has no such file
//! .locks/models--owner--name/ETAG.lock                 locked while the blob is written
//! ```

use super::repository::{Repository, is_commit};
use super::{HubError, HubSettings};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a blob that another process downloads is looked at.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// A repository's place in the cache.
pub(super) struct Cache {
    repository: String,
    revision: String,
    root: PathBuf,
    folder_name: String,
}

/// A commit of the repository in the cache, whole or not.
pub(super) struct Snapshot {
    /// The folder with the repository's files.
    pub(super) folder: PathBuf,
    absent: PathBuf,
}

impl Snapshot {
    /// Whether the hub said that the commit has no such file.
    pub(super) fn known_absent(&self, file: &str) -> bool {
        self.absent.join(file).exists()
    }
}

/// The right to write a blob, given up when dropped or when the process ends.
pub(super) struct BlobLock {
    _file: File,
}

impl Cache {
    /// The place of `repository`; nothing is created yet.
    pub(super) fn of(repository: &Repository, settings: &HubSettings) -> Result<Self, HubError> {
        if settings.cache.as_os_str().is_empty() {
            return Err(HubError::NoCacheFolder { repository: repository.to_string() });
        }
        Ok(Self {
            repository: repository.to_string(),
            revision: repository.revision.clone(),
            root: settings.cache.clone(),
            folder_name: format!("models--{}", repository.id.replace('/', "--")),
        })
    }

    /// The snapshot that the revision stands at as far as the cache knows.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        let commit = if is_commit(&self.revision) {
            self.revision.clone()
        } else {
            fs::read_to_string(self.ref_file()).ok()?.trim().to_owned()
        };
        let folder = self.snapshot_folder(&commit);
        (is_commit(&commit) && folder.is_dir())
            .then(|| Snapshot { folder, absent: self.absent_folder(&commit) })
    }

    /// The folder of a commit's files.
    pub(super) fn snapshot_folder(&self, commit: &str) -> PathBuf {
        self.folder().join("snapshots").join(commit)
    }

    /// Where the file with that ETag lies when it is whole.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder().join("blobs").join(etag)
    }

    /// Where the file with that ETag grows.
    pub(super) fn incomplete_blob(&self, etag: &str) -> PathBuf {
        self.folder().join("blobs").join(format!("{etag}.incomplete"))
    }

    /// Remembers which commit the revision stands at.
    pub(super) fn write_ref(&self, commit: &str) -> Result<(), HubError> {
        let path = self.ref_file();
        if self.revision == commit || fs::read_to_string(&path).is_ok_and(|old| old == commit) {
            return Ok(());
        }
        self.create_folder_of(&path)?;
        fs::write(&path, commit).map_err(|e| self.failed("write", &path, e))
    }

    /// Remembers that the commit has no such file, so that it is not asked for again.
    pub(super) fn mark_absent(&self, commit: &str, file: &str) -> Result<(), HubError> {
        let path = self.absent_folder(commit).join(file);
        self.create_folder_of(&path)?;
        fs::write(&path, "").map_err(|e| self.failed("write", &path, e))
    }

    /// Makes the blob the commit's `file`: a relative symbolic link, so that the cache can be
    /// moved.
    pub(super) fn link(&self, commit: &str, file: &str, etag: &str) -> Result<(), HubError> {
        let link = self.snapshot_folder(commit).join(file);
        self.create_folder_of(&link)?;
        let up = "../".repeat(2 + file.matches('/').count());
        let target = PathBuf::from(format!("{up}blobs/{etag}"));
        // More than once, because another process may link the same file at the same time.
        let mut result = Ok(());
        for _ in 0..3 {
            result = symlink(&target, &link);
            match &result {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && link.exists() => {
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    // A link to a blob that somebody deleted: in the way. Where it cannot be
                    // removed, the next attempt says so.
                    let _ = fs::remove_file(&link);
                }
                _ => break,
            }
        }
        result.map_err(|e| self.failed("link", &link, e))
    }

    /// Waits until no other process (Python's included) writes the blob, calling `waiting` while
    /// it does. The system frees the lock of a process that died.
    pub(super) fn lock(
        &self,
        etag: &str,
        waiting: &mut dyn FnMut() -> Result<(), HubError>,
    ) -> Result<BlobLock, HubError> {
        let path = self.root.join(".locks").join(&self.folder_name).join(format!("{etag}.lock"));
        self.create_folder_of(&path)?;
        let failed = |e| self.failed("lock", &path, e);
        loop {
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .map_err(failed)?;
            match file.try_lock() {
                Ok(()) if is_still_at(&file, &path) => return Ok(BlobLock { _file: file }),
                // Its last owner deleted the file that was locked here: lock the new one.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    waiting()?;
                    std::thread::sleep(LOCK_POLL);
                }
                Err(TryLockError::Error(e)) => return Err(failed(e)),
            }
        }
    }

    /// Creates the folder that blobs are written to, and says how many bytes fit on its disk,
    /// where the system knows.
    pub(super) fn prepare(&self) -> Result<Option<u64>, HubError> {
        let blobs = self.folder().join("blobs");
        fs::create_dir_all(&blobs).map_err(|e| self.failed("create", &blobs, e))?;
        let disk = rustix::fs::statvfs(&blobs).ok().filter(|disk| disk.f_blocks > 0);
        Ok(disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)))
    }

    /// The error for something that failed on this disk.
    pub(super) fn failed(&self, action: &'static str, path: &Path, source: io::Error) -> HubError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                self.disk_full(source.to_string())
            }
            _ => HubError::Cache {
                repository: self.repository.clone(),
                action,
                path: path.to_owned(),
                source,
            },
        }
    }

    /// The error for files that do not fit; `need` says how much is needed.
    pub(super) fn disk_full(&self, need: String) -> HubError {
        HubError::DiskFull { repository: self.repository.clone(), cache: self.root.clone(), need }
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.folder_name)
    }

    fn ref_file(&self) -> PathBuf {
        self.folder().join("refs").join(&self.revision)
    }

    fn absent_folder(&self, commit: &str) -> PathBuf {
        self.folder().join(".no_exist").join(commit)
    }

    fn create_folder_of(&self, path: &Path) -> Result<(), HubError> {
        let Some(folder) = path.parent() else { return Ok(()) };
        fs::create_dir_all(folder).map_err(|e| self.failed("create", folder, e))
    }
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(there)) => held.dev() == there.dev() && held.ino() == there.ino(),
        _ => false,
    }
}
