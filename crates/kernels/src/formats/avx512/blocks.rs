//! The values of ggml's blocks in AVX-512 registers.
//! Every value is `scale · code − minimum` with the roundings of the plain versions; where a
//! format adds a minimum, its negative is subtracted, which is the same.

use crate::formats::ggml::{self, Block};
use std::arch::x86_64::*;

/// Formats, as parameters of the functions below.
pub(crate) const Q4_0: u8 = Block::Q4_0 as u8;
/// See [`Q4_0`].
pub(crate) const Q4_1: u8 = Block::Q4_1 as u8;
/// See [`Q4_0`].
pub(crate) const Q5_0: u8 = Block::Q5_0 as u8;
/// See [`Q4_0`].
pub(crate) const Q5_1: u8 = Block::Q5_1 as u8;
/// See [`Q4_0`].
pub(crate) const Q8_0: u8 = Block::Q8_0 as u8;
/// See [`Q4_0`].
pub(crate) const Q4_K: u8 = Block::Q4K as u8;
/// See [`Q4_0`].
pub(crate) const Q5_K: u8 = Block::Q5K as u8;
/// See [`Q4_0`].
pub(crate) const Q6_K: u8 = Block::Q6K as u8;
/// See [`Q4_0`].
pub(crate) const IQ4_NL: u8 = Block::Iq4Nl as u8;

/// The format of a parameter.
pub(crate) const fn block(format: u8) -> Block {
    Block::ALL[format as usize]
}

/// Whether values have a minimum.
pub(crate) const fn has_minimum(format: u8) -> bool {
    matches!(format, Q4_1 | Q5_1 | Q4_K | Q5_K)
}

/// Values of Q4_0's codes.
const CENTRED: [i8; 16] = [-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7];

/// The f16 at `from`.
///
/// # Safety
/// The processor has AVX-512 F and VL; 2 bytes can be read.
#[inline(always)]
unsafe fn half(from: *const u8) -> f32 {
    // SAFETY: as stated above.
    unsafe {
        let bits = from.cast::<u16>().read_unaligned();
        _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
    }
}

/// Writes scale and minimum of each group of a block; nothing to `minima` where there are none.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL and DQ; the block can be read, and `scales` and `minima`
/// written once for each of its groups.
#[inline(always)]
pub(crate) unsafe fn groups<const FORMAT: u8>(from: *const u8, scales: *mut f32, minima: *mut f32) {
    // SAFETY: as stated above; a block of Q4_K or Q5_K has 8 groups and of Q6_K 16.
    unsafe {
        match FORMAT {
            Q4_K | Q5_K => {
                let [first, second, third] = from.add(4).cast::<[u32; 3]>().read_unaligned();
                // Eight bytes: low six bits of the first four, then the others' four low bits
                // under the first ones' two high ones.
                let six = 0x3f3f_3f3f;
                let high = |bytes: u32| (bytes >> 6 & 0x0303_0303) << 4;
                let spread = |low: u32, top: u32| {
                    let bytes = u64::from(low) | u64::from(top) << 32;
                    let bytes = _mm_cvtsi64_si128(bytes.cast_signed());
                    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))
                };
                let s = spread(first & six, third & 0x0f0f_0f0f | high(first));
                let m = spread(second & six, third >> 4 & 0x0f0f_0f0f | high(second));
                _mm256_storeu_ps(scales, _mm256_mul_ps(_mm256_set1_ps(half(from)), s));
                _mm256_storeu_ps(minima, _mm256_mul_ps(_mm256_set1_ps(half(from.add(2))), m));
            }
            Q6_K => {
                let s = _mm512_cvtepi8_epi32(_mm_loadu_si128(from.add(192).cast()));
                let s = _mm512_mul_ps(_mm512_set1_ps(half(from.add(208))), _mm512_cvtepi32_ps(s));
                _mm512_storeu_ps(scales, s);
            }
            Q4_1 | Q5_1 => {
                *scales = half(from);
                *minima = -half(from.add(2));
            }
            _ => *scales = half(from),
        }
    }
}

