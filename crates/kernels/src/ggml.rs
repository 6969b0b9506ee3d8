//! ggml's blocks of quantised values to f32, as GGUF files hold them: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0
//! and IQ4_NL in blocks of 32 values, Q4_K, Q5_K and Q6_K in blocks of 256 with scales of their own
//! for every 32 or 16. Layouts: ggml-common.h of ggml-org/llama.cpp. Products and differences are
//! rounded in the order of its plain versions.

#[cfg(target_arch = "x86_64")]
use crate::avx512::blocks as avx512;
use crate::dense::half_to_f32;
use crate::isa::InstructionSet;
use std::ops::Range;

/// A format of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Block {
    /// 4 bits, one scale.
    Q4_0,
    /// 4 bits, scale and minimum.
    Q4_1,
    /// 5 bits, one scale.
    Q5_0,
    /// 5 bits, scale and minimum.
    Q5_1,
    /// 8 bits, one scale.
    Q8_0,
    /// 4 bits, scales and minima in 6 bits.
    Q4K,
    /// 5 bits, scales and minima in 6 bits.
    Q5K,
    /// 6 bits, scales in 8 bits.
    Q6K,
    /// 4 bits that stand for the values of [`IQ4_NL`], one scale.
    Iq4Nl,
}

/// The values of IQ4_NL's codes: close to each other around 0, as weights are (ggml-common.h,
/// `kvalues_iq4nl`).
pub const IQ4_NL: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Values of the longest block.
const LONGEST: usize = 256;

impl Block {
    /// Every format.
    pub const ALL: [Self; 9] = [
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Iq4Nl,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
            Self::Iq4Nl => "IQ4_NL",
        }
    }

    /// Values of a block.
    pub const fn values(self) -> usize {
        match self {
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 | Self::Iq4Nl => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => LONGEST,
        }
    }

    /// Values that share a scale.
    pub const fn group(self) -> usize {
        match self {
            Self::Q6K => 16,
            _ => 32,
        }
    }

    /// Bytes of a block.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Q4_0 | Self::Iq4Nl => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Bytes of `values` values; `None` where they do not fill whole blocks.
    pub fn bytes_of(self, values: usize) -> Option<usize> {
        values
            .is_multiple_of(self.values())
            .then(|| (values / self.values()).checked_mul(self.bytes()))?
    }
}

/// Values in blocks.
#[derive(Debug, Clone, Copy)]
pub struct Ggml<'a> {
    /// The format.
    pub block: Block,
    /// The blocks, one after the other.
    pub bytes: &'a [u8],
}

/// Widens the values `span` (counted over all blocks) into `out`, which has as many. What is not
/// stored is left alone.
pub fn widen_ggml(weight: Ggml<'_>, span: Range<usize>, out: &mut [f32]) {
    let count = span.len().min(out.len());
    let out = &mut out[..count];
    #[cfg(target_arch = "x86_64")]
    match InstructionSet::chosen() {
        InstructionSet::Scalar => plain(weight, span.start, out),
        // SAFETY: the set is chosen among those that the processor has.
        #[allow(unsafe_code)]
        InstructionSet::Avx2 => unsafe { with_avx2(weight, span.start, out) },
        // SAFETY: as above.
        #[allow(unsafe_code)]
        InstructionSet::Avx512 => unsafe { with_avx512(weight, span.start, out) },
    }
    #[cfg(not(target_arch = "x86_64"))]
    plain(weight, span.start, out);
}

#[inline(always)]
fn plain(weight: Ggml<'_>, start: usize, out: &mut [f32]) {
    match weight.block {
        Block::Q4_0 => blocks(weight.bytes, start, out, q4_0),
        Block::Q4_1 => blocks(weight.bytes, start, out, q4_1),
        Block::Q5_0 => blocks(weight.bytes, start, out, q5_0),
        Block::Q5_1 => blocks(weight.bytes, start, out, q5_1),
        Block::Q8_0 => blocks(weight.bytes, start, out, q8_0),
        Block::Q4K => blocks(weight.bytes, start, out, q4_k),
        Block::Q5K => blocks(weight.bytes, start, out, q5_k),
        Block::Q6K => blocks(weight.bytes, start, out, q6_k),
        Block::Iq4Nl => blocks(weight.bytes, start, out, iq4_nl),
    }
}

