//! y = x·Wᵀ + b over weights that stay as they are stored. On the processor the kernels widen
//! them in the caches; on an accelerator a panel of rows is widened, multiplied and dropped.

use super::stored::StoredBytes;
use super::weight::{DeviceWeight, Weight};
use crate::ops::storage::{Number, with_values};
use candle_core::{DType, Device, Result, Tensor, bail};
use sigmalab_kernels::product::{self, Gated, Precision};
use sigmalab_kernels::{Matrix, Real};
use std::sync::OnceLock;

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
    in_bytes: bool,
}

/// A weight, with its copy where the device is not the CPU.
#[derive(Debug)]
struct Part {
    weight: Box<dyn Weight>,
    uploaded: Option<Uploaded>,
    /// The largest magnitude in each row, where bytes are multiplied; found at the first product.
    peaks: OnceLock<Vec<f32>>,
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
    /// `[outputs]` in f32, where the device is not the CPU.
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
                let uploaded =
                    by_device.then(|| Tensor::new(values.as_slice(), device)).transpose()?;
                Ok::<_, candle_core::Error>(Bias { values, uploaded })
            })
            .transpose()?;
        let parts = weights
            .into_iter()
            .map(|weight| {
                let uploaded =
                    by_device.then(|| Uploaded::new(weight.as_ref(), dtype, device)).transpose()?;
                Ok(Part { weight, uploaded, peaks: OnceLock::new() })
            })
            .collect::<Result<_>>()?;
        Ok(Self { parts, bias, inputs, outputs, dtype, device: device.clone(), in_bytes: false })
    }

    /// The same layer, whose products on the processor are of bytes if `in_bytes`.
    pub(crate) fn in_bytes(mut self, in_bytes: bool) -> Self {
        self.in_bytes = in_bytes;
        self
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

    /// Where the stored weight is.
    pub(crate) fn stored(&self) -> impl Iterator<Item = StoredBytes> {
        self.parts.iter().flat_map(|part| part.weight.stored())
    }

    /// The format of the weight: `f32`, `bf16`, `f16`, `fp8`, `nf4`, `nf4 nested`, or the name of
    /// a block format (`Q8_0`).
    pub fn format(&self) -> &'static str {
        self.parts.first().map_or("none", |part| part.weight.format())
    }

    /// `x` [.., inputs] in the compute dtype → [.., outputs] in the compute dtype.
    ///
    /// Products are summed in f32 whatever the compute dtype is, and row scale and bias are applied
    /// before the one rounding to it.
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
        let x = x.to_dtype(self.dtype)?.contiguous()?;
        match self.dtype {
            DType::BF16 => self.tensor_on_cpu::<half::bf16>(&x),
            _ => self.tensor_on_cpu::<f32>(&x),
        }
    }

    fn tensor_on_cpu<T: Number>(&self, x: &Tensor) -> Result<Tensor> {
        let rows = x.dim(0)?;
        let y = with_values::<T, _>(x, |x| {
            let mut y = vec![T::from_f32(0.0); rows * self.outputs];
            self.multiply(x, &mut y);
            y
        })?;
        Tensor::from_vec(y, (rows, self.outputs), &Device::Cpu)
    }

    /// `x` [rows, inputs] → `y` [rows, outputs], on the processor.
    pub(crate) fn multiply<T: Real>(&self, x: &[T], y: &mut [T]) {
        let parts: Vec<Matrix<'_>> = self.parts.iter().map(|part| part.weight.matrix()).collect();
        let bias = self.bias.as_ref().map(|bias| bias.values.as_slice());
        if self.in_bytes {
            let peaks = self.parts.iter().zip(&parts);
            let peaks: Vec<&[f32]> = peaks.map(|(part, matrix)| part.peaks(matrix)).collect();
            return product::multiply_in_bytes(x, &parts, &peaks, bias, y);
        }
        product::multiply(x, &parts, bias, precision_of::<T>(), y);
    }

    /// silu of this layer's outputs times those of `up`, in one product; false where the layers are
    /// not alike, or have biases or several parts.
    pub(crate) fn multiply_gated<T: Real>(&self, up: &Self, x: &[T], y: &mut [T]) -> bool {
        let ([gate_part], [up_part]) = (&self.parts[..], &up.parts[..]) else { return false };
        let alike = self.inputs == up.inputs
            && self.outputs == up.outputs
            && self.in_bytes == up.in_bytes
            && self.bias.is_none()
            && up.bias.is_none();
        if alike {
            let (gate, up) = (gate_part.weight.matrix(), up_part.weight.matrix());
            let peaks = self.in_bytes.then(|| [gate_part.peaks(&gate), up_part.peaks(&up)]);
            product::multiply_gated(x, Gated { gate, up, peaks }, precision_of::<T>(), y);
        }
        alike
    }

    fn forward_by_device(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.to_dtype(self.dtype)?.contiguous()?;
        let element = DType::F32.size_in_bytes();
        let mut products = Vec::new();
        for part in &self.parts {
            let Some(uploaded) = &part.uploaded else { continue };
            let (step, outputs) = (uploaded.weight.row_step(), part.weight.outputs());
            for panel in panels(outputs, self.inputs, element, step, DEVICE_PANEL_BYTES) {
                let product = product_in_f32(&x, &uploaded.weight.widen_rows(panel.clone())?)?;
                products.push(match &uploaded.row_scale {
                    Some(scale) => {
                        product.broadcast_mul(&scale.narrow(1, panel.start, panel.len())?)?
                    }
                    None => product,
                });
            }
        }
        let y = match products.as_slice() {
            [one] => one.clone(),
            _ => Tensor::cat(&products, 1)?,
        };
        let y = match self.bias.as_ref().and_then(|bias| bias.uploaded.as_ref()) {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        };
        y.to_dtype(self.dtype)
    }

    /// The device the layer computes on.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

impl Part {
    fn peaks(&self, matrix: &Matrix<'_>) -> &[f32] {
        self.peaks.get_or_init(|| product::row_peaks(matrix))
    }
}

/// `x` [rows, inputs] times `w` [outputs, inputs] transposed, as f32.
fn product_in_f32(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    x.to_dtype(DType::F32)?.matmul(&w.to_dtype(DType::F32)?.t()?)
}

fn precision_of<T: Real>() -> Precision {
    if T::BF16 { Precision::Bf16 } else { Precision::F32 }
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

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
