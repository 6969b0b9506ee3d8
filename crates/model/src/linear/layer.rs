//! y = x·Wᵀ + b over weights that stay as they are stored. On the processor the kernels widen
//! them in the caches; on an accelerator a panel of rows is widened, multiplied and dropped.

use super::stored::StoredBytes;
use super::weight::{DeviceWeight, Weight};
use crate::ops::products::{self, Product, finish};
use crate::ops::quantised::{Quantised, Rows, quantise};
use crate::ops::storage::{Number, with_values};
use candle_core::{DType, Device, Result, Tensor, bail};
use sigmalab_kernels::product::{self, Gated, Precision};
use sigmalab_kernels::{Matrix, Real, Stored};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Bytes of one widened panel on an accelerator, which wants larger products.
pub(crate) const DEVICE_PANEL_BYTES: usize = 256 << 20;

/// y = x·Wᵀ + b over a weight in some stored format.
///
/// The weight may be in parts, each giving some of the outputs, one after the other: split
/// projections (q, k, v) act as one fused layer and no weight is copied.
#[derive(Debug)]
pub struct Linear {
    parts: Vec<Part>,
    bias: Option<Bias>,
    /// `[outputs]` in f32, where some part has a row scale and products are a device's.
    scale: Option<Tensor>,
    inputs: usize,
    outputs: usize,
    dtype: DType,
    device: Device,
    placement: Placement,
    bytes: Bytes,
}

/// Which products are of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// None.
    None,
    /// All, on the processor.
    All,
    /// All on the processor but those of the inputs that stand out.
    BesideOutliers,
    /// Those of weights in e4m3 on a device, which are multiplied as they are stored.
    E4m3,
}

/// Where a layer's products are made, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// By the processor's kernels, of weights as they are mapped.
    Host,
    /// By the device's operations, of a copy of the stored weights that stays there.
    Resident,
    /// The same, of a copy that stays there widened.
    Widened,
    /// By the device's operations, of a copy that is made for every product and goes after it.
    Streamed,
}

impl Placement {
    /// Where layers of a device are as long as there is memory.
    pub(crate) fn usual(device: &Device) -> Self {
        if device.is_cpu() { Self::Host } else { Self::Resident }
    }
}

/// A weight, with its copy where one stays on a device.
#[derive(Debug)]
struct Part {
    weight: Box<dyn Weight>,
    uploaded: Option<Arc<dyn DeviceWeight>>,
    /// The largest magnitude in each row, where bytes are multiplied; found at the first product.
    peaks: OnceLock<Vec<f32>>,
}

#[derive(Debug)]
struct Bias {
    values: Vec<f32>,
    /// `[outputs]` in f32, where the device is not the CPU.
    uploaded: Option<Tensor>,
}

impl Linear {
    /// `weights` share their inputs; `bias` has one value an output. The layer computes in
    /// `dtype` on `device`, which may be the CPU for every placement, so that tests can hold the
    /// ways against each other.
    pub(crate) fn new(
        weights: Vec<Box<dyn Weight>>,
        bias: Option<Vec<f32>>,
        dtype: DType,
        device: &Device,
        placement: Placement,
    ) -> Result<Self> {
        let by_device = placement != Placement::Host;
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
        let scale = match by_device {
            true => row_scales(&weights).map(|scale| Tensor::new(scale, device)).transpose()?,
            false => None,
        };
        let parts = weights
            .into_iter()
            .map(|weight| {
                let uploaded = match placement {
                    Placement::Host | Placement::Streamed => None,
                    Placement::Resident => Some(upload(weight.as_ref(), dtype, device)?),
                    Placement::Widened => Some(widened(weight.as_ref(), dtype, device)?),
                };
                Ok(Part { weight, uploaded, peaks: OnceLock::new() })
            })
            .collect::<Result<_>>()?;
        let device = device.clone();
        let bytes = Bytes::None;
        Ok(Self { parts, bias, scale, inputs, outputs, dtype, device, placement, bytes })
    }

