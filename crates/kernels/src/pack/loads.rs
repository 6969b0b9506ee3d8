//! Every stored format as a load of the packing loop, and which of them a span of rows can be
//! packed by.
#![allow(unsafe_code)]

use super::BATCH;
use super::avx512::{
    self, ByteRows, Load, Place, is_native, pack_bytes, pack_bytes_natively, pack_floats,
    pack_pairs, pack_pairs_natively, rounded,
};
use super::{Lanes, Source};
use crate::formats::avx512::blocks;
use crate::formats::avx512::{NF4, load};
use crate::formats::float8;
use crate::formats::ggml::{Block, Ggml};
use crate::formats::nf4::Nf4;
use crate::formats::stored::Stored;
use crate::formats::{BF16, E4M3, F16, F32};
use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Where rows are: the first one's first byte to pack, and bytes from row to row.
#[derive(Clone, Copy)]
struct Places {
    first: *const u8,
    stride: usize,
}

impl Places {
    #[inline(always)]
    fn row(self, row: usize) -> *const u8 {
        self.first.wrapping_add(row * self.stride)
    }
}

/// f32, bf16, f16 and fp8.
#[derive(Clone, Copy)]
struct Plain<const FORMAT: u8>(Places);

impl<const FORMAT: u8> Load for Plain<FORMAT> {
    #[inline(always)]
    unsafe fn values(self, row: usize, at: usize) -> __m512 {
        // SAFETY: the caller says that the values are there; neither table nor scale is read.
        unsafe { load::<FORMAT>(self.0.row(row), at, _mm512_setzero_ps(), std::ptr::null()) }
    }

    #[inline(always)]
    unsafe fn pairs<const NATIVE: bool>(self, row: usize, at: usize) -> __m512i {
        // SAFETY: the caller says that the values are there.
        unsafe {
            let row = self.0.row(row);
            match FORMAT {
                BF16 => _mm512_loadu_si512(row.add(2 * at).cast()),
                E4M3 => e4m3_as_bf16(_mm256_loadu_si256(row.add(at).cast())),
                _ => avx512::narrowed::<NATIVE>(
                    self.values_at(row, at),
                    self.values_at(row, at + 16),
                ),
            }
        }
    }
}

impl<const FORMAT: u8> Plain<FORMAT> {
    #[inline(always)]
    unsafe fn values_at(self, row: *const u8, at: usize) -> __m512 {
        // SAFETY: as in `values`.
        unsafe { load::<FORMAT>(row, at, _mm512_setzero_ps(), std::ptr::null()) }
    }
}

/// 32 codes of fp8 as bf16, exactly: the fields of a code are moved to their places and the exponent
/// is counted from 127 and not from 7; the few that are subnormal are looked up.
#[inline(always)]
unsafe fn e4m3_as_bf16(codes: __m256i) -> __m512i {
    // 0 and the seven subnormal magnitudes, m · 2⁻⁹.
    const SUBNORMAL: [u16; 8] = [0, 0x3b00, 0x3b80, 0x3bc0, 0x3c00, 0x3c20, 0x3c40, 0x3c60];
    // SAFETY: inlined where the processor has the instructions; the table has 128 bits.
    unsafe {
        let table = _mm512_broadcast_i32x4(_mm_loadu_si128(SUBNORMAL.as_ptr().cast()));
        let codes = _mm512_cvtepi8_epi16(codes);
        let fields = _mm512_slli_epi16::<4>(codes);
        let fields = _mm512_and_si512(fields, _mm512_set1_epi16(0x87f0u16 as i16));
        let values = _mm512_add_epi16(fields, _mm512_set1_epi16(120 << 7));
        let subnormal = _mm512_testn_epi16_mask(codes, _mm512_set1_epi16(0x78));
        let sign = _mm512_and_si512(codes, _mm512_set1_epi16(i16::MIN));
        // Only the sign and the low three bits are set where codes are subnormal.
        let low = _mm512_and_si512(codes, _mm512_set1_epi16(7));
        let small = _mm512_or_si512(_mm512_permutexvar_epi16(low, table), sign);
        let values = _mm512_mask_mov_epi16(values, subnormal, small);
        let highest = _mm512_set1_epi16(0x7f0);
        let nan = _mm512_cmpeq_epi16_mask(_mm512_and_si512(fields, highest), highest);
        let quiet = _mm512_or_si512(sign, _mm512_set1_epi16(0x7fc0));
        _mm512_mask_mov_epi16(values, nan, quiet)
    }
}

