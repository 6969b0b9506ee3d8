//! Packed operands against the values they are made of: every format, lane and instruction set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::interleave::transpose;
use super::*;
use crate::formats::ggml::{Block, Ggml};
use crate::formats::nf4::{AbsMax, Nf4};
use crate::tile::Precision;
use half::{bf16, f16};
use proptest::prelude::*;

/// Every way to compute on this processor.
fn cores(precision: Precision) -> Vec<Core> {
    let lanes = match precision {
        Precision::F32 => vec![Lane::F32],
        Precision::Bf16 => vec![Lane::F32, Lane::Bf16Pair],
    };
    let sets = InstructionSet::available();
    let cores = lanes.iter().flat_map(|lane| sets.iter().map(|set| (*lane, *set)));
    cores.map(|(lane, set)| Core::new(set, lane, precision)).collect()
}

#[test]
fn transposing_by_registers_is_transposing() {
    for set in InstructionSet::available() {
        for (rows, depth, step, first) in
            [(16, 64, 32, 16), (12, 35, 12, 0), (3, 16, 32, 0), (8, 9, 8, 0), (1, 5, 1, 0)]
        {
            let stride = 70;
            let from: Vec<u32> = (0..16 * stride as u32).collect();
            let mut out = vec![u32::MAX; depth * step + first];
            transpose(set, &from, stride, rows, depth, &mut out, Strip { step, first });
            for (i, lane) in out.iter().enumerate() {
                let (place, row) = (i / step, (i % step).wrapping_sub(first));
                let inside = row < rows && place < depth;
                let expected = if inside { from[row * stride + place] } else { u32::MAX };
                assert_eq!(*lane, expected, "{set:?} {rows} {depth} {i}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn blocks_are_packed_to_the_bits_of_their_values(
        block in prop::sample::select(Block::ALL.to_vec()),
        (row, rows) in (0..3usize, 1..=COLUMNS),
        (before, blocks, behind) in (0..3usize, 1..5usize, 0..2usize),
        // Spans that begin or end inside of a block are left to the general way.
        (late, early) in (prop_oneof![Just(0usize), 1..32usize], prop_oneof![Just(0usize), 1..32usize]),
        seed in any::<u64>(),
    ) {
        // Several small blocks to a span, as in use.
        let size = block.values().max(128);
        let inputs = (before + blocks + behind) * size;
        let outputs = row + rows;
        let bytes = crate::formats::widen::tests::weight(block, outputs * inputs / block.values(), seed);
        let ggml = Stored::Ggml(Ggml { block, bytes: &bytes });
        let mut values = vec![0f32; outputs * inputs];
        ggml.widen(0..values.len(), &mut values);
        let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let span = before * size + late % size..(before + blocks) * size - early % size;
        for precision in [Precision::F32, Precision::Bf16] {
            for core in cores(precision) {
                let pack = |values| {
                    let matrix = Matrix { outputs, inputs, values, scale: None };
                    let mut wide = vec![0u32; WIDE_LANES];
                    let mut out = vec![u32::MAX; COLUMNS * core.lanes(span.len())];
                    panel(core, &matrix, (row, rows), span.clone(), &mut wide, &mut out);
                    out
                };
                prop_assert!(pack(ggml) == pack(Stored::F32(&values)), "{core:?} {block:?}");
            }
        }
    }
}

/// The bytes of `count` values in each format that is not of ggml's; all codes of fp8 but NaN.
fn stored(count: usize, seed: u64) -> [Vec<u8>; 5] {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..count).map(|_| next()).collect();
    let codes = values.iter().map(|value| (value.to_bits() >> 7) as u8);
    [
        values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes()).collect(),
        values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
        codes.clone().map(|code| if code & 0x7f == 0x7f { code ^ 1 } else { code }).collect(),
        codes.take(count / 2).collect(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_format_is_packed_to_the_bits_of_its_values(
        (row, rows) in (0..3usize, 1..=COLUMNS),
        (before, length, behind) in (0..3usize, 1..5usize, 0..2usize),
        blocksize in prop::sample::select(vec![16usize, 32, 64, 128]),
        (late, early) in (prop_oneof![Just(0usize), 1..32usize], prop_oneof![Just(0usize), 1..32usize]),
        seed in any::<u64>(),
    ) {
        let inputs = (before + length + behind) * 128;
        let outputs = row + rows;
        let [f32s, bf16s, f16s, fp8, nf4] = stored(outputs * inputs, seed);
        let map: [f32; 16] = std::array::from_fn(|i| (i as f32 - 7.3) / 9.0);
        let absmax = &f32s[..4 * outputs * inputs / blocksize];
        let nf4 = Nf4 { codes: &nf4, map: &map, absmax: AbsMax::Plain(absmax), blocksize };
        let formats = [
            Stored::F32(&f32s),
            Stored::Bf16(&bf16s),
            Stored::F16(&f16s),
            Stored::E4m3(&fp8),
            Stored::Nf4(nf4),
        ];
        let span = before * 128 + late..(before + length) * 128 - early;
        let mut wide = vec![0u32; WIDE_LANES];
        for format in formats {
            let mut values = vec![0f32; outputs * inputs];
            format.widen(0..values.len(), &mut values);
            for precision in [Precision::F32, Precision::Bf16] {
                for core in cores(precision) {
                    let matrix = Matrix { outputs, inputs, values: format, scale: None };
                    let mut out = vec![u32::MAX; COLUMNS * core.lanes(span.len())];
                    panel(core, &matrix, (row, rows), span.clone(), &mut wide, &mut out);
                    let pair = core.micro.lane() == Lane::Bf16Pair;
                    for (i, lane) in out.iter().enumerate() {
                        let (place, r) = (i / COLUMNS, i % COLUMNS);
                        let value = |at: usize| match r < rows && at < span.len() {
                            true => values[(row + r) * inputs + span.start + at],
                            false => 0.0,
                        };
                        let expected = match (pair, core.round) {
                            (true, _) => {
                                let [low, high] = [2 * place, 2 * place + 1].map(|at| rounded(value(at)));
                                low.to_bits() >> 16 | high.to_bits()
                            }
                            (false, true) => rounded(value(place)).to_bits(),
                            (false, false) => value(place).to_bits(),
                        };
                        prop_assert_eq!(*lane, expected, "{:?} {} {}", core, place, r);
                    }
                }
            }
            // Bytes: the plainest instructions give what the others have to.
            let factors: Vec<f32> = (0..rows)
                .map(|r| {
                    let row = &values[(row + r) * inputs..][..inputs];
                    bytes::inverse(row.iter().fold(0f32, |peak, v| peak.max(v.abs())) / bytes::LARGEST)
                })
                .collect();
            let mut plain = None;
            for set in InstructionSet::available() {
                let matrix = Matrix { outputs, inputs, values: format, scale: None };
                let mut out = vec![u32::MAX; COLUMNS * span.len().div_ceil(4)];
                let mut totals = [7; COLUMNS];
                let place = (row, rows);
                bytes::panel(
                    set, &matrix, place, (&factors, &mut totals), span.clone(), &mut wide, &mut out,
                );
                let found = (out, totals);
                prop_assert!(*plain.get_or_insert_with(|| found.clone()) == found, "{:?}", set);
            }
        }
    }
}

#[test]
fn every_code_of_fp8_is_packed_exactly() {
    let codes: Vec<u8> = (0..=255).collect();
    let matrix = Matrix { outputs: 4, inputs: 64, values: Stored::E4m3(&codes), scale: None };
    for core in cores(Precision::Bf16) {
        let mut wide = vec![0u32; WIDE_LANES];
        let mut out = vec![0; COLUMNS * core.lanes(64)];
        panel(core, &matrix, (0, 4), 0..64, &mut wide, &mut out);
        for (code, exact) in crate::formats::float8::E4M3.iter().enumerate() {
            let (row, at) = (code / 64, code % 64);
            let bits = match core.micro.lane() {
                Lane::Bf16Pair => out[at / 2 * COLUMNS + row] << (16 * (1 - at % 2)) & 0xffff_0000,
                _ => out[at * COLUMNS + row],
            };
            assert_eq!(bits, exact.to_bits(), "{core:?} {code:#x}");
        }
    }
}

#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout)]
fn speed_of_the_innermost_loops() {
    use crate::base::isa::vectorised;
    use crate::tile::{BLOCK, Micro, TILE};
    use std::time::Instant;
    let peak = crate::Peak::measure();
    let best = |f: &mut dyn FnMut()| {
        (0..300)
            .map(|_| {
                let t = Instant::now();
                f();
                t.elapsed().as_secs_f64()
            })
            .fold(1e9, f64::min)
    };
    for strips in [60] {
        let mut scratch: [crate::base::scratch::Scratch; 3] = Default::default();
        let [a, b, c] = &mut scratch;
        for lane in [Lane::F32, Lane::Bf16Pair, Lane::Bytes] {
            let micro = Micro::new(lane, InstructionSet::chosen());
            for depth in [128, 256, 384] {
                let a = a.lanes(strips * ROWS * depth);
                let b = b.lanes(COLUMNS * depth);
                let (c, _) = c.lanes(strips * TILE).as_chunks_mut::<TILE>();
                let seconds = best(&mut || {
                    for (a, c) in a.chunks(ROWS * depth).zip(c.iter_mut()) {
                        micro.run(a, b, c, false);
                    }
                });
                let rate = (2 * lane.elements() * strips * TILE * depth) as f64 / seconds / 1e9;
                let top = match lane {
                    Lane::F32 => peak.f32,
                    Lane::Bf16Pair => peak.bf16_pairs,
                    Lane::Bytes => peak.bytes,
                };
                println!(
                    "{lane:?} strips {strips} depth {depth}: {rate:.0}, {:.0} %",
                    100.0 * rate / top
                );
            }
        }
    }
    let (n, k) = (COLUMNS, 4608);
    let bytes = vec![0x3au8; n * k * 4];
    let map: [f32; 16] = std::array::from_fn(|i| i as f32 / 8.0 - 1.0);
    let nf4 = Nf4 {
        codes: &bytes[..n * k / 2],
        map: &map,
        absmax: AbsMax::Plain(&bytes[..n * k / 16]),
        blocksize: 64,
    };
    let mut wide = vec![0u32; WIDE_LANES];
    let mut space = crate::base::scratch::Scratch::default();
    let space = space.lanes(COLUMNS * BLOCK);
    let blocks =
        Block::ALL.map(|block| (block.name(), Stored::Ggml(Ggml { block, bytes: &bytes })));
    let plain = [
        ("f32", Stored::F32(&bytes)),
        ("bf16", Stored::Bf16(&bytes)),
        ("f16", Stored::F16(&bytes)),
        ("fp8", Stored::E4m3(&bytes)),
        ("nf4", Stored::Nf4(nf4)),
    ];
    for (name, values) in plain.into_iter().chain(blocks) {
        let matrix = Matrix { outputs: n, inputs: k, values, scale: None };
        let core = Core::chosen(Precision::Bf16);
        let seconds = best(&mut || {
            for first in (0..k).step_by(BLOCK) {
                vectorised!({
                    panel(core, &matrix, (0, n), first..first + BLOCK, &mut wide, space)
                });
            }
        });
        println!("pack {name}: {:.3} ns an element", seconds * 1e9 / (n * k) as f64);
        let mut row = vec![0f32; 1024];
        let seconds = best(&mut || values.widen(0..1024, &mut row));
        println!("widen {name}: {:.3} ns an element", seconds * 1e9 / 1024.0);
    }
}
