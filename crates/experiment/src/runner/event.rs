//! What a process says of its part of a sweep: while it works, and at the end.

use crate::plan::Run;
use crate::record::Record;
use crate::sweep::Sweep;
use sigmalab_engine::event::{Event, NfeCount};
use sigmalab_engine::worker::RunFailure;
use std::time::Duration;

/// What a running sweep tells. The answer says whether to go on.
#[derive(Debug)]
pub enum RunnerEvent<'a> {
    Begins {
        run: Run,
    },
    /// The engine says something about the run.
    Event(&'a Event),
    Recorded {
        record: &'a Record,
    },
    /// A search proposed another generation.
    Generation {
        sweep: &'a Sweep,
    },
    /// Everything left is in the hands of other processes.
    Waiting,
    /// The sweep is paused, and this process holds nothing of it.
    Paused,
    /// The machine failed in the middle of a run, which is about to be made again.
    TriesAgain {
        failure: &'a RunFailure,
    },
    /// Time went by.
    Tick,
    /// The worker has said nothing for so long that it may hang.
    Silent(Duration),
}

/// How a process's part of a sweep ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ended {
    /// Whether it was asked to stop before all was done.
    pub interrupted: bool,
    /// Whether it was the control file that asked.
    pub cancelled: bool,
    /// Why the sweep was cancelled, where no person asked for it.
    pub cause: Option<String>,
    /// Whether it left because others have all that is left.
    pub left: bool,
    /// Trials this process finished.
    pub done: usize,
    /// Trials that failed in this process.
    pub failed: usize,
    /// Evaluations this process made, reference runs included.
    pub nfe: NfeCount,
}
