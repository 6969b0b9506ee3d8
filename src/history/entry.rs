//! What the history says of one run. Plain data; knows nothing of files.

use crate::engine::event::{NfeCount, StepReport};
use crate::engine::recipe::Recipe;
use crate::engine::request::Timings;
use crate::metrics::image::ImageMetrics;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The version this build writes.
pub(super) const VERSION: u32 = 1;

/// Name of a run in the history: the time at which it ended and the beginning of its recipe's
/// identity. Names sort by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub(super) String);

impl EntryId {
    /// The `number`th name, from 1, of a run with that identity that ended at that millisecond.
    pub(super) fn new(milliseconds: u64, identity: &str, number: usize) -> Self {
        let identity: String = identity.chars().take(8).collect();
        EntryId(match number {
            1 => format!("{milliseconds:014}-{identity}"),
            number => format!("{milliseconds:014}-{identity}-{number}"),
        })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of this form.
    pub version: u32,
    /// Its name.
    pub id: EntryId,
    /// When it ended, in milliseconds since 1970 (UTC).
    pub finished_ms: u64,
    /// What was run, resolved.
    pub recipe: Recipe,
    /// Network evaluations done and saved.
    pub nfe: NfeCount,
    /// Where the time went.
    pub timings: Timings,
    /// Measures of the picture.
    pub metrics: ImageMetrics,
    /// What each step did, sampling order.
    pub steps: Vec<StepReport>,
}

impl Entry {
    /// When the run ended.
    pub fn finished(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.finished_ms)
    }
}