/// fp8 as bytes: what every magnitude becomes, for each row.
#[derive(Clone, Copy)]
struct E4m3Bytes {
    codes: Plain<E4M3>,
    tables: *const [u8; 128],
}

impl Load for E4m3Bytes {
    #[inline(always)]
    unsafe fn values(self, row: usize, at: usize) -> __m512 {
        // SAFETY: as the caller says.
        unsafe { self.codes.values(row, at) }
    }

    #[inline(always)]
    unsafe fn bytes(self, row: usize, at: usize, _: f32) -> __m512i {
        // SAFETY: the codes are there; there is a table of 128 bytes for each row.
        unsafe {
            let codes = _mm512_loadu_si512(self.codes.0.row(row).add(at).cast());
            let table = self.tables.add(row).cast::<__m512i>();
            let (low, high) = (table.read_unaligned(), table.add(1).read_unaligned());
            let bytes = _mm512_permutex2var_epi8(low, codes, high);
            _mm512_mask_sub_epi8(bytes, _mm512_movepi8_mask(codes), _mm512_setzero_si512(), bytes)
        }
    }
}

/// The bytes that magnitudes 0…128 of fp8 become.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn e4m3_bytes(factor: f32, table: &mut MaybeUninit<[u8; 128]>) {
    let out = table.as_mut_ptr().cast::<__m128i>();
    for (i, values) in float8::E4M3.as_chunks::<16>().0.iter().take(8).enumerate() {
        // SAFETY: 16 values are read, and the i-th 16 of 128 bytes written.
        unsafe {
            let values = _mm512_mul_ps(_mm512_loadu_ps(values.as_ptr()), _mm512_set1_ps(factor));
            out.add(i).write_unaligned(_mm512_cvtepi32_epi8(_mm512_cvtps_epi32(values)));
        }
    }
}

/// 4-bit codes; scales stand by row and block.
#[derive(Clone, Copy)]
struct Nf4Rows {
    codes: Places,
    map: *const f32,
    scales: *const f32,
    /// Blocks of a row.
    blocks: usize,
    /// log₂ of a block's values.
    shift: u32,
}

impl Nf4Rows {
    #[inline(always)]
    fn block(self, row: usize, at: usize) -> usize {
        row * self.blocks + (at >> self.shift)
    }
}

impl Load for Nf4Rows {
    #[inline(always)]
    unsafe fn values(self, row: usize, at: usize) -> __m512 {
        // SAFETY: the map has 16 values, and every block of a row its scale.
        unsafe {
            let scale = self.scales.add(self.block(row, at));
            load::<NF4>(self.codes.row(row), at, _mm512_loadu_ps(self.map), scale)
        }
    }
}

/// 4-bit codes by way of a table for each block: of 16 bf16, or of 16 bytes.
#[derive(Clone, Copy)]
struct Nf4Tables<T> {
    rows: Nf4Rows,
    tables: *const [T; 16],
}

impl Load for Nf4Tables<u16> {
    #[inline(always)]
    unsafe fn values(self, row: usize, at: usize) -> __m512 {
        // SAFETY: as the caller says.
        unsafe { self.rows.values(row, at) }
    }

    #[inline(always)]
    unsafe fn pairs<const NATIVE: bool>(self, row: usize, at: usize) -> __m512i {
        // SAFETY: 16 bytes hold the 32 codes, and there is a table for each block.
        unsafe {
            let table = self.tables.add(self.rows.block(row, at)).cast::<__m256i>();
            // Twice, since the lowest bit of a byte's first code is above its second.
            let table = _mm512_broadcast_i64x4(table.read_unaligned());
            let codes = _mm_loadu_si128(self.rows.codes.row(row).add(at / 2).cast());
            let bytes = _mm512_cvtepu8_epi32(codes);
            let first = _mm512_srli_epi32::<4>(bytes);
            let index = _mm512_or_si512(first, _mm512_slli_epi32::<16>(bytes));
            _mm512_permutexvar_epi16(index, table)
        }
    }
}

