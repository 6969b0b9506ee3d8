//! Tries a CUDA device: what our kernels and products give there against what the processor gives, and
//! how long the large ones take. For `scripts/device-check`; nothing here is used by a run.

use crate::device_operations::fp8 as weight_in_fp8;
use crate::device_operations::{Operation, apart, operations, operations_in_fp8, tensor};
use crate::error::cause;
use crate::fp8;
use crate::linear::{DeviceWeight, Linear, Placement};
use crate::ops::Mask;
use crate::ops::products::{self, HeadShape};
use candle_core::{DType, Device, Result};
use serde::Serialize;
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

/// Every operation on the device against the processor, on small odd shapes, twice for the same
/// bits. `tell` is told of each as it is done.
pub fn parity(number: usize, tell: &mut dyn FnMut(Finding)) {
    let device = match crate::cuda::open(number) {
        Ok(device) => device,
        Err(error) => return tell(Finding::of("opening the device", Some(cause(&error)))),
    };
    for (dtype, allowed) in [(DType::F32, 1e-5), (DType::BF16, 1.6e-2)] {
        for (name, work) in operations(dtype) {
            tell(compared(&device, &format!("{name} {dtype:?}"), &work, allowed));
        }
    }
    match fp8::is_multiplied_by(&device) {
        Ok(true) => {
            for (name, work, allowed) in operations_in_fp8() {
                tell(compared(&device, &name, &work, allowed));
            }
        }
        Ok(false) => {}
        Err(error) => tell(Finding::of("asking what the card can do", Some(error.to_string()))),
    }
}

/// One operation on the device, twice, and on the processor.
fn compared(device: &Device, name: &str, work: &Operation, allowed: f64) -> Finding {
    let tried = || -> Result<(f64, bool)> {
        let (first, second) = (work(device)?, work(device)?);
        let error = apart(&first, &work(&Device::Cpu)?)?;
        Ok((error, apart(&first, &second)? == 0.0))
    };
    match tried() {
        Err(error) => Finding::of(name, Some(cause(&error))),
        Ok((_, false)) => Finding::of(name, Some("the second time it gave other bits".to_owned())),
        Ok((error, true)) => {
            let passed = error <= allowed;
            let (error, allowed) = (Some(error), Some(allowed));
            Finding { passed, error, allowed, ..Finding::of(name, None) }
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
        Err(error) => return tell(Finding::of("opening the device", Some(cause(&error)))),
    };
    let tokens = 4396;
    let in_fp8 = fp8::is_multiplied_by(&device).unwrap_or(false);
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
            let Some(weight) = weight_in_fp8(outputs, inputs) else {
                candle_core::bail!("no weight")
            };
            let weight = crate::cuda::upload(&weight.matrix(), DType::BF16, &device)?;
            let Some(weight) = weight else { candle_core::bail!("not on the device") };
            fastest(&device, || weight.widen_rows(0..outputs).map(|_| ()))
        };
        let bytes = 3.0 * inputs as f64 * outputs as f64;
        tell(found(&format!("widening {name} fp8"), timed(), None, Some(bytes)));
        if !in_fp8 {
            continue;
        }
        let timed = || -> Result<[f64; 2]> {
            let x = tensor(&[tokens, inputs], 1, DType::BF16, &device)?;
            let Some(weight) = weight_in_fp8(outputs, inputs) else {
                candle_core::bail!("no weight")
            };
            let weight = crate::cuda::upload(&weight.matrix(), DType::BF16, &device)?;
            let Some(weight) = weight else { candle_core::bail!("not on the device") };
            let weight: Arc<dyn DeviceWeight> = weight.into();
            let rows = crate::cuda::quantise(&x)?;
            let product = || {
                let weight = Ok((Arc::clone(&weight), outputs));
                crate::cuda::product_e4m3(&rows, outputs, [weight]).map(|_| ())
            };
            let rounding = fastest(&device, || crate::cuda::quantise(&x).map(|_| ()))?;
            Ok([fastest(&device, product)?, rounding])
        };
        let seconds = timed();
        let of = |at: usize| match &seconds {
            Ok(seconds) => Ok(seconds[at]),
            Err(error) => Err(candle_core::Error::msg(error.to_string())),
        };
        tell(found(&format!("{name} fp8"), of(0), Some(work), None));
        let bytes = 3.0 * tokens as f64 * inputs as f64;
        tell(found(&format!("rounding the rows of {name} to e4m3"), of(1), None, Some(bytes)));
    }
    let side = 8192;
    let timed = || -> Result<f64> {
        let x = tensor(&[side, side], 1, DType::BF16, &device)?;
        fastest(&device, || crate::cuda::product(&x, side, [Ok(x.clone())]).map(|_| ()))
    };
    tell(found("8192^3 bf16", timed(), Some(2.0 * (side * side * side) as f64), None));
    // The same layer wherever its weight is: what widening costs, and how fast copies are.
    let (inputs, outputs) = (4608, 12_288);
    for (name, placement) in [
        ("kept widened", Placement::Widened),
        ("kept", Placement::Resident),
        ("sent for each use", Placement::Streamed),
    ] {
        let timed = || -> Result<f64> {
            let Some(weight) = weight_in_fp8(outputs, inputs) else {
                candle_core::bail!("no weight")
            };
            let layer = Linear::new(vec![weight], None, DType::BF16, &device, placement)?;
            let x = tensor(&[tokens, inputs], 1, DType::BF16, &device)?;
            // Several in a row, so that copies can hide behind products.
            fastest(&device, || (0..4).try_for_each(|_| layer.forward(&x).map(|_| ())))
        };
        let work = 8.0 * tokens as f64 * inputs as f64 * outputs as f64;
        let bytes = 4.0 * inputs as f64 * outputs as f64;
        tell(found(&format!("4 x w1 fp8, {name}"), timed(), Some(work), Some(bytes)));
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
        Err(error) => Finding::of(name, Some(cause(&error))),
        Ok(seconds) => Finding {
            ms: Some(seconds * 1e3),
            tflops: work.map(|work| work / seconds / 1e12),
            gb_per_s: bytes.map(|bytes| bytes / seconds / 1e9),
            ..Finding::of(name, None)
        },
    }
}
