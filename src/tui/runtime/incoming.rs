//! What comes in, from every side, on one channel: bytes of the terminal, signals, encoded
//! pictures, compared runs. Knows nothing of what any of it means.

use crate::history::History;
use crate::tui::screens::compare::{Comparison, ComparisonJob};
use crate::tui::screens::gallery::GalleryEvent;
use crate::tui::screens::gallery::thread::GalleryThread;
use crate::tui::screens::sweeps::SweepEvent;
use crate::tui::screens::sweeps::folders::SweepFolders;
use crate::tui::screens::sweeps::program::Program;
use crate::tui::screens::sweeps::threads::SweepThreads;
use sigmalab_engine::worker::{Engine, RunUpdate};
use sigmalab_sampler::Samplers;
use sigmalab_terminal::picture::{Encoded, Job};
use sigmalab_terminal::signals::{Signal, Signals};
use sigmalab_terminal::tty::{self, Gate, Gated};
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

/// Something that came in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The terminal sent bytes, read then.
    Bytes(Vec<u8>, Instant),
    /// The terminal is gone.
    Closed,
    Signal(Signal),
    Encoded(Encoded),
    /// The engine says something of a run.
    Run(RunUpdate),
    Compared(Box<Comparison>),
    /// The history of finished runs has something to say.
    Gallery(GalleryEvent),
    /// Something came of work on sweeps.
    Sweeps(SweepEvent),
    /// Other samplers than before can be chosen.
    Samplers(Samplers),
    /// Something for the log: a thread's panic.
    Trouble(String),
}

/// Follows which samplers there are, on a thread of its own: tells the function it is given
/// whenever that changes, until that says `false`.
pub type FollowSamplers = Box<dyn FnOnce(&mut dyn FnMut(Samplers) -> bool) + Send>;

/// What goes on beside the loop.
pub struct Beside {
    /// Where finished runs are kept.
    pub history: Option<History>,
    /// Tells of samplers that come and go.
    pub follow_samplers: FollowSamplers,
    /// The samplers there are now.
    pub samplers: Samplers,
    /// Where experiments and run directories are.
    pub sweeps: SweepFolders,
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beside").field("sweeps", &self.sweeps).finish_non_exhaustive()
    }
}

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
    pub(super) gallery_thread: GalleryThread,
    /// Sweeps are planned, started and followed beside it.
    pub(super) sweep_threads: SweepThreads,
    /// Whether the terminal is ours to read.
    pub(super) gate: Gate,
    _signals: Signals,
}

impl Sources {
    /// Starts them: reading the terminal, catching signals, encoding pictures, and what goes on
    /// beside the loop.
    pub(super) fn open(beside: Beside, engine: &mut Engine) -> io::Result<Self> {
        let Beside { history, follow_samplers, samplers, sweeps } = beside;
        let (sender, incoming) = mpsc::channel();
        engine.forward_updates({
            let sender = sender.clone();
            move |update| sender.send(Incoming::Run(update)).is_ok()
        })?;
        let signals = Signals::catch({
            let sender = sender.clone();
            // Where nobody receives, the program is at its end.
            move |signal| drop(sender.send(Incoming::Signal(signal)))
        })?;
        tty::restore_on_panic({
            let sender = sender.clone();
            move |report| drop(sender.send(Incoming::Trouble(report)))
        });
        let gate = Gate::default();
        let input = Gated { input: tty::input()?, gate: gate.clone() };
        tty::read_on_a_thread(input, {
            let sender = sender.clone();
            move |bytes| {
                let read = Instant::now();
                let incoming =
                    bytes.map_or(Incoming::Closed, |bytes| Incoming::Bytes(bytes.to_vec(), read));
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
        let gallery_thread = GalleryThread::start(history, {
            let sender = sender.clone();
            move |event| drop(sender.send(Incoming::Gallery(event)))
        })?;
        let program = Program::new(None).limited(sweeps.memory_limit);
        let sweep_threads = SweepThreads::start(sweeps, program, samplers, {
            let sender = sender.clone();
            move |event| drop(sender.send(Incoming::Sweeps(event)))
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
        Ok(Sources {
            incoming,
            jobs,
            comparisons,
            gallery_thread,
            sweep_threads,
            gate,
            _signals: signals,
        })
    }
}