impl Load for Nf4Tables<u8> {
    #[inline(always)]
    unsafe fn values(self, row: usize, at: usize) -> __m512 {
        // SAFETY: as the caller says.
        unsafe { self.rows.values(row, at) }
    }

    #[inline(always)]
    unsafe fn bytes(self, row: usize, at: usize, _: f32) -> __m512i {
        // SAFETY: 32 bytes hold the 64 codes, and there is a table for each block.
        unsafe {
            let table = self.tables.add(self.rows.block(row, at)).cast::<__m128i>();
            let table = _mm512_broadcast_i32x4(table.read_unaligned());
            let codes = _mm256_loadu_si256(self.rows.codes.row(row).add(at / 2).cast());
            let bytes = _mm512_cvtepu8_epi16(codes);
            let index =
                _mm512_or_si512(_mm512_srli_epi16::<4>(bytes), _mm512_slli_epi16::<8>(bytes));
            _mm512_shuffle_epi8(table, _mm512_and_si512(index, _mm512_set1_epi8(15)))
        }
    }
}

/// What the codes of a block stand for, rounded to bf16.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn nf4_bf16(map: &[f32; 16], scale: f32, table: &mut MaybeUninit<[u16; 16]>) {
    // SAFETY: 16 values are read and written.
    unsafe {
        let values = _mm512_mul_ps(_mm512_loadu_ps(map.as_ptr()), _mm512_set1_ps(scale));
        let halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded(values)));
        table.as_mut_ptr().cast::<__m256i>().write_unaligned(halves);
    }
}

/// The bytes that the codes of a block become.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn nf4_bytes(map: &[f32; 16], scale: f32, factor: f32, table: &mut MaybeUninit<[u8; 16]>) {
    // SAFETY: 16 values are read and written.
    unsafe {
        let values = _mm512_mul_ps(_mm512_loadu_ps(map.as_ptr()), _mm512_set1_ps(scale));
        let values = _mm512_cvtps_epi32(_mm512_mul_ps(values, _mm512_set1_ps(factor)));
        table.as_mut_ptr().cast::<__m128i>().write_unaligned(_mm512_cvtepi32_epi8(values));
    }
}

/// Values of a row that are packed at a time, where scales stand apart.
const MOST: usize = 1024;
/// Blocks of nf4 at a time.
const NF4_BLOCKS: usize = 1024;

/// ggml's blocks; scales and minima stand by row and group.
#[derive(Clone, Copy)]
struct Blocks<const FORMAT: u8> {
    places: Places,
    scales: *const f32,
    minima: *const f32,
    /// Groups of a row.
    groups: usize,
}

impl<const FORMAT: u8> Load for Blocks<FORMAT> {
    #[inline(always)]
    unsafe fn values(self, row: usize, at: usize) -> __m512 {
        let block = blocks::block(FORMAT);
        let from = self.places.row(row).wrapping_add(at / block.values() * block.bytes());
        let group = row * self.groups + at / block.group();
        let minimum = if blocks::has_minimum(FORMAT) { group } else { 0 };
        // SAFETY: the block is there, and every group has its scale and, where it has one, its minimum.
        unsafe {
            let (scale, minimum) = (self.scales.add(group), self.minima.add(minimum));
            blocks::values::<FORMAT>(from, at % block.values(), scale, minimum)
        }
    }
}

/// Packs rows of blocks, whose scales are widened first.
///
/// # Safety
/// The processor has the features; `places` has `place.rows` rows of `place.count` values, whole
/// blocks and at most [`MOST`], and their lanes can be written.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,f16c")]
unsafe fn pack_blocks<const FORMAT: u8>(places: Places, place: Place, lanes: Lanes<'_>) {
    let block = blocks::block(FORMAT);
    // Of every row as many as its values have groups: of 16, or of 32 where there are minima.
    let mut scales = [MaybeUninit::<f32>::uninit(); BATCH * MOST / 16];
    let mut minima = [MaybeUninit::<f32>::uninit(); BATCH * MOST / 32];
    let (scales, minima) = (scales.as_mut_ptr().cast::<f32>(), minima.as_mut_ptr().cast::<f32>());
    let in_row = place.count / block.group();
    let in_block = block.values() / block.group();
    // SAFETY: rows and blocks are below those that the caller guarantees; groups are counted by row and
    // block in arrays that have the most of both, and every group that is read was written before.
    unsafe {
        for row in 0..place.rows {
            for number in 0..place.count / block.values() {
                let group = row * in_row + number * in_block;
                let from = places.row(row).add(number * block.bytes());
                // Without minima nothing is written to them, nor are they long enough.
                let minimum = if blocks::has_minimum(FORMAT) { minima.add(group) } else { minima };
                blocks::groups::<FORMAT>(from, scales.add(group), minimum);
            }
        }
        run(Blocks::<FORMAT> { places, scales, minima, groups: in_row }, place, lanes);
    }
}

