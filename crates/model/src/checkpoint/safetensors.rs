//! One safetensors file: a length, a JSON header, the bytes of all tensors without gaps.
//! The format is described at <https://huggingface.co/docs/safetensors>; the header is checked
//! by the crate of the same name (offsets in order, without overlap or gap, shapes that fill
//! them, an end that is the file's end).

use super::contents::Contents;
use super::error::CheckpointError;
use super::json::{self, UniqueKeys};
use crate::linear::{StoredBytes, StoredTensor, StoredType};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata, SafeTensorError, TensorInfo};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::Path;

/// The contents of a file, tensors in the order of their bytes. `place` is the file as messages name it. Nothing but the header is
/// read.
pub(super) fn read(bytes: &StoredBytes, place: &Path) -> Result<Contents, CheckpointError> {
    let corrupt = |problem: String| CheckpointError::Corrupt {
        format: "safetensors file",
        file: place.to_owned(),
        problem,
    };
    let file = bytes.as_slice();
    let header = Header::copied(file);
    let header =
        header.map_err(|error| corrupt(explain(file.len(), claimed(file), &[], &error)))?;
    let metadata = header.metadata(file.len()).map_err(|error| {
        corrupt(explain(file.len(), header.json().len() as u64, header.json(), &error))
    })?;
    let start = header.start();
    let names: UniqueKeys<IgnoredAny> = serde_json::from_slice(header.json())
        .map_err(|error| corrupt(format!("its header: {}", json::without_place(&error))))?;
    let mut tensors = Vec::with_capacity(names.0.len());
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else { continue };
        let (first, end) = info.data_offsets;
        let range = first.saturating_add(start)..end.saturating_add(start);
        let bytes = bytes
            .slice(range)
            .ok_or_else(|| corrupt(format!("tensor {name} ends beyond the end of the file")))?;
        let tensor =
            StoredTensor { dtype: stored_type(info.dtype), shape: info.shape.clone(), bytes };
        tensors.push((name, tensor));
    }
    let about = metadata.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok(Contents { tensors, metadata: about })
}

/// The length of the header and the header, copied: others may write to a file that is mapped, and
/// what was checked must not change after.
struct Header(Vec<u8>);

/// Bytes of the header's length.
const PREFIX: usize = 8;

/// Most bytes of a header, as the format's own crate has it.
const LONGEST_HEADER: u64 = 100_000_000;

impl Header {
    fn copied(file: &[u8]) -> Result<Self, SafeTensorError> {
        let prefix = file.first_chunk::<PREFIX>().ok_or(SafeTensorError::HeaderTooSmall)?;
        let prefix = *prefix;
        let length = u64::from_le_bytes(prefix);
        if length > LONGEST_HEADER {
            return Err(SafeTensorError::HeaderTooLarge);
        }
        let end = usize::try_from(length).ok().and_then(|length| length.checked_add(PREFIX));
        let json = end.and_then(|end| file.get(PREFIX..end));
        let json = json.ok_or(SafeTensorError::InvalidHeaderLength)?;
        Ok(Header([prefix.as_slice(), json].concat()))
    }

    fn json(&self) -> &[u8] {
        self.0.get(PREFIX..).unwrap_or_default()
    }

    /// Where the tensors' bytes begin.
    fn start(&self) -> usize {
        self.0.len()
    }

    /// The tensors of a file of so many bytes.
    fn metadata(&self, file_length: usize) -> Result<Metadata, SafeTensorError> {
        let metadata: Metadata = match serde_json::from_slice(self.json()) {
            Ok(metadata) => metadata,
            // The format's crate says more of what is wrong.
            Err(error) => {
                return Err(match SafeTensors::read_metadata(&self.0) {
                    Err(error) => error,
                    Ok(_) => SafeTensorError::InvalidHeaderDeserialization(error),
                });
            }
        };
        match self.start().checked_add(metadata.data_len()) == Some(file_length) {
            true => Ok(metadata),
            false => Err(SafeTensorError::MetadataIncompleteBuffer),
        }
    }
}

