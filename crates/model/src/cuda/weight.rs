//! Weights that are in a device's memory as they are stored, to stay or for one use, and are widened
//! there some rows at a time.

use super::address::{address, number, room};
use super::copies::{OnTheWay, copy_on, send};
use super::kernels::launch;
use crate::linear::DeviceWeight;
use candle_core::{DType, Device, Result, Tensor};
use sigmalab_cuda::{Format, calls};
use sigmalab_kernels::ggml::Block;
use sigmalab_kernels::nf4::AbsMax;
use sigmalab_kernels::{Matrix, Stored};
use std::ops::Range;

/// Stored bytes on the device.
#[derive(Debug)]
enum Bytes {
    Own(Tensor),
    /// Those of a weight that is on its way.
    At(u64),
}

impl Bytes {
    fn address(&self) -> Result<u64> {
        match self {
            Self::Own(tensor) => address(tensor),
            Self::At(address) => Ok(*address),
        }
    }
}

/// What a weight consists of.
#[derive(Debug)]
enum Codes {
    E4m3(Bytes),
    Nf4 {
        codes: Bytes,
        map: Tensor,
        absmax: Bytes,
        nested: Option<Nested>,
        blocksize: usize,
    },
    Blocks {
        bytes: Bytes,
        block: Block,
    },
    /// Numbers as they are computed with, on their way: they are copied out of it.
    Plain {
        bytes: Bytes,
        element: usize,
    },
}

#[derive(Debug)]
struct Nested {
    codes: Bytes,
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
    /// Keeps its bytes where they are, where they are there for one use.
    _way: Option<OnTheWay>,
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
    let own = |bytes: &[u8]| {
        Tensor::from_raw_buffer(bytes, DType::U8, &[bytes.len()], device).map(Bytes::Own)
    };
    compressed(matrix, dtype, device, own, None)
}

/// Sends a weight to a CUDA device for one use, as it is stored. `None` as above, and where it has to
/// be copied in another way.
pub(crate) fn stream(
    matrix: &Matrix<'_>,
    dtype: DType,
    device: &Device,
) -> Result<Option<Box<dyn DeviceWeight>>> {
    let (Device::Cuda(cuda), Some(parts)) = (device, parts(matrix, dtype)) else {
        return Ok(None);
    };
    let Some(way) = send(cuda, &parts)? else { return Ok(None) };
    let mut addresses = way.addresses.clone().into_iter();
    let next = |_: &[u8]| match addresses.next() {
        Some(address) => Ok(Bytes::At(address)),
        None => candle_core::bail!("a part of a weight was not sent"),
    };
    compressed(matrix, dtype, device, next, Some(way))
}

/// The bytes of a weight that are sent for each use, in the order in which [`compressed`] asks for
/// them.
fn parts<'a>(matrix: &Matrix<'a>, dtype: DType) -> Option<Vec<&'a [u8]>> {
    match &matrix.values {
        Stored::F32(bytes) if dtype == DType::F32 => Some(vec![*bytes]),
        Stored::Bf16(bytes) if dtype == DType::BF16 => Some(vec![*bytes]),
        Stored::F32(_) | Stored::Bf16(_) | Stored::F16(_) => None,
        Stored::E4m3(codes) => Some(vec![*codes]),
        Stored::Ggml(blocks) => Some(vec![blocks.bytes]),
        Stored::Nf4(weight) => match weight.absmax {
            AbsMax::Plain(values) => Some(vec![values, weight.codes]),
            AbsMax::Nested { blocksize, .. } if !blocksize.is_power_of_two() => None,
            AbsMax::Nested { codes, absmax, .. } => Some(vec![codes, absmax, weight.codes]),
        },
    }
}

/// A weight whose bytes `put` brings to the device, one part after the other.
fn compressed(
    matrix: &Matrix<'_>,
    dtype: DType,
    device: &Device,
    mut put: impl FnMut(&[u8]) -> Result<Bytes>,
    way: Option<OnTheWay>,
) -> Result<Option<Box<dyn DeviceWeight>>> {
    let codes = match &matrix.values {
        // Those that stay need no widening: the tensor library keeps them.
        Stored::F32(bytes) | Stored::Bf16(bytes) if way.is_some() => {
            Codes::Plain { bytes: put(bytes)?, element: dtype.size_in_bytes() }
        }
        Stored::F32(_) | Stored::Bf16(_) | Stored::F16(_) => return Ok(None),
        Stored::E4m3(codes) => Codes::E4m3(put(codes)?),
        Stored::Ggml(blocks) => Codes::Blocks { bytes: put(blocks.bytes)?, block: blocks.block },
        Stored::Nf4(weight) => {
            let (absmax, nested) = match weight.absmax {
                AbsMax::Plain(values) => (put(values)?, None),
                // The kernel divides by shifting; other sizes are widened here.
                AbsMax::Nested { codes, blocksize, .. } if !blocksize.is_power_of_two() => {
                    let scales: Vec<f32> =
                        (0..codes.len()).map(|block| weight.absmax.of(block)).collect();
                    (Bytes::Own(Tensor::new(scales, device)?), None)
                }
                AbsMax::Nested { codes, map, absmax, blocksize, offset } => {
                    let map = Tensor::new(map.as_slice(), device)?;
                    let nested = Nested { codes: put(codes)?, map, offset, blocksize };
                    (put(absmax)?, Some(nested))
                }
            };
            let map = Tensor::new(weight.map.as_slice(), device)?;
            let (codes, blocksize) = (put(weight.codes)?, weight.blocksize);
            Codes::Nf4 { codes, map, absmax, nested, blocksize }
        }
    };
    let (inputs, device) = (matrix.inputs, device.clone());
    Ok(Some(Box::new(Compressed { codes, inputs, dtype, device, _way: way })))
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
    fn e4m3(&self) -> Result<Option<u64>> {
        match &self.codes {
            Codes::E4m3(codes) => codes.address().map(Some),
            _ => Ok(None),
        }
    }

    fn widen_rows(&self, rows: Range<usize>) -> Result<Tensor> {
        let device = self.device.as_cuda_device()?;
        let out = room(device, self.dtype, (rows.len(), self.inputs))?;
        let (start, count) = (rows.start * self.inputs, rows.len() * self.inputs);
        let (number, to) = (number(self.dtype)?, address(&out)?);
        let call = match &self.codes {
            Codes::Plain { bytes, element } => {
                let from = bytes.address()? + (start * element) as u64;
                copy_on(device, from, to, count * element)?;
                return Ok(out);
            }
            Codes::E4m3(codes) => {
                calls::widen_e4m3(number, codes.address()? + start as u64, to, count)
            }
            Codes::Blocks { bytes, block } => {
                let first = (start / block.values() * block.bytes()) as u64;
                let blocks = bytes.address()? + first;
                calls::widen_blocks(format(*block), number, blocks, to, count)
            }
            Codes::Nf4 { codes, map, absmax, nested, blocksize } => {
                let nested = nested.as_ref().map(|nested| {
                    let (codes, map) = (nested.codes.address()?, address(&nested.map)?);
                    let Nested { offset, blocksize, .. } = *nested;
                    Ok::<_, candle_core::Error>(calls::Nested { codes, map, offset, blocksize })
                });
                let weight = calls::Nf4 {
                    codes: codes.address()?,
                    map: address(map)?,
                    absmax: absmax.address()?,
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
