//! Every operation of ours that a device has to do as the processor does, on small odd shapes. It
//! chooses no device and times nothing.

use crate::linear::{
    BlockScales, Bytes, Dense, Fp8, Ggml, Linear, Nf4, Placement, StoredBytes, StoredTensor,
    StoredType, Weight,
};
use crate::ops::products::{self, HeadShape, Product};
use crate::ops::quantised::{Quantised, Rows, normalised, quantise};
use crate::ops::{Canvas, Convolution, GroupNorm, Mask, Unseen, rms_norm};
use crate::rotary::RotaryTable;
use candle_core::{DType, Device, Result, Tensor};
use sigmalab_kernels::ggml::Block;
use std::sync::Arc;

/// Values between −1 and 1 without a pattern.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

pub(super) fn tensor(dims: &[usize], seed: u64, dtype: DType, device: &Device) -> Result<Tensor> {
    let values = noise(dims.iter().product(), seed);
    // Rounded before it goes anywhere, so that both devices have the same.
    Tensor::from_vec(values, dims, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
}

/// One operation, on whatever device it is given.
pub(super) type Operation = Box<dyn Fn(&Device) -> Result<Vec<Tensor>>>;

fn operation(work: impl Fn(&Device) -> Result<Vec<Tensor>> + 'static) -> Operation {
    Box::new(work)
}

fn product(dims: &[usize; 2], seed: u64, scaled: bool, device: &Device) -> Result<Product> {
    let values = tensor(dims, seed, DType::F32, device)?;
    let scale = scaled.then(|| tensor(&[dims[1]], seed + 1, DType::F32, device)).transpose()?;
    let by_row = || tensor(&[dims[0]], seed + 2, DType::F32, device);
    Ok(Product { values, scale, row_scale: scaled.then(by_row).transpose()? })
}

pub(super) fn fp8(outputs: usize, inputs: usize) -> Option<Box<dyn Weight>> {
    // Codes of any value but no number.
    let code = |value: &f32| ((value + 1.0) * 127.0) as u8 & !0x08;
    let codes: Vec<u8> = noise(outputs * inputs, 21).iter().map(code).collect();
    let bytes = StoredBytes::new(Arc::new(codes));
    let tensor = StoredTensor { dtype: StoredType::F8E4M3, shape: vec![outputs, inputs], bytes };
    Some(Box::new(Fp8::new(&tensor, noise(outputs, 22))?))
}

fn nf4(nested: bool, outputs: usize, inputs: usize) -> Option<Box<dyn Weight>> {
    const BLOCK: usize = 64;
    const GROUP: usize = 16;
    let codes = |count: usize, seed: u64| {
        let code = |value: &f32| ((value + 1.0) * 127.0) as u8;
        StoredBytes::new(Arc::new(noise(count, seed).iter().map(code).collect::<Vec<u8>>()))
    };
    let floats = |count: usize, seed: u64| {
        let bytes = noise(count, seed).into_iter().flat_map(f32::to_le_bytes);
        StoredBytes::new(Arc::new(bytes.collect::<Vec<u8>>()))
    };
    let packed = (outputs * inputs).div_ceil(2);
    let count = (outputs * inputs).div_ceil(BLOCK);
    let scales = match nested {
        false => BlockScales::Plain(floats(count, 26)),
        true => BlockScales::Nested {
            codes: codes(count, 27),
            map: Box::new(noise(256, 28).try_into().ok()?),
            absmax: floats(count.div_ceil(GROUP), 29),
            blocksize: GROUP,
            offset: 0.5,
        },
    };
    let map = noise(16, 30).try_into().ok()?;
    let bytes = codes(packed, 31);
    let tensor = StoredTensor { dtype: StoredType::U8, shape: vec![packed, 1], bytes };
    Some(Box::new(Nf4::new(&tensor, [outputs, inputs], map, scales, BLOCK)?))
}

fn blocks(block: Block, outputs: usize, inputs: usize) -> Option<Box<dyn Weight>> {
    // Codes below 0x40, so that every f16 among them is a small number.
    let code = |value: &f32| ((value + 1.0) * 31.9) as u8;
    let bytes: Vec<u8> = noise(block.bytes_of(inputs * outputs)?, 23).iter().map(code).collect();
    let bytes = StoredBytes::new(Arc::new(bytes));
    let tensor =
        StoredTensor { dtype: StoredType::Block(block), shape: vec![outputs, inputs], bytes };
    Some(Box::new(Ggml::new(&tensor)?))
}

fn linear(weight: Option<Box<dyn Weight>>, dtype: DType, device: &Device) -> Result<Vec<Tensor>> {
    let Some(weight) = weight else { candle_core::bail!("no such weight") };
    let (inputs, outputs) = (weight.inputs(), weight.outputs());
    let bias = Some(noise(outputs, 24));
    let layer = Linear::new(vec![weight], bias, dtype, device, Placement::usual(device))?;
    Ok(vec![layer.forward(&tensor(&[19, inputs], 25, dtype, device)?)?])
}

/// Numbers of this type, as they are computed with.
fn plain(outputs: usize, inputs: usize, dtype: DType) -> Option<Box<dyn Weight>> {
    let values = noise(outputs * inputs, 32);
    let (stored, bytes): (_, Vec<u8>) = match dtype {
        DType::BF16 => {
            let short = values.into_iter().flat_map(|v| half::bf16::from_f32(v).to_le_bytes());
            (StoredType::Bf16, short.collect())
        }
        _ => (StoredType::F32, values.into_iter().flat_map(f32::to_le_bytes).collect()),
    };
    let bytes = StoredBytes::new(Arc::new(bytes));
    Some(Box::new(Dense::new(&StoredTensor {
        dtype: stored,
        shape: vec![outputs, inputs],
        bytes,
    })?))
}

/// Products of layers one after the other, larger ones among them, each of weights that are where
/// `placement` says; on the processor where it always is.
fn in_turn(placement: Placement, dtype: DType, device: &Device) -> Result<Vec<Tensor>> {
    let placement = if device.is_cpu() { Placement::Host } else { placement };
    let weights = [
        fp8(75, 300),
        nf4(true, 130, 300),
        blocks(Block::Q4K, 24, 512),
        fp8(700, 300),
        nf4(false, 75, 300),
        plain(90, 300, dtype),
        blocks(Block::Q8_0, 40, 512),
    ];
    let layer = |weight: Option<Box<dyn Weight>>| {
        let Some(weight) = weight else { candle_core::bail!("no such weight") };
        Linear::new(vec![weight], None, dtype, device, placement)
    };
    let layers = weights.into_iter().map(layer).collect::<Result<Vec<_>>>()?;
    let x = |layer: &Linear| tensor(&[19, layer.inputs()], 25, dtype, device);
    let inputs = layers.iter().map(x).collect::<Result<Vec<_>>>()?;
    // Twice, with nothing waited for: what is sent later must not overtake what is used.
    let twice = layers.iter().zip(&inputs).chain(layers.iter().zip(&inputs));
    twice.map(|(layer, x)| layer.forward(x)).collect()
}

const EPS: f64 = 1e-5;

/// Operations by name, whose activations are of this type.
pub(super) fn operations(dtype: DType) -> Vec<(String, Operation)> {
    let images = if dtype == DType::F32 { of_images() } else { Vec::new() };
    [of_rows(dtype), of_heads(dtype), of_weights(dtype), images].into_iter().flatten().collect()
}

/// What is done to rows between products.
fn of_rows(dtype: DType) -> Vec<(String, Operation)> {
    vec![
        (
            "rms norm 37×300".to_owned(),
            operation(move |device| {
                let x = tensor(&[37, 300], 1, dtype, device)?;
                Ok(vec![rms_norm(&x, &tensor(&[300], 2, dtype, device)?, EPS)?])
            }),
        ),
        (
            "residual 37×300".to_owned(),
            operation(move |device| {
                let hidden = tensor(&[37, 300], 1, dtype, device)?;
                let gain = tensor(&[300], 2, dtype, device)?;
                let branch = product(&[37, 300], 3, true, device)?;
                Ok(vec![products::add_rms_norm(&hidden, &branch, &gain, EPS)?])
            }),
        ),
        (
            "gate 37×300".to_owned(),
            operation(move |device| {
                let gate = product(&[37, 300], 3, true, device)?;
                let up = product(&[37, 300], 5, false, device)?;
                Ok(vec![products::swiglu(&gate, &up, dtype)?])
            }),
        ),
    ]
}

/// What is done to heads of 48, 128 and 256 values.
fn of_heads(dtype: DType) -> Vec<(String, Operation)> {
    let mut all = Vec::new();
    for (heads, kv_heads, head_dim) in [(2, 2, 48), (4, 2, 128), (2, 1, 256)] {
        let shape = HeadShape { heads, kv_heads, head_dim };
        let tokens = 77;
        all.push((
            format!("heads {heads}+{kv_heads}×{head_dim}"),
            operation(move |device| {
                let width = (heads + 2 * kv_heads) * head_dim;
                let qkv = product(&[tokens, width], 7, true, device)?;
                let gains = [
                    tensor(&[head_dim], 8, dtype, device)?,
                    tensor(&[head_dim], 9, dtype, device)?,
                ];
                let angles = noise(tokens * head_dim / 2, 10);
                let rotary = RotaryTable::new(&angles, head_dim / 2, dtype, device)?;
                let gains = [&gains[0], &gains[1]];
                Ok(products::split_heads(&qkv, shape, gains, &rotary, EPS)?.to_vec())
            }),
        ));
        for causal in [false, true] {
            let seen = if causal { "Causal" } else { "None" };
            all.push((
                format!("attention {heads}+{kv_heads}×{head_dim} {seen}"),
                operation(move |device| {
                    let part = |heads: usize, seed| {
                        tensor(&[tokens, heads * head_dim], seed, dtype, device)
                    };
                    let parts = [part(heads, 11)?, part(kv_heads, 12)?, part(kv_heads, 13)?];
                    let unseen = Unseen::default();
                    let mask = if causal { Mask::Causal(&unseen) } else { Mask::None };
                    Ok(vec![products::attend(&parts, shape, mask)?])
                }),
            ));
        }
    }
    all
}

/// Products with weights of every format, wherever they are.
fn of_weights(dtype: DType) -> Vec<(String, Operation)> {
    let mut all = vec![(
        "fp8 product 19×300×75".to_owned(),
        operation(move |device| linear(fp8(75, 300), dtype, device)),
    )];
    for nested in [false, true] {
        let scales = if nested { "nested" } else { "plain" };
        all.push((
            format!("nf4 product, {scales} scales, 19×300×75"),
            operation(move |device| linear(nf4(nested, 75, 300), dtype, device)),
        ));
    }
    for block in Block::ALL {
        all.push((
            format!("{} product 19×512×24", block.name()),
            operation(move |device| linear(blocks(block, 24, 512), dtype, device)),
        ));
    }
    for (name, placement) in
        [("sent for each use", Placement::Streamed), ("kept widened", Placement::Widened)]
    {
        all.push((
            format!("seven products of weights {name}, twice"),
            operation(move |device| in_turn(placement, dtype, device)),
        ));
    }
    all
}

/// What the decoder does.
fn of_images() -> Vec<(String, Operation)> {
    vec![
        (
            "convolution 8→5 13×9".to_owned(),
            operation(|device| {
                let x = tensor(&[1, 8, 13, 9], 14, DType::F32, device)?;
                let of = |dims: &[usize], seed| tensor(dims, seed, DType::F32, device);
                let norm = GroupNorm::new(of(&[8], 15)?, of(&[8], 16)?, 4, 1e-6)?;
                let convolution = Convolution::new(&of(&[5, 8, 3, 3], 17)?, &of(&[5], 18)?)?;
                Ok(vec![convolution.forward_normalised(&x, &norm)?])
            }),
        ),
        (
            "doubling convolution 8→5 13×9".to_owned(),
            operation(|device| {
                let x = tensor(&[1, 8, 13, 9], 14, DType::F32, device)?;
                let of = |dims: &[usize], seed| tensor(dims, seed, DType::F32, device);
                let convolution = Convolution::new(&of(&[5, 8, 3, 3], 17)?, &of(&[5], 18)?)?;
                Ok(vec![Canvas::new(x)?.double(&convolution)?.into_image()?])
            }),
        ),
    ]
}

/// Operations in e4m3, for cards that multiply it, each with how far it may be from the processor's. What a norm
/// gives may be another bf16 there, and so, seldom, the code next to the processor's.
pub(super) fn operations_in_fp8() -> Vec<(String, Operation, f64)> {
    const ONE_STEP: f64 = 1.0 / 14.0;
    let wide = |rows: &Quantised| -> Result<Vec<Tensor>> {
        let scale = rows.scale.to_device(&Device::Cpu)?.unsqueeze(1)?;
        Ok(vec![rows.wide()?.broadcast_mul(&scale)?, scale])
    };
    let mut all: Vec<(String, Operation, f64)> = vec![
        (
            "rounding to e4m3 37×300".to_owned(),
            operation(move |device| wide(&quantise(&tensor(&[37, 300], 1, DType::BF16, device)?)?)),
            1e-6,
        ),
        (
            "rms norm in e4m3 37×300".to_owned(),
            operation(move |device| {
                let x = tensor(&[37, 300], 1, DType::BF16, device)?;
                let gain = tensor(&[300], 2, DType::BF16, device)?;
                match normalised(&x, &gain, 1e-5, true)? {
                    Rows::E4m3(rows) => wide(&rows),
                    Rows::Plain(_) => candle_core::bail!("rows were not rounded to e4m3"),
                }
            }),
            ONE_STEP,
        ),
    ];
    // Rows need not be a multiple of 16; split projections are products side by side.
    for (name, parts, placement) in [
        ("19×304×80", 1, Placement::Resident),
        ("19×304×3·80", 3, Placement::Resident),
        ("19×304×80, weight sent for each use", 1, Placement::Streamed),
    ] {
        all.push((
            format!("product of e4m3 {name}"),
            operation(move |device| {
                let weights = (0..parts).map(|_| {
                    let Some(weight) = fp8(80, 304) else { candle_core::bail!("no such weight") };
                    Ok(weight)
                });
                let weights = weights.collect::<Result<_>>()?;
                let layer = Linear::new(weights, None, DType::BF16, device, placement)?;
                let layer = layer.in_bytes(Bytes::E4m3);
                if !layer.takes_e4m3() {
                    candle_core::bail!("the layer is not multiplied in e4m3")
                }
                let x = tensor(&[19, 304], 25, DType::BF16, device)?;
                Ok(vec![layer.forward(&x)?, layer.forward(&x)?])
            }),
            1.6e-2,
        ));
    }
    all
}

/// The largest difference against the largest value; infinite where a value is not a number, or where
/// there are not the same values to compare.
pub(super) fn apart(found: &[Tensor], expected: &[Tensor]) -> Result<f64> {
    let values = |tensor: &Tensor| -> Result<Vec<f32>> {
        tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
    };
    let shapes = |tensors: &[Tensor]| -> Vec<Vec<usize>> {
        tensors.iter().map(|tensor| tensor.dims().to_vec()).collect()
    };
    if shapes(found) != shapes(expected) {
        return Ok(f64::INFINITY);
    }
    let (mut largest, mut difference) = (f64::MIN_POSITIVE, 0.0_f64);
    for (found, expected) in found.iter().zip(expected) {
        for (found, expected) in values(found)?.iter().zip(values(expected)?) {
            let apart = f64::from((found - expected).abs());
            if apart.is_nan() {
                return Ok(f64::INFINITY);
            }
            difference = difference.max(apart);
            largest = largest.max(f64::from(expected.abs()));
        }
    }
    Ok(difference / largest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_processor_does_every_operation_and_gives_numbers_and_the_same_ones_again() {
        for dtype in [DType::F32, DType::BF16] {
            for (name, work) in operations(dtype) {
                let [first, second] = [(); 2].map(|()| work(&Device::Cpu).unwrap());
                assert!(first.iter().all(|tensor| tensor.elem_count() > 0), "{name} {dtype:?}");
                assert_eq!(apart(&first, &second).unwrap(), 0.0, "{name} {dtype:?}");
            }
        }
        for (name, work, _) in operations_in_fp8() {
            let [first, second] = [(); 2].map(|()| work(&Device::Cpu).unwrap());
            assert_eq!(apart(&first, &second).unwrap(), 0.0, "{name}");
        }
    }

    #[test]
    fn products_of_e4m3_are_those_of_bf16_but_for_the_rounding_of_their_rows() {
        let x = tensor(&[19, 304], 25, DType::BF16, &Device::Cpu).unwrap();
        let layer = |bytes| {
            let weight = vec![fp8(80, 304).unwrap()];
            let layer = Linear::new(weight, None, DType::BF16, &Device::Cpu, Placement::Resident);
            layer.unwrap().in_bytes(bytes)
        };
        let [exact, rounded] =
            [Bytes::None, Bytes::E4m3].map(|bytes| vec![layer(bytes).forward(&x).unwrap()]);
        let error = apart(&rounded, &exact).unwrap();
        assert!((1e-3..6e-2).contains(&error), "{error}");
        // The shape that no such product takes goes the usual way.
        let odd = Linear::new(
            vec![fp8(75, 304).unwrap()],
            None,
            DType::BF16,
            &Device::Cpu,
            Placement::Resident,
        );
        assert!(!odd.unwrap().in_bytes(Bytes::E4m3).takes_e4m3());
    }

    #[test]
    fn what_cannot_be_compared_is_infinitely_far_apart() {
        let of = |values: &[f32]| vec![Tensor::new(values, &Device::Cpu).unwrap()];
        let apart = |found: &[Tensor], expected: &[Tensor]| apart(found, expected).unwrap();
        assert_eq!(apart(&of(&[1.0, 2.5]), &of(&[1.0, 2.0])), 0.25);
        assert_eq!(apart(&of(&[1.0, f32::NAN]), &of(&[1.0, 2.0])), f64::INFINITY);
        assert_eq!(apart(&of(&[1.0]), &of(&[1.0, 2.0])), f64::INFINITY);
        assert_eq!(apart(&[], &of(&[1.0])), f64::INFINITY);
    }
}
