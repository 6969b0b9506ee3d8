//! Leases: which process works on which part of a sweep. A lease is a file that exactly one
//! process can create, with its holder's name in it from the start; it grows while its holder lives
//! and gets on. Where it stops growing, or its process is known to have ended, the next attempt is
//! a new file of a higher number, which again only one process can create.
//!
//! A folder may be shown as it was a minute ago. So no lease is removed while others may look for
//! it, a lease that was given back says how far its holder's journals went, and a holder asks the
//! file itself whether it is still the one that it made. Clocks of two machines are never compared.

mod look;
mod text;

pub use look::{VARIABLE, patience};

use super::process::Process;
use look::Looks;
pub(crate) use look::settled;
use serde::{Deserialize, Serialize};
use sigmalab_engine::worker::USUAL_SILENCE;
use sigmalab_files::nonce::nonce;
use sigmalab_files::patience::patiently;
use sigmalab_files::shared_folder::SharedFolder;
use sigmalab_files::unfinished::{PREFIX, SUFFIX};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use text::{ALIVE, End, SILENT, Text};

/// How long a holder gives signs of life without getting on: then its worker hangs, and the part is
/// for others.
const HANGS: Duration = Duration::from_secs(30 * 60);

/// Highest number of an attempt that counts. Nobody loses a part so often; a file of a higher
/// number is no lease.
const MOST_ATTEMPTS: u32 = 10_000;

/// Most bytes of a lease that are read: it names its holder in its first line and grows by a byte
/// every few seconds.
const LONGEST: u64 = 4 << 20;

/// How far a journal went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The file's name.
    pub journal: String,
    /// Bytes of it that were on the disk.
    pub length: u64,
}

/// How far the journals of this process went so far: who takes a part after it reads so much.
pub type Written = Arc<Mutex<Vec<Left>>>;

/// The leases of a run directory, as one process sees them.
#[derive(Debug)]
pub struct Leases {
    folder: PathBuf,
    process: Process,
    written: Written,
    looks: Looks,
    /// Leases that are held no more, which they never are again.
    ended: HashSet<(String, u32)>,
    /// Parts whose holders were seen to live.
    living: HashSet<String>,
}

/// A part of the sweep that this process holds. Dropping it gives the part back.
#[derive(Debug)]
pub struct Lease {
    folder: SharedFolder,
    holding: Arc<Holding>,
    unit: String,
    attempt: u32,
    nonce: String,
    /// What has to be read before it is known what is left of the part.
    after: Vec<Left>,
    /// `None` where nobody has to know what was done, and the file goes.
    written: Option<Written>,
    stop: Option<Sender<()>>,
    beat: Option<JoinHandle<()>>,
}

/// What the beat of a lease goes by.
#[derive(Debug)]
struct Holding {
    /// Seconds that the worker has said nothing, where that is remarkable, else 0.
    silent: AtomicU64,
    lost: AtomicBool,
    /// When its holder last got on.
    progress: Mutex<Instant>,
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
    /// Who holds it; `None` where the file does not say.
    pub process: Option<Process>,
}

impl Leases {
    /// The leases in `folder`.
    pub fn new(folder: &Path) -> Self {
        Leases::of(folder, Written::default())
    }

    /// The same of a process whose journals went so far.
    pub fn of(folder: &Path, written: Written) -> Self {
        let (looks, ended, living) = (Looks::default(), HashSet::new(), HashSet::new());
        let (folder, process) = (folder.to_owned(), Process::this());
        Leases { folder, process, written, looks, ended, living }
    }

    /// Takes a part, if nobody who lives holds it.
    pub fn take(&mut self, unit: &str) -> io::Result<Option<Lease>> {
        self.take_as(unit, Some(Arc::clone(&self.written)))
    }

    /// Whether the holder of a part that could not be taken was seen to live: it gave a sign of
    /// life, or is a process of this machine. Of another nothing is known at the first look.
    pub fn is_seen_to_live(&self, unit: &str) -> bool {
        self.living.contains(unit)
    }

    /// Takes a part of which nobody has to know afterwards who had it.
    pub fn take_briefly(&mut self, unit: &str) -> io::Result<Option<Lease>> {
        self.take_as(unit, None)
    }

