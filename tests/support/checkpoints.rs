//! The checkpoints of the tree, and copies of them that a test may spoil.

use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A tiny checkpoint of the test data, by its layout: `diffusers`, `reference-fp8`,
/// `reference-nf4`.
pub(crate) fn tiny(layout: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny-a").join(layout)
}

/// The demo checkpoint as a folder.
pub(crate) fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/demo/checkpoint")
}

/// A copy of a tiny checkpoint.
pub(crate) fn copy_of(layout: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&tiny(layout), folder.path());
    folder
}

/// Copies what a folder holds, folders included.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
