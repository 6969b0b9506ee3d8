//! bitsandbytes' 4-bit codes to f32: `w = map[code] · absmax[block]`, two codes a byte, the
//! first in the high nibble, blocks running over the matrix as one long row. The product is
//! rounded to f32 once, as bitsandbytes rounds it.

use crate::base::isa::InstructionSet;
use rayon::prelude::*;
use std::ops::Range;

/// The scale of each block, as it is stored.
#[derive(Debug, Clone, Copy)]
pub enum AbsMax<'a> {
    /// One little-endian f32 a block.
    Plain(&'a [u8]),
    /// Quantised a second time: `map[code] · absmax[block / blocksize] + offset`.
    Nested {
        /// One code a block.
        codes: &'a [u8],
        /// The value of every code.
        map: &'a [f32; 256],
        /// One little-endian f32 for every `blocksize` codes.
        absmax: &'a [u8],
        /// Codes that share one scale; not 0.
        blocksize: usize,
        /// The mean that was taken off before quantising.
        offset: f32,
    },
}

impl AbsMax<'_> {
    /// The scale of a block; 0 past the end.
    pub fn of(&self, block: usize) -> f32 {
        match *self {
            Self::Plain(values) => read_f32(values, block),
            Self::Nested { codes, map, absmax, blocksize, offset } => {
                let code = codes.get(block).copied().unwrap_or_default();
                let scale = read_f32(absmax, block / blocksize.max(1));
                map[usize::from(code)] * scale + offset
            }
        }
    }

    /// The scales of the blocks from `first` on.
    pub(crate) fn run(&self, first: usize, scales: &mut [f32]) {
        match *self {
            Self::Plain(_) => {
                for (block, scale) in scales.iter_mut().enumerate() {
                    *scale = self.of(first + block);
                }
            }
            Self::Nested { codes, map, absmax, blocksize, offset } => {
                let blocksize = blocksize.max(1);
                let (mut group, mut within) = (first / blocksize, first % blocksize);
                let mut shared = read_f32(absmax, group);
                for (block, scale) in scales.iter_mut().enumerate() {
                    let code = codes.get(first + block).copied().unwrap_or_default();
                    *scale = map[usize::from(code)] * shared + offset;
                    within += 1;
                    if within == blocksize {
                        (group, within) = (group + 1, 0);
                        shared = read_f32(absmax, group);
                    }
                }
            }
        }
    }
}

fn read_f32(bytes: &[u8], index: usize) -> f32 {
    let (values, _) = bytes.as_chunks::<4>();
    values.get(index).map_or(0.0, |value| f32::from_le_bytes(*value))
}

/// A matrix in blocks of 4-bit codes.
#[derive(Debug, Clone, Copy)]
pub struct Nf4<'a> {
    /// Two codes a byte.
    pub codes: &'a [u8],
    /// The value of every code, −1 to 1.
    pub map: &'a [f32; 16],
    /// The scale of every block.
    pub absmax: AbsMax<'a>,
    /// Elements a block; not 0.
    pub blocksize: usize,
}

/// Widens the elements `elements` (counted over the whole matrix) into `out`, which has as many.
pub fn widen_nf4(weight: Nf4<'_>, elements: Range<usize>, out: &mut [f32]) {
    let blocksize = weight.blocksize.max(1);
    let grain = crate::base::GRAIN.next_multiple_of(blocksize);
    // The first task ends at a block's border, so that all others start at one.
    let lead = (elements.start.next_multiple_of(blocksize) - elements.start).min(out.len());
    let (head, tail) = out.split_at_mut(lead);
    widen_span(weight, elements.start, head);
    tail.par_chunks_mut(grain).enumerate().for_each(|(task, out)| {
        widen_span(weight, elements.start + lead + task * grain, out);
    });
}

/// As [`widen_nf4`], on this thread, from element `start` on.
#[inline(always)]
pub(crate) fn read_nf4(weight: Nf4<'_>, start: usize, out: &mut [f32]) {
    widen_span(weight, start, out);
}

fn widen_span(weight: Nf4<'_>, start: usize, out: &mut [f32]) {
    let blocksize = weight.blocksize.max(1);
    let mut element = start;
    let mut out = out;
    while !out.is_empty() {
        let block = element / blocksize;
        let count = ((block + 1) * blocksize - element).min(out.len());
        let (values, rest) = out.split_at_mut(count);
        widen_block(weight, element, weight.absmax.of(block), values);
        element += count;
        out = rest;
    }
}

/// Elements of one block, from `start`, whose scale is `absmax`.
fn widen_block(weight: Nf4<'_>, start: usize, absmax: f32, out: &mut [f32]) {
    let scaled: [f32; 16] = weight.map.map(|value| value * absmax);
    // A block that starts inside a byte takes that byte's low nibble first.
    let (odd, even) = out.split_at_mut((start % 2).min(out.len()));
    let codes = weight.codes.get(start / 2..).unwrap_or_default();
    if let (Some(out), Some(byte)) = (odd.first_mut(), codes.first()) {
        *out = scaled[usize::from(byte & 0xf)];
    }
    let codes = codes.get(odd.len()..).unwrap_or_default();
    let (even, codes) = look_up(&scaled, codes, even);
    for (out, byte) in even.chunks_mut(2).zip(codes) {
        for (out, code) in out.iter_mut().zip([byte >> 4, byte & 0xf]) {
            *out = scaled[usize::from(code)];
        }
    }
}

