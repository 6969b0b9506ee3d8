//! Stored values in AVX-512 registers.
#![allow(unsafe_code)]

pub(crate) mod blocks;

use super::{BF16, E4M3, F16, F32};
use std::arch::x86_64::*;

/// A format beside those of [`super::stored`], whose values have a scale of their own.
pub(crate) const NF4: u8 = 4;

/// Half the bytes of a value.
const fn half_bytes(format: u8) -> usize {
    match format {
        F32 => 8,
        BF16 | F16 => 4,
        E4M3 => 2,
        _ => 1,
    }
}

/// 16 values of a row, from value `at` (even, and a multiple of 16 for nf4) on.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL and DQ; the 16 values can be read; for nf4 `table` has
/// the 16 values of the codes and `absmax` the scale of the values' block.
// Inlined wherever it is called from, which is compiled for the instructions.
#[inline(always)]
pub(crate) unsafe fn load<const FORMAT: u8>(
    row: *const u8,
    at: usize,
    table: __m512,
    absmax: *const f32,
) -> __m512 {
    // SAFETY: as stated above; no load asks for alignment.
    unsafe {
        let from = row.add(at * half_bytes(FORMAT) / 2);
        match FORMAT {
            F32 => _mm512_loadu_ps(from.cast()),
            BF16 => {
                let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
            }
            F16 => _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())),
            E4M3 => {
                let codes = _mm_loadu_si128(from.cast());
                // As f16 with the same exponent field, whose bias is 15 and not 7: 2⁸ too small.
                // Subnormal codes become subnormal f16, which widen to normal f32 at no cost.
                let halves = _mm256_slli_epi16::<7>(_mm256_cvtepi8_epi16(codes));
                let halves = _mm256_and_si256(halves, _mm256_set1_epi16(0xbfffu16 as i16));
                let values = _mm512_mul_ps(_mm512_cvtph_ps(halves), _mm512_set1_ps(256.0));
                let magnitude = _mm_and_si128(codes, _mm_set1_epi8(0x7f));
                let nan = _mm_cmpeq_epi8_mask(magnitude, _mm_set1_epi8(0x7f));
                let sign = _mm512_castps_si512(values);
                let sign = _mm512_and_si512(sign, _mm512_set1_epi32(i32::MIN));
                let quiet = _mm512_or_si512(sign, _mm512_set1_epi32(0x7fc0_0000));
                _mm512_mask_mov_ps(values, nan, _mm512_castsi512_ps(quiet))
            }
            _ => {
                let bytes = _mm_loadl_epi64(from.cast());
                let low = _mm_set1_epi8(0xf);
                let first = _mm_and_si128(_mm_srli_epi16::<4>(bytes), low);
                let codes = _mm_unpacklo_epi8(first, _mm_and_si128(bytes, low));
                let values = _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(codes), table);
                _mm512_mul_ps(values, _mm512_set1_ps(*absmax))
            }
        }
    }
}

/// Widens as many whole groups of 16 values as `count` has, from value 0 of `row` on; says how
/// many. Not for nf4, whose scales change on the way.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL and DQ; `count` values can be read and written.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(crate) unsafe fn widen<const FORMAT: u8>(row: *const u8, count: usize, out: *mut f32) -> usize {
    let whole = count / 16 * 16;
    for at in (0..whole).step_by(16) {
        // SAFETY: `at + 16` ≤ count. Without nf4 neither table nor scale is read.
        unsafe {
            let values = load::<FORMAT>(row, at, _mm512_setzero_ps(), std::ptr::null());
            _mm512_storeu_ps(out.add(at), values);
        }
    }
    whole
}
