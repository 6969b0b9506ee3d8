//! Tries a CUDA device: what our kernels and products give there against what the processor gives, and
//! how long the large ones take. For `scripts/device-check`; nothing here is used by a run.

use crate::linear::{Fp8, Ggml, Linear, Placement, StoredBytes, StoredTensor, StoredType, Weight};
use crate::ops::products::{self, HeadShape, Product};
use crate::ops::{Convolution, GroupNorm, Mask, rms_norm};
use crate::rotary::RotaryTable;
use candle_core::{DType, Device, Result, Tensor};
use serde::Serialize;
use sigmalab_kernels::ggml::Block;
use std::sync::Arc;
use std::time::Instant;

/// What was found of one operation.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The operation and its shape.
    pub name: String,
    /// Whether it is as it should be.
    pub passed: bool,
    /// The largest difference from the processor's result, against its largest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// The largest that is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<f64>,
    /// Milliseconds, the fastest of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
    /// 10¹² operations a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tflops: Option<f64>,
    /// 10⁹ bytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gb_per_s: Option<f64>,
    /// Why there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Finding {
    fn of(name: &str, problem: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            passed: problem.is_none(),
            error: None,
            allowed: None,
            ms: None,
            tflops: None,
            gb_per_s: None,
            problem,
        }
    }
}

/// Values between −1 and 1 without a pattern.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn tensor(dims: &[usize], seed: u64, dtype: DType, device: &Device) -> Result<Tensor> {
    let values = noise(dims.iter().product(), seed);
    // Rounded before it goes anywhere, so that both devices have the same.
    Tensor::from_vec(values, dims, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
}

/// One operation, on whatever device it is given.
type Operation = Box<dyn Fn(&Device) -> Result<Vec<Tensor>>>;

fn operation(work: impl Fn(&Device) -> Result<Vec<Tensor>> + 'static) -> Operation {
    Box::new(work)
}

fn product(dims: &[usize; 2], seed: u64, scaled: bool, device: &Device) -> Result<Product> {
    let values = tensor(dims, seed, DType::F32, device)?;
    let scale = scaled.then(|| tensor(&[dims[1]], seed + 1, DType::F32, device)).transpose()?;
    Ok(Product { values, scale })
}

fn fp8(outputs: usize, inputs: usize) -> Option<Box<dyn Weight>> {
    // Codes of any value but no number.
    let code = |value: &f32| ((value + 1.0) * 127.0) as u8 & !0x08;
    let codes: Vec<u8> = noise(outputs * inputs, 21).iter().map(code).collect();
    let bytes = StoredBytes::new(Arc::new(codes));
    let tensor = StoredTensor { dtype: StoredType::F8E4M3, shape: vec![outputs, inputs], bytes };
    Some(Box::new(Fp8::new(&tensor, noise(outputs, 22))?))
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

/// Operations by name, with how far apart the two devices may be in bf16 and in f32.
fn operations(dtype: DType) -> Vec<(String, Operation)> {
    const EPS: f64 = 1e-5;
    let mut all: Vec<(String, Operation)> = vec![
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
    ];
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
        for mask in [Mask::None, Mask::Causal] {
            all.push((
                format!("attention {heads}+{kv_heads}×{head_dim} {mask:?}"),
                operation(move |device| {
                    let part = |heads: usize, seed| {
                        tensor(&[tokens, heads * head_dim], seed, dtype, device)
                    };
                    let parts = [part(heads, 11)?, part(kv_heads, 12)?, part(kv_heads, 13)?];
                    Ok(vec![products::attend(&parts, shape, mask)?])
                }),
            ));
        }
    }
    all.push((
        "fp8 product 19×300×75".to_owned(),
        operation(move |device| linear(fp8(75, 300), dtype, device)),
    ));
    for block in Block::ALL {
        all.push((
            format!("{} product 19×512×24", block.name()),
            operation(move |device| linear(blocks(block, 24, 512), dtype, device)),
        ));
    }
    if dtype == DType::F32 {
        all.push((
            "convolution 8→5 13×9".to_owned(),
            operation(|device| {
                let x = tensor(&[1, 8, 13, 9], 14, DType::F32, device)?;
                let of = |dims: &[usize], seed| tensor(dims, seed, DType::F32, device);
                let norm = GroupNorm::new(of(&[8], 15)?, of(&[8], 16)?, 4, 1e-6)?;
                let convolution = Convolution::new(&of(&[5, 8, 3, 3], 17)?, &of(&[5], 18)?)?;
                Ok(vec![convolution.forward_normalised(&x, &norm)?])
            }),
        ));
    }
    all
}

