//! Products against sums written out in f64, and every instruction set against the scalar one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::ggml::{Block, Ggml};
use crate::stored::Stored;
use half::bf16;
use proptest::prelude::*;

/// Values without a pattern that a wrong index could repeat.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

fn bf16_noise(count: usize, seed: u64) -> Vec<bf16> {
    noise(count, seed).into_iter().map(bf16::from_f32).collect()
}

fn bf16_bytes(count: usize, seed: u64) -> Vec<u8> {
    bf16_noise(count, seed).into_iter().flat_map(bf16::to_le_bytes).collect()
}

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

/// Scale, bias and parts of a product, and what it has to be.
struct Case {
    x: Vec<bf16>,
    weights: Vec<Vec<u8>>,
    outputs: Vec<usize>,
    inputs: usize,
    scale: Vec<f32>,
    bias: Vec<f32>,
}

impl Case {
    fn new(rows: usize, inputs: usize, outputs: &[usize]) -> Self {
        let total = outputs.iter().sum();
        Self {
            x: bf16_noise(rows * inputs, 1),
            weights: (2..).zip(outputs).map(|(i, n)| bf16_bytes(n * inputs, i)).collect(),
            outputs: outputs.to_vec(),
            inputs,
            scale: noise(total, 9),
            bias: noise(total, 10),
        }
    }

    fn parts(&self) -> Vec<Matrix<'_>> {
        let mut first = 0;
        let parts = self.weights.iter().zip(&self.outputs);
        parts
            .map(|(bytes, &outputs)| {
                let scale = Some(&self.scale[first..first + outputs]);
                first += outputs;
                Matrix { outputs, inputs: self.inputs, values: Stored::Bf16(bytes), scale }
            })
            .collect()
    }

    /// The sums and, for each, the sum of its terms' magnitudes.
    fn expected(&self) -> Vec<(f64, f64)> {
        let rows: Vec<Vec<f64>> = self
            .weights
            .iter()
            .flat_map(|bytes| bytes.chunks(2 * self.inputs))
            .map(|row| row.chunks(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f64()).collect())
            .collect();
        let x: Vec<f64> = self.x.iter().map(|x| x.to_f64()).collect();
        x.chunks(self.inputs)
            .flat_map(|x| {
                rows.iter().zip(self.scale.iter().zip(&self.bias)).map(move |(w, (scale, bias))| {
                    let terms = x.iter().zip(w).map(|(x, w)| x * w * f64::from(*scale));
                    let bias = f64::from(*bias);
                    (
                        terms.clone().sum::<f64>() + bias,
                        terms.map(f64::abs).sum::<f64>() + bias.abs(),
                    )
                })
            })
            .collect()
    }

    fn check(&self, what: &str, found: &[f32]) {
        let expected = self.expected();
        assert_eq!(found.len(), expected.len());
        let bound = (self.inputs + 4) as f64 * 2f64.powi(-24);
        for (i, (found, (sum, size))) in found.iter().zip(expected).enumerate() {
            let error = (f64::from(*found) - sum).abs();
            assert!(error <= size * bound, "{what}: {i}: {found} where {sum} belongs");
        }
    }
}

fn every_core_gives_the_sums(rows: usize, inputs: usize, outputs: &[usize]) {
    let case = Case::new(rows, inputs, outputs);
    let total: usize = outputs.iter().sum();
    let wide: Vec<f32> = case.x.iter().map(|x| x.to_f32()).collect();
    for precision in [Precision::F32, Precision::Bf16] {
        for core in cores(precision) {
            let mut out = vec![f32::NAN; rows * total];
            multiply_with(core, &wide, &case.parts(), Some(&case.bias), &mut out);
            case.check(&format!("{core:?} {rows}×{inputs}×{outputs:?}"), &out);
            // The same numbers in bf16, rounded once.
            let mut narrow = vec![bf16::NAN; rows * total];
            multiply_with(core, &case.x, &case.parts(), Some(&case.bias), &mut narrow);
            for (narrow, out) in narrow.iter().zip(&out) {
                assert_eq!(*narrow, bf16::from_f32(*out));
            }
        }
        let mut out = vec![f32::NAN; rows * total];
        multiply(&wide, &case.parts(), Some(&case.bias), precision, &mut out);
        case.check("chosen", &out);
    }
}