/// 16 codes of a block, from `at` (a multiple of 16) on.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL and DQ; the block can be read and has the values.
#[inline(always)]
unsafe fn codes<const FORMAT: u8>(from: *const u8, at: usize) -> __m512 {
    // SAFETY: every place is inside of the block, as its layout says.
    unsafe {
        let low = _mm_set1_epi8(0xf);
        let right = |bytes, by: usize| _mm_srl_epi16(bytes, _mm_cvtsi64_si128(by as i64));
        let load = |place: usize| _mm_loadu_si128(from.add(place).cast());
        // The halves of 16 bytes: those of values 0…16, then those of 16…32.
        let nibbles = |place: usize| _mm_and_si128(right(load(place), at / 16 * 4), low);
        let fifth = |place: usize| {
            let bits = from.add(place + at / 8).cast::<u16>().read_unaligned();
            _mm_maskz_set1_epi8(bits, 16)
        };
        let bytes = match FORMAT {
            Q4_0 => _mm_shuffle_epi8(_mm_loadu_si128(CENTRED.as_ptr().cast()), nibbles(2)),
            IQ4_NL => _mm_shuffle_epi8(_mm_loadu_si128(ggml::IQ4_NL.as_ptr().cast()), nibbles(2)),
            Q4_1 => nibbles(4),
            Q5_0 => _mm_sub_epi8(_mm_or_si128(nibbles(6), fifth(2)), _mm_set1_epi8(16)),
            Q5_1 => _mm_or_si128(nibbles(8), fifth(4)),
            Q8_0 => load(2 + at),
            Q4_K | Q5_K => {
                let (group, within) = (at / 32, at % 32);
                let first = if FORMAT == Q4_K { 16 } else { 48 };
                let bytes = right(load(first + group / 2 * 32 + within), group % 2 * 4);
                let bytes = _mm_and_si128(bytes, low);
                if FORMAT == Q4_K {
                    bytes
                } else {
                    let bit = _mm_set1_epi8((1u8 << group).cast_signed());
                    let high = _mm_test_epi8_mask(load(16 + within), bit);
                    _mm_or_si128(bytes, _mm_maskz_set1_epi8(high, 16))
                }
            }
            _ => {
                let (side, run, within) = (at / 128, at / 32 % 4, at % 32);
                let bytes = right(load(64 * side + 32 * (run % 2) + within), run / 2 * 4);
                let high = right(load(128 + 32 * side + within), 2 * run);
                let high = _mm_slli_epi16::<4>(_mm_and_si128(high, _mm_set1_epi8(3)));
                let code = _mm_or_si128(_mm_and_si128(bytes, low), high);
                _mm_sub_epi8(code, _mm_set1_epi8(32))
            }
        };
        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
    }
}

/// 16 values of a block, from `at` (a multiple of 16) on, with their group's scale and minimum.
///
/// # Safety
/// As [`codes`]; `scale` and, where the format has minima, `minimum` can be read.
#[inline(always)]
pub(crate) unsafe fn values<const FORMAT: u8>(
    from: *const u8,
    at: usize,
    scale: *const f32,
    minimum: *const f32,
) -> __m512 {
    // SAFETY: as stated above.
    unsafe {
        let scaled = _mm512_mul_ps(_mm512_set1_ps(*scale), codes::<FORMAT>(from, at));
        if has_minimum(FORMAT) { _mm512_sub_ps(scaled, _mm512_set1_ps(*minimum)) } else { scaled }
    }
}

/// Widens one block.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL and DQ; the block can be read, and its values written.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,f16c")]
pub(crate) unsafe fn widen<const FORMAT: u8>(from: *const u8, out: *mut f32) {
    let block = block(FORMAT);
    let (mut scales, mut minima) = ([0f32; 16], [0f32; 8]);
    // SAFETY: as stated above; no block has more than 16 groups, or 8 with minima.
    unsafe {
        groups::<FORMAT>(from, scales.as_mut_ptr(), minima.as_mut_ptr());
        for at in (0..block.values()).step_by(16) {
            let group = at / block.group();
            let (scale, minimum) = (scales.as_ptr().add(group), minima.as_ptr().add(group % 8));
            _mm512_storeu_ps(out.add(at), values::<FORMAT>(from, at, scale, minimum));
        }
    }
}
