//! y = x·Wᵀ + b, a panel of rows of W at a time.
//!
//! A panel is widened, multiplied and dropped, so the memory a layer needs beyond its stored
//! weight is bounded by `PANEL_BYTES`, not by its size. Nothing is kept widened between calls:
//! widening costs about as much as one row of x, and a call has hundreds.

use super::weight::{DeviceWeight, Weight};
use crate::kernels::{columns, dense};
use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, bail};

/// Bytes of one widened panel on the CPU, about what stays in the cache until it is multiplied.
/// Measured on 2 busy cores with a layer of 4608 × 12288: at 64 MiB one row of x took 5 to 9 times
/// as long as at 4 MiB; with 556 rows the spread between runs was larger than any difference.
const PANEL_BYTES: usize = 4 << 20;

/// Bytes of one widened panel on an accelerator, which wants larger products.
const DEVICE_PANEL_BYTES: usize = 256 << 20;

/// y = x·Wᵀ + b over a weight in some stored format.
///
/// The weight may be in parts, each giving some of the outputs, one after the other: split
/// projections (q, k, v) act as one fused layer and no weight is copied.
#[derive(Debug)]
pub struct Linear {
    parts: Vec<Part>,
    bias: Option<Bias>,
    inputs: usize,
    outputs: usize,
    dtype: DType,
    device: Device,
}

/// A weight, with its copy where the device is not the CPU.
#[derive(Debug)]
struct Part {
    weight: Box<dyn Weight>,
    uploaded: Option<Uploaded>,
}

#[derive(Debug)]
struct Uploaded {
    weight: Box<dyn DeviceWeight>,
    /// [1, outputs], f32.
    row_scale: Option<Tensor>,
}

#[derive(Debug)]
struct Bias {
    values: Vec<f32>,
    /// `[outputs]` in the compute dtype, where the device is not the CPU.
    uploaded: Option<Tensor>,
}

impl Linear {
    /// `weights` share their inputs; `bias` has one value an output. The layer computes in
    /// `dtype` on `device`; on an accelerator the stored weights are copied there, once.
    pub(crate) fn new(
        weights: Vec<Box<dyn Weight>>,
        bias: Option<Vec<f32>>,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        Self::build(weights, bias, dtype, device, !device.is_cpu())
    }

    /// `by_device`: compute with the device's operations on an uploaded copy, also where the
    /// device is the CPU (so that tests can hold the two ways against each other).
    fn build(
        weights: Vec<Box<dyn Weight>>,
        bias: Option<Vec<f32>>,
        dtype: DType,
        device: &Device,
        by_device: bool,
    ) -> Result<Self> {
        let inputs = weights.first().map_or(0, |weight| weight.inputs());
        let outputs = weights.iter().map(|weight| weight.outputs()).sum();
        if weights.iter().any(|weight| weight.inputs() != inputs) {
            bail!("the parts of a linear layer differ in their number of inputs");
        }
        if bias.as_ref().is_some_and(|bias| bias.len() != outputs) {
            bail!("a linear layer's bias does not fit its {outputs} outputs");
        }
        let bias = bias
            .map(|values| {
                let uploaded = by_device
                    .then(|| Tensor::new(values.as_slice(), device)?.to_dtype(dtype))
                    .transpose()?;
                Ok::<_, candle_core::Error>(Bias { values, uploaded })
            })
            .transpose()?;
        let parts = weights
            .into_iter()
            .map(|weight| {
                let uploaded =
                    by_device.then(|| Uploaded::new(weight.as_ref(), dtype, device)).transpose()?;
                Ok(Part { weight, uploaded })
            })
            .collect::<Result<_>>()?;
        Ok(Self { parts, bias, inputs, outputs, dtype, device: device.clone() })
    }

