//! A plugin's file: where it is, the hash of its contents, and whether it looks like a plugin at
//! all. It reads files and opens no library.

use super::fault::Fault;
use serde::{Deserialize, Serialize};
use sigmalab_files::shared_folder::open_plain;
use sigmalab_sampler_sdk::abi::ENTRY_SYMBOL;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Most bytes of a plugin. One in Rust with debug information has about 10 MB.
const LARGEST: u64 = 512 << 20;

/// BLAKE3 of a file's bytes, hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileHash(String);

impl FileHash {
    /// Of code that is part of the program, and in no file of its own.
    pub(super) fn of_none() -> Self {
        FileHash(String::new())
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough digits for people to tell files apart.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A plugin's file and what was in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginFile {
    pub path: PathBuf,
    /// Hash of its contents.
    pub hash: FileHash,
}

/// A file as it was read, at once and as a whole.
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    pub(super) hash: FileHash,
}

impl Contents {
    pub(super) fn read(path: &Path) -> Result<Self, Fault> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(Fault::NoPlugin);
        }
        let file = open_plain(path)?;
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(Fault::TooLarge { limit: LARGEST >> 20 });
        }
        let hash = FileHash(blake3::hash(&bytes).to_hex().to_string());
        Ok(Contents { bytes, hash })
    }

    /// Whether it is a shared library in whose bytes the name of the entry point stands. Others
    /// are not worth loading; one that is must still export it.
    pub(super) fn looks_like_a_plugin(&self) -> bool {
        const ELF: [u8; 4] = [0x7f, b'E', b'L', b'F'];
        // Mach-O, 64 bits, and files of several architectures.
        const MACH_O: [[u8; 4]; 2] = [[0xcf, 0xfa, 0xed, 0xfe], [0xca, 0xfe, 0xba, 0xbe]];
        let Some(magic) = self.bytes.first_chunk::<4>() else { return false };
        (*magic == ELF || MACH_O.contains(magic)) && self.names_the_entry()
    }

    fn names_the_entry(&self) -> bool {
        let name = ENTRY_SYMBOL.to_bytes_with_nul();
        let Some(first) = name.first() else { return false };
        let mut rest = &self.bytes[..];
        while let Some(at) = rest.iter().position(|byte| byte == first) {
            let found = rest.get(at..).unwrap_or_default();
            if found.starts_with(name) {
                return true;
            }
            rest = found.get(1..).unwrap_or_default();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(bytes: &[u8]) -> Contents {
        Contents { bytes: bytes.to_vec(), hash: FileHash(String::new()) }
    }

    #[test]
    fn only_a_library_that_names_the_entry_point_looks_like_a_plugin() {
        assert!(contents(b"\x7fELF..ss\0sigmalab_plugin_entry\0..").looks_like_a_plugin());
        assert!(!contents(b"\x7fELF..sigmalab_plugin_entr").looks_like_a_plugin());
        assert!(!contents(b"\x7fELF..sigmalab_plugin_entry_of_others\0").looks_like_a_plugin());
        assert!(!contents(b"#!/bin/sh sigmalab_plugin_entry\0").looks_like_a_plugin());
        assert!(!contents(b"").looks_like_a_plugin());
    }
}
