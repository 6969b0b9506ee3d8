//! Widening, to the very bits of the processor's kernels.

use crate::emulator::{Bytes, buffer, last, room, run, values};
use crate::numbers::{bytes, noise};
use half::bf16;
use sigmalab_cuda::calls::{self, Nested, widen_blocks, widen_e4m3};
use sigmalab_cuda::{Format, Number};
use sigmalab_kernels::float8::E4M3;
use sigmalab_kernels::ggml::{Block, Ggml, widen_ggml};
use sigmalab_kernels::nf4::{AbsMax, Nf4, widen_nf4};

/// Holds both formats of a result against f32 values: numbers by their bits, and no number where
/// none belongs.
fn assert_widened(what: &str, expected: &[f32], mut widened: impl FnMut(Number) -> Vec<u8>) {
    let found: Vec<f32> = values(&widened(Number::F32));
    let narrow: Vec<bf16> = values(&widened(Number::Bf16));
    assert_eq!((found.len(), narrow.len()), (expected.len(), expected.len()));
    for (place, expected) in expected.iter().enumerate() {
        let (found, narrow) = (found[place], narrow[place]);
        if expected.is_nan() {
            assert!(found.is_nan() && narrow.is_nan(), "{what} at {place}");
            continue;
        }
        assert_eq!(found.to_bits(), expected.to_bits(), "{what} at {place}");
        let rounded = bf16::from_f32(*expected);
        assert_eq!(narrow.to_bits(), rounded.to_bits(), "{what} in bf16 at {place}");
    }
}

fn place(number: Number, count: usize) -> Bytes {
    match number {
        Number::Bf16 => room::<bf16>(count),
        Number::F32 => room::<f32>(count),
    }
}

#[test]
fn every_code_of_e4m3_is_widened_exactly_wherever_it_stands() {
    if !crate::emulator::there_is_a_compiler() {
        return;
    }
    let every: Vec<u8> = (0..=u8::MAX).collect();
    for (codes, offset) in [(every.clone(), 0), (every, 3), (bytes(2049, 1), 5), (bytes(7, 2), 1)] {
        let expected: Vec<f32> = codes.iter().map(|code| E4M3[usize::from(*code)]).collect();
        assert_widened("e4m3", &expected, |format| {
            let out = place(format, codes.len());
            last(widen_e4m3(format, Bytes(codes.clone(), offset), out, codes.len()))
        });
    }
}

#[test]
fn every_byte_of_nf4_is_widened_exactly_with_plain_and_nested_scales() {
    if !crate::emulator::there_is_a_compiler() {
        return;
    }
    let map: [f32; 16] = noise(16, 3).try_into().unwrap();
    let nested_map: [f32; 256] = noise(256, 4).try_into().unwrap();
    // Elements, from where on, how many, of a block of how many.
    for (elements, start, count, blocksize) in [
        (512usize, 0, 512, 64usize),
        (512, 7, 300, 64),
        (513, 64, 449, 128),
        (40, 39, 1, 2),
        (96, 1, 9, 4),
    ] {
        let codes: Vec<u8> = (0..elements.div_ceil(2)).map(|i| (i * 167 + 255) as u8).collect();
        let blocks = elements.div_ceil(blocksize);
        for nested in [false, true] {
            let group = 4;
            let absmax = noise(if nested { blocks.div_ceil(group) } else { blocks }, 5);
            let absmax_bytes: Vec<u8> = absmax.iter().flat_map(|v| v.to_le_bytes()).collect();
            let nested_codes: Vec<u8> = (0..blocks).map(|i| 255 - (i * 3) as u8).collect();
            let scales = match nested {
                false => AbsMax::Plain(&absmax_bytes),
                true => AbsMax::Nested {
                    codes: &nested_codes,
                    map: &nested_map,
                    absmax: &absmax_bytes,
                    blocksize: group,
                    offset: 0.3,
                },
            };
            let weight = Nf4 { codes: &codes, map: &map, absmax: scales, blocksize };
            let mut expected = vec![f32::INFINITY; count];
            widen_nf4(weight, start..start + count, &mut expected);
            assert_widened("nf4", &expected, |format| {
                let nested = nested.then(|| Nested {
                    codes: buffer(&nested_codes),
                    map: buffer(&nested_map),
                    offset: 0.3,
                    blocksize: group,
                });
                let weight = calls::Nf4 {
                    codes: buffer(&codes),
                    map: buffer(&map),
                    absmax: buffer(&absmax),
                    nested,
                    blocksize,
                };
                last(calls::widen_nf4(format, weight, start, count, place(format, count)))
            });
        }
    }
}

const BLOCKS: [(Block, Format); 9] = [
    (Block::Q4_0, Format::Q4_0),
    (Block::Q4_1, Format::Q4_1),
    (Block::Q5_0, Format::Q5_0),
    (Block::Q5_1, Format::Q5_1),
    (Block::Q8_0, Format::Q8_0),
    (Block::Q4K, Format::Q4K),
    (Block::Q5K, Format::Q5K),
    (Block::Q6K, Format::Q6K),
    (Block::Iq4Nl, Format::Iq4Nl),
];

#[test]
fn blocks_of_every_format_are_widened_to_the_bits_of_the_processor() {
    if !crate::emulator::there_is_a_compiler() {
        return;
    }
    for (block, format) in BLOCKS {
        for (count, offset) in [(1, 0), (9, 0), (5, 2), (256, 0)] {
            let mut stored = Vec::new();
            for i in 0..count {
                // In 256 blocks every place has every byte value; scales, which are f16, are kept from
                // being no numbers.
                let bytes = (0..block.bytes()).map(|at| (at * 151 + i * 89 + 255) as u8);
                stored.extend(finite_scales(block, bytes.collect()));
            }
            let elements = count * block.values();
            let mut expected = vec![f32::INFINITY; elements];
            let weight = Ggml { block, bytes: &stored };
            widen_ggml(weight, 0..elements, &mut expected);
            assert_widened(block.name(), &expected, |number| {
                let (stored, out) = (Bytes(stored.clone(), offset), place(number, elements));
                run(widen_blocks(format, number, stored, out, elements)).swap_remove(1)
            });
        }
    }
}

/// The same block with scales that are numbers, some of them smaller than the smallest normal one.
fn finite_scales(block: Block, mut bytes: Vec<u8>) -> Vec<u8> {
    let places: &[usize] = match block {
        Block::Q4_0 | Block::Q5_0 | Block::Q8_0 | Block::Iq4Nl => &[1],
        Block::Q4_1 | Block::Q5_1 | Block::Q4K | Block::Q5K => &[1, 3],
        Block::Q6K => &[209],
    };
    for place in places {
        bytes[*place] &= 0b1011_1111;
    }
    bytes
}
