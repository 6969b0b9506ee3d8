//! What the gallery asks of its thread and what comes back: plain data, so that the application
//! touches no disk.

use crate::history::EntryId;
use crate::tui::runs::Finished;
use crate::tui::screens::gallery::run::{GalleryRun, ReadRun};
use sigmalab_image::RgbImage;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

/// Something the gallery asks of its thread.
#[derive(Debug, Clone, PartialEq)]
pub enum GalleryWork {
    /// Put a run of this session into the history.
    Remember { number: usize, finished: SystemTime, run: Arc<Finished> },
    /// Say what is in the history and was not said yet, and what has gone.
    List,
    /// Read the run under the cursor; a later one takes its place.
    Look(EntryId),
    /// Read a run that something is to be done with.
    Fetch(EntryId),
    /// Take a run out of the history.
    Forget(EntryId),
}

/// Something the thread has to say.
#[derive(Debug, Clone, PartialEq)]
pub enum GalleryEvent {
    /// A run of this session is in the history, or why it is not.
    Remembered {
        number: usize,
        /// What the history says of it.
        result: Result<Box<GalleryRun>, String>,
    },
    /// Everything that is in the history now, by name.
    Present(HashSet<EntryId>),
    /// Some of it that was not said yet, newest first.
    Found(Vec<GalleryRun>),
    /// That was all.
    Listed {
        /// What is wrong with entries that cannot be read.
        unreadable: Vec<String>,
    },
    /// The history cannot be listed, or a run not taken out.
    Problem(String),
    /// A small picture of a run, before the whole one.
    Draft(EntryId, Arc<RgbImage>),
    /// A run with its picture, or why it cannot be read.
    Read(EntryId, Result<Box<ReadRun>, String>),
}
