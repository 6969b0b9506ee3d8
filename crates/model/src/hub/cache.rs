//! The hub cache on disk: one folder a repository, with `refs`, `snapshots`, `blobs` and, beside
//! the repositories, `.locks`, laid out as `huggingface_hub` does. Makes no request.
//!
//! Several people may share one: what is written goes through no link that lies there.
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
use sigmalab_files::shared_folder::{SharedFolder, read_plain};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a blob that another process downloads is looked at.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// Most bytes of a ref that are read: a commit has 40.
const REF_LIMIT: u64 = 1024;

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
            self.read_ref()?.trim().to_owned()
        };
        let folder = self.snapshot_folder(&commit);
        (is_commit(&commit) && folder.is_dir())
            .then(|| Snapshot { folder, absent: self.absent_folder(&commit) })
    }

    /// The folder of a commit's files.
    pub(super) fn snapshot_folder(&self, commit: &str) -> PathBuf {
        self.folder().join("snapshots").join(commit)
    }

    /// Bytes of the file with that ETag when it is whole; `None` where it is not here. Blobs are
    /// plain files: a link is none, wherever it leads.
    pub(super) fn whole_length(&self, etag: &str) -> Option<u64> {
        self.length(&self.blob(etag))
    }

    /// As many of its bytes as have come.
    pub(super) fn incomplete_length(&self, etag: &str) -> u64 {
        self.length(&self.incomplete_blob(etag)).unwrap_or_default()
    }

    fn length(&self, path: &Path) -> Option<u64> {
        fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len())
    }

    fn blob(&self, etag: &str) -> PathBuf {
        self.folder().join("blobs").join(etag)
    }

    /// Where the file with that ETag grows.
    pub(super) fn incomplete_blob(&self, etag: &str) -> PathBuf {
        self.folder().join("blobs").join(incomplete(etag))
    }

    /// Opens what has come of the file, and nothing that somebody else may have put there.
    pub(super) fn open_incomplete(&self, etag: &str) -> Result<File, HubError> {
        let opened = self.blobs().and_then(|blobs| blobs.own_file(incomplete(etag)));
        opened.map_err(|e| self.failed("write", &self.incomplete_blob(etag), e))
    }

    /// Gives the file its name: it is whole.
    pub(super) fn keep(&self, etag: &str) -> Result<(), HubError> {
        let kept = self.blobs().and_then(|blobs| blobs.rename(incomplete(etag), etag));
        kept.map_err(|e| self.failed("write", &self.blob(etag), e))
    }

    /// Deletes what has come of the file.
    pub(super) fn discard(&self, etag: &str) -> io::Result<()> {
        self.blobs()?.remove(incomplete(etag))
    }

    /// Remembers which commit the revision stands at.
    pub(super) fn write_ref(&self, commit: &str) -> Result<(), HubError> {
        if self.revision == commit || self.read_ref().is_some_and(|old| old == commit) {
            return Ok(());
        }
        let written = self.open_root().and_then(|root| {
            let way = format!("{}/refs/{}", self.folder_name, self.revision);
            let (folder, name) = root.make_way_to(&way)?;
            folder.write(name, |out| out.write_all(commit.as_bytes()))
        });
        written.map_err(|e| self.failed("write", &self.ref_file(), e))
    }

    /// Remembers that the commit has no such file, so that it is not asked for again.
    pub(super) fn mark_absent(&self, commit: &str, file: &str) -> Result<(), HubError> {
        let marked = self.open_root().and_then(|root| {
            let way = format!("{}/.no_exist/{commit}/{file}", self.folder_name);
            let (folder, name) = root.make_way_to(&way)?;
            match folder.create_new(name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                made => made.map(drop),
            }
        });
        marked.map_err(|e| self.failed("write", &self.absent_folder(commit).join(file), e))
    }

    /// Makes the blob the commit's `file`: a relative symbolic link, so that the cache can be
    /// moved.
    pub(super) fn link(&self, commit: &str, file: &str, etag: &str) -> Result<(), HubError> {
        let link = self.snapshot_folder(commit).join(file);
        let failed = |e| self.failed("link", &link, e);
        let way = format!("{}/snapshots/{commit}/{file}", self.folder_name);
        let root = self.open_root().map_err(failed)?;
        let (folder, name) = root.make_way_to(&way).map_err(failed)?;
        let up = "../".repeat(2 + file.matches('/').count());
        let target = PathBuf::from(format!("{up}blobs/{etag}"));
        // More than once, because another process may link the same file at the same time.
        let mut result = Ok(());
        for _ in 0..3 {
            result = folder.link_to(&target, name);
            match &result {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && link.exists() => {
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    // A link to a blob that somebody deleted: in the way. Where it cannot be
                    // removed, the next attempt says so.
                    let _ = folder.remove(name);
                }
                _ => break,
            }
        }
        result.map_err(failed)
    }

    /// Waits until no other process (Python's included) writes the blob, calling `waiting` while
    /// it does. The system frees the lock of a process that died.
    pub(super) fn lock(
        &self,
        etag: &str,
        waiting: &mut dyn FnMut() -> Result<(), HubError>,
    ) -> Result<BlobLock, HubError> {
        let name = format!("{etag}.lock");
        let path = self.root.join(".locks").join(&self.folder_name).join(&name);
        let failed = |e| self.failed("lock", &path, e);
        let root = self.open_root().map_err(failed)?;
        let folder = root.make_folder(".locks").and_then(|f| f.make_folder(&self.folder_name));
        let folder = folder.map_err(failed)?;
        loop {
            let file = folder.lock_file(&name).map_err(failed)?;
            match file.try_lock() {
                Ok(()) if folder.is_at(&file, &name) => return Ok(BlobLock { _file: file }),
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
        let blobs = self.blobs();
        let blobs = blobs.map_err(|e| self.failed("create", &self.folder().join("blobs"), e))?;
        Ok(blobs.free_bytes())
    }

    /// The cache's folder, which the user's environment names, made if it is not there.
    fn open_root(&self) -> io::Result<SharedFolder> {
        fs::create_dir_all(&self.root)?;
        SharedFolder::open(&self.root)
    }

    fn blobs(&self) -> io::Result<SharedFolder> {
        self.open_root()?.make_folder(&self.folder_name)?.make_folder("blobs")
    }

    /// A file that others can replace: a few bytes of it, and no waiting for a pipe.
    fn read_ref(&self) -> Option<String> {
        String::from_utf8(read_plain(&self.ref_file(), REF_LIMIT).ok()?).ok()
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
}

fn incomplete(etag: &str) -> String {
    format!("{etag}.incomplete")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_disk_that_fills_up_is_named() {
        let repository = Repository::parse("owner/name").unwrap();
        let mut settings = HubSettings::from_variables(|_| None);
        settings.cache = PathBuf::from("/scratch/hub");
        let cache = Cache::of(&repository, &settings).unwrap();
        // ENOSPC and EDQUOT, as the system numbers them.
        for errno in [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT] {
            let error = cache.failed("write", Path::new("x"), errno.into());
            assert!(matches!(error, HubError::DiskFull { .. }), "{error}");
            let message = error.to_string();
            for words in ["owner/name", "/scratch/hub", "HF_HUB_CACHE"] {
                assert!(message.contains(words), "{message}");
            }
        }
    }
}
