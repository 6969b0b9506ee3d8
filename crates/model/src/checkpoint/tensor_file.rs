//! Reading a file of tensors in whichever format it has.

use super::contents::Contents;
use super::error::CheckpointError;
use super::{gguf, safetensors};
use crate::linear::StoredBytes;
use std::path::Path;

/// The ending of GGUF files.
pub(super) const GGUF: &str = ".gguf";

/// The contents of a file, whose format its name tells. `place` is the file as messages name it.
/// Nothing but the header is read.
pub(super) fn read(bytes: &StoredBytes, place: &Path) -> Result<Contents, CheckpointError> {
    if place.to_string_lossy().ends_with(GGUF) {
        gguf::read(bytes, place)
    } else {
        safetensors::read(bytes, place)
    }
}