    fn take_as(&mut self, unit: &str, written: Option<Written>) -> io::Result<Option<Lease>> {
        let folder = SharedFolder::open_last(&self.folder)?;
        self.living.remove(unit);
        let (mut after, mut last, mut attempt) = (Vec::new(), None, 1);
        while let Some(found) = text_of(&folder, unit, attempt)? {
            if let Some(End::Left(journals)) = &found.end {
                after.extend(journals.iter().cloned());
            }
            last = Some((attempt, found));
            attempt += 1;
            if attempt > MOST_ATTEMPTS {
                return Ok(None);
            }
        }
        let robbed = match &last {
            Some((last, text)) if text.end.is_none() => match self.is_lost(unit, *last, text) {
                true => Some(*last),
                false => {
                    let beside = text.process.as_ref().is_some_and(|p| p.is_beside(&self.process));
                    if beside || self.looks.grew(unit, *last) {
                        self.living.insert(unit.to_owned());
                    }
                    return Ok(None);
                }
            },
            _ => None,
        };
        let (name, nonce) = (file_name(unit, attempt), nonce());
        let head = text::head(&self.process, &nonce);
        match folder.write_new(&name, |out| out.write_all(head.as_bytes())) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            created => created?,
        }
        if let Some(robbed) = robbed {
            // Its holder may live all the same, and see no new name for a minute: its own file
            // tells it. Where that cannot be written the new name has to do.
            let _ = folder.grow(file_name(unit, robbed), text::taken(&nonce).as_bytes());
        }
        let holding = Arc::new(Holding {
            silent: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            progress: Mutex::new(Instant::now()),
        });
        let (stop, stopped) = mpsc::channel();
        let mut beating = Beating {
            folder: SharedFolder::open_last(&self.folder)?,
            name,
            nonce: nonce.clone(),
            holding: Arc::clone(&holding),
            told: 0,
        };
        let beat = std::thread::spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(look::beat()) {
                beating.beat();
            }
        });
        Ok(Some(Lease {
            folder,
            holding,
            unit: unit.to_owned(),
            attempt,
            nonce,
            after,
            written,
            stop: Some(stop),
            beat: Some(beat),
        }))
    }

    /// Every lease of a part whose holder is not known to be lost.
    pub fn held(&mut self) -> io::Result<Vec<Held>> {
        self.held_of(|_| true)
    }

    /// The same of some parts: nobody need look at those that are done.
    pub fn held_of(&mut self, of_interest: impl Fn(&str) -> bool) -> io::Result<Vec<Held>> {
        let mut latest: HashMap<String, u32> = HashMap::new();
        for (unit, attempt) in self.files()? {
            let last = latest.entry(unit).or_default();
            *last = attempt.max(*last);
        }
        latest.retain(|unit, _| of_interest(unit) && unit != TABLES);
        let folder = match latest.is_empty() {
            true => return Ok(Vec::new()),
            false => SharedFolder::open_last(&self.folder)?,
        };
        let mut held: Vec<Held> = Vec::new();
        for (unit, attempt) in latest {
            let key = (unit, attempt);
            if self.ended.contains(&key) {
                continue;
            }
            let Some(text) = text_of(&folder, &key.0, attempt)? else { continue };
            if text.end.is_some() {
                self.ended.insert(key);
            } else if !self.is_lost(&key.0, attempt, &text) {
                let silent = silence(text.silent);
                held.push(Held { unit: key.0, attempt, silent, process: text.process });
            }
        }
        held.sort_by(|a, b| a.unit.cmp(&b.unit));
        Ok(held)
    }

    /// Removes the leases of a sweep in which nothing is left to do, where only processes of this
    /// machine took part: others may still see the folder as it was, and leases keep them from
    /// doing something twice.
    pub fn tidy(&mut self) -> io::Result<()> {
        let folder = match SharedFolder::open_last(&self.folder) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        // Files by part; a draft, which a kill left before it was a lease, is its own.
        let mut parts: HashMap<String, Vec<(String, bool)>> = HashMap::new();
        for name in folder.names()? {
            let Some(name) = name.to_str() else { continue };
            let draft = name.starts_with(PREFIX) && name.ends_with(SUFFIX);
            let part = match lease_of(name) {
                Some((unit, _)) => unit,
                None if draft => name.to_owned(),
                None => continue,
            };
            let Ok(bytes) = folder.read(name, LONGEST) else { continue };
            let text = Text::of(&bytes);
            let Some(process) = &text.process else { continue };
            if !process.is_beside(&self.process) {
                return Ok(());
            }
            let over = text.end.is_some() || process.is_gone();
            parts.entry(part).or_default().push((name.to_owned(), over));
        }
        // The last of a part first: while an earlier one is there nobody begins at 1.
        for mut files in parts.into_values().filter(|files| files.iter().all(|(_, over)| *over)) {
            files.sort_by_key(|(name, _)| std::cmp::Reverse(lease_of(name).map(|(_, n)| n)));
            files.iter().for_each(|(name, _)| drop(folder.remove(name)));
        }
        Ok(())
    }

    fn files(&self) -> io::Result<Vec<(String, u32)>> {
        let names = patiently(|| match SharedFolder::open_last(&self.folder) {
            Ok(folder) => folder.names(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        })?;
        Ok(names.iter().filter_map(|name| lease_of(name.to_str()?)).collect())
    }

    fn is_lost(&mut self, unit: &str, attempt: u32, text: &Text) -> bool {
        let gone = text.process.as_ref().is_some_and(Process::is_gone);
        gone || self.looks.is_lost(unit, attempt, text.length)
    }
}

