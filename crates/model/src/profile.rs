//! Where the time goes: seconds by operation, counted for the whole process.

pub use super::operation::Operation;
use candle_core::Device;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

static NANOSECONDS: [AtomicU64; Operation::ALL.len()] =
    [const { AtomicU64::new(0) }; Operation::ALL.len()];
static CALLS: [AtomicU64; Operation::ALL.len()] =
    [const { AtomicU64::new(0) }; Operation::ALL.len()];

/// Runs `work` and counts its time.
pub(super) fn timed<R>(operation: Operation, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = work();
    count(operation, u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    result
}

/// The same for work that a device does: a CUDA device is asked when it began and ended, which the
/// program that handed it on does not know.
pub(super) fn timed_on<R>(device: &Device, operation: Operation, work: impl FnOnce() -> R) -> R {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return crate::cuda::timing::timed(device, operation, work);
    }
    let _ = device;
    timed(operation, work)
}

fn count(operation: Operation, nanoseconds: u64) {
    NANOSECONDS[operation as usize].fetch_add(nanoseconds, Ordering::Relaxed);
    CALLS[operation as usize].fetch_add(1, Ordering::Relaxed);
}

/// An operation's share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileEntry {
    pub operation: String,
    pub calls: u64,
    pub seconds: f64,
}

/// What was counted since the last call of this, the longest first. Operations on a CUDA device are
/// counted as it did them; on Metal as they are asked for, not as they are done.
pub fn take() -> Vec<ProfileEntry> {
    #[cfg(feature = "cuda")]
    for (operation, seconds) in crate::cuda::timing::take() {
        count(operation, (seconds * 1e9) as u64);
    }
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
