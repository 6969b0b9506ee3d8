//! A revision's files into the cache: resumed, verified, and visible only when whole. Knows the
//! order of things; how to ask and where to write are the client's and the cache's.

use super::cache::{BlobLock, Cache};
use super::client::{Client, Opened, RemoteFile};
use super::retry::{AttemptError, RetryPolicy};
use super::{DownloadProgress, HubError, files};
use ring::digest;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Bytes that are held in memory at a time.
const CHUNK: usize = 256 << 10;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// One download of a repository's needed files.
pub(super) struct Download<'a> {
    client: &'a Client<'a>,
    cache: &'a Cache,
}

impl<'a> Download<'a> {
    /// A download that has not begun.
    pub(super) fn new(client: &'a Client<'a>, cache: &'a Cache) -> Self {
        Self { client, cache }
    }

    /// Fetches what the snapshot lacks and returns its folder.
    pub(super) fn run(
        &self,
        progress: &mut dyn FnMut(DownloadProgress),
    ) -> Result<PathBuf, HubError> {
        let listing = self.client.listing()?;
        if !files::has_transformer(&listing.files) {
            let repository = self.client.repository().to_string();
            return Err(HubError::NotACheckpoint { repository });
        }
        let commit = listing.commit.as_str();
        let snapshot = self.cache.snapshot_folder(commit);

        let mut present_bytes = 0;
        let mut wanted = Vec::new();
        for name in listing.files.iter().filter(|name| files::is_needed(name)) {
            match fs::metadata(snapshot.join(name)) {
                Ok(file) => present_bytes += file.len(),
                Err(_) => {
                    self.client.check_cancelled()?;
                    wanted.push(self.client.describe(commit, name)?);
                }
            }
        }
        let free = self.cache.prepare()?;
        self.check_room(&wanted, free)?;
        self.cache.write_ref(commit)?;

        let mut meter = Meter::new(progress, present_bytes, &wanted);
        for file in &wanted {
            meter.begin(file);
            let length = self.fetch(commit, file, &mut meter)?;
            self.cache.link(commit, &file.name, &file.etag)?;
            meter.end(length);
        }
        meter.finish();

        for name in files::missing(&snapshot, |_| false) {
            if !listing.files.contains(&name) {
                self.cache.mark_absent(commit, &name)?;
            }
        }
        Ok(snapshot)
    }

    /// Refuses a download that cannot fit before it has filled the disk.
    fn check_room(&self, wanted: &[RemoteFile], free: Option<u64>) -> Result<(), HubError> {
        let rest = |file: &RemoteFile| {
            let whole = self.cache.whole_length(&file.etag).unwrap_or_default();
            let here = whole.max(self.cache.incomplete_length(&file.etag));
            file.size.unwrap_or_default().saturating_sub(here)
        };
        let needed = wanted.iter().map(rest).fold(0, u64::saturating_add);
        match free {
            Some(free) if needed > free => {
                let (needed, free) = (gigabytes(needed), gigabytes(free));
                Err(self.cache.disk_full(format!("{needed} to download, {free} free")))
            }
            _ => Ok(()),
        }
    }

    /// Sees to it that the file's blob is there, and returns its length.
    fn fetch(
        &self,
        commit: &str,
        file: &RemoteFile,
        meter: &mut Meter<'_>,
    ) -> Result<u64, HubError> {
        let lock = self.cache.lock(&file.etag, &mut || {
            meter.at(self.cache.incomplete_length(&file.etag));
            self.client.check_cancelled()
        })?;
        // Another file of the same content, another revision or another process brought it.
        if let Some(whole) = self.cache.whole_length(&file.etag)
            && file.size.is_none_or(|size| size == whole)
        {
            return Ok(whole);
        }
        let mut partial = Partial::open(self, &lock, file)?;
        let resumed = partial.length > 0;
        self.fill(commit, file, &mut partial, meter)?;
        if !partial.is_right(file) && resumed {
            // What lay here was not the beginning of this file: once more, from nothing.
            partial.clear()?;
            self.fill(commit, file, &mut partial, meter)?;
        }
        if !partial.is_right(file) {
            return Err(partial.discard("its SHA-256 is not the one that the hub gives"));
        }
        partial.keep()
    }

    /// Reads the file's bytes to its end, through as many attempts as it takes.
    fn fill(
        &self,
        commit: &str,
        file: &RemoteFile,
        partial: &mut Partial<'_>,
        meter: &mut Meter<'_>,
    ) -> Result<(), HubError> {
        let mut retries = self.client.retry_policy();
        while file.size != Some(partial.length) {
            self.client.check_cancelled()?;
            let attempt = self.client.open(commit, &file.name, partial.length);
            let attempt =
                attempt.and_then(|opened| self.read(opened, file, partial, &mut retries, meter));
            match attempt {
                Ok(()) => break,
                Err(failed) => retries.wait(failed)?,
            }
        }
        Ok(())
    }

    fn read(
        &self,
        mut opened: Opened,
        file: &RemoteFile,
        partial: &mut Partial<'_>,
        retries: &mut RetryPolicy,
        meter: &mut Meter<'_>,
    ) -> Result<(), AttemptError> {
        if let (Some(size), Some(total)) = (file.size, opened.total)
            && size != total
        {
            let reason = format!("{} has {total} bytes in it instead of {size}", file.name);
            return Err(self.client.unusable(&reason));
        }
        if opened.start != partial.length {
            partial.clear().map_err(AttemptError::Permanent)?;
        }
        let end = file.size.or(opened.total);
        let mut chunk = vec![0; CHUNK];
        loop {
            self.client.check_cancelled().map_err(AttemptError::Permanent)?;
            let count = match opened.bytes.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.client.broken(e.to_string())),
            };
            let bytes = chunk.get(..count).unwrap_or_default();
            partial.append(bytes).map_err(AttemptError::Permanent)?;
            if end.is_some_and(|end| partial.length > end) {
                let reason = format!("more than its {} bytes were sent", end.unwrap_or_default());
                return Err(AttemptError::Permanent(partial.discard(&reason)));
            }
            retries.reached(partial.length);
            meter.at(partial.length);
        }
        match end {
            Some(end) if partial.length < end => {
                let cause = format!("the connection ended after {} of {end} bytes", partial.length);
                Err(self.client.broken(cause))
            }
            _ => Ok(()),
        }
    }
}