/// The lease that the writer of the tables holds.
pub(crate) const TABLES: &str = "tables";

/// What beats at the end of a lease say of its holder's worker: the first sign of silence in a row
/// stands for [`USUAL_SILENCE`], each further one for a beat more.
fn silence(beats: usize) -> Option<Duration> {
    let more = u32::try_from(beats).ok()?.checked_sub(1)?;
    Some(USUAL_SILENCE.saturating_add(look::beat().saturating_mul(more)))
}

/// What a beat writes where the worker has been silent for so many remarkable seconds, and `told`
/// signs of that stand in the file already.
fn signs(silent: u64, told: &mut u64) -> Vec<u8> {
    if silent == 0 {
        *told = 0;
        return vec![ALIVE];
    }
    let all = 1 + silent.saturating_sub(USUAL_SILENCE.as_secs()) / look::beat().as_secs().max(1);
    // A clock that jumps fills no disk.
    let more = all.saturating_sub(*told).clamp(1, 10_000);
    *told += more;
    vec![SILENT; more as usize]
}

fn file_name(unit: &str, attempt: u32) -> String {
    format!("{unit}.{attempt}")
}

/// Part and number of the lease of that name.
fn lease_of(name: &str) -> Option<(String, u32)> {
    let (unit, number) = name.rsplit_once('.')?;
    let attempt: u32 = number.parse().ok()?;
    let counts = (1..=MOST_ATTEMPTS).contains(&attempt) && attempt.to_string() == number;
    counts.then(|| (unit.to_owned(), attempt))
}