/// Looks up as many codes as fill whole registers; gives what is left.
#[inline(always)]
fn look_up<'o, 'c>(
    scaled: &[f32; 16],
    codes: &'c [u8],
    out: &'o mut [f32],
) -> (&'o mut [f32], &'c [u8]) {
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::chosen() == InstructionSet::Avx512 {
        let count = (out.len() / 32).min(codes.len() / 16);
        let (now, later) = out.split_at_mut(count * 32);
        let (codes, rest) = codes.split_at(count * 16);
        // SAFETY: the set is one that the processor has; lengths are 16 bytes and 32 values
        // for each of `count`.
        #[allow(unsafe_code)]
        unsafe {
            look_up_avx512(scaled, codes, now);
        }
        return (later, rest);
    }
    (out, codes)
}

/// # Safety
/// The processor has AVX-512 F, BW and VL.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
#[allow(unsafe_code)]
unsafe fn look_up_avx512(scaled: &[f32; 16], codes: &[u8], out: &mut [f32]) {
    use std::arch::x86_64::*;
    // SAFETY: 16 values are read from the table; `as_chunks` gives 16 bytes and 32 values.
    unsafe {
        let table = _mm512_loadu_ps(scaled.as_ptr());
        let low = _mm_set1_epi8(0xf);
        for (codes, out) in codes.as_chunks::<16>().0.iter().zip(out.as_chunks_mut::<32>().0) {
            let bytes = _mm_loadu_si128(codes.as_ptr().cast());
            let second = _mm_and_si128(bytes, low);
            let first = _mm_and_si128(_mm_srli_epi16::<4>(bytes), low);
            let left = _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(first, second));
            let right = _mm512_cvtepu8_epi32(_mm_unpackhi_epi8(first, second));
            _mm512_storeu_ps(out.as_mut_ptr(), _mm512_permutexvar_ps(left, table));
            _mm512_storeu_ps(out.as_mut_ptr().add(16), _mm512_permutexvar_ps(right, table));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    /// Values in no order and all different, so that a wrong code shows.
    const MAP: [f32; 16] = [
        -1.0, -0.7, -0.53, -0.39, -0.28, -0.18, -0.09, 0.0, 0.08, 0.16, 0.25, 0.34, 0.44, 0.56,
        0.72, 1.0,
    ];

    fn f32_bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// One element, by the definition.
    fn element(weight: Nf4<'_>, index: usize) -> f32 {
        let byte = weight.codes[index / 2];
        let code = if index.is_multiple_of(2) { byte >> 4 } else { byte & 0xf };
        weight.map[usize::from(code)] * weight.absmax.of(index / weight.blocksize)
    }

    #[test]
    fn the_high_nibble_comes_first_and_every_code_has_its_value() {
        let codes: Vec<u8> = (0..8).map(|pair| (2 * pair) << 4 | (2 * pair + 1)).collect();
        let absmax = f32_bytes(&[2.0]);
        let absmax = AbsMax::Plain(&absmax);
        let weight = Nf4 { codes: &codes, map: &MAP, absmax, blocksize: 16 };
        let mut out = [0.0; 16];
        widen_nf4(weight, 0..16, &mut out);
        assert_eq!(out, MAP.map(|value| value * 2.0));
    }

    #[test]
    fn nested_scales_are_code_times_scale_plus_offset() {
        let map: [f32; 256] = std::array::from_fn(|code| code as f32 / 255.0);
        let absmax = f32_bytes(&[10.0, 100.0]);
        let codes = [0, 255, 51, 255, 0];
        let scales =
            AbsMax::Nested { codes: &codes, map: &map, absmax: &absmax, blocksize: 3, offset: 0.5 };
        let found: Vec<f32> = (0..5).map(|block| scales.of(block)).collect();
        assert_eq!(found, [0.5, 10.5, 2.5, 100.5, 0.5]);
        for first in 0..7 {
            let mut run = [f32::NAN; 4];
            scales.run(first, &mut run);
            assert_eq!(run, std::array::from_fn(|block| scales.of(first + block)));
        }
    }

    proptest! {
        #[test]
        fn any_span_is_widened_as_by_the_definition(
            codes in proptest::collection::vec(any::<u8>(), 1..400),
            blocksize in prop_oneof![Just(2usize), Just(16), Just(64), Just(128)],
            (start, end) in (0.0..1.0f64, 0.0..1.0f64),
        ) {
            let elements = codes.len() * 2;
            let at = |fraction: f64| (fraction * elements as f64) as usize;
            let span = at(start.min(end))..at(start.max(end));
            let scales: Vec<f32> =
                (0..elements.div_ceil(blocksize)).map(|block| 0.1 + block as f32).collect();
            let scales = f32_bytes(&scales);
            let absmax = AbsMax::Plain(&scales);
            let weight = Nf4 { codes: &codes, map: &MAP, absmax, blocksize };
            let mut out = vec![f32::NAN; span.len()];
            widen_nf4(weight, span.clone(), &mut out);
            let expected: Vec<f32> = span.map(|index| element(weight, index)).collect();
            prop_assert_eq!(out, expected);
        }
    }

    #[test]
    fn tasks_of_many_threads_join_without_a_seam() {
        let elements = 5 * crate::base::GRAIN + 77;
        let codes: Vec<u8> = (0..elements.div_ceil(2)).map(|i| (i * 37 % 251) as u8).collect();
        let scales: Vec<f32> = (0..elements.div_ceil(64)).map(|block| 1.0 + block as f32).collect();
        let scales = f32_bytes(&scales);
        let absmax = AbsMax::Plain(&scales);
        let weight = Nf4 { codes: &codes, map: &MAP, absmax, blocksize: 64 };
        for start in [0, 1, 63, 64, 65] {
            let mut out = vec![f32::NAN; elements - start];
            widen_nf4(weight, start..elements, &mut out);
            for (offset, value) in out.iter().enumerate() {
                assert_eq!(*value, element(weight, start + offset), "from {start}, {offset}");
            }
        }
    }
}
