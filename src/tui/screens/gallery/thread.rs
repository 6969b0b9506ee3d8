//! The gallery's threads: they write finished runs into the history and read earlier ones, so
//! that neither keys nor frames wait for a disk. They know the history and not the screen.

use crate::history::{Entry, EntryId, FinishedRun, History};
use crate::tui::screens::gallery::run::{GalleryRun, ReadRun};
use crate::tui::screens::gallery::work::{GalleryEvent, GalleryWork};
use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

/// How long leaving waits for runs that are being written: a disk that hangs must not hang the
/// shell.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long entries are read before they are shown and requests for pictures are looked at.
const SLICE: Duration = Duration::from_millis(20);

/// A picture that takes longer than this to read is announced by a small one.
const SLOW: Duration = Duration::from_millis(40);

/// Why nothing is kept.
const NO_FOLDER: &str = "no home folder is known: name a data folder with SIGMALAB_DATA";

/// Writes and reads for a gallery. Dropping it waits until what was asked to be remembered is
/// written.
#[derive(Debug)]
pub struct GalleryThread {
    /// `None` while it is dropped.
    writing: Option<Sender<GalleryWork>>,
    reading: Option<Sender<GalleryWork>>,
    /// Ends when the last run is written.
    written: Receiver<()>,
    closing: Arc<AtomicBool>,
}

impl GalleryThread {
    /// A thread for `history`, or of none, which says so when it is asked to keep something. `news`
    /// is called from its threads.
    pub fn start(
        history: Option<History>,
        on_event: impl Fn(GalleryEvent) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let closing = Arc::new(AtomicBool::new(false));
        let (writing, to_write) = mpsc::channel();
        let (reading, to_read) = mpsc::channel();
        let (done, written) = mpsc::channel();
        let writer = Writer { history: history.clone(), on_event: on_event.clone() };
        thread::Builder::new().name("history writer".to_owned()).spawn(move || {
            writer.go(&to_write);
            drop(done);
        })?;
        let reader = Reader {
            history,
            on_event,
            closing: Arc::clone(&closing),
            known: HashSet::new(),
            listing: None,
            took: Duration::ZERO,
        };
        thread::Builder::new()
            .name("history reader".to_owned())
            .spawn(move || reader.go(&to_read))?;
        Ok(GalleryThread { writing: Some(writing), reading: Some(reading), written, closing })
    }

    /// Takes work; what comes of it is an event.
    pub fn take(&self, work: GalleryWork) {
        let to = match work {
            GalleryWork::Remember { .. } | GalleryWork::Forget(_) => &self.writing,
            GalleryWork::List | GalleryWork::Look(_) | GalleryWork::Fetch(_) => &self.reading,
        };
        if let Some(to) = to {
            // The threads live as long as this.
            let _ = to.send(work);
        }
    }
}

impl Drop for GalleryThread {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        self.reading = None;
        self.writing = None;
        // Nothing is ever sent: it ends by being closed.
        let _: Result<(), RecvTimeoutError> = self.written.recv_timeout(PATIENCE);
    }
}

struct Writer<N> {
    history: Option<History>,
    on_event: N,
}

impl<N: Fn(GalleryEvent)> Writer<N> {
    fn go(&self, work: &Receiver<GalleryWork>) {
        for work in work {
            match work {
                GalleryWork::Remember { number, finished, run } => {
                    let run = FinishedRun {
                        finished,
                        recipe: &run.recipe,
                        image: &run.image,
                        nfe: run.nfe,
                        timings: run.timings,
                        steps: &run.reports,
                    };
                    (self.on_event)(GalleryEvent::Remembered {
                        number,
                        result: self.remember(&run),
                    });
                }
                GalleryWork::Forget(id) => {
                    let removed = self.history.as_ref().map(|history| history.remove(&id));
                    if let Some(Err(error)) = removed {
                        (self.on_event)(GalleryEvent::Problem(error.to_string()));
                    }
                }
                GalleryWork::List | GalleryWork::Look(_) | GalleryWork::Fetch(_) => {}
            }
        }
    }

    fn remember(&self, run: &FinishedRun<'_>) -> Result<Box<GalleryRun>, String> {
        let history = self.history.as_ref().ok_or(NO_FOLDER)?;
        let entry = history.append(run).map_err(|error| error.to_string())?;
        Ok(Box::new(run_of(history, entry)))
    }
}

fn run_of(history: &History, entry: Entry) -> GalleryRun {
    let picture = history.picture_path(&entry.id);
    GalleryRun::of_entry(entry, picture)
}

struct Reader<N> {
    history: Option<History>,
    on_event: N,
    closing: Arc<AtomicBool>,
    /// What the gallery was told of. Entries never change.
    known: HashSet<EntryId>,
    listing: Option<Listing>,
    /// How long the last picture took to read.
    took: Duration,
}

