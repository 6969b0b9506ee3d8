//! The tile kernels in AVX2 instructions.
#![allow(unsafe_code)]
// The pointers are those of `Micro::run`, which states their lengths; every access is within
// them: lanes 0…12 of each of `depth` rows, 0…32 of each panel row, 0…384 of the tile.
#![allow(clippy::undocumented_unsafe_blocks)]

use super::{COLUMNS, ROWS};
use std::arch::x86_64::*;

/// 6 × 16 tiles, since there are 16 registers of 8 lanes: 12 sums and 3 operands.
macro_rules! avx2_tile {
    ($name:ident, $features:literal, $zero:expr, $load:ident, $store:ident, $add:ident, $step:expr) => {
        /// # Safety
        /// The processor has the features; `a` has depth · 12 lanes, `b` depth · 32, `c` 384.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name(depth: usize, a: *const u32, b: *const u32, c: *mut u32) {
            const HEIGHT: usize = 6;
            const WIDTH: usize = 16;
            for (top, left) in [(0, 0), (0, WIDTH), (HEIGHT, 0), (HEIGHT, WIDTH)] {
                unsafe {
                    let c = c.add(top * COLUMNS + left);
                    let mut sums = [[$zero; 2]; HEIGHT];
                    let (mut a, mut b) = (a.add(top), b.add(left));
                    for _ in 0..depth {
                        let b0 = _mm256_loadu_si256(b.cast());
                        let b1 = _mm256_loadu_si256(b.add(8).cast());
                        for row in 0..HEIGHT {
                            let lane = _mm256_set1_epi32(a.add(row).cast::<i32>().read_unaligned());
                            sums[row][0] = $step(sums[row][0], lane, b0);
                            sums[row][1] = $step(sums[row][1], lane, b1);
                        }
                        a = a.add(ROWS);
                        b = b.add(COLUMNS);
                    }
                    for (row, [left, right]) in sums.into_iter().enumerate() {
                        let c = c.add(row * COLUMNS).cast();
                        $store(c, $add(left, $load(c)));
                        $store(c.add(8), $add(right, $load(c.add(8))));
                    }
                }
            }
        }
    };
}

avx2_tile!(
    avx2_f32,
    "avx2,fma",
    _mm256_setzero_ps(),
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    |sum, a, b| _mm256_fmadd_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), sum)
);
avx2_tile!(
    avx2_bytes,
    "avx2,fma",
    _mm256_setzero_si256(),
    load_half,
    store_half,
    _mm256_add_epi32,
    |sum, a, b| {
        // Unsigned by signed bytes, in two halves so that no 16-bit sum can overflow.
        let even = _mm256_set1_epi16(0xff);
        let (a_even, a_odd) = (_mm256_and_si256(a, even), _mm256_srli_epi16::<8>(a));
        let b_even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(b));
        let b_odd = _mm256_srai_epi16::<8>(b);
        let products =
            _mm256_add_epi32(_mm256_madd_epi16(a_even, b_even), _mm256_madd_epi16(a_odd, b_odd));
        _mm256_add_epi32(sum, products)
    }
);

avx2_tile!(
    avx2_vnni_bytes,
    "avx2,fma,avxvnni",
    _mm256_setzero_si256(),
    load_half,
    store_half,
    _mm256_add_epi32,
    |sum, a, b| _mm256_dpbusd_avx_epi32(sum, a, b)
);

#[inline(always)]
unsafe fn load_half(from: *const i32) -> __m256i {
    unsafe { from.cast::<__m256i>().read_unaligned() }
}

#[inline(always)]
unsafe fn store_half(to: *mut i32, value: __m256i) {
    unsafe { to.cast::<__m256i>().write_unaligned(value) }
}