/// [`plain`], compiled for AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn with_avx2(weight: Ggml<'_>, start: usize, out: &mut [f32]) {
    plain(weight, start, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
fn with_avx512(weight: Ggml<'_>, start: usize, out: &mut [f32]) {
    macro_rules! widen {
        ($format:ident, $block:expr) => {
            blocks::<{ $block.bytes() }, { $block.values() }>(
                weight.bytes,
                start,
                out,
                |from, out| {
                    // SAFETY: the processor has the set, for which this is compiled; the arrays are
                    // the bytes and the values of a block.
                    #[allow(unsafe_code)]
                    unsafe {
                        avx512::widen::<{ avx512::$format }>(from.as_ptr(), out.as_mut_ptr());
                    }
                },
            )
        };
    }
    match weight.block {
        Block::Q4_0 => widen!(Q4_0, Block::Q4_0),
        Block::Q4_1 => widen!(Q4_1, Block::Q4_1),
        Block::Q5_0 => widen!(Q5_0, Block::Q5_0),
        Block::Q5_1 => widen!(Q5_1, Block::Q5_1),
        Block::Q8_0 => widen!(Q8_0, Block::Q8_0),
        Block::Q4K => widen!(Q4_K, Block::Q4K),
        Block::Q5K => widen!(Q5_K, Block::Q5K),
        Block::Q6K => widen!(Q6_K, Block::Q6K),
        Block::Iq4Nl => widen!(IQ4_NL, Block::Iq4Nl),
    }
}

/// Widens with `widen`, block by block; blocks that begin or end outside of what is asked for by
/// way of a buffer.
#[inline(always)]
fn blocks<const BYTES: usize, const VALUES: usize>(
    bytes: &[u8],
    start: usize,
    out: &mut [f32],
    widen: impl Fn(&[u8; BYTES], &mut [f32; VALUES]),
) {
    let (stored, _) = bytes.as_chunks::<BYTES>();
    let mut stored = stored.get(start / VALUES..).unwrap_or_default().iter();
    let mut buffer = [0.0; VALUES];
    let skipped = start % VALUES;
    let (head, rest) = match skipped {
        0 => (&mut [][..], out),
        _ => {
            let head = out.len().min(VALUES - skipped);
            out.split_at_mut(head)
        }
    };
    if !head.is_empty()
        && let Some(block) = stored.next()
    {
        widen(block, &mut buffer);
        head.copy_from_slice(&buffer[skipped..][..head.len()]);
    }
    let (whole, tail) = rest.as_chunks_mut::<VALUES>();
    for (out, block) in whole.iter_mut().zip(&mut stored) {
        widen(block, out);
    }
    if !tail.is_empty()
        && let Some(block) = stored.next()
    {
        widen(block, &mut buffer);
        tail.copy_from_slice(&buffer[..tail.len()]);
    }
}

/// The f16 at `at`.
#[inline(always)]
fn half(block: &[u8], at: usize) -> f32 {
    half_to_f32(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// Codes of 4 bits: of the low halves of 16 bytes first, then of the high ones.
#[inline(always)]
fn nibbles(codes: &[u8], out: &mut [f32; 32], value: impl Fn(usize, u8) -> f32) {
    for (i, code) in codes.iter().enumerate().take(16) {
        out[i] = value(i, code & 0xf);
        out[i + 16] = value(i + 16, code >> 4);
    }
}

#[inline(always)]
fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let scale = half(block, 0);
    nibbles(&block[2..], out, |_, code| (i32::from(code) - 8) as f32 * scale);
}

#[inline(always)]
fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (scale, minimum) = (half(block, 0), half(block, 2));
    nibbles(&block[4..], out, |_, code| f32::from(code) * scale + minimum);
}

#[inline(always)]
fn iq4_nl(block: &[u8; 18], out: &mut [f32; 32]) {
    let scale = half(block, 0);
    nibbles(&block[2..], out, |_, code| f32::from(IQ4_NL[usize::from(code)]) * scale);
}

/// The fifth bits of 32 codes.
#[inline(always)]
fn fifth_bits(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

#[inline(always)]
fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let (scale, high) = (half(block, 0), fifth_bits(block, 2));
    nibbles(&block[6..], out, |i, code| {
        let code = i32::from(code) | ((high >> i & 1) << 4) as i32;
        (code - 16) as f32 * scale
    });
}

#[inline(always)]
fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (scale, minimum, high) = (half(block, 0), half(block, 2), fifth_bits(block, 4));
    nibbles(&block[8..], out, |i, code| {
        let code = i32::from(code) | ((high >> i & 1) << 4) as i32;
        code as f32 * scale + minimum
    });
}

#[inline(always)]
fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let scale = half(block, 0);
    for (out, code) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(code.cast_signed()) * scale;
    }
}

