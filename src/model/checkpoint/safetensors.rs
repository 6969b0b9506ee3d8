//! One safetensors file: a length, a JSON header, the bytes of all tensors without gaps.
//! The format is described at <https://huggingface.co/docs/safetensors>; the header is checked
//! by the crate of the same name (offsets in order, without overlap or gap, shapes that fill
//! them, an end that is the file's end).

use super::contents::Contents;
use super::error::CheckpointError;
use super::json::{self, UniqueKeys};
use crate::model::linear::{StoredBytes, StoredTensor, StoredType};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, SafeTensorError, TensorInfo};
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
    let (header, metadata) =
        SafeTensors::read_metadata(file).map_err(|error| corrupt(explain(file, &error)))?;
    let start = header.saturating_add(8);
    let names: UniqueKeys<IgnoredAny> =
        serde_json::from_slice(file.get(8..start).unwrap_or_default())
            .map_err(|error| corrupt(format!("its header: {}", json::without_place(&error))))?;
    let mut tensors = Vec::with_capacity(names.0.len());
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else { continue };
        let (first, end) = info.data_offsets;
        let range = first.saturating_add(start)..end.saturating_add(start);
        let bytes = bytes
            .slice(range)
            .ok_or_else(|| corrupt(format!("tensor {name} ends behind the end of the file")))?;
        let tensor =
            StoredTensor { dtype: stored_type(info.dtype), shape: info.shape.clone(), bytes };
        tensors.push((name, tensor));
    }
    let about = metadata.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok(Contents { tensors, metadata: about })
}

/// What is wrong, with the numbers that a person can check.
fn explain(file: &[u8], error: &SafeTensorError) -> String {
    let length = file.len();
    let (prefix, _) = file.as_chunks::<8>();
    let header = prefix.first().map(|prefix| u64::from_le_bytes(*prefix)).unwrap_or_default();
    match error {
        SafeTensorError::HeaderTooSmall => {
            format!("it has {length} bytes, fewer than the 8 that give the header's length")
        }
        SafeTensorError::HeaderTooLarge | SafeTensorError::InvalidHeaderLength => {
            format!("it claims a header of {header} bytes and has {length} in all")
        }
        SafeTensorError::InvalidHeader(_) => "its header is no UTF-8 text".to_owned(),
        SafeTensorError::InvalidHeaderDeserialization(error)
        | SafeTensorError::JsonError(error) => bad_entry(file, header)
            .unwrap_or_else(|| format!("its header: {}", json::without_place(error))),
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
fn bad_entry(file: &[u8], header: u64) -> Option<String> {
    let end = usize::try_from(header).ok()?.checked_add(8)?;
    let UniqueKeys(entries) =
        serde_json::from_slice::<UniqueKeys<serde_json::Value>>(file.get(8..end)?).ok()?;
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
