//! The tile kernels in AVX-512 instructions.
#![allow(unsafe_code)]
// The pointers are those of `Micro::run`, which states their lengths; every access is within
// them: lanes 0…12 of each of `depth` rows, 0…32 of each panel row, 0…384 of the tile.
#![allow(clippy::undocumented_unsafe_blocks)]

use super::{COLUMNS, ROWS};
use std::arch::x86_64::*;

/// How far ahead, in depth, rows are fetched.
const AHEAD: usize = 24;

/// Two registers of columns by 12 rows: 24 sums, which hide the latency of a product.
macro_rules! avx512_tile {
    ($name:ident, $features:literal, $zero:expr, $load:ident, $store:ident, $add:ident, $step:expr) => {
        /// # Safety
        /// The processor has the features; `a` has depth · 12 lanes, `b` depth · 32, `c` 384.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name(depth: usize, a: *const u32, b: *const u32, c: *mut u32) {
            unsafe {
                let mut sums = [[$zero; 2]; ROWS];
                for line in 0..2 * ROWS {
                    _mm_prefetch::<_MM_HINT_T0>(c.add(16 * line).cast());
                }
                let (mut a, mut b) = (a, b);
                for _ in 0..depth {
                    // Rows come from the second-level cache; the panel is in the first.
                    _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(AHEAD * ROWS).cast());
                    let b0 = _mm512_loadu_si512(b.cast());
                    let b1 = _mm512_loadu_si512(b.add(16).cast());
                    for row in 0..ROWS {
                        let lane = _mm512_set1_epi32(a.add(row).cast::<i32>().read_unaligned());
                        sums[row][0] = $step(sums[row][0], lane, b0);
                        sums[row][1] = $step(sums[row][1], lane, b1);
                    }
                    a = a.add(ROWS);
                    b = b.add(COLUMNS);
                }
                for (row, [left, right]) in sums.into_iter().enumerate() {
                    let c = c.add(row * COLUMNS).cast();
                    $store(c, $add(left, $load(c)));
                    $store(c.add(16), $add(right, $load(c.add(16))));
                }
            }
        }
    };
}

avx512_tile!(
    avx512_f32,
    "avx512f,avx512bw,avx512vl",
    _mm512_setzero_ps(),
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    |sum, a, b| _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum)
);
avx512_tile!(
    avx512_bf16,
    "avx512f,avx512bw,avx512vl,avx512bf16",
    _mm512_setzero_ps(),
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    |sum, a, b| _mm512_dpbf16_ps(
        sum,
        // The lanes are pairs of bf16; there is no constructor of the type.
        std::mem::transmute::<__m512i, __m512bh>(a),
        std::mem::transmute::<__m512i, __m512bh>(b)
    )
);
avx512_tile!(
    avx512_bytes,
    "avx512f,avx512bw,avx512vl,avx512vnni",
    _mm512_setzero_si512(),
    load_integers,
    store_integers,
    _mm512_add_epi32,
    |sum, a, b| _mm512_dpbusd_epi32(sum, a, b)
);

#[inline(always)]
unsafe fn load_integers(from: *const i32) -> __m512i {
    unsafe { from.cast::<__m512i>().read_unaligned() }
}

#[inline(always)]
unsafe fn store_integers(to: *mut i32, value: __m512i) {
    unsafe { to.cast::<__m512i>().write_unaligned(value) }
}
