//! From the conditioning to what the time makes of every block's norms. Layer by layer on the processor,
//! whose kernels read each weight once for a few rows anyway; on a device in one go, because there
//! some twenty small operations a layer take longer to ask for than to do.

use super::config::TransformerConfig;
use super::time::Conditioning;
use crate::checkpoint::{CheckpointError, Weights};
use crate::linear::{Linear, Stacked};
use candle_core::{DType, Result, Tensor};

/// The norms of a block that are modulated, in the order of the modulation vector: scale_msa,
/// gate_msa, scale_mlp, gate_mlp.
const NORMS: [&str; 4] = ["attention_norm1", "attention_norm2", "ffn_norm1", "ffn_norm2"];

/// What the time makes of a block's four norms: the modulation is folded into each norm's own
/// weight, `attention_norm1 · (1 + scale_msa)` and so on, `[width]` each.
pub(super) struct Gains {
    pub(super) attention_in: Tensor,
    pub(super) attention_out: Tensor,
    pub(super) feed_forward_in: Tensor,
    pub(super) feed_forward_out: Tensor,
}

/// The modulations of all blocks. The norms' own weights are f32.
pub(super) enum Modulations {
    Apart(Vec<OfBlock>),
    /// The product gives four vectors a block; the norms are [blocks, 2, 2, width]: for each branch of a
    /// block the norm before it, which is scaled, and the one behind it, which is gated.
    Together {
        product: Stacked,
        norms: Tensor,
    },
}

pub(super) struct OfBlock {
    product: Linear,
    norms: [Tensor; 4],
}

impl Modulations {
    pub(super) fn new(
        weights: &Weights,
        config: &TransformerConfig,
    ) -> std::result::Result<Self, CheckpointError> {
        let TransformerConfig { width, conditioning, layers, .. } = *config;
        let module = |index: usize| format!("layers.{index}.adaln_modulation");
        let norm = |index: usize, norm: &str| {
            weights.tensor_f32(&format!("layers.{index}.{norm}.weight"), &[width])
        };
        if weights.by_device() {
            let modules: Vec<String> = (0..layers).map(module).collect();
            let product = weights.stacked_layers(&modules, conditioning, 4 * width)?;
            let norms = (0..layers).flat_map(|index| NORMS.map(|of| norm(index, of)));
            let norms = norms.collect::<std::result::Result<Vec<_>, _>>()?;
            let stack = || Tensor::stack(&norms, 0)?.reshape((layers, 2, 2, width));
            let norms = stack().map_err(|error| weights.device_error(NORMS[0], error))?;
            return Ok(Self::Together { product, norms });
        }
        let of_block = |index: usize| {
            let [first, second, third, fourth] = NORMS.map(|of| norm(index, of));
            Ok(OfBlock {
                product: weights.linear(&module(index), conditioning, 4 * width, true)?,
                norms: [first?, second?, third?, fourth?],
            })
        };
        Ok(Self::Apart((0..layers).map(of_block).collect::<std::result::Result<_, _>>()?))
    }

    /// The gains of every block at a time.
    pub(super) fn gains(&self, conditioning: &Conditioning) -> Result<Vec<Gains>> {
        match self {
            Self::Apart(blocks) => blocks.iter().map(|block| block.gains(conditioning)).collect(),
            Self::Together { product, norms } => together(product, norms, conditioning),
        }
    }
}

impl OfBlock {
    fn gains(&self, conditioning: &Conditioning) -> Result<Gains> {
        let modulation = self.product.forward(&conditioning.0)?;
        let dtype = modulation.dtype();
        let modulation = modulation.to_dtype(DType::F32)?.reshape((4, ()))?;
        let [norm1, norm2, ffn_norm1, ffn_norm2] = &self.norms;
        let scaled = |norm: &Tensor, i| norm.mul(&(modulation.get(i)? + 1.0)?)?.to_dtype(dtype);
        let gated = |norm: &Tensor, i| norm.mul(&modulation.get(i)?.tanh()?)?.to_dtype(dtype);
        Ok(Gains {
            attention_in: scaled(norm1, 0)?,
            attention_out: gated(norm2, 1)?,
            feed_forward_in: scaled(ffn_norm1, 2)?,
            feed_forward_out: gated(ffn_norm2, 3)?,
        })
    }
}

fn together(product: &Stacked, norms: &Tensor, conditioning: &Conditioning) -> Result<Vec<Gains>> {
    let modulation = product.forward(&conditioning.0)?;
    let dtype = modulation.dtype();
    let modulation = modulation.to_dtype(DType::F32)?.reshape(norms.shape())?;
    let scales = (modulation.narrow(2, 0, 1)? + 1.0)?;
    let gates = modulation.narrow(2, 1, 1)?.tanh()?;
    let gains = norms.mul(&Tensor::cat(&[scales, gates], 2)?)?.to_dtype(dtype)?;
    let of_block = |block| {
        let gains: Tensor = gains.get(block)?;
        let of = |branch, norm| gains.get(branch)?.get(norm);
        Ok(Gains {
            attention_in: of(0, 0)?,
            attention_out: of(0, 1)?,
            feed_forward_in: of(1, 0)?,
            feed_forward_out: of(1, 1)?,
        })
    };
    (0..norms.dim(0)?).map(of_block).collect()
}
