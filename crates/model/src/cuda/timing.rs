//! Times of operations on a CUDA device: an event before and one behind each, read once everything is
//! done. What is counted goes on unhindered: nothing waits for an event.

use crate::operation::Operation;
use candle_core::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::{CudaEvent, sys};
use std::sync::{Mutex, PoisonError};

/// Most operations that are remembered: those of a hundred steps of the real networks. More are done
/// and not counted.
const MOST: usize = 100 * 2 * 34 * 12;

/// Operations that were handed on, each with its events.
static MARKS: Mutex<Vec<(Operation, [CudaEvent; 2])>> = Mutex::new(Vec::new());

/// Hands on `work` between two events of the device's stream.
pub(crate) fn timed<R>(device: &CudaDevice, operation: Operation, work: impl FnOnce() -> R) -> R {
    let stream = device.cuda_stream();
    // A device that makes no event fails in the work itself, which says so.
    let mark = || stream.record_event(Some(sys::CUevent_flags::CU_EVENT_DEFAULT)).ok();
    let before = mark();
    let result = work();
    if let (Some(before), Some(behind)) = (before, mark()) {
        let mut marks = MARKS.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.len() < MOST {
            marks.push((operation, [before, behind]));
        }
    }
    result
}

/// Seconds of every operation since the last call of this. Waits for those that are not done.
pub(crate) fn take() -> Vec<(Operation, f64)> {
    let marks = std::mem::take(&mut *MARKS.lock().unwrap_or_else(PoisonError::into_inner));
    let seconds = |[before, behind]: &[CudaEvent; 2]| before.elapsed_ms(behind).ok();
    let seconds = |events| seconds(events).map(|ms| f64::from(ms) / 1e3);
    marks.iter().filter_map(|(operation, events)| Some((*operation, seconds(events)?))).collect()
}
