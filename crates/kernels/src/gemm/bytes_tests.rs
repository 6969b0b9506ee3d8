//! Products of bytes against the sums of their rounded numbers, and instruction sets against each
//! other.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::formats::stored::Stored;
use crate::pack::bytes::{LARGEST, VALUES, inverse};
use crate::tile::{COLUMNS, ROWS};
use proptest::prelude::*;

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 31 + seed) * 7919 % 2003) as f32 / 1000.0 - 1.0).collect()
}

fn quantised(row: &[f32]) -> (Vec<f64>, f64) {
    let peak = row.iter().fold(0f32, |peak, v| peak.max(v.abs()));
    let factor = inverse(peak / LARGEST);
    let values = row.iter().map(|v| f64::from((v * factor).round_ties_even())).collect();
    (values, f64::from(peak / LARGEST))
}

fn check(rows: usize, inputs: usize, outputs: usize) {
    let (x, w) = (numbers(rows * inputs, 1), numbers(outputs * inputs, 2));
    let (scale, bias) = (numbers(outputs, 3), numbers(outputs, 4));
    let bytes: Vec<u8> = w.iter().flat_map(|v| v.to_le_bytes()).collect();
    let values = Stored::F32(&bytes);
    let matrix = Matrix { outputs, inputs, values, scale: Some(&scale) };
    let peaks = row_peaks(&matrix);
    let mut scalar = None;
    for set in InstructionSet::available() {
        let mut out = vec![0f32; rows * outputs];
        multiply_in_bytes_with(set, &x, &[matrix], &[&peaks], Some(&bias), &mut out);
        for (i, found) in out.iter().enumerate() {
            let (x, x_step) = quantised(&x[i / outputs * inputs..][..inputs]);
            let (w, w_step) = quantised(&w[i % outputs * inputs..][..inputs]);
            let sum: f64 = x.iter().zip(&w).map(|(x, w)| x * w).sum();
            let (scale, bias) = (f64::from(scale[i % outputs]), f64::from(bias[i % outputs]));
            let exact = sum * x_step * w_step * scale + bias;
            let bound = 1e-6 * (exact.abs() + bias.abs() + 1e-3);
            // Values that lie between two bytes may be rounded either way.
            let doubt = 2.0 * LARGEST as f64 * x_step * w_step * scale.abs();
            assert!((f64::from(*found) - exact).abs() <= bound + doubt, "{set:?} {found} {exact}");
        }
        // Sums are exact, so every instruction set gives the same bits.
        assert_eq!(scalar.get_or_insert_with(|| out.clone()), &out, "{set:?}");
    }
}

#[test]
fn tiles_and_blocks_of_depth_meet_without_a_seam() {
    check(ROWS + 1, VALUES + 7, 2 * COLUMNS + 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn any_shape_gives_the_sums_of_its_rounded_numbers(
        rows in 1..30usize,
        inputs in 1..90usize,
        outputs in 1..70usize,
    ) {
        check(rows, inputs, outputs);
    }
}

#[test]
fn rows_and_weights_of_zeros_give_the_bias() {
    let bytes = vec![0u8; 4 * 3 * 8];
    let matrix = Matrix { outputs: 3, inputs: 8, values: Stored::F32(&bytes), scale: None };
    let peaks = row_peaks(&matrix);
    let mut out = vec![7f32; 30];
    multiply_in_bytes(&[0f32; 80], &[matrix], &[&peaks], Some(&[1.0, 2.0, 3.0]), &mut out);
    assert!(out.chunks(3).all(|row| row == [1.0, 2.0, 3.0]));
}
