//! A part that this process holds: signs of life while it does, and the word of what was done when
//! it is given back. It does not know how parts are chosen.

use super::text::{self, ALIVE, SILENT, Text};
use super::{LONGEST, Left, Written, file_name, look, text_of};
use sigmalab_engine::worker::DEFAULT_SILENCE;
use sigmalab_files::shared_folder::SharedFolder;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a holder gives signs of life without getting on: then its worker hangs, and the part is
/// for others.
const HANGS: Duration = Duration::from_secs(30 * 60);

/// A part that was just taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) unit: String,
    /// How often the part was taken, this time included.
    pub(super) attempt: u32,
    /// Stands in the lease's first line.
    pub(super) nonce: String,
    /// What has to be read before it is known what is left of the part.
    pub(super) after: Vec<Left>,
}

/// A part of the sweep that this process holds. Dropping it gives the part back.
#[derive(Debug)]
pub struct Lease {
    folder: Arc<SharedFolder>,
    holding: Arc<Holding>,
    taken: Taken,
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

impl Lease {
    /// Holds a part whose lease was just written, and gives signs of life from now on.
    pub(super) fn hold(folder: SharedFolder, taken: Taken, written: Option<Written>) -> Self {
        let folder = Arc::new(folder);
        let holding = Arc::new(Holding {
            silent: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            progress: Mutex::new(Instant::now()),
        });
        let mut beating = Beating {
            folder: Arc::clone(&folder),
            name: file_name(&taken.unit, taken.attempt),
            nonce: taken.nonce.clone(),
            holding: Arc::clone(&holding),
            told: 0,
        };
        let (stop, stopped) = mpsc::channel();
        let beat = std::thread::spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(look::beat()) {
                beating.beat();
            }
        });
        Lease { folder, holding, taken, written, stop: Some(stop), beat: Some(beat) }
    }

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
        let Taken { unit, attempt, nonce, .. } = &self.taken;
        let text = text_of(&self.folder, unit, *attempt)?;
        let mine = text.is_some_and(|text| text.is_of(nonce));
        Ok(mine && !self.folder.has(file_name(unit, attempt + 1)))
    }

    /// What has to be read before it is known what is left of the part.
    pub fn after(&self) -> &[Left] {
        &self.taken.after
    }

    /// How often the part was taken, this time included.
    pub fn attempt(&self) -> u32 {
        self.taken.attempt
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
        let name = file_name(&self.taken.unit, self.taken.attempt);
        let _ = match &self.written {
            Some(written) => {
                let written = written.lock().unwrap_or_else(PoisonError::into_inner);
                self.folder.grow(name, text::left(&written).as_bytes())
            }
            None => self.folder.remove(name),
        };
    }
}

/// What a beat writes where the worker has been silent for so many remarkable seconds, and `told`
/// signs of that stand in the file already.
pub(super) fn signs(silent: u64, told: &mut u64) -> Vec<u8> {
    if silent == 0 {
        *told = 0;
        return vec![ALIVE];
    }
    let all = 1 + silent.saturating_sub(DEFAULT_SILENCE.as_secs()) / look::beat().as_secs().max(1);
    // A clock that jumps fills no disk.
    let more = all.saturating_sub(*told).clamp(1, 10_000);
    *told += more;
    vec![SILENT; more as usize]
}

/// Signs of life of one lease.
struct Beating {
    folder: Arc<SharedFolder>,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::lease::Leases;
    use std::fs;

    #[test]
    fn a_holder_that_hangs_gives_no_sign_of_life() {
        let folder = tempfile::tempdir().unwrap();
        let lease = Leases::new(folder.path()).take("a").unwrap().unwrap();
        let mut beating = Beating {
            folder: Arc::clone(&lease.folder),
            name: "a.1".to_owned(),
            nonce: lease.taken.nonce.clone(),
            holding: Arc::clone(&lease.holding),
            told: 0,
        };
        let length = || fs::metadata(folder.path().join("a.1")).unwrap().len();
        let before = length();
        lease.tell_silence(None);
        beating.beat();
        lease.tell_silence(Some(DEFAULT_SILENCE));
        beating.beat();
        assert_eq!(length(), before + 2);
        let long_ago = Instant::now().checked_sub(HANGS + Duration::from_secs(1)).unwrap();
        *lease.holding.progress.lock().unwrap() = long_ago;
        lease.tell_silence(Some(DEFAULT_SILENCE));
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
}
