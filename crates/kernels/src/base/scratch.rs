//! Memory that kernels work in, aligned to cache lines and kept between calls: fresh pages cost
//! about as much as the arithmetic on them.

use super::number::Number;
use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

/// A cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; 16]);

/// 32-bit lanes, the first at the start of a cache line.
#[derive(Debug, Default)]
pub(crate) struct Scratch(Vec<Line>);

impl Scratch {
    /// `count` lanes; what they hold is whatever was left there.
    pub(crate) fn lanes(&mut self, count: usize) -> &mut [u32] {
        let lines = count.div_ceil(16);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0; 16]));
        }
        // SAFETY: `Line` is 16 u32 without padding (C layout, size 64), at least `lines` of them
        // are initialised, and the borrow is as long as that of `self`.
        #[allow(unsafe_code)]
        let lanes = unsafe {
            std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast::<u32>(), 16 * self.0.len())
        };
        &mut lanes[..count]
    }

    /// The same, as floats.
    pub(crate) fn floats(&mut self, count: usize) -> &mut [f32] {
        as_floats(self.lanes(count))
    }
}

/// Lanes read as floats.
pub(crate) fn as_floats(lanes: &mut [u32]) -> &mut [f32] {
    // SAFETY: f32 has the size and alignment of u32, and every bit pattern is a value of both.
    #[allow(unsafe_code)]
    unsafe {
        std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast::<f32>(), lanes.len())
    }
}

/// Floats read as lanes.
pub(crate) fn as_lanes(floats: &[f32]) -> &[u32] {
    // SAFETY: as in `as_floats`.
    #[allow(unsafe_code)]
    unsafe {
        std::slice::from_raw_parts(floats.as_ptr().cast::<u32>(), floats.len())
    }
}

/// What one thread keeps.
#[derive(Debug, Default)]
pub(crate) struct ThreadScratch {
    /// A panel of the weight, packed.
    pub(crate) panel: Scratch,
    /// Sums that are not complete.
    pub(crate) sums: Scratch,
    /// Widened rows on their way into a panel, and other small things.
    pub(crate) wide: Scratch,
    /// Another of the kind of `sums`.
    pub(crate) more: Scratch,
}

thread_local! {
    static KEPT: RefCell<ThreadScratch> = RefCell::default();
}

/// Lends the thread's scratch. A call inside another's `work` gets a fresh one.
pub(crate) fn with_thread_scratch<R>(work: impl FnOnce(&mut ThreadScratch) -> R) -> R {
    let mut scratch = KEPT
        .with(|kept| kept.try_borrow_mut().map(|mut kept| std::mem::take(&mut *kept)))
        .unwrap_or_default();
    let result = work(&mut scratch);
    KEPT.with(|kept| {
        if let Ok(mut kept) = kept.try_borrow_mut() {
            *kept = scratch;
        }
    });
    result
}

static SHARED: Mutex<Vec<Scratch>> = Mutex::new(Vec::new());

/// Scratch that several threads fill and read together; goes back where it is dropped.
#[derive(Debug)]
pub(crate) struct SharedScratch(Scratch);

impl SharedScratch {
    /// Scratch for `count` lanes: the smallest kept that has them, else the largest.
    pub(crate) fn take(count: usize) -> Self {
        let mut kept = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes = |scratch: &Scratch| 16 * scratch.0.len();
        let best = (0..kept.len()).min_by_key(|i| match lanes(&kept[*i]) {
            enough if enough >= count => (0, enough),
            less => (1, usize::MAX - less),
        });
        Self(best.map(|i| kept.swap_remove(i)).unwrap_or_default())
    }

    pub(crate) fn lanes(&mut self, count: usize) -> &mut [u32] {
        self.0.lanes(count)
    }
}

impl Drop for SharedScratch {
    fn drop(&mut self) {
        let mut kept = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        // Products run one after the other; more than a few at once are not worth the memory.
        if kept.len() < 4 {
            kept.push(std::mem::take(&mut self.0));
        }
    }
}

/// Room for numbers that several threads fill and read together, kept between calls like all scratch:
/// fresh memory would be zeroed by one thread and then mapped page by page.
#[derive(Debug)]
pub struct Buffer(SharedScratch);

impl Buffer {
    /// Room for `count` numbers.
    pub fn take<T: Number>(count: usize) -> Self {
        Self(SharedScratch::take(Self::lanes::<T>(count)))
    }

    fn lanes<T>(count: usize) -> usize {
        (count * size_of::<T>()).div_ceil(size_of::<u32>())
    }

    /// The first `count` numbers; what they are is whatever was left there.
    pub fn values<T: Number>(&mut self, count: usize) -> &mut [T] {
        let lanes = self.0.lanes(Self::lanes::<T>(count));
        // SAFETY: `Number` is f32 or bf16, at most as large and as much aligned as the lanes, which have
        // room for `count` of them, and every bit pattern is a value of both.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast::<T>(), count)
        }
    }
}
