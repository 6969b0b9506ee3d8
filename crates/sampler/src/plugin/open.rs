//! Opening a plugin: a private copy of its file is loaded, so that replacing the file harms
//! nobody, and never unloaded, because threads and destructors of it may live on. The same
//! contents are opened once a process.
#![allow(unsafe_code)]

use super::fault::Fault;
use super::file::{Contents, FileHash};
use super::table::{self, Table};
use crate::SamplerInfo;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use sigmalab_sampler_sdk::abi::{CheckFn, ENTRY_SYMBOL, EntryFn, StepFn};
use std::collections::HashMap;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A plugin in this process.
pub struct Opened {
    info: SamplerInfo,
    hash: FileHash,
    pub(super) step: StepFn,
    pub(super) check: Option<CheckFn>,
}

/// Every plugin that this process opened, by the hash of its file.
static OPENED: Mutex<Option<HashMap<FileHash, &'static Opened>>> = Mutex::new(None);

impl Opened {
    /// Opens the plugin in `path` as the file is now.
    ///
    /// This runs code of the plugin: its initialisers and its entry point. It may crash, hang or
    /// end this process.
    pub fn open(path: &Path) -> Result<&'static Opened, Fault> {
        let contents = Contents::read(path)?;
        if !contents.looks_like_a_plugin() {
            return Err(Fault::NoPlugin);
        }
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = opened.get_or_insert_default();
        if let Some(known) = opened.get(&contents.hash) {
            return Ok(known);
        }
        let Table { info, step, check } = load(&contents)?;
        let hash = contents.hash;
        let plugin: &'static Opened =
            Box::leak(Box::new(Opened { info, hash: hash.clone(), step, check }));
        opened.insert(hash, plugin);
        Ok(plugin)
    }

    /// One that is part of the program, by its entry.
    pub(super) fn part_of_the_program(entry: EntryFn) -> Result<Self, Fault> {
        // SAFETY: a function of this program, which keeps to the header.
        let Table { info, step, check } = unsafe { table::read(entry) }?;
        Ok(Opened { info, hash: FileHash::of_none(), step, check })
    }

    /// What it says of itself.
    pub fn info(&self) -> &SamplerInfo {
        &self.info
    }

    /// Hash of the file that it was opened from.
    pub fn hash(&self) -> &FileHash {
        &self.hash
    }
}

fn load(contents: &Contents) -> Result<Table, Fault> {
    let sound = floating_point_is_sound();
    let library = open_copy(contents)?;
    // SAFETY: the header gives this symbol this type.
    let entry = unsafe { library.get::<EntryFn>(ENTRY_SYMBOL.to_bytes_with_nul()) };
    let entry = entry.map(|entry| *entry).map_err(|_| Fault::NoPlugin);
    // Never unloaded, whatever comes: code of it may still be about to run.
    std::mem::forget(library);
    let entry = entry?;
    if sound && !floating_point_is_sound() {
        return Err(Fault::FloatingPoint);
    }
    // SAFETY: the symbol of a library that was not and will not be unloaded.
    unsafe { table::read(entry) }
}

/// Opens a copy of the file that nobody else can change. In memory where the system can, so that
/// no folder has to be writable; else in a temporary file that is gone once it is open.
fn open_copy(contents: &Contents) -> Result<Library, Fault> {
    #[cfg(target_os = "linux")]
    if let Some(library) = open_in_memory(contents) {
        return Ok(library);
    }
    let mut file = tempfile::Builder::new().prefix("sigmalab-plugin-").suffix(".so").tempfile()?;
    file.write_all(&contents.bytes)?;
    // SAFETY: initialisers of the library run; the caller knows what that means.
    unsafe { Library::open(Some(file.path()), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|error| Fault::Unloadable(in_words(&error, file.path())))
}

#[cfg(target_os = "linux")]
fn open_in_memory(contents: &Contents) -> Option<Library> {
    use rustix::fs::{MemfdFlags, memfd_create};
    use std::fs::File;
    use std::os::fd::AsRawFd;

    let name = format!("sigmalab-plugin-{}", contents.hash.short());
    let mut file = File::from(memfd_create(name, MemfdFlags::CLOEXEC).ok()?);
    file.write_all(&contents.bytes).ok()?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: initialisers of the library run; the caller knows what that means.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }.ok()?;
    // The loader knows libraries by name: a descriptor of the same number would be taken for
    // this one, so it stays open.
    std::mem::forget(file);
    Some(library)
}

/// The loader's own words, without the name of the copy.
fn in_words(error: &libloading::Error, copy: &Path) -> String {
    use std::error::Error as _;
    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    text.replace(&format!("{}: ", copy.display()), "")
}

/// Whether numbers too small for full precision are kept and results are rounded to the nearest.
pub(crate) fn floating_point_is_sound() -> bool {
    let keeps_small = black_box(f32::MIN_POSITIVE) * black_box(0.5) != 0.0
        && black_box(f64::MIN_POSITIVE) * black_box(0.5) != 0.0;
    let third = black_box(1.0_f64) / black_box(3.0);
    let rounds_to_nearest = third.to_bits() == 0x3fd5_5555_5555_5555
        && (black_box(-1.0_f64) / black_box(3.0)).to_bits() == 0xbfd5_5555_5555_5555
        && black_box(2.0_f64) / black_box(3.0) == f64::from_bits(0x3fe5_5555_5555_5555);
    keeps_small && rounds_to_nearest
}