/// Scale and minimum of each of 8 groups, 6 bits each: the first four in the low bits of bytes
/// 0…4 and 4…8; the others' low bits in bytes 8…12, their two high bits above the first ones'.
#[inline(always)]
fn six_bits(packed: &[u8], group: usize) -> (u8, u8) {
    if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        let low = packed[group + 4];
        (low & 0xf | (packed[group - 4] >> 6) << 4, low >> 4 | (packed[group] >> 6) << 4)
    }
}

#[inline(always)]
fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (scale, minimum) = (half(block, 0), half(block, 2));
    let (packed, codes) = (&block[4..16], &block[16..]);
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (s, m) = six_bits(packed, group);
        let (scale, minimum) = (scale * f32::from(s), minimum * f32::from(m));
        let shift = 4 * (group % 2);
        for (out, code) in out.iter_mut().zip(&codes[group / 2 * 32..]) {
            *out = scale * f32::from(code >> shift & 0xf) - minimum;
        }
    }
}

#[inline(always)]
fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (scale, minimum) = (half(block, 0), half(block, 2));
    let (packed, high, codes) = (&block[4..16], &block[16..48], &block[48..]);
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (s, m) = six_bits(packed, group);
        let (scale, minimum) = (scale * f32::from(s), minimum * f32::from(m));
        let shift = 4 * (group % 2);
        let codes = codes[group / 2 * 32..].iter().zip(high);
        for (out, (code, high)) in out.iter_mut().zip(codes) {
            let code = code >> shift & 0xf | (high >> group & 1) << 4;
            *out = scale * f32::from(code) - minimum;
        }
    }
}

