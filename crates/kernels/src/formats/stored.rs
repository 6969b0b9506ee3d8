//! Weight matrices as they are stored, and widening any run of their elements.

use super::ggml::Ggml;
use super::nf4::{self, Nf4};
use super::{BF16, E4M3, F16, F32, dense, float8, widen};
use crate::base::isa::InstructionSet;
use std::ops::Range;

/// Little-endian elements in one of the formats that weights come in, row after row. The bytes
/// need no alignment.
#[derive(Debug, Clone, Copy)]
pub enum Stored<'a> {
    /// Four bytes a value.
    F32(&'a [u8]),
    /// Two bytes a value.
    Bf16(&'a [u8]),
    /// Two bytes a value.
    F16(&'a [u8]),
    /// One byte a value; the scale is not part of it.
    E4m3(&'a [u8]),
    /// Half a byte a value.
    Nf4(Nf4<'a>),
    /// Blocks of ggml's, with their scales.
    Ggml(Ggml<'a>),
}

impl<'a> Stored<'a> {
    /// Widens the elements `span` (counted over the whole matrix) into `out`, which has as many.
    /// What is not stored is left alone.
    #[inline]
    pub fn widen(&self, span: Range<usize>, out: &mut [f32]) {
        let part = |all: &'a [u8], size: usize| -> &'a [u8] {
            &all[(span.start * size).min(all.len())..(span.end * size).min(all.len())]
        };
        match *self {
            Self::F32(all) => fast::<F32>(part(all, 4), 4, out, dense::read_f32),
            Self::Bf16(all) => fast::<BF16>(part(all, 2), 2, out, dense::read_bf16),
            Self::F16(all) => fast::<F16>(part(all, 2), 2, out, dense::read_f16),
            Self::E4m3(all) => fast::<E4M3>(part(all, 1), 1, out, float8::read_e4m3),
            Self::Nf4(weight) => nf4::read_nf4(weight, span.start, out),
            Self::Ggml(weight) => widen::widen_ggml(weight, span, out),
        }
    }

    /// The bytes that hold the elements `span`, scales that stand apart left out; empty where they are
    /// not stored.
    pub(crate) fn region(&self, span: Range<usize>) -> &'a [u8] {
        let (bytes, elements, size): (&'a [u8], usize, usize) = match *self {
            Self::F32(bytes) => (bytes, 1, 4),
            Self::Bf16(bytes) | Self::F16(bytes) => (bytes, 1, 2),
            Self::E4m3(bytes) => (bytes, 1, 1),
            Self::Nf4(Nf4 { codes, .. }) => (codes, 2, 1),
            Self::Ggml(Ggml { block, bytes }) => (bytes, block.values(), block.bytes()),
        };
        bytes
            .get(span.start / elements * size..span.end.div_ceil(elements) * size)
            .unwrap_or_default()
    }

    /// Whether every value fits bf16 without rounding.
    pub fn exact_in_bf16(&self) -> bool {
        matches!(self, Self::Bf16(_) | Self::E4m3(_))
    }
}

/// Widens what fills whole registers with them, and the rest with `plain`.
#[inline]
fn fast<const FORMAT: u8>(
    bytes: &[u8],
    size: usize,
    out: &mut [f32],
    plain: impl Fn(&[u8], &mut [f32]),
) {
    let count = out.len().min(bytes.len() / size);
    #[cfg(target_arch = "x86_64")]
    let done = if InstructionSet::chosen() == InstructionSet::Avx512 {
        // SAFETY: the set is one that the processor has; both slices have `count` values.
        #[allow(unsafe_code)]
        unsafe {
            super::avx512::widen::<FORMAT>(bytes.as_ptr(), count, out.as_mut_ptr())
        }
    } else {
        0
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    plain(&bytes[done * size..], &mut out[done..count]);
}

/// A weight matrix: `outputs` rows of `inputs` values.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    /// Rows.
    pub outputs: usize,
    /// Columns.
    pub inputs: usize,
    /// The values.
    pub values: Stored<'a>,
    /// What each output is multiplied by.
    pub scale: Option<&'a [f32]>,
}
