//! Random tensors in the formats that weights are stored in: how each is stored, and what it is filled
//! with.

use serde_json::json;
use sigmalab_kernels::ggml::Block;

/// How the linear layers are stored; everything else is bf16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SynthFormat {
    /// f32, and everything else too.
    F32,
    Bf16,
    /// e4m3 codes and a scale a row.
    Fp8,
    /// bitsandbytes nf4 in blocks of 64.
    Nf4,
    /// ggml's blocks, where rows are whole ones; of the transformers only.
    Blocks(Block),
}

impl SynthFormat {
    pub fn all() -> Vec<Self> {
        let blocks = Block::ALL.map(Self::Blocks);
        [Self::F32, Self::Bf16, Self::Fp8, Self::Nf4].into_iter().chain(blocks).collect()
    }

    fn float(self) -> (&'static str, usize) {
        if self == Self::F32 { ("F32", 4) } else { ("BF16", 2) }
    }
}

/// What a tensor holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The weight of a linear layer, of variance 1 / inputs.
    Linear,
    /// Plain floats of that variance.
    Small,
    /// Plain floats of variance 1.
    Table,
    Ones,
    Zeros,
}

/// A tensor to be written.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    name: String,
    shape: Vec<usize>,
    kind: Kind,
}

impl Tensor {
    pub(super) fn new(name: &str, shape: impl Into<Vec<usize>>, kind: Kind) -> Self {
        Self { name: name.to_owned(), shape: shape.into(), kind }
    }

    pub(super) fn linear(module: &str, inputs: usize, outputs: usize) -> Self {
        Self::new(&format!("{module}.weight"), [outputs, inputs], Kind::Linear)
    }

    pub(super) fn bias(module: &str, width: usize) -> Self {
        Self::new(&format!("{module}.bias"), [width], Kind::Zeros)
    }

    pub(super) fn ones(module: &str, width: usize) -> Self {
        Self::new(&format!("{module}.weight"), [width], Kind::Ones)
    }

    fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Inputs of one output.
    fn fan_in(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// The stored tensors: name, type, shape, what to fill them with, bytes.
    pub(super) fn stored(
        &self,
        format: SynthFormat,
    ) -> Vec<(String, &'static str, Vec<usize>, Fill, u64)> {
        let elements = self.elements();
        let outputs = self.shape.first().copied().unwrap_or(1);
        let (float, size) = format.float();
        let name = || self.name.clone();
        let spread = 1.0 / (self.fan_in() as f32).sqrt();
        match (self.kind, format) {
            (Kind::Linear, SynthFormat::Fp8) => {
                let scale = self.name.replace(".weight", ".weight_scale");
                // Codes of any value have a root mean square of about 120.
                let fill = Fill::F32(spread / 120.0);
                vec![
                    (name(), "F8_E4M3", self.shape.clone(), Fill::Codes, elements as u64),
                    (scale, "F32", vec![outputs], fill, 4 * outputs as u64),
                ]
            }
            (Kind::Linear, SynthFormat::Nf4) => {
                let (packed, blocks) = (elements.div_ceil(2), elements.div_ceil(BLOCK));
                let state = json!({
                    "quant_type": "nf4",
                    "blocksize": BLOCK,
                    "dtype": "bfloat16",
                    "shape": self.shape,
                });
                let state = state.to_string().into_bytes();
                let bytes = state.len();
                // The 16 values have a root mean square of about 0.5.
                vec![
                    (name(), "U8", vec![packed, 1], Fill::Bytes, packed as u64),
                    (
                        format!("{}.absmax", self.name),
                        "F32",
                        vec![blocks],
                        Fill::F32(spread * 2.0),
                        4 * blocks as u64,
                    ),
                    (format!("{}.quant_map", self.name), "F32", vec![16], Fill::Map, 64),
                    (
                        format!("{}.quant_state.bitsandbytes__nf4", self.name),
                        "U8",
                        vec![bytes],
                        Fill::Given(state),
                        bytes as u64,
                    ),
                ]
            }
            (Kind::Linear, SynthFormat::Blocks(block))
                if self.fan_in().is_multiple_of(block.values()) =>
            {
                let bytes = elements / block.values() * block.bytes();
                let fill = Fill::Blocks(block, spread);
                vec![(name(), block.name(), self.shape.clone(), fill, bytes as u64)]
            }
            (kind, _) => {
                let fill = match kind {
                    Kind::Linear | Kind::Small => Fill::Floats(spread),
                    Kind::Table => Fill::Floats(1.0),
                    Kind::Ones => Fill::Constant(1.0),
                    Kind::Zeros => Fill::Constant(0.0),
                };
                vec![(name(), float, self.shape.clone(), fill, (elements * size) as u64)]
            }
        }
    }
}

/// Values that share a scale in nf4.
const BLOCK: usize = 64;

/// What the bytes of a stored tensor are.
#[derive(Debug, Clone)]
pub(super) enum Fill {
    /// Random floats of this standard deviation, in the format's float.
    Floats(f32),
    /// The same number, in the format's float.
    Constant(f32),
    /// The same number, in f32.
    F32(f32),
    /// Random e4m3 codes without NaN.
    Codes,
    Bytes,
    /// Blocks of random codes whose values have this standard deviation, roughly.
    Blocks(Block, f32),
    /// The values of the nf4 codes (Dettmers et al., arXiv 2305.14314, appendix E).
    Map,
    Given(Vec<u8>),
}

/// Bytes of the tensors' values, headers left out.
pub(super) fn bytes(tensors: &[Tensor], format: SynthFormat) -> u64 {
    tensors.iter().flat_map(|tensor| tensor.stored(format)).map(|(.., bytes)| bytes).sum()
}
