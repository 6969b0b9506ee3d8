//! Memory maps of files, and the system's care for their pages: the one place with `unsafe`.

use crate::linear::StoredBytes;
use memmap2::Mmap;
use rustix::mm::{Advice, madvise};
use sigmalab_files::shared_folder::open_plain;
use std::io::Result;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Bytes that are asked for before those of the piece before them are waited for.
const PIECE: usize = 4 << 20;

/// The bytes of a file, mapped; its pages are read when they are used, one by one until
/// [`read_around`].
///
/// A file must not be shortened while the program runs: reading a page behind its new end ends
/// the process with SIGBUS. Replacing a file (writing another and renaming it) is harmless.
pub(super) fn map(file: &Path) -> Result<StoredBytes> {
    let handle = open_plain(file)?;
    if handle.metadata()?.len() == 0 {
        // A length of zero cannot be mapped everywhere.
        return Ok(StoredBytes::new(Arc::new([])));
    }
    // SAFETY: the map is private and read-only, and is only lent as `&[u8]`. That others do not
    // write to the file meanwhile cannot be enforced; the doc comment says so. Torn or changed
    // bytes only give other numbers: no type with invalid values is ever read from them.
    #[allow(unsafe_code)]
    let map = unsafe { Mmap::map(&handle)? };
    let bytes = StoredBytes::mapped(Arc::new(map), handle);
    advise(bytes.as_slice(), touched_pages, Advice::Random);
    Ok(bytes)
}

/// Reads the pages of mapped bytes and returns when all are in memory. Others may read the bytes
/// meanwhile. Bytes that are not mapped from a file are left alone.
pub(crate) fn page_in(bytes: &StoredBytes) {
    if !bytes.is_mapped() {
        return;
    }
    let bytes = bytes.as_slice();
    let page = rustix::param::page_size();
    let pieces = || bytes.chunks(PIECE);
    if let Some(first) = pieces().next() {
        will_need(first);
    }
    for (piece, next) in pieces().zip(pieces().skip(1).map(Some).chain([None])) {
        if let Some(next) = next {
            will_need(next);
        }
        // Reading one byte waits for its page.
        for byte in piece.iter().step_by(page) {
            std::hint::black_box(*byte);
        }
    }
}

/// Gives back the pages of mapped bytes: this process holds them no longer, and the system's cache
/// of the file may drop them. Reading the bytes later reads them from the file again.
pub(crate) fn page_out(bytes: &StoredBytes) {
    if !bytes.is_mapped() {
        return;
    }
    // Pages at either end may belong to a neighbour too.
    advise(bytes.as_slice(), whole_pages, DONT_NEED);
}

/// The same, and the system's cache of the file drops them too, where no other process uses them.
/// The system cannot tell them from pages that are to stay: what it kept of these would take the
/// place of those.
pub(crate) fn drop_pages(bytes: &StoredBytes) {
    page_out(bytes);
    #[cfg(target_os = "linux")]
    if let (Some((file, range)), page) = (bytes.in_file(), rustix::param::page_size()) {
        let pages = whole_pages(range, page);
        if let Some(length) = std::num::NonZeroU64::new(pages.len() as u64) {
            let forget = rustix::fs::Advice::DontNeed;
            // Advice too.
            let _ = rustix::fs::fadvise(file, pages.start as u64, Some(length), forget);
        }
    }
}

/// From now on a page that is used brings those around it along: before, single ones are read, as
/// headers, samples and small tensors are.
pub(super) fn read_around(bytes: &StoredBytes) {
    if bytes.is_mapped() {
        advise(bytes.as_slice(), touched_pages, Advice::Normal);
    }
}

#[cfg(target_os = "linux")]
const DONT_NEED: Advice = Advice::LinuxDontNeed;
#[cfg(not(target_os = "linux"))]
const DONT_NEED: Advice = Advice::DontNeed;

fn will_need(bytes: &[u8]) {
    advise(bytes, touched_pages, Advice::WillNeed);
}

/// Advice is no order: a refusal changes the speed alone.
fn advise(bytes: &[u8], pages: fn(Range<usize>, usize) -> Range<usize>, advice: Advice) {
    let start = bytes.as_ptr() as usize;
    let pages = pages(start..start + bytes.len(), rustix::param::page_size());
    if pages.is_empty() {
        return;
    }
    // SAFETY: the pages are of a private, read-only map of a file that nobody has written to (see
    // `map`), and it lives as long as `bytes` is borrowed; a page that holds some of the bytes is
    // part of it. WILLNEED, RANDOM and NORMAL only tell the system what to read. DONTNEED drops pages that hold nothing but the file's
    // bytes: the next read finds them there again, so `&[u8]` to them stay good.
    #[allow(unsafe_code)]
    let _ = unsafe { madvise(pages.start as *mut _, pages.len(), advice) };
}

/// The pages that hold nothing else.
fn whole_pages(bytes: Range<usize>, page: usize) -> Range<usize> {
    bytes.start.next_multiple_of(page)..bytes.end / page * page
}

/// The pages that hold some of the bytes.
fn touched_pages(bytes: Range<usize>, page: usize) -> Range<usize> {
    bytes.start / page * page..bytes.end.next_multiple_of(page)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn pages_at_the_ends_are_asked_for_and_not_given_back() {
        assert_eq!(touched_pages(10..8200, 4096), 0..12288);
        assert_eq!(whole_pages(10..8200, 4096), 4096..8192);
        assert!(whole_pages(10..4100, 4096).is_empty());
        assert_eq!(whole_pages(4096..8192, 4096), 4096..8192);
    }

    /// Bytes of the map around `bytes` that this process holds in memory.
    #[cfg(target_os = "linux")]
    fn resident(bytes: &StoredBytes) -> usize {
        let address = bytes.as_slice().as_ptr() as usize;
        let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in text.lines() {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            if let Some((start, end)) = range
                && let (Ok(start), Ok(end)) =
                    (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16))
            {
                inside = (start..end).contains(&address);
            } else if let Some(size) = line.strip_prefix("Rss:").filter(|_| inside) {
                let kilobytes: usize =
                    size.trim().strip_suffix("kB").unwrap().trim().parse().unwrap();
                return kilobytes * 1024;
            }
        }
        0
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pages_come_and_go_and_the_bytes_stay_the_same() {
        const LENGTH: usize = 3 * PIECE + 5000;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weights");
        let content: Vec<u8> = (0..LENGTH).map(|i| (i * 31 + i / 4096) as u8).collect();
        std::fs::write(&file, &content).unwrap();
        let bytes = map(&file).unwrap();
        let part = bytes.slice(5000..2 * PIECE).unwrap();
        page_in(&part);
        assert!(resident(&bytes) >= 2 * PIECE - 8192, "{}", resident(&bytes));
        page_out(&part);
        // Fault-around may leave what lies beside it.
        assert!(resident(&bytes) <= 256 << 10, "{}", resident(&bytes));
        assert_eq!(bytes.as_slice(), content);
        drop_pages(&bytes);
        assert!(resident(&bytes) <= 8192, "{}", resident(&bytes));
        assert_eq!(part.as_slice(), &content[5000..2 * PIECE]);
    }

    #[test]
    fn bytes_of_no_file_are_left_alone() {
        let bytes = StoredBytes::new(Arc::new(vec![7_u8; 100_000]));
        page_in(&bytes);
        page_out(&bytes);
        assert!(bytes.as_slice().iter().all(|byte| *byte == 7));
    }
}
