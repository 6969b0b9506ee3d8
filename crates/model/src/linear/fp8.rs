//! Weight-only fp8: e4m3 codes with one f32 scale a row, or one for the whole matrix.
//!
//! The reference multiplies `weight.to(bf16) * weight_scale.to(bf16)`, which rounds the scale
//! and then every weight. An e4m3 code fits bf16 exactly, so here the codes are widened as they
//! are and the f32 scale multiplies the product: closer to the exact result, and cheaper.

use super::stored::{StoredBytes, StoredTensor, StoredType};
use super::weight::{DeviceWeight, Weight};
use candle_core::{DType, Device, Result, Tensor};
use sigmalab_kernels::{Matrix, Stored, float8};
use std::ops::Range;

/// An fp8 weight matrix.
#[derive(Debug)]
pub(crate) struct Fp8 {
    tensor: StoredTensor,
    scale: Vec<f32>,
    scale_bytes: u64,
    outputs: usize,
    inputs: usize,
}

impl Fp8 {
    /// `scale` has one value, or one a row. `None` unless that and the tensor's type and shape
    /// fit.
    pub(crate) fn new(tensor: &StoredTensor, scale: Vec<f32>) -> Option<Self> {
        let [outputs, inputs] = tensor.matrix()?;
        if tensor.dtype != StoredType::F8E4M3 {
            return None;
        }
        let scale_bytes = 4 * scale.len() as u64;
        let scale = match scale.as_slice() {
            [one] => vec![*one; outputs],
            rows if rows.len() == outputs => scale,
            _ => return None,
        };
        Some(Self { tensor: tensor.clone(), scale, scale_bytes, outputs, inputs })
    }
}

impl Weight for Fp8 {
    fn format(&self) -> &'static str {
        "fp8"
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn stored_bytes(&self) -> u64 {
        self.tensor.bytes.as_slice().len() as u64 + self.scale_bytes
    }

    fn stored(&self) -> Vec<StoredBytes> {
        vec![self.tensor.bytes.clone()]
    }

    fn matrix(&self) -> Matrix<'_> {
        let values = Stored::E4m3(self.tensor.bytes.as_slice());
        let scale = Some(self.scale.as_slice());
        Matrix { outputs: self.outputs, inputs: self.inputs, values, scale }
    }

    fn upload(&self, dtype: DType, device: &Device) -> Result<Box<dyn DeviceWeight>> {
        let codes = self.tensor.bytes.as_slice();
        Ok(Box::new(Fp8OnDevice {
            codes: Tensor::from_raw_buffer(codes, DType::U8, &[self.outputs, self.inputs], device)?,
            table: Tensor::new(&float8::E4M3, device)?.to_dtype(dtype)?,
        }))
    }
}

/// Codes widened by a table: every device can gather, not every device casts e4m3.
#[derive(Debug)]
struct Fp8OnDevice {
    codes: Tensor,
    table: Tensor,
}

impl DeviceWeight for Fp8OnDevice {
    fn widen_rows(&self, rows: Range<usize>) -> Result<Tensor> {
        let codes = self.codes.narrow(0, rows.start, rows.len())?;
        // As wider numbers: candle takes the largest number of a type for no place at all.
        let places = codes.flatten_all()?.to_dtype(DType::U32)?;
        self.table.index_select(&places, 0)?.reshape(codes.shape())
    }
}