    /// Length of an input row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Length of an output row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes of the weight as stored, scales included.
    pub fn stored_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.weight.stored_bytes()).sum()
    }

    /// The format of the weight: `f32`, `bf16`, `f16`, `fp8`, `nf4` or `nf4 nested`.
    pub fn format(&self) -> &'static str {
        self.parts.first().map_or("none", |part| part.weight.format())
    }

    /// `x` [.., inputs] in the compute dtype → [.., outputs] in the compute dtype.
    ///
    /// On the CPU products are summed in f32 whatever the compute dtype is, and row scale and
    /// bias are applied before the one rounding to it.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        match shape.last_mut() {
            Some(last) if *last == self.inputs => *last = self.outputs,
            _ => bail!("a linear layer of {} inputs got {:?}", self.inputs, x.shape()),
        }
        let rows = x.elem_count().checked_div(self.inputs).unwrap_or(0);
        let x = x.reshape((rows, self.inputs))?;
        let y = if self.parts.iter().all(|part| part.uploaded.is_some()) {
            self.forward_by_device(&x)?
        } else {
            self.forward_on_cpu(&x)?
        };
        y.reshape(shape)
    }

    fn forward_on_cpu(&self, x: &Tensor) -> Result<Tensor> {
        let rows = x.dim(0)?;
        let x = x.to_dtype(DType::F32)?.contiguous()?;
        let mut y = vec![0.0; rows * self.outputs];
        let mut first = 0;
        for part in &self.parts {
            let weight = part.weight.as_ref();
            for panel in panels(weight.outputs(), self.inputs, size_of::<f32>(), 1, PANEL_BYTES) {
                let mut widened = vec![0.0; panel.len() * self.inputs];
                weight.widen_rows(panel.clone(), &mut widened);
                if self.dtype == DType::BF16 && !weight.exact_in_bf16() {
                    dense::round_to_bf16(&mut widened);
                }
                let widened = Tensor::from_vec(widened, (panel.len(), self.inputs), &Device::Cpu)?;
                let product = x.matmul(&widened.t()?)?;
                let columns = first + panel.start..first + panel.end;
                let bias = self.bias.as_ref().and_then(|bias| bias.values.get(columns.clone()));
                let scale = weight.row_scale().and_then(|scale| scale.get(panel));
                let columns = columns::Columns {
                    first: columns.start,
                    count: columns.len(),
                    total: self.outputs,
                };
                with_values(&product, |product| {
                    columns::place(product, columns, scale, bias, &mut y);
                })?;
            }
            first += weight.outputs();
        }
        Tensor::from_vec(y, (rows, self.outputs), &Device::Cpu)?.to_dtype(self.dtype)
    }

    fn forward_by_device(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.to_dtype(self.dtype)?.contiguous()?;
        let element = self.dtype.size_in_bytes();
        let mut products = Vec::new();
        for part in &self.parts {
            let Some(uploaded) = &part.uploaded else { continue };
            let (step, outputs) = (uploaded.weight.row_step(), part.weight.outputs());
            for panel in panels(outputs, self.inputs, element, step, DEVICE_PANEL_BYTES) {
                let product = x.matmul(&uploaded.weight.widen_rows(panel.clone())?.t()?)?;
                products.push(match &uploaded.row_scale {
                    Some(scale) => product
                        .to_dtype(DType::F32)?
                        .broadcast_mul(&scale.narrow(1, panel.start, panel.len())?)?
                        .to_dtype(self.dtype)?,
                    None => product,
                });
            }
        }
        let y = match products.as_slice() {
            [one] => one.clone(),
            _ => Tensor::cat(&products, 1)?,
        };
        match self.bias.as_ref().and_then(|bias| bias.uploaded.as_ref()) {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }

    /// The device the layer computes on.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

impl Uploaded {
    fn new(weight: &dyn Weight, dtype: DType, device: &Device) -> Result<Self> {
        let row_scale =
            weight.row_scale().map(|scale| Tensor::new(scale, device)?.unsqueeze(0)).transpose()?;
        Ok(Self { weight: weight.upload(dtype, device)?, row_scale })
    }
}

/// Ranges of rows that each need at most `bytes` when widened, starting at multiples of `step`.
fn panels(
    rows: usize,
    inputs: usize,
    element: usize,
    step: usize,
    bytes: usize,
) -> impl Iterator<Item = std::ops::Range<usize>> {
    let fitting = bytes / (inputs * element).max(1);
    let height = (fitting / step * step).max(step);
    (0..rows).step_by(height).map(move |start| start..(start + height).min(rows))
}

/// Lends the values of a contiguous f32 tensor on the CPU.
fn with_values(tensor: &Tensor, use_values: impl FnOnce(&[f32])) -> Result<()> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => {
            use_values(values.get(start..end).unwrap_or_default());
            Ok(())
        }
        _ => bail!("a product is not contiguous f32 in host memory"),
    }
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