/// What a lease says; `None` where there is none. What is no plain file says nothing.
fn text_of(folder: &SharedFolder, unit: &str, attempt: u32) -> io::Result<Option<Text>> {
    let name = file_name(unit, attempt);
    match patiently(|| folder.read(&name, LONGEST)) {
        Ok(bytes) => Ok(Some(Text::of(&bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(_) if folder.has(&name) && folder.length_of(&name).is_none() => {
            Ok(Some(Text::default()))
        }
        Err(error) => Err(error),
    }
}

/// Signs of life of one lease.
struct Beating {
    folder: SharedFolder,
    name: String,
    nonce: String,
    holding: Arc<Holding>,
    /// Signs of silence in a row that it wrote.
    told: u64,
}

impl Beating {
    /// A byte and more, so that others see the file grow. A beat that fails is missed by nobody
    /// unless many do.
    fn beat(&mut self) {
        let progress = *self.holding.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if self.holding.lost.load(Ordering::Relaxed) || progress.elapsed() > HANGS {
            return;
        }
        match self.folder.read(&self.name, LONGEST) {
            Ok(bytes) if Text::of(&bytes).is_of(&self.nonce) => {}
            Ok(_) => return self.holding.lost.store(true, Ordering::Relaxed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.holding.lost.store(true, Ordering::Relaxed);
            }
            Err(_) => return,
        }
        let signs = signs(self.holding.silent.load(Ordering::Relaxed), &mut self.told);
        let _ = self.folder.grow(&self.name, &signs);
    }
}

impl Lease {
    /// Lets others know how long this process's worker has said nothing, where that is remarkable.
    pub fn tell_silence(&self, silent: Option<Duration>) {
        let seconds = silent.map_or(0, |silent| silent.as_secs().max(1));
        self.holding.silent.store(seconds, Ordering::Relaxed);
        if silent.is_none() {
            let mut progress = self.holding.progress.lock().unwrap_or_else(PoisonError::into_inner);
            *progress = Instant::now();
        }
    }

    /// Whether it still counts: a process that slept too long may have lost it. The file is opened
    /// again for that, which is when a network file system asks.
    ///
    /// # Errors
    /// It cannot be read, and not because it is another's: that says nothing about whose it is.
    pub fn is_mine(&self) -> io::Result<bool> {
        if self.holding.lost.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let text = text_of(&self.folder, &self.unit, self.attempt)?;
        let mine = text.is_some_and(|text| text.is_of(&self.nonce));
        Ok(mine && !self.folder.has(file_name(&self.unit, self.attempt + 1)))
    }

    /// What has to be read before it is known what is left of the part.
    pub fn after(&self) -> &[Left] {
        &self.after
    }

    /// How often the part was taken, this time included.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Hanging up ends the beat.
        self.stop.take();
        if let Some(beat) = self.beat.take() {
            let _ = beat.join();
        }
        // One that is another's by now is not this process's to end.
        if !self.is_mine().unwrap_or(false) {
            return;
        }
        let name = file_name(&self.unit, self.attempt);
        let _ = match &self.written {
            Some(written) => {
                let written = written.lock().unwrap_or_else(PoisonError::into_inner);
                self.folder.grow(name, text::left(&written).as_bytes())
            }
            None => self.folder.remove(name),
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;
    use std::io::Write as _;

    #[test]
    fn a_lease_of_a_huge_number_hangs_nobody_and_one_of_no_number_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Process { id: u32::MAX, ..Process::this() };
        let text = serde_json::to_string(&gone).unwrap();
        for name in ["a.4294967294", "a.4294967295", "b.1000000", "c.9999", "a.+5", "a.07"] {
            fs::write(folder.path().join(name), &text).unwrap();
        }
        let mut leases = Leases::new(folder.path());
        let began = Instant::now();
        let lease = leases.take("a").unwrap().unwrap();
        assert_eq!((leases.held().unwrap().len(), lease.attempt()), (1, 1));
        assert!(lease.is_mine().unwrap());
        drop(lease);
        assert!(leases.take("b").unwrap().is_some() && leases.take("c").unwrap().is_some());
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
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
        assert!(leases.take("a").unwrap().is_none() && leases.take("b").unwrap().is_none());
        // They give no sign of life, and are lost like others.
        leases.looks.age();
        assert!(leases.take("a").unwrap().is_some() && leases.take("b").unwrap().is_some());
    }

    #[test]
    fn a_part_is_held_by_one_and_free_again_after() {
        let folder = tempfile::tempdir().unwrap();
        let written = Written::default();
        let mut one = Leases::of(folder.path(), Arc::clone(&written));
        let mut other = Leases::new(folder.path());
        let lease = one.take("a").unwrap().unwrap();
        assert!(other.take("a").unwrap().is_none());
        assert!(other.is_seen_to_live("a"), "it is of this machine");
        drop(other.take("b").unwrap().unwrap());
        assert_eq!(other.held().unwrap().len(), 1);
        assert!(lease.is_mine().unwrap() && lease.after().is_empty());
        let journal = Left { journal: "one.jsonl".to_owned(), length: 9 };
        written.lock().unwrap().push(journal.clone());
        drop(lease);
        assert_eq!(other.held().unwrap(), []);
        // Whoever takes it then knows what to read first, and so does the next.
        let lease = other.take("a").unwrap().unwrap();
        assert_eq!((lease.attempt(), lease.after()), (2, &[journal.clone()][..]));
        drop(lease);
        assert_eq!(one.take("a").unwrap().unwrap().after(), [journal]);
    }

    #[test]
    fn a_lease_in_whose_place_another_lies_is_no_longer_mine_and_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.1");
        let lease = Leases::new(folder.path()).take("a").unwrap().unwrap();
        let foreign = text::head(&Process::this(), "foreign");
        fs::write(&path, &foreign).unwrap();
        assert!(!lease.is_mine().unwrap());
        drop(lease);
        assert_eq!(fs::read_to_string(&path).unwrap(), foreign);

        let lease = Leases::new(folder.path()).take("b").unwrap().unwrap();
        let path = folder.path().join("b.1");
        SharedFolder::open(folder.path()).unwrap().grow("b.1", b"\ntaken x\n").unwrap();
        assert!(!lease.is_mine().unwrap(), "whoever took it said so in the file itself");
        let before = fs::read(&path).unwrap();
        drop(lease);
        assert_eq!(fs::read(&path).unwrap(), before);

        let lease = Leases::new(folder.path()).take_briefly("c").unwrap().unwrap();
        assert!(folder.path().join("c.1").exists());
        drop(lease);
        assert!(!folder.path().join("c.1").exists());
    }

    #[test]
    fn a_holder_that_hangs_gives_no_sign_of_life() {
        let folder = tempfile::tempdir().unwrap();
        let lease = Leases::new(folder.path()).take("a").unwrap().unwrap();
        let mut beating = Beating {
            folder: SharedFolder::open(folder.path()).unwrap(),
            name: "a.1".to_owned(),
            nonce: lease.nonce.clone(),
            holding: Arc::clone(&lease.holding),
            told: 0,
        };
        let length = || fs::metadata(folder.path().join("a.1")).unwrap().len();
        let before = length();
        lease.tell_silence(None);
        beating.beat();
        lease.tell_silence(Some(USUAL_SILENCE));
        beating.beat();
        assert_eq!(length(), before + 2);
        let long_ago = Instant::now().checked_sub(HANGS + Duration::from_secs(1)).unwrap();
        *lease.holding.progress.lock().unwrap() = long_ago;
        lease.tell_silence(Some(USUAL_SILENCE));
        beating.beat();
        assert_eq!(length(), before + 2);
        lease.tell_silence(None);
        beating.beat();
        assert_eq!(length(), before + 3);
        fs::write(folder.path().join("a.1"), "").unwrap();
        beating.beat();
        assert_eq!(length(), 0, "it is not written to what is another's");
        assert!(!lease.is_mine().unwrap());
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
        assert_eq!(leases.held().unwrap(), []);
        leases.tidy().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_lost_processes_left_is_removed_and_what_others_hold_stays() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Process { id: u32::MAX, ..Process::this() };
        let text = serde_json::to_string(&gone).unwrap();
        for name in ["a.1", "a.2", "b.3", "c.7", ".sigmalab-0.tmp"] {
            fs::write(folder.path().join(name), &text).unwrap();
        }
        let held = Leases::new(folder.path()).take("c").unwrap().unwrap();
        Leases::new(folder.path()).tidy().unwrap();
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        assert_eq!(names, ["c.1", "c.7"]);
        assert!(held.is_mine().unwrap());
        // Where another machine took part nothing goes: it may see the folder as it was.
        let there = Process { host: "elsewhere".to_owned(), ..gone.clone() };
        fs::write(folder.path().join("a.1"), serde_json::to_string(&gone).unwrap()).unwrap();
        let ended = text::head(&there, "n") + &text::left(&[]);
        fs::write(folder.path().join("d.1"), ended).unwrap();
        Leases::new(folder.path()).tidy().unwrap();
        assert!(folder.path().join("a.1").exists() && folder.path().join("d.1").exists());
    }

    #[test]
    fn a_lease_that_was_taken_over_is_no_longer_mine() {
        let folder = tempfile::tempdir().unwrap();
        let lease = Leases::new(folder.path()).take("a").unwrap().unwrap();
        fs::write(folder.path().join("a.2"), "").unwrap();
        assert!(!lease.is_mine().unwrap());
    }

    #[test]
    fn a_process_of_another_machine_is_lost_only_once_it_gave_no_sign_of_life() {
        let folder = tempfile::tempdir().unwrap();
        let there = Process { host: "elsewhere".to_owned(), ..Process::this() };
        let path = folder.path().join("a.1");
        fs::write(&path, serde_json::to_string(&there).unwrap()).unwrap();
        let mut leases = Leases::new(folder.path());
        assert!(leases.take("a").unwrap().is_none());
        assert!(!leases.is_seen_to_live("a"));
        leases.looks.age();
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b".").unwrap();
        assert!(leases.take("a").unwrap().is_none(), "it grew");
        assert!(leases.is_seen_to_live("a"));
        leases.looks.age();
        assert!(leases.take("a").unwrap().is_some());
        // Its holder is told in its own file, whatever it sees of new names.
        assert!(fs::read_to_string(&path).unwrap().contains("taken "));
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