/// Bytes that the header of a file is said to have.
fn claimed(file: &[u8]) -> u64 {
    file.first_chunk().map(|prefix| u64::from_le_bytes(*prefix)).unwrap_or_default()
}

/// What is wrong, with the numbers that a person can check.
fn explain(length: usize, header: u64, json: &[u8], error: &SafeTensorError) -> String {
    match error {
        SafeTensorError::HeaderTooSmall => {
            format!("it has {length} bytes, fewer than the 8 that give the header's length")
        }
        SafeTensorError::HeaderTooLarge | SafeTensorError::InvalidHeaderLength => {
            format!("it claims a header of {header} bytes and has {length} in all")
        }
        SafeTensorError::InvalidHeader(_) => "its header is not UTF-8 text".to_owned(),
        SafeTensorError::InvalidHeaderDeserialization(error)
        | SafeTensorError::JsonError(error) => {
            bad_entry(json).unwrap_or_else(|| format!("its header: {}", json::without_place(error)))
        }
        SafeTensorError::InvalidOffset(name) => {
            format!("the bytes of tensor {name} overlap those of another, or leave a gap")
        }
        SafeTensorError::MetadataIncompleteBuffer => {
            format!("it has {length} bytes, and its tensors end elsewhere; it may be cut short")
        }
        SafeTensorError::TensorInvalidInfo => {
            "the shape and type of a tensor do not fill the bytes it is given".to_owned()
        }
        SafeTensorError::ValidationOverflow => "the size of a tensor overflows".to_owned(),
        other => other.to_string(),
    }
}

/// The first tensor whose entry in the header cannot be read, and why: an unknown type, say.
fn bad_entry(json: &[u8]) -> Option<String> {
    let UniqueKeys(entries) = serde_json::from_slice::<UniqueKeys<serde_json::Value>>(json).ok()?;
    entries.into_iter().filter(|(name, _)| name != "__metadata__").find_map(|(name, entry)| {
        let error = TensorInfo::deserialize(entry).err()?;
        Some(format!("tensor {name}: {}", json::without_place(&error)))
    })
}

fn stored_type(dtype: Dtype) -> StoredType {
    match dtype {
        Dtype::F32 => StoredType::F32,
        Dtype::BF16 => StoredType::Bf16,
        Dtype::F16 => StoredType::F16,
        Dtype::F8_E4M3 => StoredType::F8E4M3,
        Dtype::U8 => StoredType::U8,
        Dtype::BOOL => StoredType::Other("BOOL"),
        Dtype::F4 => StoredType::Other("F4"),
        Dtype::F6_E2M3 => StoredType::Other("F6_E2M3"),
        Dtype::F6_E3M2 => StoredType::Other("F6_E3M2"),
        Dtype::I8 => StoredType::Other("I8"),
        Dtype::F8_E5M2 => StoredType::Other("F8_E5M2"),
        Dtype::F8_E8M0 => StoredType::Other("F8_E8M0"),
        Dtype::F8_E4M3FNUZ => StoredType::Other("F8_E4M3FNUZ"),
        Dtype::F8_E5M2FNUZ => StoredType::Other("F8_E5M2FNUZ"),
        Dtype::I16 => StoredType::Other("I16"),
        Dtype::U16 => StoredType::Other("U16"),
        Dtype::I32 => StoredType::Other("I32"),
        Dtype::U32 => StoredType::Other("U32"),
        Dtype::C64 => StoredType::Other("C64"),
        Dtype::F64 => StoredType::Other("F64"),
        Dtype::I64 => StoredType::Other("I64"),
        Dtype::U64 => StoredType::Other("U64"),
        _ => StoredType::Other("a new type"),
    }
}

#[cfg(test)]
#[path = "safetensors_tests.rs"]
mod tests;
