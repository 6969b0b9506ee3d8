//! A tensor as it is stored: type, shape and bytes, with an owner that keeps the bytes alive.

use sigmalab_kernels::ggml::Block;
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// What owns the bytes: a memory map, or memory that lives as long as the program.
pub type BytesOwner = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A range of somebody's bytes. Cloning shares the owner.
#[derive(Clone)]
pub struct StoredBytes {
    owner: BytesOwner,
    range: Range<usize>,
    /// The file that they are mapped from.
    file: Option<Arc<File>>,
}

impl StoredBytes {
    /// All bytes of `owner`, which are in memory.
    pub fn new(owner: BytesOwner) -> Self {
        let range = 0..(*owner).as_ref().len();
        Self { owner, range, file: None }
    }

    /// All bytes of a private, read-only map of a whole file, which are read when they are used.
    pub(crate) fn mapped(map: BytesOwner, file: File) -> Self {
        Self { file: Some(Arc::new(file)), ..Self::new(map) }
    }

    /// Whether they are read from a file when they are used.
    pub(crate) fn is_mapped(&self) -> bool {
        self.file.is_some()
    }

    /// The file that they are mapped from, and where in it they are.
    pub(crate) fn in_file(&self) -> Option<(&File, Range<usize>)> {
        Some((self.file.as_deref()?, self.range.clone()))
    }

    /// A part of these bytes; `None` where it reaches over their end.
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        let start = self.range.start.checked_add(range.start)?;
        let end = self.range.start.checked_add(range.end)?;
        (start <= end && end <= self.range.end).then(|| Self {
            owner: Arc::clone(&self.owner),
            range: start..end,
            file: self.file.clone(),
        })
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        (*self.owner).as_ref().get(self.range.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for StoredBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stored bytes", self.range.len())
    }
}

/// Number format of stored elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StoredType {
    /// 32-bit float.
    F32,
    /// bfloat16.
    Bf16,
    /// 16-bit float.
    F16,
    /// 8-bit float, e4m3 without infinities.
    F8E4M3,
    /// Bytes: packed codes or JSON.
    U8,
    /// Blocks of quantised values with their scales, as GGUF files hold them.
    Block(Block),
    /// A type that no network here computes with, by its name in the file.
    Other(&'static str),
    /// A type of a GGUF file that has no name here, by its number.
    GgufType(u32),
}

impl fmt::Display for StoredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "F32",
            Self::Bf16 => "BF16",
            Self::F16 => "F16",
            Self::F8E4M3 => "F8_E4M3",
            Self::U8 => "U8",
            Self::Block(block) => block.name(),
            Self::Other(name) => name,
            Self::GgufType(number) => return write!(f, "GGUF type {number}"),
        })
    }
}

/// A tensor in a file: row-major, little-endian.
#[derive(Debug, Clone)]
pub struct StoredTensor {
    /// Number format.
    pub dtype: StoredType,
    /// Stored shape.
    pub shape: Vec<usize>,
    /// Its elements.
    pub bytes: StoredBytes,
}

impl StoredTensor {
    /// Rows and columns, where the tensor is a matrix that is not empty.
    pub(crate) fn matrix(&self) -> Option<[usize; 2]> {
        match *self.shape.as_slice() {
            [rows, columns] if rows > 0 && columns > 0 => Some([rows, columns]),
            _ => None,
        }
    }
}
