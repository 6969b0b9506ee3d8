//! The innermost loops: a tile of [`ROWS`] × [`COLUMNS`] sums over packed operands.
//!
//! The plain version is the oracle of the others.
//!
//! Operands are 32-bit lanes. A lane of the packed rows holds, for one of the tile's rows, one
//! f32, a pair of bf16 or four bytes; a lane of the packed panel the same for one of its columns.
//! Depth counts lanes. The products of a call are summed in one chain, which is then added to the
//! tile; so sums depend on how the depth is cut, but not on how tiles are dealt to threads.

mod arithmetic;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

pub(crate) use arithmetic::Core;
pub use arithmetic::Precision;

use crate::base::isa::InstructionSet;

/// Rows of a tile.
pub(crate) const ROWS: usize = 12;
/// Columns of a tile.
pub(crate) const COLUMNS: usize = 32;
/// Sums in a tile.
pub(crate) const TILE: usize = ROWS * COLUMNS;
/// Lanes along the depth that are multiplied at a time: a panel of them has 32 KiB and stays in
/// the first-level cache while all rows go by.
pub(crate) const BLOCK: usize = 256;

/// What a lane holds, and how products of lanes are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// One f32.
    F32,
    /// Two bf16, the first in the low half; sums are f32.
    Bf16Pair,
    /// Four bytes, rows unsigned and columns signed; sums are i32, kept as their bits.
    Bytes,
}

impl Lane {
    /// Elements a lane holds.
    pub(crate) const fn elements(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16Pair => 2,
            Self::Bytes => 4,
        }
    }
}

/// A kernel for one kind of lane on one instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Micro {
    lane: Lane,
    set: Set,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX2 and the instruction for products of bytes.
    #[cfg(target_arch = "x86_64")]
    Avx2Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Micro {
    /// The fastest kernel for `lane` among the instructions of `set`.
    pub(crate) fn new(lane: Lane, set: InstructionSet) -> Self {
        #[cfg(target_arch = "x86_64")]
        let set = match (set, lane) {
            (InstructionSet::Avx512, Lane::F32) => Set::Avx512,
            (InstructionSet::Avx512, Lane::Bf16Pair) if is_x86_feature_detected!("avx512bf16") => {
                Set::Avx512
            }
            (InstructionSet::Avx512, Lane::Bytes) if is_x86_feature_detected!("avx512vnni") => {
                Set::Avx512
            }
            (InstructionSet::Avx2 | InstructionSet::Avx512, Lane::Bytes)
                if is_x86_feature_detected!("avxvnni") =>
            {
                Set::Avx2Vnni
            }
            (InstructionSet::Avx2 | InstructionSet::Avx512, Lane::F32 | Lane::Bytes) => Set::Avx2,
            _ => Set::Scalar,
        };
        #[cfg(not(target_arch = "x86_64"))]
        let set = {
            let _ = set;
            Set::Scalar
        };
        Self { lane, set }
    }

    pub(crate) fn lane(self) -> Lane {
        self.lane
    }

    /// Adds to `tile` (or, where `fresh`, sets it to) the products of `rows` [depth, ROWS] and
    /// `panel` [depth, COLUMNS].
    #[inline]
    pub(crate) fn run(self, rows: &[u32], panel: &[u32], tile: &mut [u32; TILE], fresh: bool) {
        let depth = rows.len() / ROWS;
        assert!(panel.len() >= depth * COLUMNS);
        let (a, b, c) = (rows.as_ptr(), panel.as_ptr(), tile.as_mut_ptr());
        if fresh {
            tile.fill(0);
        }
        match self.set {
            Set::Scalar => scalar::run(self.lane, rows, panel, tile),
            // SAFETY: `new` chose the set among what the processor has; the lengths of the
            // three operands are those the kernels read and write: depth · ROWS, depth · COLUMNS
            // and TILE.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Set::Avx2 => unsafe {
                match self.lane {
                    Lane::Bytes => avx2::avx2_bytes(depth, a, b, c),
                    Lane::F32 | Lane::Bf16Pair => avx2::avx2_f32(depth, a, b, c),
                }
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Set::Avx2Vnni => unsafe { avx2::avx2_vnni_bytes(depth, a, b, c) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Set::Avx512 => unsafe {
                match self.lane {
                    Lane::F32 => avx512::avx512_f32(depth, a, b, c),
                    Lane::Bf16Pair => avx512::avx512_bf16(depth, a, b, c),
                    Lane::Bytes => avx512::avx512_bytes(depth, a, b, c),
                }
            },
        }
    }
}
