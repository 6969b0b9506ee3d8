//! Widening any run of ggml's blocks, with the instructions that this processor has.

#[cfg(target_arch = "x86_64")]
use super::avx512::blocks as avx512;
#[cfg(target_arch = "x86_64")]
use super::ggml::{Block, blocks};
use super::ggml::{Ggml, plain};
use crate::base::isa::InstructionSet;
use std::ops::Range;

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

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::formats::ggml::{IQ4_NL, half};
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
