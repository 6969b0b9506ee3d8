//! The text side of Qwen3-VL, run once a prompt for the hidden states of some of its layers.
//! Knows nothing of the transformer that reads them.

mod config;
mod layer;

use super::checkpoint::Weights;
use super::config::Part;
use super::error::ModelError;
use super::linear::Embedding;
use super::ops::Unseen;
use super::ops::storage::{Number, with_values};
use super::residency::{LayerBytes, Turns};
use super::rotary::{RotaryTable, inverse_frequencies};
use candle_core::{DType, Device, Tensor};
use config::TextEncoderConfig;
use layer::Layer;
use sigmalab_kernels::heads::Angles;

/// Layers (counted from 0) whose outputs are the text features, in the reference's
/// `QWEN3_VL_ACTIVATION_LAYERS`. The last one is layer 35, so all of Qwen3-VL-8B's 36 are run,
/// and its final norm never is.
const TAPS: [usize; 13] = [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 35];

/// Layers that are run: up to the last tap.
const LAYERS: usize = 36;

/// The text encoder over a checkpoint's weights.
pub(super) struct TextEncoder {
    config: TextEncoderConfig,
    embedding: Embedding,
    layers: Vec<Layer>,
    dtype: DType,
    device: Device,
}

impl TextEncoder {
    /// Builds the encoder; the embedding table and the layers stay as they are stored.
    pub(super) fn new(part: &Part<'_>, dtype: DType, device: &Device) -> Result<Self, ModelError> {
        Self::first_layers(part, LAYERS, dtype, device)
    }

    /// The same with the first `count` layers only, and the taps among them.
    pub(super) fn first_layers(
        part: &Part<'_>,
        count: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let config = TextEncoderConfig::read(part, count)?;
        let weights: &Weights = part.weights;
        let embedding = weights.embedding("embed_tokens", config.vocabulary, config.hidden)?;
        let layers =
            (0..count).map(|i| Layer::new(weights, &config, i)).collect::<Result<_, _>>()?;
        Ok(Self { config, embedding, layers, dtype, device: device.clone() })
    }

    pub(super) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Where the weights of each layer are.
    pub(super) fn stored_layers(&self) -> Vec<LayerBytes> {
        self.layers.iter().map(Layer::stored).collect()
    }

    /// About the most bytes that a prompt of so many tokens takes beside the weights: its features
    /// twice, while they are put together.
    pub(super) fn working_bytes(&self, tokens: usize) -> u64 {
        (tokens * self.feature_width() * self.dtype.size_in_bytes()) as u64 * 2
    }

    /// Numbers a token's features have: 13 taps of the hidden size.
    pub(super) fn feature_width(&self) -> usize {
        self.config.hidden * TAPS.len()
    }

    /// Refuses ids that are no row of the table.
    pub(super) fn check_ids(&self, ids: &[u32]) -> Result<(), ModelError> {
        if let Some(id) = ids.iter().find(|&&id| id as usize >= self.config.vocabulary) {
            let rows = self.config.vocabulary;
            let problem = format!(
                "gives token id {id}, but text_encoder tensor `embed_tokens.weight` has {rows} \
                 rows; take both from one checkpoint"
            );
            return Err(ModelError::Tokenizer { problem });
        }
        Ok(())
    }

    /// The features of a prompt, [tokens, 13 · hidden]; index h·13 + tap, as the reference
    /// stacks the taps on the last dimension before it flattens. `turns` are those of the layers.
    pub(super) fn features(&self, ids: &[u32], turns: Turns<'_>) -> Result<Tensor, ModelError> {
        self.check_ids(ids)?;
        let (rotary, unseen) = (self.rotary(ids.len())?, Unseen::default());
        let mut hidden = self.embedding.rows(ids)?;
        let mut taps = Vec::with_capacity(TAPS.len());
        for (i, layer) in self.layers.iter().enumerate() {
            // An accelerator has its own copy.
            let _turn = self.device.is_cpu().then(|| turns.of(i));
            hidden = match (self.device.is_cpu(), self.dtype) {
                (true, DType::BF16) => self.run::<half::bf16>(layer, &hidden, &rotary)?,
                (true, _) => self.run::<f32>(layer, &hidden, &rotary)?,
                (false, _) => layer.forward(&hidden, &rotary, &unseen)?,
            };
            if TAPS.contains(&i) {
                taps.push(hidden.clone());
            }
        }
        Ok(Tensor::stack(&taps, 2)?.flatten_from(1)?)
    }

    /// A layer on the processor.
    fn run<T: Number>(
        &self,
        layer: &Layer,
        hidden: &Tensor,
        rotary: &RotaryTable,
    ) -> candle_core::Result<Tensor> {
        let mut values = with_values::<T, _>(hidden, <[T]>::to_vec)?;
        let (cos, sin) = rotary.values::<T>()?;
        layer.run(&mut values, Angles { cos: &cos, sin: &sin })?;
        Tensor::from_vec(values, hidden.shape(), &self.device)
    }

    /// Positions 0, 1, 2, …: with text alone, the three axes of Qwen3-VL's rotary embedding
    /// have the same position, so it is the ordinary one.
    fn rotary(&self, tokens: usize) -> Result<RotaryTable, ModelError> {
        let frequencies = inverse_frequencies(self.config.rope_theta, self.config.head_dim);
        let angles: Vec<f32> = (0..tokens)
            .flat_map(|position| frequencies.iter().map(move |f| position as f32 * f))
            .collect();
        Ok(RotaryTable::new(&angles, frequencies.len(), self.dtype, &self.device)?)
    }
}
