//! bitsandbytes nf4: 4-bit codes in blocks of (usually) 64, one scale a block, which may be
//! quantised a second time. In bf16 the f32 product `map[code] · absmax` is rounded once.

use super::stored::{StoredBytes, StoredTensor, StoredType};
use super::weight::{DeviceWeight, Weight};
use candle_core::{DType, Device, Result, Tensor};
use sigmalab_kernels::nf4::{AbsMax, Nf4 as Packed};
use sigmalab_kernels::{Matrix, Stored};
use std::ops::{Range, RangeInclusive};

/// Block sizes that bitsandbytes makes (powers of two), with room to either side.
const BLOCKSIZES: RangeInclusive<usize> = 2..=65536;

/// The scales of the blocks as they are stored.
#[derive(Debug, Clone)]
pub(crate) enum BlockScales {
    /// One f32 a block.
    Plain(StoredBytes),
    /// One code a block, with scales of their own.
    Nested {
        codes: StoredBytes,
        map: Box<[f32; 256]>,
        absmax: StoredBytes,
        blocksize: usize,
        offset: f32,
    },
}

impl BlockScales {
    fn absmax(&self) -> AbsMax<'_> {
        match self {
            Self::Plain(values) => AbsMax::Plain(values.as_slice()),
            Self::Nested { codes, map, absmax, blocksize, offset } => AbsMax::Nested {
                codes: codes.as_slice(),
                map,
                absmax: absmax.as_slice(),
                blocksize: *blocksize,
                offset: *offset,
            },
        }
    }

    fn stored(&self) -> Vec<StoredBytes> {
        match self {
            Self::Plain(values) => vec![values.clone()],
            Self::Nested { codes, absmax, .. } => vec![codes.clone(), absmax.clone()],
        }
    }

    fn stored_bytes(&self) -> usize {
        match self {
            Self::Plain(values) => values.as_slice().len(),
            Self::Nested { codes, absmax, .. } => {
                codes.as_slice().len() + absmax.as_slice().len() + 4 * 256
            }
        }
    }

    /// Whether there is a scale for each of `blocks`.
    fn cover(&self, blocks: usize) -> bool {
        match self {
            Self::Plain(values) => values.as_slice().len() / 4 == blocks,
            Self::Nested { codes, absmax, blocksize, .. } => {
                *blocksize > 0
                    && codes.as_slice().len() == blocks
                    && absmax.as_slice().len() / 4 == blocks.div_ceil(*blocksize)
            }
        }
    }
}

/// An nf4 weight matrix.
#[derive(Debug)]
pub(crate) struct Nf4 {
    codes: StoredBytes,
    map: [f32; 16],
    scales: BlockScales,
    blocksize: usize,
    outputs: usize,
    inputs: usize,
}

impl Nf4 {
    /// A matrix of `shape` whose codes are in `packed`. `None` where the pieces do not fit
    /// together: their type, the number of codes, the number of scales.
    pub(crate) fn new(
        packed: &StoredTensor,
        shape: [usize; 2],
        map: [f32; 16],
        scales: BlockScales,
        blocksize: usize,
    ) -> Option<Self> {
        let [outputs, inputs] = shape;
        let elements = outputs.checked_mul(inputs)?;
        let fits = packed.dtype == StoredType::U8
            && elements > 0
            && BLOCKSIZES.contains(&blocksize)
            && blocksize.is_power_of_two()
            && packed.bytes.as_slice().len() == elements.div_ceil(2)
            && scales.cover(elements.div_ceil(blocksize));
        fits.then(|| Self { codes: packed.bytes.clone(), map, scales, blocksize, outputs, inputs })
    }

    fn packed(&self) -> Packed<'_> {
        Packed {
            codes: self.codes.as_slice(),
            map: &self.map,
            absmax: self.scales.absmax(),
            blocksize: self.blocksize,
        }
    }
}

impl Weight for Nf4 {
    fn format(&self) -> &'static str {
        match self.scales {
            BlockScales::Plain(_) => "nf4",
            BlockScales::Nested { .. } => "nf4 nested",
        }
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn stored_bytes(&self) -> u64 {
        (self.codes.as_slice().len() + self.scales.stored_bytes() + 4 * 16) as u64
    }

    fn stored(&self) -> Vec<StoredBytes> {
        [vec![self.codes.clone()], self.scales.stored()].concat()
    }

    fn matrix(&self) -> Matrix<'_> {
        let values = Stored::Nf4(self.packed());
        Matrix { outputs: self.outputs, inputs: self.inputs, values, scale: None }
    }

    fn upload(&self, dtype: DType, device: &Device) -> Result<Box<dyn DeviceWeight>> {
        let elements = self.outputs * self.inputs;
        let blocks = elements.div_ceil(self.blocksize);
        // Whole blocks: the last one is filled up with code 0.
        let mut codes = self.codes.as_slice().to_vec();
        codes.resize(blocks * self.blocksize / 2, 0);
        let absmax = self.scales.absmax();
        let absmax: Vec<f32> = (0..blocks).map(|block| absmax.of(block)).collect();
        // Both values of every byte, so that one gather unpacks two codes.
        let pairs: Vec<f32> = (0..=u8::MAX)
            .flat_map(|byte| [byte >> 4, byte & 0xf].map(|code| self.map[usize::from(code)]))
            .collect();
        Ok(Box::new(Nf4OnDevice {
            codes: Tensor::from_vec(codes, blocks * self.blocksize / 2, device)?,
            pairs: Tensor::from_vec(pairs, (256, 2), device)?,
            absmax: Tensor::from_vec(absmax, (blocks, 1), device)?,
            blocksize: self.blocksize,
            elements,
            inputs: self.inputs,
            dtype,
        }))
    }
}

#[derive(Debug)]
struct Nf4OnDevice {
    codes: Tensor,
    pairs: Tensor,
    absmax: Tensor,
    blocksize: usize,
    elements: usize,
    inputs: usize,
    dtype: DType,
}

impl DeviceWeight for Nf4OnDevice {
    /// The fewest rows that fill whole blocks.
    fn row_step(&self) -> usize {
        self.blocksize / greatest_common_divisor(self.blocksize, self.inputs.max(1))
    }

    fn widen_rows(&self, rows: Range<usize>) -> Result<Tensor> {
        let start = rows.start * self.inputs;
        let end = (rows.end * self.inputs).min(self.elements);
        let first = start / self.blocksize;
        let blocks = end.div_ceil(self.blocksize) - first;
        let codes =
            self.codes.narrow(0, first * self.blocksize / 2, blocks * self.blocksize / 2)?;
        // As wider numbers: candle takes the largest number of a type for no place at all.
        self.pairs
            .index_select(&codes.to_dtype(DType::U32)?, 0)?
            .reshape((blocks, self.blocksize))?
            .broadcast_mul(&self.absmax.narrow(0, first, blocks)?)?
            .flatten_all()?
            .narrow(0, 0, end - start)?
            .reshape((rows.len(), self.inputs))?
            .to_dtype(self.dtype)
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
