//! Leases: which process works on which part of a sweep. A lease is a file that exactly one
//! process can create; it grows while its holder lives. Where it stops growing, or its process is
//! known to have ended, the next attempt is a new file of a higher number, which again only one
//! process can create. Clocks of two machines are never compared.

use super::process::Process;
use sigmalab_engine::worker::USUAL_SILENCE;
use sigmalab_files::shared_folder::SharedFolder;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time between two signs of life.
const BEAT: Duration = Duration::from_secs(5);

/// What is written at a beat: all is well, or the worker has said nothing for long. The first sign
/// of silence in a row stands for [`USUAL_SILENCE`], each further one for a beat more.
const ALIVE: u8 = b'.';
const SILENT: u8 = b'?';

/// A lease without a sign of life for so long has lost its holder.
const LOST: Duration = Duration::from_secs(45);

/// A lease that names nobody is of a process that ended between two system calls.
const NAMELESS: Duration = Duration::from_secs(5);

/// Highest number of an attempt that counts. Nobody loses a part so often; a file of a higher
/// number is no lease.
const MOST_ATTEMPTS: u32 = 1_000_000;

/// Most bytes of a lease that are read: it names its holder in its first line and grows by a byte
/// every few seconds.
const LONGEST: u64 = 4 << 20;

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
    folder: SharedFolder,
    /// Seconds that the worker has said nothing, where that is remarkable, else 0.
    silent: Arc<AtomicU64>,
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
        if attempt > MOST_ATTEMPTS {
            return Ok(None);
        }
        let folder = SharedFolder::open_last(&self.folder)?;
        let name = file_name(unit, attempt);
        let mut created = match folder.create_new(&name) {
            Ok(created) => created,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        };
        let text = serde_json::to_string(&self.process)?;
        if let Err(error) = created.write_all(format!("{text}\n").as_bytes()) {
            let _ = folder.remove(&name);
            return Err(error);
        }
        let silent = Arc::new(AtomicU64::new(0));
        let silent_now = Arc::clone(&silent);
        let (stop, stopped) = mpsc::channel();
        let beat = std::thread::spawn(move || {
            // A byte a beat and more: others see the file grow. A beat that fails is missed by
            // nobody unless many do.
            let mut told = 0;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(BEAT) {
                let signs = signs(silent_now.load(Ordering::Relaxed), &mut told);
                let _ = created.write_all(&signs);
            }
        });
        Ok(Some(Lease {
            folder,
            silent,
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
                let process = self.holder(&unit, attempt);
                let silent = self.silence(&unit, attempt);
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
        match SharedFolder::open_last(&self.folder) {
            Ok(folder) => attempts_in(&folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Numbers of the attempts at a part, the last one last.
    fn attempts(&self, unit: &str) -> io::Result<Vec<u32>> {
        let files = self.files()?.into_iter().filter(|(name, _)| name == unit);
        let mut attempts: Vec<u32> = files.map(|(_, attempt)| attempt).collect();
        attempts.sort_unstable();
        Ok(attempts)
    }

    fn is_lost(&mut self, unit: &str, attempt: u32) -> bool {
        let holder = self.holder(unit, attempt);
        if holder.as_ref().is_some_and(Process::is_gone) {
            return true;
        }
        let patience = if holder.is_some() { LOST } else { NAMELESS };
        let name = file_name(unit, attempt);
        let folder = SharedFolder::open_last(&self.folder).ok();
        // It may be gone meanwhile: then it is nobody's, and the next look says so. What is no
        // plain file does not grow.
        let Some(length) = folder.and_then(|folder| match folder.length_of(&name) {
            None if folder.has(&name) => Some(0),
            length => length,
        }) else {
            return false;
        };
        let now = Instant::now();
        let (seen, since) = self.seen.entry(self.folder.join(name)).or_insert((length, now));
        if *seen != length {
            (*seen, *since) = (length, now);
        }
        now.duration_since(*since) > patience
    }

    fn holder(&self, unit: &str, attempt: u32) -> Option<Process> {
        let text = self.text(unit, attempt)?;
        let line = text.split(|byte| *byte == b'\n').next()?;
        serde_json::from_slice(line).ok()
    }

    /// How long the beats at the end of a lease have told of a silent worker.
    fn silence(&self, unit: &str, attempt: u32) -> Option<Duration> {
        let text = self.text(unit, attempt)?;
        let beats = text.iter().rev().take_while(|beat| **beat == SILENT).count();
        (beats > 0).then(|| USUAL_SILENCE + BEAT * u32::try_from(beats - 1).unwrap_or(u32::MAX))
    }

    fn text(&self, unit: &str, attempt: u32) -> Option<Vec<u8>> {
        let folder = SharedFolder::open_last(&self.folder).ok()?;
        folder.read(file_name(unit, attempt), LONGEST).ok()
    }
}

/// What a beat writes where the worker has been silent for so many remarkable seconds, and `told`
/// signs of that stand in the file already.
fn signs(silent: u64, told: &mut u64) -> Vec<u8> {
    if silent == 0 {
        *told = 0;
        return vec![ALIVE];
    }
    let all = 1 + silent.saturating_sub(USUAL_SILENCE.as_secs()) / BEAT.as_secs();
    // A clock that jumps fills no disk.
    let more = all.saturating_sub(*told).clamp(1, 10_000);
    *told += more;
    vec![SILENT; more as usize]
}

fn file_name(unit: &str, attempt: u32) -> String {
    format!("{unit}.{attempt}")
}

/// The leases in a folder: part and number of each.
fn attempts_in(folder: &SharedFolder) -> io::Result<Vec<(String, u32)>> {
    let names = folder.names()?;
    let lease = |name: &str| {
        let (unit, number) = name.rsplit_once('.')?;
        let attempt: u32 = number.parse().ok()?;
        let counts = (1..=MOST_ATTEMPTS).contains(&attempt) && attempt.to_string() == number;
        counts.then(|| (unit.to_owned(), attempt))
    };
    Ok(names.iter().filter_map(|name| lease(name.to_str()?)).collect())
}

impl Lease {
    /// Lets others know how long this process's worker has said nothing, where that is remarkable.
    pub fn tell_silence(&self, silent: Option<Duration>) {
        let seconds = silent.map_or(0, |silent| silent.as_secs().max(1));
        self.silent.store(seconds, Ordering::Relaxed);
    }

    /// Whether it still counts: a process that slept too long may have lost it.
    pub fn is_mine(&self) -> bool {
        let has = |attempt| self.folder.has(file_name(&self.unit, attempt));
        has(self.attempt) && !has(self.attempt + 1)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Hanging up ends the beat.
        self.stop.take();
        if let Some(beat) = self.beat.take() {
            let _ = beat.join();
        }
        // Earlier attempts first: while this one is there nobody begins at 1. Those that are there
        // are looked for: numbers are chosen by whoever wrote the files.
        let there = attempts_in(&self.folder).unwrap_or_default();
        let mut attempts: Vec<u32> = there
            .into_iter()
            .filter(|(unit, attempt)| *unit == self.unit && *attempt < self.attempt)
            .map(|(_, attempt)| attempt)
            .collect();
        attempts.sort_unstable();
        for attempt in attempts.into_iter().chain([self.attempt]) {
            let _ = self.folder.remove(file_name(&self.unit, attempt));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    #[test]
    fn a_lease_of_a_huge_number_hangs_nobody_and_one_of_no_number_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Process { id: u32::MAX, ..Process::this() };
        let text = serde_json::to_string(&gone).unwrap();
        for name in ["a.4294967294", "a.4294967295", "b.1000000", "c.999999", "a.+5", "a.07"] {
            fs::write(folder.path().join(name), &text).unwrap();
        }
        let mut leases = Leases::new(folder.path());
        let began = Instant::now();
        let lease = leases.take("a").unwrap().unwrap();
        assert_eq!(leases.held().unwrap().len(), 1);
        assert!(lease.is_mine());
        drop(lease);
        assert!(leases.take("b").unwrap().is_none());
        drop(leases.take("c").unwrap().unwrap());
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(!folder.path().join("c.999999").exists());
    }

    #[test]
    fn leases_that_are_links_or_pipes_are_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("a.1");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("b.1")).unwrap();
        let mut leases = Leases::new(folder.path());
        let held = leases.held().unwrap();
        assert!(held.iter().all(|held| held.process.is_none()), "{held:?}");
        assert!(leases.take("a").unwrap().is_none());
        // They give no sign of life, and are lost like others.
        for (_, since) in leases.seen.values_mut() {
            *since = since.checked_sub(LOST).unwrap();
        }
        assert!(leases.take("a").unwrap().is_some() && leases.take("b").unwrap().is_some());
    }

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
        // Silence becomes remarkable late where steps are long, and speech ends it.
        let mut told = 0;
        let mut beats = String::new();
        let steps = [(0, None), (210, Some(210)), (215, Some(215)), (231, Some(230)), (0, None)];
        for (seconds, read) in steps.into_iter().chain([(61, Some(60))]) {
            beats.push_str(std::str::from_utf8(&signs(seconds, &mut told)).unwrap());
            assert_eq!(silent(&beats), read, "{seconds}: {beats}");
        }
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