/// A blob that grows; what is in the file stays there when a run ends.
struct Partial<'a> {
    cache: &'a Cache,
    repository: String,
    name: &'a str,
    etag: &'a str,
    path: PathBuf,
    file: File,
    length: u64,
    /// Of the bytes so far, where there is a hash to compare with.
    hash: Option<digest::Context>,
}

impl<'a> Partial<'a> {
    /// Opens what an earlier run left, or nothing. The lock says that nobody else writes here.
    fn open(
        download: &Download<'a>,
        _lock: &BlobLock,
        remote: &'a RemoteFile,
    ) -> Result<Self, HubError> {
        let cache = download.cache;
        let file = cache.open_incomplete(&remote.etag)?;
        let mut partial = Self {
            cache,
            repository: download.client.repository().to_string(),
            name: &remote.name,
            etag: &remote.etag,
            path: cache.incomplete_blob(&remote.etag),
            file,
            length: 0,
            hash: remote.sha256.as_ref().map(|_| digest::Context::new(&digest::SHA256)),
        };
        partial.length = partial.read_back().map_err(|e| partial.failed("read", e))?;
        if remote.size.is_some_and(|size| partial.length > size) {
            partial.clear()?;
        }
        Ok(partial)
    }

    /// Hashes what the file holds, leaves the position at its end, and returns its length.
    fn read_back(&mut self) -> std::io::Result<u64> {
        if let Some(hash) = &mut self.hash {
            let mut chunk = vec![0; CHUNK];
            loop {
                match self.file.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(count) => hash.update(chunk.get(..count).unwrap_or_default()),
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
        }
        self.file.seek(SeekFrom::End(0))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        self.file.write_all(bytes).map_err(|e| self.failed("write", e))?;
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Begins again with nothing.
    fn clear(&mut self) -> Result<(), HubError> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .map_err(|e| self.failed("write", e))?;
        self.length = 0;
        self.hash = self.hash.as_ref().map(|_| digest::Context::new(&digest::SHA256));
        Ok(())
    }

    /// Whether the bytes are those that the hub has, as far as it says.
    fn is_right(&self, remote: &RemoteFile) -> bool {
        match (&self.hash, &remote.sha256) {
            (Some(hash), Some(expected)) => {
                let bytes = hash.clone().finish();
                let text: String = bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect();
                text == *expected
            }
            _ => true,
        }
    }

    /// Makes it the blob: on the disk before it has its name, because a name says that it is
    /// whole.
    fn keep(self) -> Result<u64, HubError> {
        self.file.sync_data().map_err(|e| self.failed("write", e))?;
        self.cache.keep(self.etag)?;
        Ok(self.length)
    }

    /// Deletes it and says why.
    fn discard(&self, reason: &str) -> HubError {
        // It stays where this fails; its length and its hash are checked again the next time.
        let _ = self.cache.discard(self.etag);
        HubError::Damaged {
            repository: self.repository.clone(),
            file: self.name.to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn failed(&self, action: &'static str, source: std::io::Error) -> HubError {
        self.cache.failed(action, &self.path, source)
    }
}

/// Counts bytes and reports them, not more often than a person can see.
struct Meter<'a> {
    report: &'a mut dyn FnMut(DownloadProgress),
    file: String,
    /// Bytes of the files that are whole.
    whole: u64,
    /// Bytes of all files, as far as known.
    total: u64,
    /// The size that `total` counts for the file that is read.
    expected: u64,
    reported: Option<Instant>,
}

impl<'a> Meter<'a> {
    fn new(
        report: &'a mut dyn FnMut(DownloadProgress),
        present: u64,
        wanted: &[RemoteFile],
    ) -> Self {
        let sizes = wanted.iter().filter_map(|file| file.size);
        let total = sizes.fold(present, u64::saturating_add);
        Self { report, file: String::new(), whole: present, total, expected: 0, reported: None }
    }

    fn begin(&mut self, file: &RemoteFile) {
        self.file.clone_from(&file.name);
        self.expected = file.size.unwrap_or_default();
        self.at(0);
    }

    /// That many bytes of the file are here.
    fn at(&mut self, bytes: u64) {
        if self.reported.is_none_or(|last| last.elapsed() >= PROGRESS_INTERVAL) {
            self.send(bytes);
        }
    }

    fn end(&mut self, length: u64) {
        self.total = (self.total - self.expected.min(self.total)).saturating_add(length);
        self.whole = self.whole.saturating_add(length);
        self.expected = 0;
    }

    /// The last word, at once.
    fn finish(&mut self) {
        if self.reported.is_some() {
            self.send(0);
        }
    }

    fn send(&mut self, bytes: u64) {
        self.reported = Some(Instant::now());
        let bytes_done = self.whole.saturating_add(bytes);
        let (file, bytes_total) = (self.file.clone(), self.total.max(bytes_done));
        (self.report)(DownloadProgress { file, bytes_done, bytes_total });
    }
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}
