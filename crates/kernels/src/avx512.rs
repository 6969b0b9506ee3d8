//! Widening stored values in AVX-512 registers: to plain rows, or straight into packed operands.
#![allow(unsafe_code)]

pub(crate) mod blocks;

use std::arch::x86_64::*;

/// Formats, as parameters of the functions below.
pub(crate) const F32: u8 = 0;
/// See [`F32`].
pub(crate) const BF16: u8 = 1;
/// See [`F32`].
pub(crate) const F16: u8 = 2;
/// See [`F32`].
pub(crate) const E4M3: u8 = 3;
/// See [`F32`].
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
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn load<const FORMAT: u8>(
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

/// Rounds to bf16, ties to even; NaN stays NaN.
#[inline]
#[target_feature(enable = "avx512f")]
fn round(values: __m512) -> __m512 {
    let bits = _mm512_castps_si512(values);
    let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
    let bits = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    let rounded = _mm512_and_si512(bits, _mm512_set1_epi32(0xffff_0000u32 as i32));
    let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(values, values);
    _mm512_castsi512_ps(_mm512_mask_mov_epi32(rounded, nan, _mm512_set1_epi32(0x7fc0_0000)))
}

/// The upper halves of 32 values, in order: pairs of bf16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn pairs(first: __m512, second: __m512) -> __m512i {
    let first = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(_mm512_castps_si512(round(first))));
    let second = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(_mm512_castps_si512(round(second))));
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(first), second)
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

/// Rows of a weight or of activations, to be packed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// The first byte of the first row's first value to pack.
    pub(crate) first: *const u8,
    /// Bytes from row to row.
    pub(crate) stride: usize,
    /// 1 to 16.
    pub(crate) rows: usize,
    /// Values of a row: a multiple of 16, or of 32 where they become pairs.
    pub(crate) count: usize,
    /// For nf4: values of the codes, and scales, one for `blocksize` (a multiple of 16) values,
    /// `count / blocksize` rounded up of them a row; the first value starts a block.
    pub(crate) nf4: Option<(&'a [f32; 16], &'a [f32], usize)>,
}

/// Packs rows: lane k of row r to `out + k · step + r`. `ROUND` rounds values to bf16; `PAIRS`
/// makes a lane of two bf16.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL and DQ; `from` is as its fields say, and the lanes of
/// `out` can be written.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(crate) unsafe fn pack<const FORMAT: u8, const ROUND: bool, const PAIRS: bool>(
    from: Rows<'_>,
    out: *mut u32,
    step: usize,
) {
    let Rows { first, stride, rows, count, nf4 } = from;
    // SAFETY: row r is below `rows` and value `at` below `count` at every load; lanes written
    // are 0…rows of places 0…count (or half of that), as the caller guarantees.
    unsafe {
        let table = nf4.map_or(_mm512_setzero_ps(), |(table, ..)| _mm512_loadu_ps(table.as_ptr()));
        let (absmax, blocksize) =
            nf4.map_or((std::ptr::null(), count), |(_, absmax, size)| (absmax.as_ptr(), size));
        let blocks = count.div_ceil(blocksize);
        let scale = |row: usize, at: usize| match FORMAT {
            NF4 => absmax.add(row * blocks + at / blocksize),
            _ => absmax,
        };
        let values = |row: usize, at: usize| {
            let values = load::<FORMAT>(first.add(row * stride), at, table, scale(row, at));
            if ROUND { round(values) } else { values }
        };
        let width = if PAIRS { 32 } else { 16 };
        let mut place = out;
        for at in (0..count).step_by(width) {
            let mut lanes = [_mm512_setzero_si512(); 16];
            for (row, lanes) in lanes.iter_mut().enumerate() {
                if row < rows {
                    *lanes = if PAIRS {
                        pairs(values(row, at), values(row, at + 16))
                    } else {
                        _mm512_castps_si512(values(row, at))
                    };
                }
            }
            store_transposed(lanes, rows, place, step);
            place = place.add(16 * step);
        }
    }
}

/// Transposes 16 × 16 lanes: row r is at `from + r · stride` for r below `rows` (others count
/// as 0); lane (r, k) goes to `to + k · step + r`, for r below `rows`.
///
/// # Safety
/// The processor has AVX-512 F; 16 lanes can be read at each row, and `rows` lanes written at
/// each of the 16 places.
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn transpose(
    from: *const u32,
    stride: usize,
    rows: usize,
    to: *mut u32,
    step: usize,
) {
    // SAFETY: as stated above.
    unsafe {
        let mut lanes = [_mm512_setzero_si512(); 16];
        for (row, lanes) in lanes.iter_mut().enumerate().take(rows) {
            *lanes = _mm512_loadu_si512(from.add(row * stride).cast());
        }
        store_transposed(lanes, rows, to, step);
    }
}

/// # Safety
/// As [`transpose`].
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store_transposed(mut r: [__m512i; 16], rows: usize, to: *mut u32, step: usize) {
    // Lanes of pairs of rows, then pairs of lanes of pairs of pairs, then the 4 × 4 blocks.
    let mut t = r;
    for i in 0..8 {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for i in 0..4 {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    // Now block j of r[4·i + q] is column 4·j + q of rows 4·i … 4·i + 3.
    let mask = ((1u32 << rows) - 1) as u16;
    for q in 0..4 {
        let low = _mm512_shuffle_i32x4::<0x88>(r[q], r[4 + q]);
        let high = _mm512_shuffle_i32x4::<0xdd>(r[q], r[4 + q]);
        let low2 = _mm512_shuffle_i32x4::<0x88>(r[8 + q], r[12 + q]);
        let high2 = _mm512_shuffle_i32x4::<0xdd>(r[8 + q], r[12 + q]);
        let columns = [
            _mm512_shuffle_i32x4::<0x88>(low, low2),
            _mm512_shuffle_i32x4::<0x88>(high, high2),
            _mm512_shuffle_i32x4::<0xdd>(low, low2),
            _mm512_shuffle_i32x4::<0xdd>(high, high2),
        ];
        for (block, column) in columns.into_iter().enumerate() {
            // SAFETY: place 4·block + q is one of the 16, and the mask has `rows` lanes.
            unsafe {
                let to: *mut i32 = to.add((4 * block + q) * step).cast();
                if rows == 16 {
                    _mm512_storeu_si512(to.cast(), column);
                } else {
                    _mm512_mask_storeu_epi32(to, mask, column);
                }
            }
        }
    }
}
