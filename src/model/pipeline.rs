//! The model as its callers see it: text to features, features and latents to a velocity,
//! latents to pixels. Latents are plain slices here; tensors stay inside.

use super::checkpoint::{Checkpoint, Component};
use super::config::Part;
use super::decoder::{Decoder, StatisticsSource};
use super::error::ModelError;
use super::latents::{Decoded, LatentGrid, ModelTime, RgbImage};
use super::options::{ComputeDtype, LoadProgress, ModelOptions};
use super::text_encoder::TextEncoder;
use super::tokenizer::PromptTokenizer;
use super::transfer_rate::TransferRate;
use super::transformer::Transformer;
use candle_core::{DType, Device, Tensor};
use std::time::Instant;

/// What the network needs to know of a prompt; computed once a prompt.
pub struct PromptFeatures {
    /// The text tokens of the transformer's sequence.
    projected: Tensor,
    tokens: usize,
}

impl PromptFeatures {
    /// Number of text tokens, chat template included.
    pub fn tokens(&self) -> usize {
        self.tokens
    }
}

/// A loaded checkpoint, ready to compute.
pub struct Model {
    tokenizer: PromptTokenizer,
    text_encoder: TextEncoder,
    conditional: Transformer,
    unconditional: Option<Transformer>,
    decoder: Decoder,
    device: Device,
}

impl Model {
    /// Builds the networks over the checkpoint's weights, which stay as they are stored.
    /// `progress` is told of every part before it is built, and once at the end.
    pub fn load(
        checkpoint: &Checkpoint,
        options: ModelOptions,
        progress: &mut dyn FnMut(LoadProgress),
    ) -> Result<Self, ModelError> {
        let device = options.device.open()?;
        let dtype = options.dtype.dtype();
        let bytes_total = checkpoint.weight_bytes();
        let mut bytes_done = 0;
        let (started, mut rate) = (Instant::now(), TransferRate::default());
        let mut stage = |component: Component| {
            let stage = component.folder().replace('_', " ");
            let bytes_per_second = rate.at(started.elapsed(), bytes_done);
            progress(LoadProgress { stage, bytes_done, bytes_total, bytes_per_second });
            bytes_done += checkpoint.component_bytes(component);
        };
        let in_bytes = options.dtype == ComputeDtype::Int8;
        let weights = |component, dtype| {
            Ok::<_, ModelError>(checkpoint.weights(component, dtype, &device)?.in_bytes(in_bytes))
        };

        stage(Component::TextEncoder);
        let tokenizer = PromptTokenizer::from_json(&checkpoint.tokenizer_json()?)?;
        let text_weights = weights(Component::TextEncoder, dtype)?;
        let part = Part::open(checkpoint, Component::TextEncoder, &text_weights)?;
        let text_encoder = TextEncoder::new(&part, dtype, &device)?;

        stage(Component::Transformer);
        let conditional_weights = weights(Component::Transformer, dtype)?;
        let part = Part::open(checkpoint, Component::Transformer, &conditional_weights)?;
        let conditional =
            Transformer::conditional(&part, text_encoder.feature_width(), dtype, &device)?;

        let unconditional = if checkpoint.has(Component::UnconditionalTransformer) {
            stage(Component::UnconditionalTransformer);
            let weights = weights(Component::UnconditionalTransformer, dtype)?;
            let part = Part::open(checkpoint, Component::UnconditionalTransformer, &weights)?;
            let network = Transformer::unconditional(&part, dtype, &device)?;
            network.agrees_with(&conditional, &part)?;
            Some(network)
        } else {
            None
        };

        stage(Component::Vae);
        let decoder_weights = weights(Component::Vae, DType::F32)?;
        let part = Part::open(checkpoint, Component::Vae, &decoder_weights)?;
        // diffusers reads the statistics stored in its own file; the reference has them in code.
        let default = match checkpoint.is_diffusers() {
            true => StatisticsSource::BatchNorm,
            false => StatisticsSource::Reference,
        };
        let decoder = Decoder::new(&part, conditional.channels(), default, &device)?;

        let stage = "ready".to_owned();
        let bytes_done = bytes_total;
        progress(LoadProgress { stage, bytes_done, bytes_total, bytes_per_second: None });
        Ok(Self { tokenizer, text_encoder, conditional, unconditional, decoder, device })
    }

