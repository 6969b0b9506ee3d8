//! Rounding rows to e4m3, to the very codes of the definition.

use crate::emulator::{Bytes, Plain, buffer, run, there_is_a_compiler, values};
use crate::numbers::{narrow_noise, noise};
use half::bf16;
use sigmalab_cuda::Number;
use sigmalab_cuda::calls::{Quantised, quantise, rms_norm, rms_norm_e4m3};
use sigmalab_kernels::float8::E4M3;

const EPS: f32 = 1e-5;
/// The largest value, and the smallest that is not 0.
const LARGEST: f32 = 448.0;
const SMALLEST: f32 = 1.0 / 512.0;

/// The code of a value by the definition: the nearest one, of two the even one, and no infinity.
fn code_of(value: f32) -> u8 {
    let sign = if value.is_sign_negative() { 0x80 } else { 0 };
    if value.is_nan() {
        return sign | 0x7f;
    }
    let distance = |code: u8| (f64::from(E4M3[usize::from(code)]) - f64::from(value).abs()).abs();
    let nearer = |a: &u8, b: &u8| distance(*a).total_cmp(&distance(*b)).then((a & 1).cmp(&(b & 1)));
    sign | (0..0x7f).min_by(nearer).unwrap()
}

/// A row's scale, and its codes.
fn quantised(row: &[f32]) -> (f32, Vec<u8>) {
    let largest = row.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = (largest / LARGEST).max(f32::MIN_POSITIVE);
    (scale, row.iter().map(|value| code_of(value / scale)).collect())
}

/// What a kernel makes of rows: codes, and a scale a row.
fn by_kernel<T: Plain>(number: Number, x: &[T], width: usize) -> (Vec<f32>, Vec<u8>) {
    let rows = x.len() / width;
    let out =
        Quantised { codes: Bytes(vec![0xff; x.len()], 3), scales: buffer(&vec![f32::NAN; rows]) };
    let found = run(quantise(number, buffer(x), out, [rows, width]));
    (values(&found[2]), found[1].clone())
}

/// Holds a kernel against the definition, row by row. Whatever the bits of what is no number: it stays none.
fn assert_quantised(what: &str, x: &[f32], width: usize, (scales, codes): &(Vec<f32>, Vec<u8>)) {
    assert_eq!((scales.len(), codes.len()), (x.len() / width, x.len()), "{what}");
    for (at, row) in x.chunks(width).enumerate() {
        let (scale, expected) = quantised(row);
        assert_eq!(scales[at].to_bits(), scale.to_bits(), "{what}, scale of row {at}");
        for (i, expected) in expected.iter().enumerate() {
            let found = codes[at * width + i];
            let alike = found == *expected || (found & expected & 0x7f) == 0x7f;
            assert!(alike, "{what}, row {at} at {i}: {} is {found:#x}, not {expected:#x}", row[i]);
        }
    }
}

/// Rows whose scale is 1: the values themselves are rounded.
fn as_they_are(values: &[f32]) -> Vec<f32> {
    values.iter().copied().chain([LARGEST]).collect()
}

#[test]
fn every_code_comes_back_as_itself() {
    if !there_is_a_compiler() {
        return;
    }
    let all: Vec<f32> = E4M3.to_vec();
    let (scales, codes) = by_kernel(Number::F32, &all, 256);
    assert_eq!(scales, [1.0]);
    for code in 0..=u8::MAX {
        let found = codes[usize::from(code)];
        let no_number = code & 0x7f == 0x7f;
        assert!(
            if no_number { found & 0x7f == 0x7f } else { found == code },
            "{code:#x}: {found:#x}"
        );
    }
    // They are exact in bf16 too.
    let narrow: Vec<bf16> = all.iter().map(|value| bf16::from_f32(*value)).collect();
    assert_eq!(by_kernel(Number::Bf16, &narrow, 256).1, codes);
}

