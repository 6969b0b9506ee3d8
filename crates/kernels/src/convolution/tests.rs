#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 31 + seed) * 7919 % 2003) as f32 / 1000.0 - 1.0).collect()
}

fn check(
    (inputs, outputs, kernel): (usize, usize, usize),
    (height, width): (usize, usize),
    doubled: bool,
    normalised: bool,
    add: bool,
) {
    let weight = numbers(outputs * inputs * kernel * kernel, 1);
    let bias = numbers(outputs, 2);
    let values = numbers(inputs * height * width, 3);
    let affine: Vec<(f32, f32)> = (0..inputs).map(|c| (1.0 + c as f32 * 0.1, 0.3)).collect();
    let double = if doubled { 2 } else { 1 };
    let (tall, wide) = (height * double, width * double);
    let at = |channel: usize, y: isize, x: isize| -> f64 {
        if !(0..tall as isize).contains(&y) || !(0..wide as isize).contains(&x) {
            return 0.0;
        }
        let (y, x) = (y as usize / double, x as usize / double);
        let value = f64::from(values[(channel * height + y) * width + x]);
        if !normalised {
            return value;
        }
        let y = value * f64::from(affine[channel].0) + f64::from(affine[channel].1);
        y / (1.0 + (-y).exp())
    };
    let before = Before { doubled, normalised: normalised.then_some(&affine[..]) };
    let convolution = Convolution::new(&weight, &bias, inputs, kernel).unwrap();
    let mut out = vec![0.25; outputs * tall * wide];
    convolution.apply(Image { values: &values, height, width }, before, add, &mut out);
    let half = (kernel / 2) as isize;
    for (i, found) in out.iter().enumerate() {
        let (o, y, x) = (i / (tall * wide), i / wide % tall, i % wide);
        let mut sum = f64::from(bias[o]) + if add { 0.25 } else { 0.0 };
        for c in 0..inputs {
            for ky in 0..kernel {
                for kx in 0..kernel {
                    let w = weight[((o * inputs + c) * kernel + ky) * kernel + kx];
                    let (y, x) = (y as isize + ky as isize, x as isize + kx as isize);
                    sum += f64::from(w) * at(c, y - half, x - half);
                }
            }
        }
        assert!((f64::from(*found) - sum).abs() < 2e-4, "at {i}: {found}, not {sum}");
    }
}

#[test]
fn windows_and_blocks_of_depth_meet_without_a_seam() {
    check((3, 14, 3), (2 * LINES + 1, PIXELS + COLUMNS + 3), false, false, false);
    check((BLOCK / 9 + 5, 5, 3), (LINES + 1, 40), false, true, true);
    check((2, 3, 5), (3, PIXELS / 2 + 1), true, true, false);
}

/// Results in the image's memory, in bands of `lines` rows, against results apart from it.
fn check_in_place(
    inputs: usize,
    convolutions: &[(usize, usize, bool)],
    (height, width): (usize, usize),
    doubled: bool,
    lines: usize,
) {
    let affine: Vec<(f32, f32)> = (0..inputs).map(|c| (1.0 + c as f32 * 0.1, 0.3)).collect();
    let built: Vec<Convolution> = convolutions
        .iter()
        .map(|(outputs, kernel, _)| {
            let weight = numbers(outputs * inputs * kernel * kernel, *outputs);
            Convolution::new(&weight, &numbers(*outputs, 2), inputs, *kernel).unwrap()
        })
        .collect();
    let normalised: Vec<_> =
        convolutions.iter().map(|(.., normalised)| normalised.then_some(&affine[..])).collect();
    let values = numbers(inputs * height * width, 3);
    let (small, plane) = (height * width, height * width * if doubled { 4 } else { 1 });

    let mut expected = Vec::new();
    for (convolution, normalised) in built.iter().zip(&normalised) {
        let mut out = vec![0.0; convolution.outputs() * plane];
        let before = Before { doubled, normalised: *normalised };
        convolution.apply(Image { values: &values, height, width }, before, false, &mut out);
        expected.extend(out);
    }
    let outputs: usize = convolutions.iter().map(|(outputs, ..)| outputs).sum();
    let mut memory = vec![f32::NAN; (inputs.max(outputs) + 1) * plane];
    for (from, to) in values.chunks(small).zip(memory.chunks_mut(plane)) {
        to[plane - small..].copy_from_slice(from);
    }
    let last = inputs.max(outputs) * plane;
    let all: Vec<_> = built.iter().zip(normalised).collect();
    InPlace { convolutions: &all, doubled, height, width }.in_bands(lines, &mut memory);
    let (found, expected) = (bits(&memory[..expected.len()]), bits(&expected));
    assert!(found == expected, "{inputs} → {convolutions:?}, {height}×{width}, {lines} rows");
    assert!(memory[last..].iter().all(|value| value.is_nan()), "beyond the results");
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn results_that_take_their_image_s_place_are_the_same_to_the_bit_whatever_the_bands() {
    for lines in [LINES, 2 * LINES, 100] {
        let size = (5 * LINES + 3, PIXELS + 5);
        check_in_place(6, &[(3, 1, false), (3, 3, true)], size, false, lines);
        check_in_place(5, &[(4, 3, false)], size, true, lines);
        check_in_place(2, &[(14, 3, false)], size, true, lines);
        check_in_place(BLOCK / 9 + 5, &[(5, 1, false), (5, 5, true)], (9, 7), false, lines);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn any_shape_follows_the_definition(
        inputs in 1..8usize,
        outputs in 1..30usize,
        kernel in prop::sample::select(&[1usize, 3, 5][..]),
        height in 1..7usize,
        width in 1..40usize,
        flags in any::<(bool, bool, bool)>(),
    ) {
        check((inputs, outputs, kernel), (height, width), flags.0, flags.1, flags.2);
    }

    #[test]
    fn any_shape_may_take_its_image_s_place(
        inputs in 1..6usize,
        convolutions in prop::collection::vec(
            (1..5usize, prop::sample::select(&[1usize, 3, 5][..]), any::<bool>()), 1..3,
        ),
        height in 1..20usize,
        width in 1..20usize,
        doubled in any::<bool>(),
        lines in 1..9usize,
    ) {
        check_in_place(inputs, &convolutions, (height, width), doubled, lines);
    }
}
