//! Weights stored as plain floats: f32, bf16 or f16.

use super::stored::{StoredBytes, StoredTensor, StoredType};
use super::weight::{DeviceWeight, Weight};
use candle_core::{DType, Device, Result, Tensor};
use sigmalab_kernels::ggml::{self, Ggml};
use sigmalab_kernels::{Matrix, Stored, dense};
use std::ops::Range;

/// The width of a plain float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Float {
    F32,
    Bf16,
    F16,
}

impl Float {
    fn of(dtype: StoredType) -> Option<Self> {
        match dtype {
            StoredType::F32 => Some(Self::F32),
            StoredType::Bf16 => Some(Self::Bf16),
            StoredType::F16 => Some(Self::F16),
            StoredType::F8E4M3
            | StoredType::U8
            | StoredType::Block(_)
            | StoredType::Other(_)
            | StoredType::GgufType(_) => None,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }

    fn widen(self, bytes: &[u8], out: &mut [f32]) {
        match self {
            Self::F32 => dense::widen_f32(bytes, out),
            Self::Bf16 => dense::widen_bf16(bytes, out),
            Self::F16 => dense::widen_f16(bytes, out),
        }
    }
}

/// All elements of a tensor of plain floats, or of blocks; `None` where it holds something else.
pub(crate) fn widen_all(tensor: &StoredTensor) -> Option<Vec<f32>> {
    if let StoredType::Block(block) = tensor.dtype {
        let bytes = tensor.bytes.as_slice();
        let mut values = vec![0.0; bytes.len() / block.bytes() * block.values()];
        ggml::widen_ggml(Ggml { block, bytes }, 0..values.len(), &mut values);
        return Some(values);
    }
    let float = Float::of(tensor.dtype)?;
    let bytes = tensor.bytes.as_slice();
    let mut values = vec![0.0; bytes.len() / float.bytes()];
    float.widen(bytes, &mut values);
    Some(values)
}

/// A dense weight matrix.
#[derive(Debug)]
pub(crate) struct Dense {
    float: Float,
    tensor: StoredTensor,
    outputs: usize,
    inputs: usize,
}

impl Dense {
    /// `None` unless the tensor is a matrix of plain floats that is not empty.
    pub(crate) fn new(tensor: &StoredTensor) -> Option<Self> {
        let float = Float::of(tensor.dtype)?;
        let [outputs, inputs] = tensor.matrix()?;
        Some(Self { float, tensor: tensor.clone(), outputs, inputs })
    }
}

impl Weight for Dense {
    fn format(&self) -> &'static str {
        match self.float {
            Float::F32 => "f32",
            Float::Bf16 => "bf16",
            Float::F16 => "f16",
        }
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn stored_bytes(&self) -> u64 {
        self.tensor.bytes.as_slice().len() as u64
    }

    fn stored(&self) -> Vec<StoredBytes> {
        vec![self.tensor.bytes.clone()]
    }

    fn matrix(&self) -> Matrix<'_> {
        let bytes = self.tensor.bytes.as_slice();
        let values = match self.float {
            Float::F32 => Stored::F32(bytes),
            Float::Bf16 => Stored::Bf16(bytes),
            Float::F16 => Stored::F16(bytes),
        };
        Matrix { outputs: self.outputs, inputs: self.inputs, values, scale: None }
    }

    fn upload(&self, dtype: DType, device: &Device) -> Result<Box<dyn DeviceWeight>> {
        let stored = match self.float {
            Float::F32 => DType::F32,
            Float::Bf16 => DType::BF16,
            Float::F16 => DType::F16,
        };
        let bytes = self.tensor.bytes.as_slice();
        let weight = Tensor::from_raw_buffer(bytes, stored, &[self.outputs, self.inputs], device)?;
        Ok(Box::new(DenseOnDevice { weight, dtype }))
    }
}

#[derive(Debug)]
struct DenseOnDevice {
    weight: Tensor,
    dtype: DType,
}

impl DeviceWeight for DenseOnDevice {
    fn widen_rows(&self, rows: Range<usize>) -> Result<Tensor> {
        self.weight.narrow(0, rows.start, rows.len())?.to_dtype(self.dtype)
    }
}
