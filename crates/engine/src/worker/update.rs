//! What a worker says of runs, as callers get it.

use super::failure::RunFailure;
use crate::event::Event;
use crate::request::RunOutput;
use sigmalab_tune::weights::Weights;

/// Number of a run, unique in one [`Engine`](super::Engine).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunId(pub u64);

/// What is said of a run while it goes and when it ends.
#[derive(Debug)]
pub enum RunUpdate {
    Event(RunId, Event),
    Finished(RunId, Result<Box<RunOutput>, RunFailure>),
    /// The weights that were asked for; `None` where the solver is not linear.
    Weighed(RunId, Option<Vec<Weights>>),
}
