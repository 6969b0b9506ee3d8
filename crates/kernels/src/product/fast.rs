//! Packing straight from the stored bytes, where the processor and the shape allow it.

use super::{Core, Values};
#[cfg(target_arch = "x86_64")]
use crate::ggml::{Block, Ggml};
use std::ops::Range;

/// Packs the values `span` of each row, as lanes `step` apart; false where that is left to the
/// general way.
#[cfg(target_arch = "x86_64")]
pub(super) fn pack(
    core: Core,
    from: Values<'_>,
    span: Range<usize>,
    round: bool,
    out: &mut [u32],
    step: usize,
) -> bool {
    use super::interleave::BATCH;
    use super::micro::Lane;
    use crate::avx512::{self, Rows};
    use crate::isa::InstructionSet;
    use crate::stored::Stored;

    let Values { stored, inputs, row, rows } = from;
    let pairs = core.micro.lane() == Lane::Bf16Pair;
    let width = if pairs { 32 } else { 16 };
    let count = span.len();
    let whole = count > 0 && count.is_multiple_of(width) && (1..=BATCH).contains(&rows);
    if core.set != InstructionSet::Avx512 || !whole || span.end > inputs {
        return false;
    }
    let lanes = count / width * 16;
    assert!(out.len() >= (lanes - 1) * step + rows);

    let mut scales = [0f32; 512];
    let start = row * inputs + span.start;
    let (bytes, first, stride, nf4) = match &stored {
        Stored::F32(bytes) => (*bytes, 4 * start, 4 * inputs, None),
        Stored::Bf16(bytes) | Stored::F16(bytes) => (*bytes, 2 * start, 2 * inputs, None),
        Stored::E4m3(bytes) => (*bytes, start, inputs, None),
        Stored::Nf4(nf4) => {
            let blocks = count.div_ceil(nf4.blocksize);
            // Every row of the span has to begin a block, and a byte.
            let aligned = nf4.blocksize.is_multiple_of(16)
                && inputs.is_multiple_of(nf4.blocksize)
                && span.start.is_multiple_of(nf4.blocksize)
                && blocks * rows <= scales.len();
            if !aligned {
                return false;
            }
            for r in 0..rows {
                let block = (start + r * inputs) / nf4.blocksize;
                let scales = &mut scales[r * blocks..][..blocks];
                for (b, scale) in scales.iter_mut().enumerate() {
                    *scale = nf4.absmax.of(block + b);
                }
            }
            (nf4.codes, start / 2, inputs / 2, Some((nf4.map, &scales[..], nf4.blocksize)))
        }
        Stored::Ggml(ggml) => return pack_blocks(*ggml, from, span, (round, pairs), out, step),
    };
    let last = match stored {
        Stored::F32(_) => 4 * count,
        Stored::Bf16(_) | Stored::F16(_) => 2 * count,
        Stored::E4m3(_) => count,
        Stored::Nf4(_) | Stored::Ggml(_) => count / 2,
    };
    assert!(bytes.len() >= first + (rows - 1) * stride + last);
    let first = bytes[first..].as_ptr();
    let from = Rows { first, stride, rows, count, nf4 };
    let out = out.as_mut_ptr();
    macro_rules! pack {
        ($format:ident) => {
            match (round, pairs) {
                (false, false) => {
                    avx512::pack::<{ avx512::$format }, false, false>(from, out, step)
                }
                (true, false) => avx512::pack::<{ avx512::$format }, true, false>(from, out, step),
                // Making pairs rounds.
                (_, true) => avx512::pack::<{ avx512::$format }, false, true>(from, out, step),
            }
        };
    }
    // SAFETY: the set is one that the processor has. Rows, their bytes and the lanes written
    // are within the lengths asserted above; nf4 spans begin at blocks.
    #[allow(unsafe_code)]
    unsafe {
        match stored {
            Stored::F32(_) => pack!(F32),
            Stored::Bf16(_) => pack!(BF16),
            Stored::F16(_) => pack!(F16),
            Stored::E4m3(_) => pack!(E4M3),
            Stored::Nf4(_) => pack!(NF4),
            Stored::Ggml(_) => return false,
        }
    }
    true
}

/// The same for blocks, on AVX-512; `(round, pairs)` are what becomes of values.
#[cfg(target_arch = "x86_64")]
fn pack_blocks(
    ggml: Ggml<'_>,
    from: Values<'_>,
    span: Range<usize>,
    (round, pairs): (bool, bool),
    out: &mut [u32],
    step: usize,
) -> bool {
    use crate::avx512::blocks::{self, BlockRows};

    let Values { inputs, row, rows, .. } = from;
    let Ggml { block, bytes } = ggml;
    let (Some(before), Some(stride), Some(length)) =
        (block.bytes_of(span.start), block.bytes_of(inputs), block.bytes_of(span.len()))
    else {
        return false;
    };
    if span.len() > blocks::MOST {
        return false;
    }
    let first = row * stride + before;
    assert!(bytes.len() >= first + (rows - 1) * stride + length);
    let first = bytes[first..].as_ptr();
    let from = BlockRows { first, stride, rows, count: span.len() };
    let out = out.as_mut_ptr();
    macro_rules! pack {
        ($format:ident) => {
            match (round, pairs) {
                (false, false) => {
                    blocks::pack::<{ blocks::$format }, false, false>(from, out, step)
                }
                (true, false) => blocks::pack::<{ blocks::$format }, true, false>(from, out, step),
                // Making pairs rounds.
                (_, true) => blocks::pack::<{ blocks::$format }, false, true>(from, out, step),
            }
        };
    }
    // SAFETY: `pack` has seen that the processor has the set, that there are 1 to 16 rows, and
    // that their lanes fit `out`; the blocks are within the length asserted above.
    #[allow(unsafe_code)]
    unsafe {
        match block {
            Block::Q4_0 => pack!(Q4_0),
            Block::Q4_1 => pack!(Q4_1),
            Block::Q5_0 => pack!(Q5_0),
            Block::Q5_1 => pack!(Q5_1),
            Block::Q8_0 => pack!(Q8_0),
            Block::Q4K => pack!(Q4_K),
            Block::Q5K => pack!(Q5_K),
            Block::Q6K => pack!(Q6_K),
            Block::Iq4Nl => pack!(IQ4_NL),
        }
    }
    true
}

/// Only x86-64 has this way.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn pack(
    _: Core,
    _: Values<'_>,
    _: Range<usize>,
    _: bool,
    _: &mut [u32],
    _: usize,
) -> bool {
    false
}
