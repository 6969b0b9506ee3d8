//! Weights that stay compressed in a device's memory, and are widened there some rows at a time.

use super::address::{address, number, room};
use super::kernels::launch;
use crate::linear::DeviceWeight;
use candle_core::{DType, Device, Result, Tensor};
use sigmalab_cuda::{Format, calls};
use sigmalab_kernels::ggml::Block;
use sigmalab_kernels::nf4::AbsMax;
use sigmalab_kernels::{Matrix, Stored};
use std::ops::Range;

/// What a weight consists of.
#[derive(Debug)]
enum Codes {
    E4m3(Tensor),
    Nf4 { codes: Tensor, map: Tensor, absmax: Tensor, nested: Option<Nested>, blocksize: usize },
    Blocks { bytes: Tensor, block: Block },
}

#[derive(Debug)]
struct Nested {
    codes: Tensor,
    map: Tensor,
    offset: f32,
    blocksize: usize,
}

#[derive(Debug)]
struct Compressed {
    codes: Codes,
    inputs: usize,
    dtype: DType,
    device: Device,
}

/// Copies a weight to a CUDA device as it is stored. `None` for plain numbers, which need no
/// kernel of ours, and for other devices.
pub(crate) fn upload(
    matrix: &Matrix<'_>,
    dtype: DType,
    device: &Device,
) -> Result<Option<Box<dyn DeviceWeight>>> {
    if !device.is_cuda() {
        return Ok(None);
    }
    let bytes = |bytes: &[u8]| Tensor::from_raw_buffer(bytes, DType::U8, &[bytes.len()], device);
    let floats =
        |bytes: &[u8]| Tensor::from_raw_buffer(bytes, DType::F32, &[bytes.len() / 4], device);
    let codes = match &matrix.values {
        Stored::F32(_) | Stored::Bf16(_) | Stored::F16(_) => return Ok(None),
        Stored::E4m3(codes) => Codes::E4m3(bytes(codes)?),
        Stored::Ggml(blocks) => Codes::Blocks { bytes: bytes(blocks.bytes)?, block: blocks.block },
        Stored::Nf4(weight) => {
            let (absmax, nested) = match weight.absmax {
                AbsMax::Plain(values) => (floats(values)?, None),
                // The kernel divides by shifting; other sizes are widened here.
                AbsMax::Nested { codes, blocksize, .. } if !blocksize.is_power_of_two() => {
                    let scales: Vec<f32> =
                        (0..codes.len()).map(|block| weight.absmax.of(block)).collect();
                    (Tensor::new(scales, device)?, None)
                }
                AbsMax::Nested { codes, map, absmax, blocksize, offset } => {
                    let map = Tensor::new(map.as_slice(), device)?;
                    let nested = Nested { codes: bytes(codes)?, map, offset, blocksize };
                    (floats(absmax)?, Some(nested))
                }
            };
            let map = Tensor::new(weight.map.as_slice(), device)?;
            let (codes, blocksize) = (bytes(weight.codes)?, weight.blocksize);
            Codes::Nf4 { codes, map, absmax, nested, blocksize }
        }
    };
    let (inputs, device) = (matrix.inputs, device.clone());
    Ok(Some(Box::new(Compressed { codes, inputs, dtype, device })))
}

fn format(block: Block) -> Format {
    match block {
        Block::Q4_0 => Format::Q4_0,
        Block::Q4_1 => Format::Q4_1,
        Block::Q5_0 => Format::Q5_0,
        Block::Q5_1 => Format::Q5_1,
        Block::Q8_0 => Format::Q8_0,
        Block::Q4K => Format::Q4K,
        Block::Q5K => Format::Q5K,
        Block::Q6K => Format::Q6K,
        Block::Iq4Nl => Format::Iq4Nl,
    }
}

impl DeviceWeight for Compressed {
    fn widen_rows(&self, rows: Range<usize>) -> Result<Tensor> {
        let device = self.device.as_cuda_device()?;
        let out = room(device, self.dtype, (rows.len(), self.inputs))?;
        let (start, count) = (rows.start * self.inputs, rows.len() * self.inputs);
        let (number, to) = (number(self.dtype)?, address(&out)?);
        let call = match &self.codes {
            Codes::E4m3(codes) => {
                calls::widen_e4m3(number, address(codes)? + start as u64, to, count)
            }
            Codes::Blocks { bytes, block } => {
                let first = (start / block.values() * block.bytes()) as u64;
                let blocks = address(bytes)? + first;
                calls::widen_blocks(format(*block), number, blocks, to, count)
            }
            Codes::Nf4 { codes, map, absmax, nested, blocksize } => {
                let nested = nested.as_ref().map(|nested| {
                    let (codes, map) = (address(&nested.codes)?, address(&nested.map)?);
                    let Nested { offset, blocksize, .. } = *nested;
                    Ok::<_, candle_core::Error>(calls::Nested { codes, map, offset, blocksize })
                });
                let weight = calls::Nf4 {
                    codes: address(codes)?,
                    map: address(map)?,
                    absmax: address(absmax)?,
                    nested: nested.transpose()?,
                    blocksize: *blocksize,
                };
                calls::widen_nf4(number, weight, start, count, to)
            }
        };
        launch(device, call)?;
        Ok(out)
    }
}
