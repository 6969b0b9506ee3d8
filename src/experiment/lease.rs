//! Leases: which process works on which part of a sweep. A lease is a file that exactly one
//! process can create; it grows while its holder lives. Where it stops growing, or its process is
//! known to have ended, the next attempt is a new file of a higher number, which again only one
//! process can create. Clocks of two machines are never compared.

use super::process::Process;
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time between two signs of life.
const BEAT: Duration = Duration::from_secs(5);

/// What is written at a beat: all is well, or the worker has said nothing for long.
const ALIVE: u8 = b'.';
const SILENT: u8 = b'?';

/// How long a worker says nothing before it is told of, at least.
const SILENT_AFTER: Duration = Duration::from_secs(60);

/// A lease without a sign of life for so long has lost its holder.
const LOST: Duration = Duration::from_secs(45);

/// A lease that names nobody is of a process that ended between two system calls.
const NAMELESS: Duration = Duration::from_secs(5);

/// The leases of a run directory, as one process sees them.
#[derive(Debug)]
pub struct Leases {
    folder: PathBuf,
    process: Process,
    /// When a lease's length was last seen to change.
    seen: HashMap<PathBuf, (u64, Instant)>,
}

/// A part of the sweep that this process holds. Dropping it gives the part back.
#[derive(Debug)]
pub struct Lease {
    silent: Arc<AtomicBool>,
    path: PathBuf,
    unit: String,
    attempt: u32,
    stop: Option<Sender<()>>,
    beat: Option<JoinHandle<()>>,
}

/// A lease that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The part's name.
    pub unit: String,
    /// How often the part was taken, this time included.
    pub attempt: u32,
    /// How long its holder's worker has said nothing, where that is remarkable: it may hang.
    pub silent: Option<Duration>,
    /// Who holds it; `None` where the file does not say, which it does at once.
    pub process: Option<Process>,
}

impl Leases {
    /// The leases in `folder`.
    pub fn new(folder: &Path) -> Self {
        Leases { folder: folder.to_owned(), process: Process::this(), seen: HashMap::new() }
    }

    /// Takes a part, if nobody who lives holds it.
    pub fn take(&mut self, unit: &str) -> io::Result<Option<Lease>> {
        let last = self.attempts(unit)?.pop();
        let attempt = match &last {
            None => 1,
            Some(attempt) if self.is_lost(unit, *attempt) => attempt + 1,
            Some(_) => return Ok(None),
        };
        let path = file(&self.folder, unit, attempt);
        let mut created = match File::options().create_new(true).append(true).open(&path) {
            Ok(created) => created,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        };
        let text = serde_json::to_string(&self.process)?;
        if let Err(error) = created.write_all(format!("{text}\n").as_bytes()) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let silent = Arc::new(AtomicBool::new(false));
        let is_silent = Arc::clone(&silent);
        let (stop, stopped) = mpsc::channel();
        let beat = std::thread::spawn(move || {
            // One byte a beat: others see the file grow. A beat that fails is missed by nobody
            // unless many do.
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(BEAT) {
                let beat = if is_silent.load(Ordering::Relaxed) { SILENT } else { ALIVE };
                let _ = created.write_all(&[beat]);
            }
        });
        Ok(Some(Lease {
            silent,
            path,
            unit: unit.to_owned(),
            attempt,
            stop: Some(stop),
            beat: Some(beat),
        }))
    }

    /// Every lease whose holder is not known to be lost.
    pub fn held(&mut self) -> io::Result<Vec<Held>> {
        let mut latest: HashMap<String, u32> = HashMap::new();
        for (unit, attempt) in self.files()? {
            let last = latest.entry(unit).or_default();
            *last = attempt.max(*last);
        }
        let mut held: Vec<Held> = Vec::new();
        for (unit, attempt) in latest {
            if !self.is_lost(&unit, attempt) {
                let path = file(&self.folder, &unit, attempt);
                let (process, silent) = (holder(&path), silence(&path));
                held.push(Held { unit, attempt, silent, process });
            }
        }
        held.sort_by(|a, b| a.unit.cmp(&b.unit));
        Ok(held)
    }

    /// Removes the leases of holders that are known to be lost: what a process leaves that was
    /// killed after its last record.
    pub fn tidy(&mut self) -> io::Result<()> {
        let units: BTreeSet<String> = self.files()?.into_iter().map(|(unit, _)| unit).collect();
        for unit in units {
            // Taken over first and then given back, so that two that tidy up are not in each
            // other's way.
            drop(self.take(&unit)?);
        }
        Ok(())
    }

    fn files(&self) -> io::Result<Vec<(String, u32)>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names
            .filter_map(|name| {
                let (unit, attempt) = name.rsplit_once('.')?;
                Some((unit.to_owned(), attempt.parse().ok()?))
            })
            .collect())
    }

    /// Numbers of the attempts at a part, the last one last.
    fn attempts(&self, unit: &str) -> io::Result<Vec<u32>> {
        let files = self.files()?.into_iter().filter(|(name, _)| name == unit);
        let mut attempts: Vec<u32> = files.map(|(_, attempt)| attempt).collect();
        attempts.sort_unstable();
        Ok(attempts)
    }

    fn is_lost(&mut self, unit: &str, attempt: u32) -> bool {
        let path = file(&self.folder, unit, attempt);
        let holder = holder(&path);
        if holder.as_ref().is_some_and(Process::is_gone) {
            return true;
        }
        let patience = if holder.is_some() { LOST } else { NAMELESS };
        // It may be gone meanwhile: then it is nobody's, and the next look says so.
        let Ok(length) = fs::metadata(&path).map(|metadata| metadata.len()) else { return false };
        let now = Instant::now();
        let (seen, since) = self.seen.entry(path).or_insert((length, now));
        if *seen != length {
            (*seen, *since) = (length, now);
        }
        now.duration_since(*since) > patience
    }
}

