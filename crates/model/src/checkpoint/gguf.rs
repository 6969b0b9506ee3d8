//! One GGUF file: a header of values and of tensors' names, lengths and types, then their bytes.
//! The format is described at <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.
//!
//! Lengths are listed from the innermost axis on; here they are turned round.

use super::contents::Contents;
use super::error::CheckpointError;
use crate::linear::{StoredBytes, StoredTensor, StoredType};
use sigmalab_kernels::ggml::Block;
use std::collections::BTreeMap;
use std::path::Path;

const MAGIC: &[u8] = b"GGUF";
/// Version 1 had shorter lengths, and was gone before there were models to read.
const VERSIONS: [u32; 2] = [2, 3];
const ALIGNMENT: &str = "general.alignment";
const DEFAULT_ALIGNMENT: usize = 32;
/// Axes of a tensor in ggml.
const MOST_AXES: u32 = 4;
/// Lists in lists that are followed; nobody writes more than one.
const DEEPEST: usize = 4;
/// Bytes of a name. The format allows a key as many, and a tensor's name 64.
const LONGEST_NAME: usize = 65_535;
/// Bytes of a value that is kept. What is asked for is shorter, and a file may hold gigabytes.
const LONGEST_VALUE: usize = 65_535;

/// The contents of a file. `place` is the file as messages name it. Nothing but the header is
/// read.
pub(super) fn read(bytes: &StoredBytes, place: &Path) -> Result<Contents, CheckpointError> {
    read_or_problem(bytes).map_err(|problem| CheckpointError::Corrupt {
        format: "GGUF file",
        file: place.to_owned(),
        problem,
    })
}

fn read_or_problem(bytes: &StoredBytes) -> Result<Contents, String> {
    let file = bytes.as_slice();
    let mut header = Header { file, at: 0 };
    if header.take(MAGIC.len()).ok() != Some(MAGIC) {
        return Err("it does not begin with GGUF".to_owned());
    }
    let version = header.u32()?;
    if VERSIONS.contains(&version.swap_bytes()) {
        return Err("it is written for big-endian processors".to_owned());
    }
    if !VERSIONS.contains(&version) {
        return Err(format!("its version is {version}; versions 2 and 3 are read"));
    }
    let (tensors, values) = (header.u64()?, header.u64()?);
    let mut metadata = BTreeMap::new();
    for _ in 0..values {
        let key = header.text()?;
        let kind = header.u32()?;
        if let Some(value) = header.value(kind, 0).map_err(|why| format!("{key}: {why}"))? {
            metadata.insert(key, value);
        }
    }
    let mut entries = Vec::new();
    for _ in 0..tensors {
        entries.push(header.entry()?);
    }
    let alignment = match metadata.get(ALIGNMENT) {
        None => DEFAULT_ALIGNMENT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|alignment: &usize| alignment.is_power_of_two())
            .ok_or_else(|| format!("{ALIGNMENT} is {text}, not a power of two"))?,
    };
    let data = header.at.checked_next_multiple_of(alignment).ok_or("its header is too long")?;
    let mut contents = Contents { tensors: Vec::with_capacity(entries.len()), metadata };
    for Entry { name, shape, kind, offset } in entries {
        let stored = stored_type(kind);
        let length = match stored_length(stored, &shape) {
            Ok(length) => length,
            Err(why) => return Err(format!("tensor {name}: {why}")),
        };
        let start = usize::try_from(offset).ok().and_then(|offset| data.checked_add(offset));
        let range = start.and_then(|start| Some(start..start.checked_add(length)?));
        let bytes = range.and_then(|range| bytes.slice(range)).ok_or_else(|| {
            format!("it has {} bytes, and tensor {name} ends beyond them", file.len())
        })?;
        contents.tensors.push((name, StoredTensor { dtype: stored, shape, bytes }));
    }
    Ok(contents)
}

/// A tensor in the header.
struct Entry {
    name: String,
    shape: Vec<usize>,
    kind: u32,
    offset: u64,
}

