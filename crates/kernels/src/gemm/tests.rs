//! Products against sums written out in f64, and every instruction set against the scalar one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::plan::{PACKED_LANES, PANELS};
use super::*;
use crate::formats::stored::Stored;
use crate::tile::{BLOCK, COLUMNS, Lane};
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
        let [gate, up] = case.parts()[..] else { panic!() };
        let gate = Matrix { outputs: 70, ..gate };
        let mut gated = vec![0f32; 37 * 70];
        pool.install(|| multiply_gated(&x, [gate, up], None, Precision::F32, &mut gated));
        let peaks = [row_peaks(&gate), row_peaks(&up)];
        let mut bytes = vec![0f32; 37 * 140];
        let peaks = [&peaks[0][..], &peaks[1][..]];
        pool.install(|| multiply_in_bytes(&x, &[gate, up], &peaks, None, &mut bytes));
        [out, gated, bytes]
    };
    assert_eq!(run(1), run(3));
    assert_eq!(run(1), run(2));
}

#[test]
fn products_of_both_weights_are_gated_to_the_same_bits() {
    for (rows, inputs, outputs) in [(5, 96, 32), (61, 3 * BLOCK + 7, 131), (3, 70, 45)] {
        let case = Case::new(rows, inputs, &[outputs, outputs]);
        let [gate, up] = case.parts()[..] else { panic!() };
        let peaks = [row_peaks(&gate), row_peaks(&up)];
        for core in cores(Precision::Bf16) {
            for in_bytes in [false, true] {
                let mut apart = [vec![bf16::NAN; rows * outputs], vec![bf16::NAN; rows * outputs]];
                for (out, (part, peaks)) in apart.iter_mut().zip([gate, up].into_iter().zip(&peaks))
                {
                    if in_bytes {
                        multiply_in_bytes_with(core.set, &case.x, &[part], &[peaks], None, out);
                    } else {
                        multiply_with(core, &case.x, &[part], None, out);
                    }
                }
                let [mut expected, up_values] = apart;
                swiglu_in_place(&mut expected, &up_values);
                let peaks = in_bytes.then_some([&peaks[0][..], &peaks[1][..]]);
                let mut out = vec![bf16::NAN; rows * outputs];
                multiply_gated_with(core, &case.x, [gate, up], peaks, &mut out);
                assert_eq!(out, expected, "{core:?} {in_bytes}");
            }
        }
        // A handful of rows goes another way, which takes the weights one after the other too.
        let few = 3 * inputs;
        let [mut gated, mut apart, mut ups] = [(); 3].map(|()| vec![0f32; 3 * outputs]);
        let x: Vec<f32> = case.x[..few].iter().map(|x| x.to_f32()).collect();
        multiply_gated(&x, [gate, up], None, Precision::F32, &mut gated);
        multiply(&x, &[gate], None, Precision::F32, &mut apart);
        multiply(&x, &[up], None, Precision::F32, &mut ups);
        swiglu_in_place(&mut apart, &ups);
        assert_eq!(gated, apart);
    }
}