/// The largest difference against the largest value; infinite where a value is no number.
fn apart(found: &[Tensor], expected: &[Tensor]) -> Result<f64> {
    let values = |tensor: &Tensor| -> Result<Vec<f32>> {
        tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
    };
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

/// Every operation on the device against the processor, on small odd shapes, twice for the same
/// bits. `tell` is told of each as it is done.
pub fn parity(number: usize, tell: &mut dyn FnMut(Finding)) {
    let device = match crate::cuda::open(number) {
        Ok(device) => device,
        Err(error) => return tell(Finding::of("opening the device", Some(error.to_string()))),
    };
    for (dtype, allowed) in [(DType::F32, 1e-5), (DType::BF16, 1.6e-2)] {
        for (name, work) in operations(dtype) {
            let name = format!("{name} {dtype:?}");
            let tried = || -> Result<(f64, bool)> {
                let (first, second) = (work(&device)?, work(&device)?);
                let error = apart(&first, &work(&Device::Cpu)?)?;
                Ok((error, apart(&first, &second)? == 0.0))
            };
            tell(match tried() {
                Err(error) => Finding::of(&name, Some(error.to_string())),
                Ok((_, false)) => {
                    Finding::of(&name, Some("the second time it gave other bits".to_owned()))
                }
                Ok((error, true)) => {
                    let passed = error <= allowed;
                    let (error, allowed) = (Some(error), Some(allowed));
                    Finding { passed, error, allowed, ..Finding::of(&name, None) }
                }
            });
        }
    }
}

/// The fastest of some tries, after one that does not count.
fn fastest(device: &Device, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    work()?;
    device.synchronize()?;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let started = Instant::now();
        work()?;
        device.synchronize()?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Times of what takes the time of a step at 1024² with 300 tokens of text.
pub fn times(number: usize, tell: &mut dyn FnMut(Finding)) {
    let device = match crate::cuda::open(number) {
        Ok(device) => device,
        Err(error) => return tell(Finding::of("opening the device", Some(error.to_string()))),
    };
    let tokens = 4396;
    for (name, inputs, outputs) in
        [("qkv", 4608, 13_824), ("o", 4608, 4608), ("w1", 4608, 12_288), ("w2", 12_288, 4608)]
    {
        let timed = || -> Result<f64> {
            let x = tensor(&[tokens, inputs], 1, DType::BF16, &device)?;
            let w = tensor(&[outputs, inputs], 2, DType::BF16, &device)?;
            fastest(&device, || crate::cuda::product(&x, outputs, [Ok(w.clone())]).map(|_| ()))
        };
        let work = 2.0 * tokens as f64 * inputs as f64 * outputs as f64;
        tell(found(&format!("{name} bf16"), timed(), Some(work), None));
        let timed = || -> Result<f64> {
            let Some(weight) = fp8(outputs, inputs) else { candle_core::bail!("no weight") };
            let weight = crate::cuda::upload(&weight.matrix(), DType::BF16, &device)?;
            let Some(weight) = weight else { candle_core::bail!("not on the device") };
            fastest(&device, || weight.widen_rows(0..outputs).map(|_| ()))
        };
        let bytes = 3.0 * inputs as f64 * outputs as f64;
        tell(found(&format!("widening {name} fp8"), timed(), None, Some(bytes)));
    }
    let (heads, head_dim) = (18, 256);
    let timed = || -> Result<f64> {
        let part = |seed| tensor(&[tokens, heads * head_dim], seed, DType::BF16, &device);
        let parts = [part(1)?, part(2)?, part(3)?];
        let shape = HeadShape { heads, kv_heads: heads, head_dim };
        fastest(&device, || products::attend(&parts, shape, Mask::None).map(|_| ()))
    };
    let work = 4.0 * (tokens * tokens * heads * head_dim) as f64;
    tell(found("attention bf16", timed(), Some(work), None));
}

fn found(name: &str, seconds: Result<f64>, work: Option<f64>, bytes: Option<f64>) -> Finding {
    match seconds {
        Err(error) => Finding::of(name, Some(error.to_string())),
        Ok(seconds) => Finding {
            ms: Some(seconds * 1e3),
            tflops: work.map(|work| work / seconds / 1e12),
            gb_per_s: bytes.map(|bytes| bytes / seconds / 1e9),
            ..Finding::of(name, None)
        },
    }
}