#[inline(always)]
fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let scale = half(block, 208);
    for (quarter, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        // Each half of 128 values: four runs of 32 from 64 bytes of low and 32 of high bits.
        let (side, run) = (quarter / 4, quarter % 4);
        let low = &low[64 * side + 32 * (run % 2)..];
        let codes = low.iter().zip(&high[32 * side..]);
        let mut groups = [0.0; 2];
        for (group, value) in groups.iter_mut().enumerate() {
            *value = scale * f32::from(scales[8 * side + 2 * run + group].cast_signed());
        }
        for (i, (out, (low, high))) in out.iter_mut().zip(codes).enumerate() {
            let code = low >> (4 * (run / 2)) & 0xf | (high >> (2 * run) & 3) << 4;
            *out = groups[i / 16] * (i32::from(code) - 32) as f32;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use half::f16;
    use proptest::prelude::*;

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    /// Bytes whose scales are small ordinary numbers.
    pub(crate) fn weight(block: Block, blocks: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        let mut bytes: Vec<u8> = (0..blocks * block.bytes()).map(|_| next()).collect();
        for block_bytes in bytes.chunks_mut(block.bytes()) {
            let halves: &[usize] = match block {
                Block::Q6K => &[208],
                Block::Q4_0 | Block::Q5_0 | Block::Q8_0 | Block::Iq4Nl => &[0],
                _ => &[0, 2],
            };
            for at in halves {
                let value = f16::from_f32(f32::from(next()) / 256.0 - 0.3).to_le_bytes();
                block_bytes[*at..at + 2].copy_from_slice(&value);
            }
        }
        bytes
    }

    /// One value by the format's definition, in f64 but for the roundings that it states.
    fn value(block: Block, bytes: &[u8], index: usize) -> f32 {
        let (number, i) = (index / block.values(), index % block.values());
        let b = &bytes[number * block.bytes()..][..block.bytes()];
        let bit = |byte: u8, n: usize| u32::from(byte >> n & 1);
        let nibble = |codes: &[u8]| {
            if i < 16 { u32::from(codes[i] & 15) } else { u32::from(codes[i - 16] >> 4) }
        };
        let fifth = |bits: &[u8]| bit(bits[i / 8], i % 8) << 4;
        let group = i / 32;
        let pair = || {
            let p = &b[4..16];
            let (s, m) = match group {
                0..4 => (p[group] % 64, p[group + 4] % 64),
                _ => (
                    p[group + 4] % 16 + p[group - 4] / 64 * 16,
                    p[group + 4] / 16 + p[group] / 64 * 16,
                ),
            };
            (half(b, 0) * f32::from(s), half(b, 2) * f32::from(m))
        };
        let k_nibble = |codes: &[u8]| {
            let byte = codes[group / 2 * 32 + i % 32];
            u32::from(if group.is_multiple_of(2) { byte % 16 } else { byte / 16 })
        };
        match block {
            Block::Q4_0 => (f64::from(nibble(&b[2..])) - 8.0) as f32 * half(b, 0),
            Block::Iq4Nl => f32::from(IQ4_NL[nibble(&b[2..]) as usize]) * half(b, 0),
            Block::Q4_1 => nibble(&b[4..]) as f32 * half(b, 0) + half(b, 2),
            Block::Q5_0 => {
                (f64::from(nibble(&b[6..]) + fifth(&b[2..6])) - 16.0) as f32 * half(b, 0)
            }
            Block::Q5_1 => (nibble(&b[8..]) + fifth(&b[4..8])) as f32 * half(b, 0) + half(b, 2),
            Block::Q8_0 => f32::from(b[2 + i] as i8) * half(b, 0),
            Block::Q4K => {
                let (scale, minimum) = pair();
                scale * k_nibble(&b[16..]) as f32 - minimum
            }
            Block::Q5K => {
                let (scale, minimum) = pair();
                let code = k_nibble(&b[48..]) + (bit(b[16 + i % 32], group) << 4);
                scale * code as f32 - minimum
            }
            Block::Q6K => {
                let (side, within) = (i / 128, i % 128);
                let (run, l) = (within / 32, within % 32);
                let byte = b[64 * side + l + if run % 2 == 1 { 32 } else { 0 }];
                let low = if run < 2 { byte % 16 } else { byte / 16 };
                let high = b[128 + 32 * side + l] >> (2 * run) & 3;
                let scale = b[192 + 8 * side + 2 * run + l / 16] as i8;
                half(b, 208) * f32::from(scale) * (f32::from(low + 16 * high) - 32.0)
            }
        }
    }

    #[test]
    fn blocks_are_as_long_as_ggml_s() {
        for block in Block::ALL {
            let bits = (block.bytes() * 8) as f64 / block.values() as f64;
            let digit = block.name().find(|c: char| c.is_ascii_digit()).unwrap();
            let named: f64 = block.name()[digit..=digit].parse().unwrap();
            assert!(bits > named && bits <= named + 2.0, "{block:?}: {bits}");
            assert_eq!(block.bytes_of(block.values() * 3), Some(block.bytes() * 3));
            assert_eq!(block.bytes_of(block.values() + 1), None);
        }
    }

    #[test]
    fn the_nibbles_of_a_byte_are_sixteen_values_apart() {
        let mut bytes = vec![0x88; 18];
        bytes[..2].copy_from_slice(&f16::from_f32(0.5).to_le_bytes());
        // The first byte's codes are 9 and 6: one above the middle and two below it.
        bytes[2] = 0x69;
        let mut out = [f32::NAN; 32];
        widen_ggml(Ggml { block: Block::Q4_0, bytes: &bytes }, 0..32, &mut out);
        let mut expected = [0.0; 32];
        (expected[0], expected[16]) = (0.5, -1.0);
        assert_eq!(out, expected);
    }

    proptest! {
        #[test]
        fn any_span_is_widened_as_by_the_definition(
            block in prop::sample::select(Block::ALL.to_vec()),
            blocks in 1..5usize,
            seed in any::<u64>(),
            (start, end) in (0.0..1.0f64, 0.0..1.0f64),
        ) {
            let bytes = weight(block, blocks, seed);
            let at = |fraction: f64| (fraction * (blocks * block.values()) as f64) as usize;
            let span = at(start.min(end))..at(start.max(end));
            let mut out = vec![f32::NAN; span.len()];
            widen_ggml(Ggml { block, bytes: &bytes }, span.clone(), &mut out);
            let mut plainly = vec![f32::NAN; span.len()];
            plain(Ggml { block, bytes: &bytes }, span.start, &mut plainly);
            prop_assert_eq!(bits(&out), bits(&plainly));
            for (index, found) in span.zip(out) {
                let expected = value(block, &bytes, index);
                prop_assert_eq!(found.to_bits(), expected.to_bits(), "{:?} {}", block, index);
            }
        }
    }

    #[test]
    fn what_is_not_stored_is_left_alone() {
        for block in Block::ALL {
            let bytes = weight(block, 2, 5);
            let mut out = vec![7.0; 3 * block.values() + 1];
            let span = 1..out.len() + 1;
            widen_ggml(Ggml { block, bytes: &bytes[..bytes.len() - 1] }, span, &mut out);
            assert_ne!(out[0], 7.0);
            assert!(out[block.values() - 1..].iter().all(|value| *value == 7.0), "{block:?}");
        }
    }
}
