//! What comes in, from every side, on one channel: bytes of the terminal, signals, encoded
//! pictures, compared runs. Knows nothing of what any of it means.

use crate::history::History;
use crate::sampler::Samplers;
use crate::terminal::picture::{Encoded, Job};
use crate::terminal::signals::{Signal, Signals};
use crate::terminal::tty;
use crate::tui::comparing::{Comparison, ComparisonJob};
use crate::tui::gallery::GalleryNews;
use crate::tui::gallery::keeper::Keeper;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// Something that came in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The terminal sent bytes.
    Bytes(Vec<u8>),
    /// The terminal is gone.
    Closed,
    /// A signal.
    Signal(Signal),
    /// A picture is encoded.
    Encoded(Encoded),
    /// Two runs are compared.
    Compared(Box<Comparison>),
    /// The history of finished runs has something to say.
    Gallery(GalleryNews),
    /// Other samplers than before can be chosen.
    Samplers(Samplers),
    /// Something for the log: a thread's panic.
    Trouble(String),
}

/// Follows which samplers there are, on a thread of its own: tells the function it is given
/// whenever that changes, until that says `false`.
pub type FollowSamplers = Box<dyn FnOnce(&mut dyn FnMut(Samplers) -> bool) + Send>;

/// The channel, and the threads that feed it while this lives.
#[derive(Debug)]
pub(super) struct Sources {
    /// What came in, in order.
    pub(super) incoming: Receiver<Incoming>,
    /// Pictures to encode, beside the loop that reads keys.
    pub(super) jobs: Sender<Job>,
    /// Runs to compare, beside both.
    pub(super) comparisons: Sender<ComparisonJob>,
    /// Finished runs are written and read beside it too.
    pub(super) keeper: Keeper,
    _signals: Signals,
}

impl Sources {
    /// Starts them: reading the terminal, catching signals, encoding pictures, keeping runs in
    /// `history`, following the samplers.
    pub(super) fn open(
        history: Option<History>,
        follow_samplers: FollowSamplers,
    ) -> io::Result<Self> {
        let (sender, incoming) = mpsc::channel();
        let signals = Signals::catch({
            let sender = sender.clone();
            // Where nobody receives, the program is at its end.
            move |signal| drop(sender.send(Incoming::Signal(signal)))
        })?;
        tty::restore_on_panic({
            let sender = sender.clone();
            move |report| drop(sender.send(Incoming::Trouble(report)))
        });
        tty::read_on_a_thread(tty::input()?, {
            let sender = sender.clone();
            move |bytes| {
                let incoming =
                    bytes.map_or(Incoming::Closed, |bytes| Incoming::Bytes(bytes.to_vec()));
                sender.send(incoming).is_ok()
            }
        })?;
        let (comparisons, queue) = mpsc::channel::<ComparisonJob>();
        thread::Builder::new().name("comparison".to_owned()).spawn({
            let sender = sender.clone();
            move || {
                for job in queue {
                    if sender.send(Incoming::Compared(Box::new(job.run()))).is_err() {
                        return;
                    }
                }
            }
        })?;
        let keeper = Keeper::start(history, {
            let sender = sender.clone();
            move |news| drop(sender.send(Incoming::Gallery(news)))
        })?;
        thread::Builder::new().name("samplers".to_owned()).spawn({
            let sender = sender.clone();
            move || {
                follow_samplers(&mut |samplers| sender.send(Incoming::Samplers(samplers)).is_ok());
            }
        })?;
        let (jobs, queue) = mpsc::channel::<Job>();
        thread::Builder::new().name("pictures".to_owned()).spawn(move || {
            for job in queue {
                if sender.send(Incoming::Encoded(job.run())).is_err() {
                    return;
                }
            }
        })?;
        Ok(Sources { incoming, jobs, comparisons, keeper, _signals: signals })
    }
}
