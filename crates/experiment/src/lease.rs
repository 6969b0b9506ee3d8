//! Leases: which process works on which part of a sweep. A lease is a file that exactly one
//! process can create, with its holder's name in it from the start; it grows while its holder lives
//! and gets on. Where it stops growing, or its process is known to have ended, the next attempt is
//! a new file of a higher number, which again only one process can create.
//!
//! A folder may be shown as it was a minute ago. So no lease is removed while others may look for
//! it, a lease that was given back says how far its holder's journals went, and a holder asks the
//! file itself whether it is still the one that it made. Clocks of two machines are never compared.

mod holding;
mod look;
mod text;

pub use holding::Lease;
pub use look::{VARIABLE, patience};

use super::process::Process;
use holding::Taken;
use look::Looks;
pub(crate) use look::settled;
use serde::{Deserialize, Serialize};
use sigmalab_engine::worker::DEFAULT_SILENCE;
use sigmalab_files::nonce::nonce;
use sigmalab_files::patience::patiently;
use sigmalab_files::shared_folder::SharedFolder;
use sigmalab_files::unfinished::{PREFIX, SUFFIX};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use text::{End, Text};

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
                // Nobody loses a part so often: whoever waited for it would wait for ever.
                return Err(io::Error::other(format!(
                    "{unit}.{MOST_ATTEMPTS} is the last attempt that there can be: delete the \
                     leases of {unit} in `{}`",
                    self.folder.display()
                )));
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
        let taken = Taken { unit: unit.to_owned(), attempt, nonce, after };
        Ok(Some(Lease::hold(folder, taken, written)))
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
/// stands for [`DEFAULT_SILENCE`], each further one for a beat more.
fn silence(beats: usize) -> Option<Duration> {
    let more = u32::try_from(beats).ok()?.checked_sub(1)?;
    Some(DEFAULT_SILENCE.saturating_add(look::beat().saturating_mul(more)))
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

#[cfg(test)]
mod tests;
