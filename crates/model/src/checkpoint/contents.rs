//! What a file of tensors holds, whatever its format.

use super::error::CheckpointError;
use super::{gguf, safetensors};
use crate::linear::{StoredBytes, StoredTensor};
use std::collections::BTreeMap;
use std::path::Path;

/// The ending of GGUF files.
pub(super) const GGUF: &str = ".gguf";

/// What a file holds.
#[derive(Debug)]
pub(super) struct Contents {
    /// The tensors by name, in the order of the file.
    pub(super) tensors: Vec<(String, StoredTensor)>,
    /// What the file says about itself; numbers as text, lists left out.
    pub(super) metadata: BTreeMap<String, String>,
}

/// The contents of a file, whose format its name tells. `place` is the file as messages name it.
/// Nothing but the header is read.
pub(super) fn read(bytes: &StoredBytes, place: &Path) -> Result<Contents, CheckpointError> {
    if place.to_string_lossy().ends_with(GGUF) {
        gguf::read(bytes, place)
    } else {
        safetensors::read(bytes, place)
    }
}
