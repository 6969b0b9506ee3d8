//! Transposing in AVX2 registers.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

/// Lanes of a register.
const WIDTH: usize = 8;

/// Transposes up to 16 rows of `depth` lanes, as many whole groups of 8 lanes as there are; says how
/// many lanes that is. Row r is at `from + r · stride`; lane (r, k) goes to `to + k · step + r`.
///
/// # Safety
/// The processor has AVX2; `depth` lanes can be read at each row, and `rows` lanes written at each of
/// as many places.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose(
    from: *const u32,
    stride: usize,
    rows: usize,
    depth: usize,
    to: *mut u32,
    step: usize,
) -> usize {
    let whole = depth / WIDTH * WIDTH;
    for top in (0..rows).step_by(WIDTH) {
        let count = WIDTH.min(rows - top);
        let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        let mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lane);
        for place in (0..whole).step_by(WIDTH) {
            // SAFETY: rows top … top + count and lanes place … place + 8 are there, as the caller says;
            // a row behind the last is read as the last one, and not written.
            unsafe {
                let mut rows = [_mm256_setzero_si256(); WIDTH];
                for (r, row) in rows.iter_mut().enumerate() {
                    let from = from.add((top + r.min(count - 1)) * stride + place);
                    *row = _mm256_loadu_si256(from.cast());
                }
                for (k, column) in transposed(rows).into_iter().enumerate() {
                    let to = to.add((place + k) * step + top);
                    if count == WIDTH {
                        _mm256_storeu_si256(to.cast(), column);
                    } else {
                        _mm256_maskstore_epi32(to.cast(), mask, column);
                    }
                }
            }
        }
    }
    whole
}

/// 8 × 8 lanes, transposed: pairs of rows, pairs of pairs, then the halves.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(r: [__m256i; WIDTH]) -> [__m256i; WIDTH] {
    let mut t = r;
    for i in 0..4 {
        t[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    let mut u = t;
    for i in 0..2 {
        u[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        u[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        u[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        u[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    // Half j of u[4·i + q] is column 4·j + q of rows 4·i … 4·i + 3.
    let mut columns = u;
    for q in 0..4 {
        columns[q] = _mm256_permute2x128_si256::<0x20>(u[q], u[4 + q]);
        columns[4 + q] = _mm256_permute2x128_si256::<0x31>(u[q], u[4 + q]);
    }
    columns
}
