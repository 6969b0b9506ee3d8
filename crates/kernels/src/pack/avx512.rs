//! One loop that packs rows of any format in AVX-512 registers.
//!
//! A format is a [`Load`]: how values come into a register. Sixteen rows are loaded, transposed and
//! stored; what is done to every lane alike is done after transposing.
#![allow(unsafe_code)]

use super::BATCH;
use std::arch::x86_64::*;

/// What the instructions of a newer processor have: products of bytes, bytes looked up in tables of
/// 128 and rounding to bf16 (AMD from Zen 4, Intel from Sapphire Rapids).
pub(super) fn is_native() -> bool {
    is_x86_feature_detected!("avx512bf16")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vnni")
}

/// Rows whose values come into registers. Methods are inlined in a function that is compiled for
/// AVX-512 F, BW, VL and DQ, where `NATIVE` also for what [`is_native`] tells.
pub(super) trait Load: Copy {
    /// 16 values of `row` from value `at` on.
    ///
    /// # Safety
    /// The row has the values, and `at` is a multiple of 16.
    unsafe fn values(self, row: usize, at: usize) -> __m512;

    /// 32 values rounded to bf16.
    ///
    /// # Safety
    /// As [`Self::values`], for a multiple of 32.
    #[inline(always)]
    unsafe fn pairs<const NATIVE: bool>(self, row: usize, at: usize) -> __m512i {
        // SAFETY: as stated above.
        unsafe { narrowed::<NATIVE>(self.values(row, at), self.values(row, at + 16)) }
    }

    /// 64 values times `factor`, rounded to bytes.
    ///
    /// # Safety
    /// As [`Self::values`], for a multiple of 64.
    #[inline(always)]
    unsafe fn bytes(self, row: usize, at: usize, factor: f32) -> __m512i {
        // SAFETY: as stated above.
        unsafe {
            let factor = _mm512_set1_ps(factor);
            let [a, b, c, d] = [
                self.values(row, at),
                self.values(row, at + 16),
                self.values(row, at + 32),
                self.values(row, at + 48),
            ]
            .map(
                #[inline(always)]
                |values| _mm512_cvtps_epi32(_mm512_mul_ps(values, factor)),
            );
            let (low, high) = (_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
            // Quarter q of each 128 bits has four bytes of the q-th sixteen.
            let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high))
        }
    }
}

/// Rounds to bf16, ties to even; NaN stays NaN. As f32.
#[inline(always)]
pub(super) unsafe fn rounded(values: __m512) -> __m512i {
    // SAFETY: inlined where the processor has the instructions.
    unsafe {
        let bits = _mm512_castps_si512(values);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let bits = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(values, values);
        _mm512_mask_mov_epi32(bits, nan, _mm512_set1_epi32(0x7fc0_0000))
    }
}

/// 32 values as bf16, in order. The instruction takes subnormal numbers for 0.
#[inline(always)]
pub(super) unsafe fn narrowed<const NATIVE: bool>(first: __m512, second: __m512) -> __m512i {
    // SAFETY: inlined where the processor has the instructions; both types are 512 plain bits.
    unsafe {
        if NATIVE {
            return std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first));
        }
        let half = |values| _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded(values)));
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(half(first)), half(second))
    }
}

/// What is packed, and where to: lane k of row r to `out + k · step + r`.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// 1 to [`BATCH`].
    pub(super) rows: usize,
    /// Values of a row: a multiple of 16 where lanes are floats, of 32 where they are bf16, of 64
    /// where they are bytes.
    pub(super) count: usize,
    pub(super) out: *mut u32,
    pub(super) step: usize,
}

/// What becomes of bytes.
pub(super) struct ByteRows {
    pub(super) factors: [f32; BATCH],
    /// Whether 128 is added.
    pub(super) unsigned: bool,
    /// To each row's, the sum of its bytes is added.
    pub(super) totals: [u32; BATCH],
}

macro_rules! compiled {
    ($features:literal, $native:literal, $pairs:ident, $bytes:ident) => {
        /// Packs bf16: two to a lane, or where they are `split`, each as f32 in a lane of its own.
        ///
        /// # Safety
        /// The processor has the features; rows have the values, and all lanes can be written.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $pairs<L: Load>(load: L, place: Place, split: bool) {
            // SAFETY: as stated above.
            unsafe {
                let mut out = place.out;
                for at in (0..place.count).step_by(32) {
                    let pairs = transposed(batch(
                        place.rows,
                        #[inline(always)]
                        |row| load.pairs::<$native>(row, at),
                    ));
                    if split {
                        let high = _mm512_set1_epi32(0xffff_0000u32 as i32);
                        for (i, pair) in pairs.into_iter().enumerate() {
                            let out = out.add(2 * i * place.step);
                            store(_mm512_slli_epi32::<16>(pair), place.rows, out);
                            store(_mm512_and_si512(pair, high), place.rows, out.add(place.step));
                        }
                        out = out.add(32 * place.step);
                    } else {
                        for (i, pair) in pairs.into_iter().enumerate() {
                            store(pair, place.rows, out.add(i * place.step));
                        }
                        out = out.add(16 * place.step);
                    }
                }
            }
        }

        /// Packs bytes.
        ///
        /// # Safety
        /// As above.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $bytes<L: Load>(load: L, place: Place, bytes: &mut ByteRows) {
            // SAFETY: as stated above; `totals` has as many values as a register.
            unsafe {
                let factors = bytes.factors;
                let flip = _mm512_set1_epi8(if bytes.unsigned { -128 } else { 0 });
                let mut totals = _mm512_loadu_si512(bytes.totals.as_ptr().cast());
                let mut out = place.out;
                for at in (0..place.count).step_by(64) {
                    let fours = transposed(batch(
                        place.rows,
                        #[inline(always)]
                        |row| load.bytes(row, at, factors[row]),
                    ));
                    for (i, four) in fours.into_iter().enumerate() {
                        totals = if $native {
                            _mm512_dpbusd_epi32(totals, _mm512_set1_epi8(1), four)
                        } else {
                            let twos = _mm512_maddubs_epi16(_mm512_set1_epi8(1), four);
                            let sums = _mm512_madd_epi16(twos, _mm512_set1_epi16(1));
                            _mm512_add_epi32(totals, sums)
                        };
                        let four = _mm512_xor_si512(four, flip);
                        store(four, place.rows, out.add(i * place.step));
                    }
                    out = out.add(16 * place.step);
                }
                _mm512_storeu_si512(bytes.totals.as_mut_ptr().cast(), totals);
            }
        }
    };
}

