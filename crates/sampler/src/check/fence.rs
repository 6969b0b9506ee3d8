//! Values in memory of their own, with memory on both sides that nobody may touch.
#![allow(unsafe_code)]

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use std::ffi::c_void;
use std::io;
use std::slice;

/// The side on which values touch the fence; on the other there is slack up to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Beginning,
    End,
}

/// Values between two fences.
pub(super) struct Fenced {
    /// The first fence, and with it the whole mapping.
    base: *mut c_void,
    /// Bytes of the mapping.
    mapped: usize,
    /// Bytes of a page, which is one fence.
    page: usize,
    values: *mut f32,
    len: usize,
}

impl Fenced {
    /// A copy of `values`.
    pub(super) fn holding(values: &[f32], side: Side) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let bytes = size_of_val(values);
        let inside = bytes.div_ceil(page).max(1) * page;
        let mapped = inside + 2 * page;
        let start = match side {
            Side::Beginning => page,
            Side::End => page + inside - bytes,
        };
        // SAFETY: new memory at an address of the system's choosing. Both fences lie in it, and
        // so do the values: `start` is at least a page, and `start + bytes` at most all but one.
        // A page is a multiple of a float and so is `bytes`, so the values are aligned.
        unsafe {
            let writable = ProtFlags::READ | ProtFlags::WRITE;
            let base = mmap_anonymous(std::ptr::null_mut(), mapped, writable, MapFlags::PRIVATE)?;
            let fenced = Fenced {
                base,
                mapped,
                page,
                values: base.byte_add(start).cast::<f32>(),
                len: values.len(),
            };
            mprotect(base, page, MprotectFlags::empty())?;
            mprotect(base.byte_add(mapped - page), page, MprotectFlags::empty())?;
            fenced.values.copy_from_nonoverlapping(values.as_ptr(), values.len());
            Ok(fenced)
        }
    }

    /// From here on nobody writes to them.
    pub(super) fn make_read_only(&self) -> io::Result<()> {
        // SAFETY: the pages between the fences, which are ours; nobody holds them for writing.
        unsafe {
            let inside = self.base.byte_add(self.page);
            mprotect(inside, self.mapped - 2 * self.page, MprotectFlags::READ)?;
        }
        Ok(())
    }

    pub(super) fn values(&self) -> &[f32] {
        // SAFETY: `len` values were written there, and what a plugin writes are values too.
        unsafe { slice::from_raw_parts(self.values, self.len) }
    }

    /// The same for a plugin to write to, while nobody looks at them.
    pub(super) fn room(&self) -> *mut [f32] {
        std::ptr::slice_from_raw_parts_mut(self.values, self.len)
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        // SAFETY: our own mapping, of which nothing is borrowed any more.
        let _ = unsafe { munmap(self.base, self.mapped) };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_touch_the_fence_on_the_side_that_is_asked_for() {
        for len in [1, 1024, 1025] {
            let values: Vec<f32> = (0..len).map(|value| value as f32).collect();
            let begin = Fenced::holding(&values, Side::Beginning).unwrap();
            assert_eq!((begin.values as usize) % begin.page, 0);
            assert_eq!(begin.values(), values);
            let end = Fenced::holding(&values, Side::End).unwrap();
            assert_eq!((end.values as usize + 4 * len) % end.page, 0);
            end.make_read_only().unwrap();
            assert_eq!(end.values(), values);
        }
    }
}