/// Packs what `load` loads.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL and DQ; rows have the values, and all lanes can be written.
unsafe fn run<L: Load>(load: L, place: Place, lanes: Lanes<'_>) {
    let split = matches!(lanes, Lanes::Rounded);
    // SAFETY: as stated above, and native ways are taken where the processor has them.
    unsafe {
        match lanes {
            Lanes::Floats => pack_floats(load, place),
            Lanes::Rounded | Lanes::Pairs if is_native() => pack_pairs_natively(load, place, split),
            Lanes::Rounded | Lanes::Pairs => pack_pairs(load, place, split),
            Lanes::Bytes { factors, unsigned, totals } => {
                let mut bytes = ByteRows { factors: [0.0; BATCH], unsigned, totals: [0; BATCH] };
                bytes.factors[..place.rows].copy_from_slice(&factors[..place.rows]);
                if is_native() {
                    pack_bytes_natively(load, place, &mut bytes);
                } else {
                    pack_bytes(load, place, &mut bytes);
                }
                for (total, sum) in totals.iter_mut().zip(bytes.totals).take(place.rows) {
                    *total = total.wrapping_add(sum);
                }
            }
        }
    }
}

/// As [`super::in_registers`], on a processor with AVX-512.
pub(super) fn pack(
    from: Source<'_>,
    span: Range<usize>,
    lanes: Lanes<'_>,
    out: &mut [u32],
    step: usize,
) -> bool {
    let Source { stored, inputs, row, rows } = from;
    let (width, elements) = match lanes {
        Lanes::Floats => (16, 1),
        Lanes::Rounded => (32, 1),
        Lanes::Pairs => (32, 2),
        Lanes::Bytes { .. } => (64, 4),
    };
    let count = span.len();
    let whole = count > 0 && count.is_multiple_of(width) && (1..=BATCH).contains(&rows);
    if !whole || span.end > inputs {
        return false;
    }
    assert!(out.len() >= (count / elements - 1) * step + rows);
    if let Lanes::Bytes { factors, totals, .. } = &lanes {
        assert!(factors.len() >= rows && totals.len() >= rows);
    }
    let place = Place { rows, count, out: out.as_mut_ptr(), step };
    // Rows of one format, `bits` for each value.
    let start = row * inputs + span.start;
    let places = |bytes: &[u8], bits: usize| {
        let (first, stride) = (start * bits / 8, inputs * bits / 8);
        assert!(bytes.len() >= first + (rows - 1) * stride + count * bits / 8);
        Places { first: bytes[first..].as_ptr(), stride }
    };
    // SAFETY: the set is one that the processor has. Rows, their bytes and the lanes written
    // are within the lengths asserted above.
    unsafe {
        match stored {
            Stored::F32(bytes) => run(Plain::<F32>(places(bytes, 32)), place, lanes),
            Stored::Bf16(bytes) => run(Plain::<BF16>(places(bytes, 16)), place, lanes),
            Stored::F16(bytes) => run(Plain::<F16>(places(bytes, 16)), place, lanes),
            Stored::E4m3(bytes) => {
                let codes = Plain::<E4M3>(places(bytes, 8));
                match &lanes {
                    Lanes::Bytes { factors, .. } if is_native() => {
                        let mut tables = [MaybeUninit::<[u8; 128]>::uninit(); BATCH];
                        for (table, factor) in tables.iter_mut().zip(*factors).take(rows) {
                            e4m3_bytes(*factor, table);
                        }
                        run(E4m3Bytes { codes, tables: tables.as_ptr().cast() }, place, lanes);
                    }
                    _ => run(codes, place, lanes),
                }
            }
            Stored::Nf4(nf4) => {
                let codes = places(nf4.codes, 4);
                return pack_nf4(nf4, from, span, codes, place, lanes);
            }
            Stored::Ggml(ggml) => return blocks_of(ggml, from, span, place, lanes),
        }
    }
    true
}