fn file(folder: &Path, unit: &str, attempt: u32) -> PathBuf {
    folder.join(format!("{unit}.{attempt}"))
}

fn holder(path: &Path) -> Option<Process> {
    let text = fs::read_to_string(path).ok()?;
    serde_json::from_str(text.lines().next()?).ok()
}

/// How long the beats at the end of a lease have told of a silent worker.
fn silence(path: &Path) -> Option<Duration> {
    let text = fs::read(path).ok()?;
    let beats = text.iter().rev().take_while(|beat| **beat == SILENT).count();
    // They begin to tell of it when it has been silent for a minute.
    (beats > 0).then(|| SILENT_AFTER + BEAT * u32::try_from(beats - 1).unwrap_or(u32::MAX))
}

impl Lease {
    /// Lets others know whether this process's worker says nothing.
    pub fn tell_silence(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    /// Whether it still counts: a process that slept too long may have lost it.
    pub fn is_mine(&self) -> bool {
        let next = self.path.with_file_name(format!("{}.{}", self.unit, self.attempt + 1));
        self.path.exists() && !next.exists()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Hanging up ends the beat.
        self.stop.take();
        if let Some(beat) = self.beat.take() {
            let _ = beat.join();
        }
        // Earlier attempts first: while this one is there nobody begins at 1.
        for attempt in 1..=self.attempt {
            let _ = fs::remove_file(self.path.with_file_name(format!("{}.{attempt}", self.unit)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_part_is_held_by_one_and_free_again_after() {
        let folder = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (Leases::new(folder.path()), Leases::new(folder.path()));
        let lease = one.take("a").unwrap().unwrap();
        assert!(other.take("a").unwrap().is_none());
        assert!(other.take("b").unwrap().is_some());
        assert_eq!(other.held().unwrap().len(), 1);
        assert!(lease.is_mine());
        drop(lease);
        assert_eq!(other.held().unwrap(), []);
        assert!(other.take("a").unwrap().is_some());
    }

    #[test]
    fn beats_tell_how_long_a_worker_has_said_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let process = serde_json::to_string(&Process::this()).unwrap();
        let silent = |beats: &str| {
            fs::write(folder.path().join("a.1"), format!("{process}\n{beats}")).unwrap();
            let held = Leases::new(folder.path()).held().unwrap();
            assert_eq!(held[0].process, Some(Process::this()));
            held[0].silent.map(|silent| silent.as_secs())
        };
        assert_eq!(
            ["", "..", "..?", ".?.", "..???"].map(silent),
            [None, None, Some(60), None, Some(70)]
        );
    }

    #[test]
    fn the_part_of_a_process_that_ended_is_taken_with_the_next_number() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Process { id: u32::MAX, ..Process::this() };
        fs::write(folder.path().join("a.1"), serde_json::to_string(&gone).unwrap()).unwrap();
        let mut leases = Leases::new(folder.path());
        assert_eq!(leases.held().unwrap(), []);
        let lease = leases.take("a").unwrap().unwrap();
        assert_eq!(leases.held().unwrap()[0].attempt, 2);
        assert!(leases.take("a").unwrap().is_none());
        drop(lease);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_lost_processes_left_is_removed_and_what_others_hold_stays() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Process { id: u32::MAX, ..Process::this() };
        let text = serde_json::to_string(&gone).unwrap();
        for name in ["a.1", "a.2", "b.3"] {
            fs::write(folder.path().join(name), &text).unwrap();
        }
        let held = Leases::new(folder.path()).take("c").unwrap().unwrap();
        Leases::new(folder.path()).tidy().unwrap();
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["c.1"]);
        assert!(held.is_mine());
    }

    #[test]
    fn a_lease_that_was_taken_over_is_no_longer_mine() {
        let folder = tempfile::tempdir().unwrap();
        let lease = Leases::new(folder.path()).take("a").unwrap().unwrap();
        fs::write(folder.path().join("a.2"), "").unwrap();
        assert!(!lease.is_mine());
    }

    #[test]
    fn a_process_of_another_machine_is_lost_only_once_it_gave_no_sign_of_life() {
        let folder = tempfile::tempdir().unwrap();
        let there = Process { host: "elsewhere".to_owned(), ..Process::this() };
        let path = folder.path().join("a.1");
        fs::write(&path, serde_json::to_string(&there).unwrap()).unwrap();
        let mut leases = Leases::new(folder.path());
        assert!(leases.take("a").unwrap().is_none());
        let long_ago = Instant::now().checked_sub(LOST * 2).unwrap();
        leases.seen.get_mut(&path).unwrap().1 = long_ago;
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b".").unwrap();
        assert!(leases.take("a").unwrap().is_none(), "it grew");
        leases.seen.get_mut(&path).unwrap().1 = long_ago;
        assert!(leases.take("a").unwrap().is_some());
    }

    #[test]
    fn of_many_that_want_a_part_at_once_one_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let got: Vec<bool> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let lease = Leases::new(folder.path()).take("a").unwrap();
                        std::thread::sleep(Duration::from_millis(50));
                        lease.is_some()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(got.iter().filter(|got| **got).count(), 1, "{got:?}");
    }
}
