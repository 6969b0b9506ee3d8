//! Linear layers against a product written out, and the two ways to compute against each other.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::linear::{BlockScales, Dense, Fp8, Ggml, Nf4, StoredBytes, StoredTensor, StoredType};
use proptest::prelude::*;
use sigmalab_kernels::dense;
use sigmalab_kernels::ggml::Block;
use std::sync::Arc;

fn stored(dtype: StoredType, shape: &[usize], bytes: Vec<u8>) -> StoredTensor {
    StoredTensor { dtype, shape: shape.to_vec(), bytes: StoredBytes::new(Arc::new(bytes)) }
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

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

#[derive(Debug, Clone, Copy, PartialEq)]
enum Format {
    F32,
    Bf16,
    F16,
    Fp8,
    Nf4,
    Nf4Nested,
}

const FORMATS: [Format; 6] =
    [Format::F32, Format::Bf16, Format::F16, Format::Fp8, Format::Nf4, Format::Nf4Nested];

fn weight(format: Format, outputs: usize, inputs: usize, seed: u64) -> Box<dyn Weight> {
    let shape = [outputs, inputs];
    let elements = outputs * inputs;
    let values = noise(elements, seed);
    // Codes of any value but NaN.
    let codes = |count: usize| -> Vec<u8> {
        noise(count, seed).iter().map(|v| ((v + 1.0) * 127.0) as u8 & !0x08).collect()
    };
    match format {
        Format::F32 => {
            Box::new(Dense::new(&stored(StoredType::F32, &shape, f32_bytes(&values))).unwrap())
        }
        Format::Bf16 => {
            let bytes =
                values.iter().flat_map(|v| half::bf16::from_f32(*v).to_le_bytes()).collect();
            Box::new(Dense::new(&stored(StoredType::Bf16, &shape, bytes)).unwrap())
        }
        Format::F16 => {
            let bytes = values.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect();
            Box::new(Dense::new(&stored(StoredType::F16, &shape, bytes)).unwrap())
        }
        Format::Fp8 => {
            let scale = noise(outputs, seed + 1);
            let tensor = stored(StoredType::F8E4M3, &shape, codes(elements));
            Box::new(Fp8::new(&tensor, scale).unwrap())
        }
        Format::Nf4 | Format::Nf4Nested => {
            let packed = elements.div_ceil(2);
            let packed = stored(StoredType::U8, &[packed, 1], codes(packed));
            let map: [f32; 16] = noise(16, 3).try_into().unwrap();
            let blocks = elements.div_ceil(64);
            let bytes = |values: &[f32]| StoredBytes::new(Arc::new(f32_bytes(values)));
            let scales = if format == Format::Nf4 {
                BlockScales::Plain(bytes(&noise(blocks, seed + 2)))
            } else {
                BlockScales::Nested {
                    codes: StoredBytes::new(Arc::new(codes(blocks))),
                    map: Box::new(noise(256, 5).try_into().unwrap()),
                    absmax: bytes(&noise(blocks.div_ceil(4), seed + 6)),
                    blocksize: 4,
                    offset: 0.3,
                }
            };
            Box::new(Nf4::new(&packed, shape, map, scales, 64).unwrap())
        }
    }
}

/// The weight widened, row scale and rounding included, in f64.
fn matrix(weight: &dyn Weight, dtype: DType) -> Vec<f64> {
    let mut values = vec![0.0; weight.outputs() * weight.inputs()];
    weight.widen_rows(0..weight.outputs(), &mut values);
    if dtype == DType::BF16 {
        dense::round_to_bf16(&mut values);
    }
    let scale = weight.row_scale().map(<[f32]>::to_vec);
    values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let scale = scale.as_ref().map_or(1.0, |scale| scale[index / weight.inputs()]);
            f64::from(*value) * f64::from(scale)
        })
        .collect()
}