/// The same for 4-bit codes, whose bytes and lanes are there.
///
/// # Safety
/// As [`run`].
unsafe fn pack_nf4(
    nf4: Nf4<'_>,
    from: Source<'_>,
    span: Range<usize>,
    codes: Places,
    place: Place,
    lanes: Lanes<'_>,
) -> bool {
    let Source { inputs, row, rows, .. } = from;
    let size = nf4.blocksize;
    let blocks = span.len().div_ceil(size.max(1));
    // Every row of the span has to begin a block, and a byte.
    let aligned = size.is_power_of_two()
        && size >= 16
        && inputs.is_multiple_of(size)
        && span.start.is_multiple_of(size)
        && blocks * rows <= NF4_BLOCKS;
    if !aligned {
        return false;
    }
    let mut scales = [0f32; NF4_BLOCKS];
    for (r, scales) in scales.chunks_mut(blocks).enumerate().take(rows) {
        nf4.absmax.run(((row + r) * inputs + span.start) / size, scales);
    }
    let (map, shift) = (nf4.map.as_ptr(), size.trailing_zeros());
    let loads = Nf4Rows { codes, map, scales: scales.as_ptr(), blocks, shift };
    // SAFETY: as stated above; there are tables for `blocks` blocks of each row, at most NF4_BLOCKS.
    unsafe {
        match &lanes {
            Lanes::Rounded | Lanes::Pairs if size >= 32 => {
                let mut tables = [MaybeUninit::<[u16; 16]>::uninit(); NF4_BLOCKS];
                for (table, scale) in tables.iter_mut().zip(scales).take(blocks * rows) {
                    nf4_bf16(nf4.map, scale, table);
                }
                let tables = tables.as_ptr().cast::<[u16; 16]>();
                run(Nf4Tables { rows: loads, tables }, place, lanes);
            }
            Lanes::Bytes { factors, .. } if size >= 64 => {
                let mut tables = [MaybeUninit::<[u8; 16]>::uninit(); NF4_BLOCKS];
                let each = tables.iter_mut().zip(scales).take(blocks * rows);
                for (i, (table, scale)) in each.enumerate() {
                    nf4_bytes(nf4.map, scale, factors[i / blocks], table);
                }
                let tables = tables.as_ptr().cast::<[u8; 16]>();
                run(Nf4Tables { rows: loads, tables }, place, lanes);
            }
            _ => run(loads, place, lanes),
        }
    }
    true
}

/// The same for blocks.
///
/// # Safety
/// As [`run`], but for the blocks, which are looked for.
unsafe fn blocks_of(
    ggml: Ggml<'_>,
    from: Source<'_>,
    span: Range<usize>,
    place: Place,
    lanes: Lanes<'_>,
) -> bool {
    let Source { inputs, row, rows, .. } = from;
    let Ggml { block, bytes } = ggml;
    let (Some(before), Some(stride), Some(length)) =
        (block.bytes_of(span.start), block.bytes_of(inputs), block.bytes_of(span.len()))
    else {
        return false;
    };
    if span.len() > MOST {
        return false;
    }
    let first = row * stride + before;
    assert!(bytes.len() >= first + (rows - 1) * stride + length);
    let places = Places { first: bytes[first..].as_ptr(), stride };
    macro_rules! pack {
        ($format:ident) => {
            pack_blocks::<{ blocks::$format }>(places, place, lanes)
        };
    }
    // SAFETY: as stated above; the blocks are within the length just asserted.
    unsafe {
        match block {
            Block::Q4_0 => pack!(Q4_0),
            Block::Q4_1 => pack!(Q4_1),
            Block::Q5_0 => pack!(Q5_0),
            Block::Q5_1 => pack!(Q5_1),
            Block::Q8_0 => pack!(Q8_0),
            Block::Q4K => pack!(Q4_K),
            Block::Q5K => pack!(Q5_K),
            Block::Q6K => pack!(Q6_K),
            Block::Iq4Nl => pack!(IQ4_NL),
        }
    }
    true
}
