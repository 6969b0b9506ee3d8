//! What the history says of one run. Plain data; knows nothing of files.

use serde::{Deserialize, Serialize};
use sigmalab_engine::event::{NfeCount, StepReport};
use sigmalab_engine::recipe::Recipe;
use sigmalab_engine::request::Timings;
use sigmalab_image::RgbImage;
use sigmalab_metrics::image::ImageMetrics;
use std::fmt;
use std::str::FromStr;
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

/// A text that names no run: it is none of the history's file names without their ending.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a run: one looks like 01764000000000-0a1b2c3d")]
pub struct NoEntryId(String);

impl FromStr for EntryId {
    type Err = NoEntryId;

    /// Takes nothing that leads out of the history's folder.
    fn from_str(text: &str) -> Result<Self, NoEntryId> {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
        match text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(known) {
            true => Ok(EntryId(text.to_owned())),
            false => Err(NoEntryId(text.to_owned())),
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A run that ended with a picture, as it is put into the history.
#[derive(Debug, Clone, Copy)]
pub struct FinishedRun<'a> {
    pub finished: SystemTime,
    /// What was run, resolved.
    pub recipe: &'a Recipe,
    pub image: &'a RgbImage,
    /// Network evaluations done and saved.
    pub nfe: NfeCount,
    pub timings: Timings,
    /// What each step did, sampling order.
    pub steps: &'a [StepReport],
}

/// One finished run, as the history remembers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub version: u32,
    pub id: EntryId,
    /// When it ended, in milliseconds since 1970 (UTC).
    pub finished_ms: u64,
    /// What was run, resolved.
    pub recipe: Recipe,
    /// Network evaluations done and saved.
    pub nfe: NfeCount,
    pub timings: Timings,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_reads_back_and_a_path_is_none() {
        let id = EntryId::new(1_764_000_000_000, "0a1b2c3d4e5f", 2);
        assert_eq!(id.to_string(), "01764000000000-0a1b2c3d-2");
        assert_eq!(id.to_string().parse::<EntryId>().unwrap(), id);
        for text in ["", "../1", "1/2", "notes", "1 2", "1.json"] {
            assert!(text.parse::<EntryId>().is_err(), "{text}");
        }
    }
}