/// x·Wᵀ + b in f64, and for each value the sum of its terms' magnitudes: what its rounding
/// error is in proportion to.
fn product(x: &[f32], w: &[f64], bias: &[f32], inputs: usize) -> (Vec<f64>, Vec<f64>) {
    x.chunks(inputs)
        .flat_map(|x| {
            w.chunks(inputs).zip(bias).map(move |(w, bias)| {
                let terms = x.iter().zip(w).map(|(x, w)| f64::from(*x) * w);
                let sum = terms.clone().sum::<f64>() + f64::from(*bias);
                (sum, terms.map(f64::abs).sum::<f64>() + f64::from(bias.abs()))
            })
        })
        .unzip()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The most that rounding to nearest moves a value, relative: 2^−p at p bits of precision.
fn rounding(dtype: DType) -> f64 {
    if dtype == DType::BF16 { 2f64.powi(-8) } else { 2f64.powi(-24) }
}

fn check(
    format: Format,
    shape: (usize, usize, usize),
    parts: usize,
    dtype: DType,
    placement: Placement,
) {
    let (rows, inputs, outputs) = shape;
    let weights = || (0..parts).map(|part| weight(format, outputs, inputs, 11 + part as u64));
    let round = |mut values: Vec<f32>| {
        if dtype == DType::BF16 {
            dense::round_to_bf16(&mut values);
        }
        values
    };
    let w: Vec<f64> = weights().flat_map(|weight| matrix(weight.as_ref(), dtype)).collect();
    let (x, bias) = (round(noise(rows * inputs, 7)), round(noise(parts * outputs, 8)));
    let (expected, size) = product(&x, &w, &bias, inputs);

    let layer =
        Linear::new(weights().collect(), Some(bias), dtype, &Device::Cpu, placement).unwrap();
    let x = Tensor::from_vec(x, (1, rows, inputs), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
    let y = layer.forward(&x).unwrap();
    assert_eq!(y.dims(), [1, rows, parts * outputs]);
    assert_eq!(y.dtype(), dtype);
    // f32 sums round at every term. In bf16 the result is rounded once, on a device too.
    let terms = (inputs + 4) as f64 * rounding(DType::F32);
    let ends = if dtype == DType::F32 { 0.0 } else { 1.0 };
    for ((y, expected), size) in values(&y).iter().zip(&expected).zip(&size) {
        let allowed = size * terms + expected.abs() * ends * rounding(dtype) * (1.0 + 1e-6);
        let error = (f64::from(*y) - expected).abs();
        assert!(
            error <= allowed,
            "{format:?} {shape:?} ×{parts} {dtype:?}: {y} {expected} {error}"
        );
    }
}

#[test]
fn every_format_multiplies_as_the_written_out_product_in_f32_and_bf16() {
    for format in FORMATS {
        for dtype in [DType::F32, DType::BF16] {
            check(format, (5, 96, 40), 1, dtype, Placement::Host);
            check(format, (5, 96, 40), 3, dtype, Placement::Host);
        }
    }
}

#[test]
fn a_devices_own_operations_give_the_same_product() {
    for format in FORMATS {
        for dtype in [DType::F32, DType::BF16] {
            for placement in [Placement::Resident, Placement::Streamed] {
                check(format, (5, 96, 40), 1, dtype, placement);
                check(format, (5, 96, 40), 3, dtype, placement);
                // Rows that end inside a block, and a last block that is not full.
                check(format, (2, 50, 7), 1, dtype, placement);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_shape_multiplies_as_the_written_out_product(
        format in prop::sample::select(&FORMATS[..]),
        rows in 0..4usize,
        inputs in 1..140usize,
        outputs in 1..30usize,
        by_device in any::<bool>(),
    ) {
        let placement = if by_device { Placement::Resident } else { Placement::Host };
        check(format, (rows, inputs, outputs), 1, DType::F32, placement);
    }

    #[test]
    fn panels_cover_all_rows_once_in_order_within_the_memory_allowed(
        rows in 0..5000usize,
        inputs in 0..300usize,
        step in 1..65usize,
        bytes in 1..100_000usize,
    ) {
        let mut next = 0;
        for panel in panels(rows, inputs, 4, step, bytes) {
            prop_assert_eq!(panel.start, next);
            prop_assert!(panel.start.is_multiple_of(step) && !panel.is_empty());
            prop_assert!(panel.len() <= step || panel.len() * inputs * 4 <= bytes);
            next = panel.end;
        }
        prop_assert_eq!(next, rows);
    }
}

#[test]
fn a_layer_of_several_panels_multiplies_as_the_written_out_product() {
    // 9 panels of 4 MiB: 1024 inputs are 4 KiB a row, 1024 rows a panel.
    let (inputs, outputs) = (1024, 9000);
    let weights = vec![weight(Format::Fp8, outputs, inputs, 4)];
    let layer = Linear::new(weights, None, DType::F32, &Device::Cpu, Placement::Host).unwrap();
    let x = Tensor::from_vec(noise(inputs, 1), (1, inputs), &Device::Cpu).unwrap();
    let y = values(&layer.forward(&x).unwrap());
    let weight = weight(Format::Fp8, outputs, inputs, 4);
    let (expected, size) = product(
        &noise(inputs, 1),
        &matrix(weight.as_ref(), DType::F32),
        &vec![0.0; outputs],
        inputs,
    );
    for ((y, expected), size) in y.iter().zip(&expected).zip(&size) {
        assert!((f64::from(*y) - expected).abs() <= size * 1e-6);
    }
}

#[test]
fn a_device_widens_any_panel_of_rows_to_the_bits_of_the_cpu() {
    // 50 and 96 inputs share factors of 2 and 32 with the block of 64; the last panel is short.
    for (format, inputs) in FORMATS.into_iter().flat_map(|format| [(format, 50), (format, 96)]) {
        let outputs = 75;
        let weight = weight(format, outputs, inputs, 9);
        let uploaded = weight.upload(DType::F32, &Device::Cpu).unwrap();
        let step = uploaded.row_step();
        assert!(format != Format::Nf4 || step == if inputs == 50 { 32 } else { 2 });
        for panel in panels(outputs, inputs, 4, step, 40 * inputs * 4) {
            let mut expected = vec![f32::NAN; panel.len() * inputs];
            weight.widen_rows(panel.clone(), &mut expected);
            let found = uploaded.widen_rows(panel.clone()).unwrap();
            assert_eq!(found.dims(), [panel.len(), inputs]);
            assert_eq!(values(&found), expected, "{format:?} {panel:?}");
        }
    }
}

#[test]
fn a_device_widens_every_byte_of_codes_to_the_bits_of_the_cpu() {
    let (outputs, inputs) = (8, 64);
    let every_byte = || (0..=u8::MAX).collect::<Vec<_>>();
    let map: [f32; 16] = noise(16, 3).try_into().unwrap();
    let scales = BlockScales::Plain(StoredBytes::new(Arc::new(f32_bytes(&noise(8, 2)))));
    let packed = stored(StoredType::U8, &[256, 1], every_byte());
    let nf4 = Nf4::new(&packed, [outputs, inputs], map, scales, 64).unwrap();
    let fp8 = stored(StoredType::F8E4M3, &[4, 64], every_byte());
    let fp8 = Fp8::new(&fp8, vec![1.0]).unwrap();
    let formats: [Box<dyn Weight>; 2] = [Box::new(nf4), Box::new(fp8)];
    for weight in formats {
        let rows = weight.outputs();
        let mut expected = vec![f32::INFINITY; rows * inputs];
        weight.widen_rows(0..rows, &mut expected);
        let uploaded = weight.upload(DType::F32, &Device::Cpu).unwrap();
        let found = values(&uploaded.widen_rows(0..rows).unwrap());
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let alike =
                found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
            assert!(alike, "{} at {place}: {found}, not {expected}", weight.format());
        }
    }
}

#[test]
fn an_input_of_the_wrong_width_and_parts_that_do_not_fit_are_errors() {
    let new = |weights, bias| Linear::new(weights, bias, DType::F32, &Device::Cpu, Placement::Host);
    let layer = new(vec![weight(Format::F32, 3, 4, 1)], None).unwrap();
    let x = Tensor::zeros((2, 5), DType::F32, &Device::Cpu).unwrap();
    let message = layer.forward(&x).unwrap_err().to_string();
    assert!(message.contains("4 inputs"), "{message}");
    let parts = || vec![weight(Format::F32, 3, 4, 1), weight(Format::F32, 3, 5, 1)];
    assert!(new(parts(), None).is_err());
    let one = || vec![weight(Format::F32, 3, 4, 1)];
    assert!(new(one(), Some(vec![0.0; 2])).is_err());
}

#[test]
fn stored_bytes_count_codes_and_scales() {
    let bytes = |format| {
        let weights = vec![weight(format, 32, 128, 1)];
        let host = Placement::Host;
        Linear::new(weights, None, DType::F32, &Device::Cpu, host).unwrap().stored_bytes()
    };
    assert_eq!(bytes(Format::F32), 32 * 128 * 4);
    assert_eq!(bytes(Format::Bf16), 32 * 128 * 2);
    assert_eq!(bytes(Format::Fp8), 32 * 128 + 32 * 4);
    assert_eq!(bytes(Format::Nf4), 32 * 64 + 64 * 4 + 64);
    assert_eq!(bytes(Format::Nf4Nested), 32 * 64 + 64 + 16 * 4 + 1024 + 64);
}

#[test]
fn blocks_of_every_format_are_the_same_to_the_kernels_and_to_a_device() {
    let (rows, inputs, outputs) = (5, 512, 24);
    for block in Block::ALL {
        // Codes below 0x40, so that every f16 among them is a small number.
        let length = block.bytes_of(inputs * outputs).unwrap();
        let bytes = noise(length, 7).iter().map(|v| ((v + 1.0) * 31.9) as u8).collect();
        let tensor = stored(StoredType::Block(block), &[outputs, inputs], bytes);
        let weight = || -> Vec<Box<dyn Weight>> { vec![Box::new(Ggml::new(&tensor).unwrap())] };
        let layer =
            |placement| Linear::new(weight(), None, DType::F32, &Device::Cpu, placement).unwrap();
        let x = noise(rows * inputs, 8);
        let w = matrix(weight()[0].as_ref(), DType::F32);
        let (exact, terms) = product(&x, &w, &vec![0.0; outputs], inputs);
        let x = Tensor::from_vec(x, (rows, inputs), &Device::Cpu).unwrap();
        let resident = values(&layer(Placement::Resident).forward(&x).unwrap());
        let widened = values(&layer(Placement::Widened).forward(&x).unwrap());
        assert_eq!(widened, resident, "{block:?}: the same bits, whichever stays");
        for placement in [Placement::Host, Placement::Resident, Placement::Streamed] {
            let y = values(&layer(placement).forward(&x).unwrap());
            for ((y, exact), terms) in y.iter().zip(&exact).zip(&terms) {
                let error = (f64::from(*y) - exact).abs();
                assert!(error <= terms * 1e-5, "{block:?}, {placement:?}: {y} for {exact}");
            }
        }
        assert_eq!(layer(Placement::Host).format(), block.name());
        assert_eq!(layer(Placement::Host).stored_bytes(), length as u64);
    }
    let ragged = stored(StoredType::Block(Block::Q8_0), &[2, 48], vec![0; 102]);
    assert!(Ggml::new(&ragged).is_none());
    let short = stored(StoredType::Block(Block::Q8_0), &[2, 32], vec![0; 67]);
    assert!(Ggml::new(&short).is_none());
}