    /// The token ids of a prompt in the chat template.
    pub fn token_ids(&self, prompt: &str) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.encode(prompt)
    }

    /// The text encoder's features of a prompt, [tokens · 13 · hidden], as the reference's
    /// pipeline hands them to the transformer.
    pub fn text_features(&self, prompt: &str) -> Result<Vec<f32>, ModelError> {
        let features = self.text_encoder.features(&self.token_ids(prompt)?)?;
        Ok(features.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    }

    /// Tokenises, encodes and projects a prompt.
    pub fn encode(&self, prompt: &str) -> Result<PromptFeatures, ModelError> {
        let ids = self.token_ids(prompt)?;
        let features = self.text_encoder.features(&ids)?;
        let projected = self.conditional.project_text(&features)?;
        Ok(PromptFeatures { projected, tokens: ids.len() })
    }

    /// Whether there is an unconditional network; a distilled checkpoint has none and is run
    /// with guidance weight 1.
    pub fn has_unconditional(&self) -> bool {
        self.unconditional.is_some()
    }

    /// Numbers a latent token has.
    pub fn token_channels(&self) -> usize {
        self.conditional.channels()
    }

    /// Velocity dx/dσ of the conditional network at latents `x` [tokens · 128] and time `t`.
    /// (The network's own output is data − noise; the sign is turned here, once.)
    pub fn conditional(
        &self,
        x: &[f32],
        grid: LatentGrid,
        t: ModelTime,
        prompt: &PromptFeatures,
    ) -> Result<Vec<f32>, ModelError> {
        self.velocity(&self.conditional, x, grid, t, Some(&prompt.projected))
    }

    /// Velocity dx/dσ of the unconditional network, which sees image tokens only.
    pub fn unconditional(
        &self,
        x: &[f32],
        grid: LatentGrid,
        t: ModelTime,
    ) -> Result<Vec<f32>, ModelError> {
        let network = self.unconditional.as_ref().ok_or(ModelError::NoUnconditional)?;
        self.velocity(network, x, grid, t, None)
    }

    /// Pixels of clean latents.
    pub fn decode(&self, latents: &[f32], grid: LatentGrid) -> Result<RgbImage, ModelError> {
        self.decode_measured(latents, grid).map(|decoded| decoded.image)
    }

    /// Pixels of clean latents, and how much of them was clamped.
    pub fn decode_measured(
        &self,
        latents: &[f32],
        grid: LatentGrid,
    ) -> Result<Decoded, ModelError> {
        self.check_length(latents, grid)?;
        self.decoder.decode(latents, grid)
    }

    fn velocity(
        &self,
        network: &Transformer,
        x: &[f32],
        grid: LatentGrid,
        t: ModelTime,
        text: Option<&Tensor>,
    ) -> Result<Vec<f32>, ModelError> {
        self.check_length(x, grid)?;
        let x = Tensor::from_slice(x, (grid.tokens(), network.channels()), &self.device)?;
        let data_minus_noise = network.forward(&x, grid, t.0, text)?;
        // x = (1 − σ)·data + σ·noise, so dx/dσ = noise − data.
        Ok(data_minus_noise.neg()?.flatten_all()?.to_vec1()?)
    }

    fn check_length(&self, x: &[f32], grid: LatentGrid) -> Result<(), ModelError> {
        let channels = self.token_channels();
        let expected = grid.tokens() * channels;
        if x.len() == expected && expected > 0 {
            return Ok(());
        }
        let LatentGrid { rows, columns } = grid;
        Err(ModelError::LatentLength { rows, columns, channels, expected, found: x.len() })
    }
}