/// A listing that is going on.
struct Listing {
    /// What is still to be read.
    left: std::vec::IntoIter<EntryId>,
    unreadable: Vec<String>,
}

impl<N: Fn(GalleryEvent)> Reader<N> {
    fn go(mut self, work: &Receiver<GalleryWork>) {
        while !self.closing.load(Ordering::Relaxed) {
            // Pictures first: somebody waits for them. Lists go on when nothing else is wanted.
            let first = match self.listing {
                Some(_) => work.try_recv(),
                None => work.recv().map_err(|_| TryRecvError::Disconnected),
            };
            match first {
                Ok(first) => {
                    let mut look = None;
                    for work in std::iter::once(first).chain(work.try_iter()) {
                        match work {
                            GalleryWork::List => self.begin(),
                            GalleryWork::Look(id) => look = Some(id),
                            GalleryWork::Fetch(id) => self.read(id),
                            GalleryWork::Remember { .. } | GalleryWork::Forget(_) => {}
                        }
                    }
                    if let Some(id) = look {
                        self.look(id, work);
                    }
                }
                Err(TryRecvError::Empty) => self.go_on(),
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }

    fn begin(&mut self) {
        let ids = match self.history.as_ref().map(History::ids) {
            None => Vec::new(),
            Some(Ok(ids)) => ids,
            Some(Err(error)) => {
                (self.on_event)(GalleryEvent::Problem(error.to_string()));
                Vec::new()
            }
        };
        let present: HashSet<EntryId> = ids.iter().cloned().collect();
        self.known.retain(|id| present.contains(id));
        let left: Vec<EntryId> = ids.into_iter().filter(|id| !self.known.contains(id)).collect();
        (self.on_event)(GalleryEvent::Present(present));
        // One that goes on has its unreadable ones behind it.
        let unreadable = self.listing.take().map(|listing| listing.unreadable).unwrap_or_default();
        self.listing = Some(Listing { left: left.into_iter(), unreadable });
    }

    /// Reads entries for a little while.
    fn go_on(&mut self) {
        let Some(listing) = &mut self.listing else { return };
        let Some(history) = &self.history else {
            self.listing = None;
            (self.on_event)(GalleryEvent::Listed { unreadable: Vec::new() });
            return;
        };
        let began = Instant::now();
        let mut found = Vec::new();
        while began.elapsed() < SLICE && !self.closing.load(Ordering::Relaxed) {
            let Some(id) = listing.left.next() else {
                let unreadable = std::mem::take(&mut listing.unreadable);
                self.listing = None;
                (self.on_event)(GalleryEvent::Found(found));
                (self.on_event)(GalleryEvent::Listed { unreadable });
                return;
            };
            match history.entry(&id) {
                Ok(Some(entry)) => found.push(run_of(history, entry)),
                // Another process removed it meanwhile.
                Ok(None) => {}
                Err(error) => listing.unreadable.push(error.to_string()),
            }
            self.known.insert(id);
        }
        (self.on_event)(GalleryEvent::Found(found));
    }

    /// The whole picture; where that takes its time, a small one before it, and only that one where
    /// another was asked for meanwhile.
    fn look(&mut self, mut id: EntryId, work: &Receiver<GalleryWork>) {
        loop {
            let Some(history) = &self.history else { return };
            // Without one, the whole picture follows or says what is wrong.
            if self.took > SLOW
                && let Ok(small) = history.thumbnail(&id)
            {
                (self.on_event)(GalleryEvent::Draft(id.clone(), Arc::new(small)));
            }
            let mut next = None;
            for work in work.try_iter() {
                match work {
                    GalleryWork::List => self.begin(),
                    GalleryWork::Look(id) => next = Some(id),
                    GalleryWork::Fetch(id) => self.read(id),
                    GalleryWork::Remember { .. } | GalleryWork::Forget(_) => {}
                }
            }
            match next {
                Some(next) if !self.closing.load(Ordering::Relaxed) => id = next,
                _ => return self.read(id),
            }
        }
    }

    fn read(&mut self, id: EntryId) {
        let began = Instant::now();
        let result = self.read_run(&id).map(Box::new);
        self.took = began.elapsed();
        (self.on_event)(GalleryEvent::Read(id, result));
    }

    fn read_run(&self, id: &EntryId) -> Result<ReadRun, String> {
        let history = self.history.as_ref().ok_or(NO_FOLDER)?;
        let entry = history.entry(id).map_err(|error| error.to_string())?;
        let entry = entry.ok_or_else(|| format!("there is no run `{id}` in the history"))?;
        let image = history.picture(id).map_err(|error| error.to_string())?;
        Ok(ReadRun::of_entry(entry, history.picture_path(id), image))
    }
}
