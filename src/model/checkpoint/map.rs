//! Memory maps of files: the one place with `unsafe`.

use crate::model::linear::StoredBytes;
use memmap2::Mmap;
use std::fs::File;
use std::io::Result;
use std::path::Path;
use std::sync::Arc;

/// The bytes of a file, mapped; its pages are read when they are used.
///
/// A file must not be shortened while the program runs: reading a page behind its new end ends
/// the process with SIGBUS. Replacing a file (writing another and renaming it) is harmless.
pub(super) fn map(file: &Path) -> Result<StoredBytes> {
    let handle = File::open(file)?;
    if handle.metadata()?.len() == 0 {
        // A length of zero cannot be mapped everywhere.
        return Ok(StoredBytes::new(Arc::new([])));
    }
    // SAFETY: the map is private and read-only, and is only lent as `&[u8]`. That others do not
    // write to the file meanwhile cannot be enforced; the doc comment says so. Torn or changed
    // bytes only give other numbers: no type with invalid values is ever read from them.
    #[allow(unsafe_code)]
    let map = unsafe { Mmap::map(&handle)? };
    Ok(StoredBytes::new(Arc::new(map)))
}