compiled!("avx512f,avx512bw,avx512vl,avx512dq,f16c", false, pack_pairs, pack_bytes);
compiled!(
    "avx512f,avx512bw,avx512vl,avx512dq,f16c,avx512bf16,avx512vbmi,avx512vnni",
    true,
    pack_pairs_natively,
    pack_bytes_natively
);

/// Packs values as they are.
///
/// # Safety
/// The processor has the features; rows have the values, and all lanes can be written.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,f16c")]
pub(super) unsafe fn pack_floats<L: Load>(load: L, place: Place) {
    // SAFETY: as stated above.
    unsafe {
        let mut out = place.out;
        for at in (0..place.count).step_by(16) {
            let columns = transposed(batch(
                place.rows,
                #[inline(always)]
                |row| _mm512_castps_si512(load.values(row, at)),
            ));
            for (i, column) in columns.into_iter().enumerate() {
                store(column, place.rows, out.add(i * place.step));
            }
            out = out.add(16 * place.step);
        }
    }
}

/// Loads as many rows as there are; what stands for the others is one of them, and is not stored.
#[inline(always)]
unsafe fn batch(rows: usize, load: impl Fn(usize) -> __m512i) -> [__m512i; BATCH] {
    // SAFETY: inlined where the processor has the instructions.
    let mut lanes = [unsafe { _mm512_setzero_si512() }; BATCH];
    for (row, lanes) in lanes.iter_mut().enumerate() {
        *lanes = load(row.min(rows - 1));
    }
    lanes
}

#[inline(always)]
unsafe fn store(lanes: __m512i, rows: usize, to: *mut u32) {
    // SAFETY: `rows` lanes can be written, as the callers' callers guarantee.
    unsafe {
        if rows == BATCH {
            _mm512_storeu_si512(to.cast(), lanes);
        } else {
            _mm512_mask_storeu_epi32(to.cast(), ((1u32 << rows) - 1) as u16, lanes);
        }
    }
}

/// Transposes up to 16 rows of `depth` lanes, as many whole groups of 16 lanes as there are; says how
/// many lanes that is. Row r is at `from + r · stride`; lane (r, k) goes to `to + k · step + r`.
///
/// # Safety
/// The processor has AVX-512 F; `depth` lanes can be read at each row, and `rows` lanes written at each
/// of as many places.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn transpose(
    from: *const u32,
    stride: usize,
    rows: usize,
    depth: usize,
    to: *mut u32,
    step: usize,
) -> usize {
    let whole = depth / BATCH * BATCH;
    // SAFETY: as stated above.
    unsafe {
        for place in (0..whole).step_by(BATCH) {
            let columns = transposed(batch(
                rows,
                #[inline(always)]
                |row| _mm512_loadu_si512(from.add(row * stride + place).cast()),
            ));
            for (k, column) in columns.into_iter().enumerate() {
                store(column, rows, to.add((place + k) * step));
            }
        }
    }
    whole
}

/// 16 × 16 lanes, transposed. Inlined, so that all of them stay in registers.
#[inline(always)]
unsafe fn transposed(mut r: [__m512i; BATCH]) -> [__m512i; BATCH] {
    // SAFETY: inlined where the processor has the instructions.
    unsafe {
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
        let mut columns = r;
        for q in 0..4 {
            let low = _mm512_shuffle_i32x4::<0x88>(r[q], r[4 + q]);
            let high = _mm512_shuffle_i32x4::<0xdd>(r[q], r[4 + q]);
            let low2 = _mm512_shuffle_i32x4::<0x88>(r[8 + q], r[12 + q]);
            let high2 = _mm512_shuffle_i32x4::<0xdd>(r[8 + q], r[12 + q]);
            columns[q] = _mm512_shuffle_i32x4::<0x88>(low, low2);
            columns[4 + q] = _mm512_shuffle_i32x4::<0x88>(high, high2);
            columns[8 + q] = _mm512_shuffle_i32x4::<0xdd>(low, low2);
            columns[12 + q] = _mm512_shuffle_i32x4::<0xdd>(high, high2);
        }
        columns
    }
}
