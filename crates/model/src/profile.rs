//! Where the time goes: seconds by operation, counted for the whole process.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the networks spend their time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Projections of attention: queries, keys, values and output.
    Projections,
    /// Normalising and turning queries and keys.
    Heads,
    /// Scores, softmax and weighted values.
    Attention,
    /// The three products of the feed-forward layers.
    FeedForward,
    /// Gates of the feed-forward layers.
    Gates,
    /// Normalisations and residual sums.
    Norms,
    /// From a time to every layer's modulation.
    Modulation,
    /// Projecting the text features, the latents, and back.
    Ends,
    /// Convolutions of the decoder.
    Convolutions,
    /// The decoder's group norms.
    GroupNorms,
}

impl Operation {
    const ALL: [Self; 10] = [
        Self::Projections,
        Self::Heads,
        Self::Attention,
        Self::FeedForward,
        Self::Gates,
        Self::Norms,
        Self::Modulation,
        Self::Ends,
        Self::Convolutions,
        Self::GroupNorms,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Projections => "attention projections",
            Self::Heads => "query and key norms, rotary",
            Self::Attention => "attention",
            Self::FeedForward => "feed-forward products",
            Self::Gates => "feed-forward gates",
            Self::Norms => "norms and residuals",
            Self::Modulation => "modulation",
            Self::Ends => "input and output projections",
            Self::Convolutions => "convolutions",
            Self::GroupNorms => "group norms",
        }
    }
}

static NANOSECONDS: [AtomicU64; Operation::ALL.len()] =
    [const { AtomicU64::new(0) }; Operation::ALL.len()];
static CALLS: [AtomicU64; Operation::ALL.len()] =
    [const { AtomicU64::new(0) }; Operation::ALL.len()];

/// Runs `work` and counts its time.
pub(super) fn timed<R>(operation: Operation, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = work();
    let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    NANOSECONDS[operation as usize].fetch_add(nanoseconds, Ordering::Relaxed);
    CALLS[operation as usize].fetch_add(1, Ordering::Relaxed);
    result
}

/// An operation's share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileEntry {
    /// In words.
    pub operation: String,
    /// How often it ran.
    pub calls: u64,
    /// Seconds in all.
    pub seconds: f64,
}

/// What was counted since the last call of this, the longest first. Operations on an accelerator
/// are counted as they are asked for, not as they are done.
pub fn take() -> Vec<ProfileEntry> {
    let mut entries: Vec<ProfileEntry> = Operation::ALL
        .into_iter()
        .map(|operation| ProfileEntry {
            operation: operation.name().to_owned(),
            calls: CALLS[operation as usize].swap(0, Ordering::Relaxed),
            seconds: NANOSECONDS[operation as usize].swap(0, Ordering::Relaxed) as f64 / 1e9,
        })
        .filter(|entry| entry.calls > 0)
        .collect();
    entries.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    entries
}