/// What is left of the header to read.
struct Header<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Header<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.file.get(self.at..end));
        let taken = taken.ok_or_else(|| {
            format!("it has {} bytes, and its header goes on; it may be cut short", self.file.len())
        })?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| "its header cannot be read".to_owned())
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn length(&mut self) -> Result<usize, String> {
        usize::try_from(self.u64()?).map_err(|_| "a length in its header is too large".to_owned())
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.length()?;
        if length > LONGEST_NAME {
            return Err(format!("a name in its header has {length} bytes"));
        }
        // Copied first: others may write to a file that is mapped, and text that was checked must
        // not change after.
        let text = String::from_utf8(self.take(length)?.to_vec());
        Ok(text.map_err(|_| "a name in its header is not UTF-8 text")?)
    }

    /// A value as text; `None` of a list and of a long text, which are passed over.
    fn value(&mut self, kind: u32, depth: usize) -> Result<Option<String>, String> {
        Ok(Some(match kind {
            0 => u8::from_le_bytes(self.array()?).to_string(),
            1 => i8::from_le_bytes(self.array()?).to_string(),
            2 => u16::from_le_bytes(self.array()?).to_string(),
            3 => i16::from_le_bytes(self.array()?).to_string(),
            4 => self.u32()?.to_string(),
            5 => i32::from_le_bytes(self.array()?).to_string(),
            6 => f32::from_le_bytes(self.array()?).to_string(),
            7 => (self.array::<1>()? != [0]).to_string(),
            // A vocabulary may hold pieces of characters; only names have to be text.
            8 => {
                let length = self.length()?;
                let text = self.take(length)?;
                if length > LONGEST_VALUE {
                    return Ok(None);
                }
                let text = text.to_vec();
                String::from_utf8_lossy(&text).into_owned()
            }
            9 => {
                self.pass_over_list(depth)?;
                return Ok(None);
            }
            10 => self.u64()?.to_string(),
            11 => i64::from_le_bytes(self.array()?).to_string(),
            12 => f64::from_le_bytes(self.array()?).to_string(),
            _ => return Err(format!("a value of the unknown type {kind}")),
        }))
    }

    fn pass_over_list(&mut self, depth: usize) -> Result<(), String> {
        let (kind, length) = (self.u32()?, self.length()?);
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 => {
                for _ in 0..length {
                    let length = self.length()?;
                    self.take(length)?;
                }
                return Ok(());
            }
            9 if depth < DEEPEST => {
                for _ in 0..length {
                    self.pass_over_list(depth + 1)?;
                }
                return Ok(());
            }
            _ => return Err(format!("a list of the unknown type {kind}")),
        };
        let bytes = length.checked_mul(size).ok_or("a list in its header is too long")?;
        self.take(bytes).map(|_| ())
    }

    fn entry(&mut self) -> Result<Entry, String> {
        let name = self.text()?;
        let axes = self.u32()?;
        if axes > MOST_AXES {
            return Err(format!("tensor {name} has {axes} axes; {MOST_AXES} are the most"));
        }
        let mut shape = Vec::new();
        for _ in 0..axes {
            shape.push(self.length()?);
        }
        shape.reverse();
        Ok(Entry { name, shape, kind: self.u32()?, offset: self.u64()? })
    }
}

/// Bytes of a tensor of that type and shape; 0 of a type that is not read.
fn stored_length(dtype: StoredType, shape: &[usize]) -> Result<usize, String> {
    let overflows = || "its size overflows".to_owned();
    let values = shape.iter().try_fold(1usize, |product, length| product.checked_mul(*length));
    let values = values.ok_or_else(overflows)?;
    let size = match dtype {
        StoredType::F32 => 4,
        StoredType::F16 | StoredType::Bf16 => 2,
        StoredType::Block(block) => {
            let row = shape.last().copied().unwrap_or(1);
            if !row.is_multiple_of(block.values()) {
                let (name, whole) = (block.name(), block.values());
                return Err(format!(
                    "rows of {row} values do not divide into blocks of {whole} ({name})"
                ));
            }
            return block.bytes_of(values).ok_or_else(overflows);
        }
        StoredType::F8E4M3 | StoredType::U8 | StoredType::Other(_) | StoredType::GgufType(_) => 0,
    };
    values.checked_mul(size).ok_or_else(overflows)
}

/// ggml's number of a format of blocks.
pub(crate) fn block_number(block: Block) -> u32 {
    match block {
        Block::Q4_0 => 2,
        Block::Q4_1 => 3,
        Block::Q5_0 => 6,
        Block::Q5_1 => 7,
        Block::Q8_0 => 8,
        Block::Q4K => 12,
        Block::Q5K => 13,
        Block::Q6K => 14,
        Block::Iq4Nl => 20,
    }
}

/// The type of ggml's number.
fn stored_type(kind: u32) -> StoredType {
    match kind {
        0 => StoredType::F32,
        1 => StoredType::F16,
        2 => StoredType::Block(Block::Q4_0),
        3 => StoredType::Block(Block::Q4_1),
        6 => StoredType::Block(Block::Q5_0),
        7 => StoredType::Block(Block::Q5_1),
        8 => StoredType::Block(Block::Q8_0),
        9 => StoredType::Other("Q8_1"),
        10 => StoredType::Other("Q2_K"),
        11 => StoredType::Other("Q3_K"),
        12 => StoredType::Block(Block::Q4K),
        13 => StoredType::Block(Block::Q5K),
        14 => StoredType::Block(Block::Q6K),
        15 => StoredType::Other("Q8_K"),
        16 => StoredType::Other("IQ2_XXS"),
        17 => StoredType::Other("IQ2_XS"),
        18 => StoredType::Other("IQ3_XXS"),
        19 => StoredType::Other("IQ1_S"),
        20 => StoredType::Block(Block::Iq4Nl),
        21 => StoredType::Other("IQ3_S"),
        22 => StoredType::Other("IQ2_S"),
        23 => StoredType::Other("IQ4_XS"),
        24 => StoredType::Other("I8"),
        25 => StoredType::Other("I16"),
        26 => StoredType::Other("I32"),
        27 => StoredType::Other("I64"),
        28 => StoredType::Other("F64"),
        29 => StoredType::Other("IQ1_M"),
        30 => StoredType::Bf16,
        34 => StoredType::Other("TQ1_0"),
        35 => StoredType::Other("TQ2_0"),
        39 => StoredType::Other("MXFP4"),
        40 => StoredType::Other("NVFP4"),
        41 => StoredType::Other("Q1_0"),
        number => StoredType::GgufType(number),
    }
}

#[cfg(test)]
#[path = "gguf_tests.rs"]
mod tests;
