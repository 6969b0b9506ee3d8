//! Random tensors as a stream: a safetensors file, or a GGUF file where they are ggml's blocks.

use super::tensors::{Fill, SynthFormat, Tensor};
use crate::checkpoint::block_number;
use half::f16;
use serde_json::{Map, Value, json};
use sigmalab_kernels::ggml::Block;
use std::io::{Result, Write};

const MAP: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// Writes a safetensors file from front to back.
pub(super) struct Writer<W> {
    to: W,
    format: SynthFormat,
    state: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(to: W, format: SynthFormat, seed: u64) -> Self {
        Self { to, format, state: seed }
    }

    /// `progress` is told the bytes written so far.
    pub(super) fn write(
        &mut self,
        tensors: &[Tensor],
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        if matches!(self.format, SynthFormat::Blocks(_)) {
            return self.write_gguf(tensors, progress);
        }
        let stored: Vec<_> = tensors.iter().flat_map(|t| t.stored(self.format)).collect();
        let mut header = Map::new();
        let mut offset = 0;
        for (name, dtype, shape, _, bytes) in &stored {
            let offsets = [offset, offset + bytes];
            header.insert(
                name.clone(),
                json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }),
            );
            offset += bytes;
        }
        let mut header = Value::Object(header).to_string();
        // Values begin at a multiple of 8.
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        self.to.write_all(&(header.len() as u64).to_le_bytes())?;
        self.to.write_all(header.as_bytes())?;
        let mut done = 0;
        for (.., fill, bytes) in &stored {
            self.write_filled(fill, *bytes, &mut done, progress)?;
        }
        self.to.flush()
    }

    fn write_gguf(
        &mut self,
        tensors: &[Tensor],
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let stored: Vec<_> = tensors.iter().flat_map(|t| t.stored(self.format)).collect();
        let text = |to: &mut Vec<u8>, text: &str| {
            to.extend((text.len() as u64).to_le_bytes());
            to.extend(text.as_bytes());
        };
        let mut header = b"GGUF\x03\0\0\0".to_vec();
        header.extend((stored.len() as u64).to_le_bytes());
        header.extend(1u64.to_le_bytes());
        text(&mut header, "general.architecture");
        header.extend(GGUF_TEXT.to_le_bytes());
        text(&mut header, "ideogram4");
        let mut offset = 0;
        for (name, dtype, shape, _, bytes) in &stored {
            text(&mut header, name);
            header.extend((shape.len() as u32).to_le_bytes());
            for axis in shape.iter().rev() {
                header.extend((*axis as u64).to_le_bytes());
            }
            let block = Block::ALL.into_iter().find(|block| block.name() == *dtype);
            header.extend(block.map_or(GGUF_BF16, block_number).to_le_bytes());
            header.extend(u64::to_le_bytes(offset));
            offset += bytes.next_multiple_of(GGUF_ALIGNMENT);
        }
        let padding =
            |bytes: u64| vec![0; (bytes.next_multiple_of(GGUF_ALIGNMENT) - bytes) as usize];
        header.extend(padding(header.len() as u64));
        self.to.write_all(&header)?;
        let mut done = 0;
        for (.., fill, bytes) in &stored {
            self.write_filled(fill, *bytes, &mut done, progress)?;
            self.to.write_all(&padding(*bytes))?;
        }
        self.to.flush()
    }

    /// `bytes` bytes of a fill; `done` counts them.
    fn write_filled(
        &mut self,
        fill: &Fill,
        bytes: u64,
        done: &mut u64,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let most = match fill {
            Fill::Blocks(block, _) => CHUNK / block.bytes() * block.bytes(),
            _ => CHUNK,
        };
        let mut left = bytes;
        while left > 0 {
            let count = left.min(most as u64) as usize;
            let chunk = self.chunk(fill, count);
            self.to.write_all(&chunk)?;
            left -= count as u64;
            *done += count as u64;
            progress(*done)?;
        }
        Ok(())
    }

    /// `count` bytes of a fill; what is given is given whole, as it is short.
    fn chunk(&mut self, fill: &Fill, count: usize) -> Vec<u8> {
        let wide = self.format == SynthFormat::F32;
        let float = |value: f32| {
            if wide {
                value.to_le_bytes().to_vec()
            } else {
                half::bf16::from_f32(value).to_le_bytes().to_vec()
            }
        };
        match fill {
            Fill::Floats(spread) => {
                // Uniform of variance 1 is up to √3.
                let reach = spread * 3f32.sqrt();
                let mut bytes = Vec::with_capacity(count);
                while bytes.len() < count {
                    let bits = self.next();
                    for value in [bits >> 40, bits & 0xff_ffff] {
                        let value = (value as f32 / (1u64 << 23) as f32 - 1.0) * reach;
                        if wide {
                            bytes.extend_from_slice(&value.to_le_bytes());
                        } else {
                            bytes.extend_from_slice(&half::bf16::from_f32(value).to_le_bytes());
                        }
                    }
                }
                bytes.truncate(count);
                bytes
            }
            Fill::Constant(value) => repeated(&float(*value), count),
            Fill::F32(value) => repeated(&value.to_le_bytes(), count),
            Fill::Codes => {
                let mut bytes = self.random(count);
                bytes
                    .iter_mut()
                    .for_each(|code| *code &= if *code & 0x7f == 0x7f { 0xf7 } else { 0xff });
                bytes
            }
            Fill::Bytes => self.random(count),
            Fill::Blocks(block, spread) => {
                let mut bytes = self.random(count);
                for bytes in bytes.chunks_exact_mut(block.bytes()) {
                    for (at, scale) in block_scales(*block, *spread) {
                        let scale = f16::from_f32(scale).to_le_bytes();
                        for (byte, value) in bytes.iter_mut().skip(at).zip(scale) {
                            *byte = value;
                        }
                    }
                }
                bytes
            }
            Fill::Map => MAP.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Fill::Given(bytes) => bytes.clone(),
        }
    }

    fn random(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.state;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// GGUF's number of a string.
const GGUF_TEXT: u32 = 8;
/// GGUF's number of bf16.
const GGUF_BF16: u32 = 30;
/// Tensors begin at multiples of this.
const GGUF_ALIGNMENT: u64 = 32;

/// Where the f16 of a block are, and what they have to be so that random codes have this standard
/// deviation, roughly. Minima take the codes' mean away.
fn block_scales(block: Block, spread: f32) -> Vec<(usize, f32)> {
    // The standard deviation of uniform codes is their number over √12. Random scales are 32 on
    // average where they have 6 bits; those of 8 bits have a standard deviation of their own.
    match block {
        Block::Q4_0 => vec![(0, spread / 4.6)],
        Block::Q4_1 => vec![(0, spread / 4.6), (2, -7.5 * spread / 4.6)],
        Block::Q5_0 => vec![(0, spread / 9.2)],
        Block::Q5_1 => vec![(0, spread / 9.2), (2, -15.5 * spread / 9.2)],
        Block::Q8_0 => vec![(0, spread / 74.0)],
        Block::Q4K => vec![(0, spread / 4.6 / 32.0), (2, 7.5 * spread / 4.6 / 32.0)],
        Block::Q5K => vec![(0, spread / 9.2 / 32.0), (2, 15.5 * spread / 9.2 / 32.0)],
        Block::Q6K => vec![(208, spread / 18.5 / 74.0)],
        Block::Iq4Nl => vec![(0, spread / 70.0)],
    }
}

/// Bytes made at a time; a multiple of every element's size.
const CHUNK: usize = 1 << 20;

fn repeated(element: &[u8], count: usize) -> Vec<u8> {
    element.iter().copied().cycle().take(count).collect()
}
