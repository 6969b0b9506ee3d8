//! ggml's blocks of quantised values, as GGUF files hold them.

use super::stored::{StoredBytes, StoredTensor, StoredType};
use super::weight::{DeviceWeight, Weight};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use sigmalab_kernels::ggml::{Block, Ggml as Blocks, IQ4_NL};
use sigmalab_kernels::{Matrix, Stored};
use std::borrow::Cow;
use std::ops::Range;

/// A weight matrix in blocks, which run along its rows.
#[derive(Debug)]
pub(crate) struct Ggml {
    block: Block,
    tensor: StoredTensor,
    outputs: usize,
    inputs: usize,
}

impl Ggml {
    /// `None` unless the tensor is a matrix whose rows are whole blocks.
    pub(crate) fn new(tensor: &StoredTensor) -> Option<Self> {
        let StoredType::Block(block) = tensor.dtype else { return None };
        let [outputs, inputs] = tensor.matrix()?;
        let row = block.bytes_of(inputs)?;
        let fits = outputs.checked_mul(row) == Some(tensor.bytes.as_slice().len());
        fits.then(|| Self { block, tensor: tensor.clone(), outputs, inputs })
    }
}

impl Weight for Ggml {
    fn format(&self) -> &'static str {
        self.block.name()
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
        let values = Stored::Ggml(Blocks { block: self.block, bytes });
        Matrix { outputs: self.outputs, inputs: self.inputs, values, scale: None }
    }

    fn upload(&self, dtype: DType, device: &Device) -> Result<Box<dyn DeviceWeight>> {
        // candle reads blocks as structures, which want the alignment that a vector has.
        let bytes = self.tensor.bytes.as_slice();
        let mut blocks = bytes.to_vec();
        let format = match self.block {
            Block::Q4_0 => GgmlDType::Q4_0,
            Block::Q4_1 => GgmlDType::Q4_1,
            Block::Q5_0 => GgmlDType::Q5_0,
            Block::Q5_1 => GgmlDType::Q5_1,
            Block::Q8_0 => GgmlDType::Q8_0,
            Block::Q4K => GgmlDType::Q4K,
            Block::Q5K => GgmlDType::Q5K,
            Block::Q6K => GgmlDType::Q6K,
            // candle does not have it. Its values fit Q8_0's codes, and scales are alike.
            Block::Iq4Nl => {
                blocks = as_q8_0(bytes);
                GgmlDType::Q8_0
            }
        };
        let blocks = QStorage::from_data(Cow::Owned(blocks), device, format)?;
        let weight = QTensor::new(blocks, (self.outputs, self.inputs))?;
        Ok(Box::new(GgmlOnDevice { weight, dtype, device: device.clone() }))
    }
}

/// Blocks of IQ4_NL as blocks of Q8_0 with the same values.
fn as_q8_0(blocks: &[u8]) -> Vec<u8> {
    let (blocks, _) = blocks.as_chunks::<{ Block::Iq4Nl.bytes() }>();
    let mut bytes = Vec::with_capacity(blocks.len() * Block::Q8_0.bytes());
    for [low, high, codes @ ..] in blocks {
        bytes.extend([low, high]);
        for shift in [0, 4] {
            let value = |code: &u8| IQ4_NL[usize::from(code >> shift & 0xf)].cast_unsigned();
            bytes.extend(codes.iter().map(value));
        }
    }
    bytes
}

/// Blocks that candle widens.
#[derive(Debug)]
struct GgmlOnDevice {
    weight: QTensor,
    dtype: DType,
    device: Device,
}

impl DeviceWeight for GgmlOnDevice {
    /// candle widens whole weights only, so that one panel takes them all.
    fn row_step(&self) -> usize {
        self.weight.shape().dims().first().copied().unwrap_or(1).max(1)
    }

    fn widen_rows(&self, rows: Range<usize>) -> Result<Tensor> {
        let weight = self.weight.dequantize(&self.device)?;
        weight.narrow(0, rows.start, rows.len())?.to_dtype(self.dtype)
    }
}