    /// The same layer, with such products.
    pub(crate) fn in_bytes(mut self, bytes: Bytes) -> Self {
        self.bytes = bytes;
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
        let y = if self.placement == Placement::Host {
            self.forward_on_cpu(&x)?
        } else {
            let bias = self.bias.as_ref().and_then(|bias| bias.uploaded.as_ref());
            finish(&self.product(&Rows::Plain(x))?, bias, self.dtype)?
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
        match self.bytes {
            Bytes::BesideOutliers => self.multiply_and_take(&mut x.to_vec(), y),
            bytes => self.multiply_of(bytes == Bytes::All, x, y),
        }
    }

    fn multiply_of<T: Real>(&self, bytes: bool, x: &[T], y: &mut [T]) {
        let parts: Vec<Matrix<'_>> = self.parts.iter().map(|part| part.weight.matrix()).collect();
        let bias = self.bias.as_ref().map(|bias| bias.values.as_slice());
        if bytes {
            let peaks = self.parts.iter().zip(&parts);
            let peaks: Vec<&[f32]> = peaks.map(|(part, matrix)| part.peaks(matrix)).collect();
            return product::multiply_in_bytes(x, &parts, &peaks, bias, y);
        }
        product::multiply(x, &parts, bias, precision_of::<T>(), y);
    }

    /// As [`Self::multiply`]; `x` may be changed, and is not to be used afterwards. Outliers are told apart
    /// where the layer has one part and no bias; else no product is of bytes.
    pub(crate) fn multiply_and_take<T: Real>(&self, x: &mut [T], y: &mut [T]) {
        match (&self.parts[..], &self.bias, self.bytes) {
            ([part], None, Bytes::BesideOutliers) => {
                let matrix = part.weight.matrix();
                let peaks = part.peaks(&matrix);
                product::multiply_in_bytes_beside_outliers(x, &matrix, peaks, y);
            }
            (_, _, bytes) => self.multiply_of(bytes == Bytes::All, x, y),
        }
    }

    /// silu of this layer's outputs times those of `up`, in one product; false where the layers are
    /// not alike, or have biases or several parts.
    pub(crate) fn multiply_gated<T: Real>(&self, up: &Self, x: &[T], y: &mut [T]) -> bool {
        let ([gate_part], [up_part]) = (&self.parts[..], &up.parts[..]) else { return false };
        let alike = self.inputs == up.inputs
            && self.outputs == up.outputs
            && self.bytes == up.bytes
            && self.bytes != Bytes::BesideOutliers
            && self.bias.is_none()
            && up.bias.is_none();
        if alike {
            let (gate, up) = (gate_part.weight.matrix(), up_part.weight.matrix());
            let peaks =
                (self.bytes == Bytes::All).then(|| [gate_part.peaks(&gate), up_part.peaks(&up)]);
            product::multiply_gated(x, Gated { gate, up, peaks }, precision_of::<T>(), y);
        }
        alike
    }

    /// Whether the device's products are of rows in e4m3: where that is asked for, and weights in e4m3 are
    /// there as they are stored, in a shape that such products take.
    pub(crate) fn takes_e4m3(&self) -> bool {
        let fits = |part: &Part| {
            let matrix = part.weight.matrix();
            let by_sixteen = [matrix.outputs, matrix.inputs].iter().all(|n| n.is_multiple_of(16));
            by_sixteen && matches!(matrix.values, Stored::E4m3(_))
        };
        self.bytes == Bytes::E4m3
            && matches!(self.placement, Placement::Resident | Placement::Streamed)
            && self.parts.iter().all(fits)
    }

    /// Rows times the weight by the device's operations: summed and left in f32, scales and bias still to
    /// come. Plain rows are rounded to e4m3 where the layer takes such.
    pub(crate) fn product(&self, rows: &Rows) -> Result<Product> {
        match rows {
            Rows::Plain(x) => {
                let x = x.to_dtype(self.dtype)?.contiguous()?;
                if self.takes_e4m3() {
                    return self.product_in_e4m3(&quantise(&x)?);
                }
                let panels = self.parts.iter().flat_map(|part| self.panels_of(part));
                let values = products::product(&x, self.outputs, panels)?;
                Ok(Product { values, scale: self.scale.clone(), row_scale: None })
            }
            Rows::E4m3(x) if self.takes_e4m3() => self.product_in_e4m3(x),
            Rows::E4m3(_) => bail!("rows in e4m3 for a layer in {}", self.format()),
        }
    }

    fn product_in_e4m3(&self, x: &Quantised) -> Result<Product> {
        let weights = self.parts.iter().map(|part| Ok((self.of(part)?, part.weight.outputs())));
        let values = products::product_e4m3(x, self.outputs, weights)?;
        let (scale, row_scale) = (self.scale.clone(), Some(x.scale.clone()));
        Ok(Product { values, scale, row_scale })
    }

    /// The weight of a part on the device, as long as that is held.
    fn of(&self, part: &Part) -> Result<Arc<dyn DeviceWeight>> {
        match &part.uploaded {
            Some(resident) => Ok(Arc::clone(resident)),
            None => for_one_use(part.weight.as_ref(), self.dtype, &self.device),
        }
    }

    /// The weight of a part widened some rows at a time, each when it is asked for.
    fn panels_of<'a>(&'a self, part: &'a Part) -> Box<dyn Iterator<Item = Result<Tensor>> + 'a> {
        let weight = match self.of(part) {
            Ok(weight) => weight,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let (outputs, step) = (part.weight.outputs(), weight.row_step());
        let element = DType::F32.size_in_bytes();
        let panels = panels(outputs, self.inputs, element, step, DEVICE_PANEL_BYTES);
        Box::new(panels.map(move |panel| weight.widen_rows(panel)))
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

fn precision_of<T: Real>() -> Precision {
    if T::BF16 { Precision::Bf16 } else { Precision::F32 }
}

/// Copies a weight to a device as it is stored.
pub(super) fn upload(
    weight: &dyn Weight,
    dtype: DType,
    device: &Device,
) -> Result<Arc<dyn DeviceWeight>> {
    #[cfg(feature = "cuda")]
    if let Some(uploaded) = crate::cuda::upload(&weight.matrix(), dtype, device)? {
        return Ok(uploaded.into());
    }
    Ok(weight.upload(dtype, device)?.into())
}

/// Copies a weight to a device, as it is stored, for one product.
pub(super) fn for_one_use(
    weight: &dyn Weight,
    dtype: DType,
    device: &Device,
) -> Result<Arc<dyn DeviceWeight>> {
    #[cfg(feature = "cuda")]
    if let Some(sent) = crate::cuda::stream(&weight.matrix(), dtype, device)? {
        return Ok(sent.into());
    }
    upload(weight, dtype, device)
}

/// Copies a weight to a device and widens it there once for all products.
fn widened(weight: &dyn Weight, dtype: DType, device: &Device) -> Result<Arc<dyn DeviceWeight>> {
    let rows = upload(weight, dtype, device)?.widen_rows(0..weight.outputs())?;
    Ok(Arc::new(WidenedOnDevice { rows, dtype }))
}

/// A weight that was widened: what it was copied as is gone.
#[derive(Debug)]
struct WidenedOnDevice {
    rows: Tensor,
    dtype: DType,
}

impl DeviceWeight for WidenedOnDevice {
    fn widen_rows(&self, rows: Range<usize>) -> Result<Tensor> {
        self.rows.narrow(0, rows.start, rows.len())?.to_dtype(self.dtype)
    }
}

/// The row scales of all parts, one after the other, where any has some.
pub(super) fn row_scales(weights: &[Box<dyn Weight>]) -> Option<Vec<f32>> {
    weights.iter().any(|weight| weight.row_scale().is_some()).then(|| {
        let of = |weight: &dyn Weight| match weight.row_scale() {
            Some(scale) => scale.to_vec(),
            None => vec![1.0; weight.outputs()],
        };
        weights.iter().flat_map(|weight| of(weight.as_ref())).collect()
    })
}

/// Ranges of rows that each need at most `bytes` when widened, starting at multiples of `step`.
fn panels(
    rows: usize,
    inputs: usize,
    element: usize,
    step: usize,
    bytes: usize,
) -> impl Iterator<Item = Range<usize>> {
    let fitting = bytes / (inputs * element).max(1);
    let height = (fitting / step * step).max(step);
    (0..rows).step_by(height).map(move |start| start..(start + height).min(rows))
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