#[test]
fn ties_go_to_even_and_nothing_goes_beyond_the_largest_value() {
    if !there_is_a_compiler() {
        return;
    }
    // Halfway between neighbours, and as near to it as f32 comes, on both sides.
    let halves: Vec<f32> = (0..0x7e_u8)
        .flat_map(|code| {
            let [a, b] = [code, code + 1].map(|code| E4M3[usize::from(code)]);
            let half = f32::midpoint(a, b);
            [half, half.next_up(), half.next_down(), -half, a.next_up(), b.next_down()]
        })
        .collect();
    let row = as_they_are(&halves);
    assert_quantised("halves", &row, row.len(), &by_kernel(Number::F32, &row, row.len()));
    // Numbers far below the smallest, of both signs.
    let small =
        [0.0, -0.0, 1e-30, -1e-42, SMALLEST / 2.0, -SMALLEST / 2.0, SMALLEST * 1.5, SMALLEST];
    let row = as_they_are(&small);
    let found = by_kernel(Number::F32, &row, row.len());
    assert_quantised("small", &row, row.len(), &found);
    assert_eq!(found.1[4], 0, "half of the smallest is a tie with 0");
    // A scale that is rounded down makes the largest a little more than 448.
    for seed in 1..40 {
        let row: Vec<f32> = noise(7, seed).iter().map(|value| value * 1e-3).collect();
        let found = by_kernel(Number::F32, &row, row.len());
        assert_quantised("noise", &row, row.len(), &found);
        assert!(found.1.iter().any(|code| code & 0x7f == 0x7e), "{:?}", found.1);
    }
}

#[test]
fn rows_of_odd_widths_have_scales_of_their_own() {
    if !there_is_a_compiler() {
        return;
    }
    for (rows, width) in [(3, 300), (1, 1), (5, 77), (2, 256), (1, 1025)] {
        let mut x = noise(rows * width, 1);
        x.chunks_mut(width).enumerate().for_each(|(at, row)| {
            row.iter_mut().for_each(|value| *value *= 10_f32.powi(at as i32 * 3 - 3));
        });
        assert_quantised("f32", &x, width, &by_kernel(Number::F32, &x, width));
        let narrow: Vec<bf16> = x.iter().map(|value| bf16::from_f32(*value)).collect();
        let wide: Vec<f32> = narrow.iter().map(|value| value.to_f32()).collect();
        assert_quantised("bf16", &wide, width, &by_kernel(Number::Bf16, &narrow, width));
    }
}

#[test]
fn rows_of_zeros_and_of_what_is_no_number_stay_what_they_are() {
    if !there_is_a_compiler() {
        return;
    }
    let width = 40;
    let (tiny, huge) = (f32::from_bits(1), f32::MAX);
    let mut x = vec![0.0; width];
    x.extend(vec![tiny; width]);
    x.extend((0..width).map(|i| if i == 3 { f32::NAN } else { i as f32 }));
    x.extend((0..width).map(|i| if i == 39 { f32::NEG_INFINITY } else { i as f32 }));
    x.extend((0..width).map(|i| if i % 2 == 0 { huge } else { -1.0 }));
    x.extend(vec![f32::NAN; width]);
    let (scales, codes) = by_kernel(Number::F32, &x, width);
    assert_quantised("rows", &x, width, &(scales.clone(), codes.clone()));
    let row = |at: usize| &codes[at * width..][..width];
    let no_numbers = |at: usize| row(at).iter().filter(|code| **code & 0x7f == 0x7f).count();
    assert!(row(0).iter().chain(row(1)).all(|code| *code == 0));
    assert_eq!([0, 1, 2, 3, 4, 5].map(no_numbers), [0, 0, 1, 1, 0, width]);
    // Nothing but what was infinite gives an infinite scale.
    assert_eq!([0, 1, 2, 4, 5].map(|at| scales[at].is_finite()), [true; 5]);
}

#[test]
fn a_norm_before_it_gives_what_both_give_apart() {
    if !there_is_a_compiler() {
        return;
    }
    fn alike<T: Plain>(number: Number, x: &[T], gain: &[T], [rows, width]: [usize; 2]) {
        let room = Bytes(vec![0xff; size_of_val(x)], 0);
        let normalised = run(rms_norm(number, buffer(x), buffer(gain), room, [rows, width], EPS));
        let normalised: Vec<T> = values(normalised.last().unwrap());
        let (scales, codes) = by_kernel(number, &normalised, width);
        let out = Quantised {
            codes: Bytes(vec![0xff; x.len()], 1),
            scales: buffer(&vec![f32::NAN; rows]),
        };
        let call = rms_norm_e4m3(number, buffer(x), buffer(gain), out, [rows, width], EPS);
        let found = run(call);
        assert_eq!(found[2], codes, "{rows} × {width}");
        assert_eq!(values::<f32>(&found[3]), scales, "{rows} × {width}");
        assert!(codes.iter().any(|code| *code & 0x7f == 0x7e), "{rows} × {width}");
    }
    for shape in [[3, 300], [1, 1], [2, 77], [4, 256]] {
        let [rows, width] = shape;
        alike(Number::F32, &noise(rows * width, 1), &noise(width, 2), shape);
        alike(Number::Bf16, &narrow_noise(rows * width, 1), &narrow_noise(width, 2), shape);
    }
}