#[test]
fn tiles_panels_and_blocks_of_depth_meet_without_a_seam() {
    every_core_gives_the_sums(25, 3 * BLOCK + 7, &[33, 1, 131]);
    every_core_gives_the_sums(61, 2 * 2 * BLOCK + 31, &[4 * COLUMNS * PANELS + 5]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_shape_gives_the_written_out_sums(
        rows in 1..40usize,
        inputs in 1..300usize,
        outputs in proptest::collection::vec(1..80usize, 1..4),
    ) {
        every_core_gives_the_sums(rows, inputs, &outputs);
    }
}

#[test]
fn rows_multiplied_in_turns_give_the_same() {
    // Few inputs make the turns long: as many rows as need two.
    let inputs = 4096;
    let rows = PACKED_LANES / inputs + 30;
    let case = Case::new(1, inputs, &[3]);
    let x: Vec<bf16> = (0..rows).flat_map(|_| case.x.clone()).collect();
    let mut out = vec![0f32; rows * 3];
    let wide: Vec<f32> = x.iter().map(|x| x.to_f32()).collect();
    multiply(&wide, &case.parts(), None, Precision::F32, &mut out);
    assert!(out.chunks(3).all(|row| row == &out[..3]));
}

#[test]
fn a_product_has_the_same_bits_whatever_the_threads() {
    let case = Case::new(37, 700, &[190, 70]);
    let x: Vec<f32> = case.x.iter().map(|x| x.to_f32()).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut out = vec![0f32; 37 * 260];
        pool.install(|| multiply(&x, &case.parts(), None, Precision::F32, &mut out));
        out
    };
    assert_eq!(run(1), run(3));
    assert_eq!(run(1), run(2));
}

#[test]
fn transposing_by_registers_is_transposing() {
    use super::interleave::transpose;
    for set in InstructionSet::available() {
        for (rows, depth, step, first) in
            [(16, 64, 32, 16), (12, 35, 12, 0), (3, 16, 32, 0), (1, 5, 1, 0)]
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
        (row, rows) in (0..3usize, 1..70usize),
        (before, blocks, behind) in (0..3usize, 1..5usize, 0..2usize),
        // Spans that begin or end inside of a block are left to the general way.
        (late, early) in (prop_oneof![Just(0usize), 1..32usize], prop_oneof![Just(0usize), 1..32usize]),
        seed in any::<u64>(),
    ) {
        // Several small blocks to a span, as in use.
        let size = block.values().max(128);
        let inputs = (before + blocks + behind) * size;
        let outputs = row + rows;
        let bytes = crate::ggml::tests::weight(block, outputs * inputs / block.values(), seed);
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
                    let panels = rows.div_ceil(COLUMNS) * COLUMNS;
                    let mut out = vec![u32::MAX; panels * core.lanes(span.len())];
                    let (place, span) = ((row, rows), span.clone());
                    pack_panels(core, &matrix, place, span, &mut wide, &mut out);
                    out
                };
                prop_assert!(pack(ggml) == pack(Stored::F32(&values)), "{core:?} {block:?}");
            }
        }
    }
}

#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout)]
fn speed_of_the_innermost_loops() {
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
        let mut scratch: [crate::scratch::Scratch; 3] = Default::default();
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
    let nf4 = crate::nf4::Nf4 {
        codes: &bytes[..n * k / 2],
        map: &map,
        absmax: crate::nf4::AbsMax::Plain(&bytes[..n * k / 16]),
        blocksize: 64,
    };
    let mut wide = vec![0u32; BATCH * WIDE];
    let mut panel = crate::scratch::Scratch::default();
    let panel = panel.lanes(COLUMNS * BLOCK);
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
                    pack_panels(core, &matrix, (0, n), first..first + BLOCK, &mut wide, panel)
                });
            }
        });
        println!("pack {name}: {:.3} ns an element", seconds * 1e9 / (n * k) as f64);
        let mut row = vec![0f32; 1024];
        let seconds = best(&mut || values.widen(0..1024, &mut row));
        println!("widen {name}: {:.3} ns an element", seconds * 1e9 / 1024.0);
    }
}
