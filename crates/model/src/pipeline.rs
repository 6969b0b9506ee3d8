//! The model as its callers see it: text to features, features and latents to a velocity,
//! latents to pixels. Latents are plain slices here; tensors stay inside.

use super::checkpoint::{Checkpoint, Component};
use super::config::Part;
use super::decoder::{Decoder, StatisticsSource};
use super::device_memory::DeviceNeed;
use super::error::ModelError;
use super::latents::{Decoded, LatentGrid, ModelTime};
use super::linear::Placement;
use super::ops::banded::PATCH_VALUES;
use super::options::{activation_dtype, open_for};
use super::residency::{LayerBytes, Residency, Turns};
use super::text_encoder::TextEncoder;
use super::tokenizer::PromptTokenizer;
use super::transfer_rate::TransferRate;
use super::transformer::{FirstBlockCache, Transformer};
use candle_core::{DType, Device, Tensor};
use sigmalab_compute::{LoadProgress, LoadStage, ModelOptions};
use sigmalab_image::RgbImage;
use std::sync::Arc;
use std::time::Instant;

/// Tokens of a prompt of usual length, by which the least memory is told.
const DEFAULT_TOKENS: usize = 300;

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

/// What a model may take of an accelerator's memory, and for what.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeviceRoom {
    /// The most bytes, where somebody set a limit.
    pub limit: Option<u64>,
    /// The image that is to be drawn; one of 1024² where nothing is known.
    pub grid: Option<LatentGrid>,
}

/// A loaded checkpoint, ready to compute.
pub struct Model {
    tokenizer: PromptTokenizer,
    text_encoder: TextEncoder,
    conditional: Transformer,
    unconditional: Option<Transformer>,
    decoder: Decoder,
    device: Device,
    residency: Residency,
}

impl Model {
    /// Builds the networks over the checkpoint's weights, which stay as they are stored.
    /// `progress` is told of every part before it is built, and once at the end.
    pub fn load(
        checkpoint: &Checkpoint,
        options: ModelOptions,
        progress: &mut dyn FnMut(LoadProgress),
    ) -> Result<Self, ModelError> {
        Self::load_within(checkpoint, options, DeviceRoom::default(), progress)
    }

    /// The same, where an accelerator's memory is limited: of a network that does not fit there,
    /// some layers are copied to it for every use. What does not fit at all is refused before
    /// anything is copied.
    pub fn load_within(
        checkpoint: &Checkpoint,
        options: ModelOptions,
        room: DeviceRoom,
        progress: &mut dyn FnMut(LoadProgress),
    ) -> Result<Self, ModelError> {
        let device = open_for(options)?;
        let dtype = activation_dtype(options.dtype);
        let [streamed, streamed_too] = streamed(checkpoint, options, dtype, &device, room)?;
        let bytes_total = checkpoint.weight_bytes();
        let mut bytes_done = 0;
        let (started, mut rate) = (Instant::now(), TransferRate::default());
        let mut stage = |component: Component| {
            let stage = LoadStage::Reading(component.part());
            let bytes_per_second = rate.at(started.elapsed(), bytes_done);
            progress(LoadProgress { stage, bytes_done, bytes_total, bytes_per_second });
            bytes_done += checkpoint.component_bytes(component);
        };
        let weights = |component, dtype| {
            let weights = checkpoint.weights(component, dtype, &device)?;
            Ok::<_, ModelError>(weights.in_bytes_of(options.dtype))
        };

        stage(Component::TextEncoder);
        let tokenizer = PromptTokenizer::from_json(&checkpoint.tokenizer_json()?)?;
        let text_weights = weights(Component::TextEncoder, dtype)?;
        // It is used once a prompt, and leaves the memory of an accelerator to the transformers.
        let text_weights = match device.is_cpu() {
            true => text_weights,
            false => text_weights.placed(Placement::Streamed),
        };
        let part = Part::open(checkpoint, Component::TextEncoder, &text_weights)?;
        let text_encoder = TextEncoder::new(&part, dtype, &device)?;
        text_encoder.check_ids(&tokenizer.sample_ids()?)?;

        stage(Component::Transformer);
        let conditional_weights = weights(Component::Transformer, dtype)?.streaming(streamed);
        let part = Part::open(checkpoint, Component::Transformer, &conditional_weights)?;
        let conditional =
            Transformer::conditional(&part, text_encoder.feature_width(), dtype, &device)?;

        let unconditional = if checkpoint.has(Component::UnconditionalTransformer) {
            stage(Component::UnconditionalTransformer);
            let weights = weights(Component::UnconditionalTransformer, dtype)?;
            let weights = weights.streaming(streamed_too);
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

        let residency = residency(checkpoint, &text_encoder, &conditional, unconditional.as_ref());
        if !device.is_cpu() {
            residency.release();
        }
        checkpoint.built();
        let stage = LoadStage::Ready;
        let bytes_done = bytes_total;
        progress(LoadProgress { stage, bytes_done, bytes_total, bytes_per_second: None });
        Ok(Self { tokenizer, text_encoder, conditional, unconditional, decoder, device, residency })
    }

    /// Takes at most so many bytes from now on, as long as the layer in use, the one after it and
    /// what computes with them let it: of a checkpoint that is larger, layers come from the disk
    /// when it is their turn. Without a limit the system decides what of the weights stays.
    pub fn set_memory_limit(&mut self, bytes: u64) {
        self.residency.set_limit(bytes);
    }

    /// The least limit that can be held while an image of `grid` is made from a prompt of usual
    /// length, with first-block caches if `cached`.
    pub fn least_memory(&self, grid: LatentGrid, cached: bool) -> u64 {
        let caches = if cached { self.conditional.cache_bytes(grid) } else { 0 };
        let denoising = self.conditional.working_bytes(DEFAULT_TOKENS + grid.tokens()) + caches;
        let encoding = self.text_encoder.working_bytes(DEFAULT_TOKENS);
        let working = denoising.max(encoding).max(self.decoder.working_bytes(grid));
        self.residency.least(working)
    }

    /// The token ids of a prompt in the chat template.
    pub fn token_ids(&self, prompt: &str) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.encode(prompt)
    }

    /// The text encoder's features of a prompt, [tokens · 13 · hidden], as the reference's
    /// pipeline hands them to the transformer.
    pub fn text_features(&self, prompt: &str) -> Result<Vec<f32>, ModelError> {
        let features = self.features(&self.token_ids(prompt)?)?;
        self.residency.encoded();
        Ok(features.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    }

    /// Tokenises, encodes and projects a prompt. The text encoder's weights leave the memory then.
    pub fn encode(&self, prompt: &str) -> Result<PromptFeatures, ModelError> {
        let ids = self.token_ids(prompt)?;
        let features = self.features(&ids)?;
        let projected = {
            let turns = self.residency.encoder();
            let _turn = self.device.is_cpu().then(|| turns.of(self.text_encoder.layers()));
            self.conditional.project_text(&features)?
        };
        self.residency.encoded();
        Ok(PromptFeatures { projected, tokens: ids.len() })
    }

    fn features(&self, ids: &[u32]) -> Result<Tensor, ModelError> {
        self.residency.make_room_to_encode(self.text_encoder.working_bytes(ids.len()));
        self.text_encoder.features(ids, self.residency.encoder())
    }

    /// Whether there is an unconditional network; a distilled checkpoint has none and is run
    /// with guidance weight 1.
    pub fn has_unconditional(&self) -> bool {
        self.unconditional.is_some()
    }

    /// The GPU that it runs on and the version of its kernels; `None` elsewhere.
    pub fn card(&self) -> Option<String> {
        #[cfg(feature = "cuda")]
        if let Device::Cuda(device) = &self.device {
            return super::devices::card(device);
        }
        None
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
        let turns = self.residency.conditional();
        self.velocity(&self.conditional, (x, grid), t, Some(&prompt.projected), turns, None)
    }

    /// The same, or nearly: where `cache` finds that little has changed since its last evaluation, the
    /// blocks after the first are left out.
    pub fn conditional_cached(
        &self,
        x: &[f32],
        grid: LatentGrid,
        t: ModelTime,
        prompt: &PromptFeatures,
        cache: &mut FirstBlockCache,
    ) -> Result<Vec<f32>, ModelError> {
        let (turns, text) = (self.residency.conditional(), Some(&prompt.projected));
        self.velocity(&self.conditional, (x, grid), t, text, turns, Some(cache))
    }

    /// Velocity dx/dσ of the unconditional network, which sees image tokens only.
    pub fn unconditional(
        &self,
        x: &[f32],
        grid: LatentGrid,
        t: ModelTime,
    ) -> Result<Vec<f32>, ModelError> {
        let network = self.unconditional.as_ref().ok_or(ModelError::NoUnconditional)?;
        self.velocity(network, (x, grid), t, None, self.residency.unconditional(), None)
    }

    /// The same with a cache, as [`Model::conditional_cached`].
    pub fn unconditional_cached(
        &self,
        x: &[f32],
        grid: LatentGrid,
        t: ModelTime,
        cache: &mut FirstBlockCache,
    ) -> Result<Vec<f32>, ModelError> {
        let network = self.unconditional.as_ref().ok_or(ModelError::NoUnconditional)?;
        let turns = self.residency.unconditional();
        self.velocity(network, (x, grid), t, None, turns, Some(cache))
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
        self.residency.make_room(self.decoder.working_bytes(grid));
        self.decoder.decode(latents, grid)
    }

    fn velocity(
        &self,
        network: &Transformer,
        (x, grid): (&[f32], LatentGrid),
        t: ModelTime,
        text: Option<&Tensor>,
        turns: Turns<'_>,
        cache: Option<&mut FirstBlockCache>,
    ) -> Result<Vec<f32>, ModelError> {
        self.check_length(x, grid)?;
        let tokens = text.map_or(Ok(0), |text| text.dim(0))? + grid.tokens();
        let caches = if cache.is_some() { network.cache_bytes(grid) } else { 0 };
        self.residency.make_room(network.working_bytes(tokens) + caches);
        let x = Tensor::from_slice(x, (grid.tokens(), network.channels()), &self.device)?;
        let data_minus_noise = network.forward(&x, grid, t.0, text, turns, cache)?;
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

/// For each layer of both transformers whether it is copied to the device for every use.
fn streamed(
    checkpoint: &Checkpoint,
    options: ModelOptions,
    dtype: DType,
    device: &Device,
    room: DeviceRoom,
) -> Result<[Arc<[bool]>; 2], ModelError> {
    let none: Arc<[bool]> = Arc::new([]);
    let Some(free) = free_memory(device)? else { return Ok([Arc::clone(&none), none]) };
    let available = room.limit.map_or(free, |limit| limit.min(free));
    let side = 1024 / 16;
    let grid = room.grid.unwrap_or(LatentGrid { rows: side, columns: side });
    let mut networks = Vec::new();
    let mut working = 0;
    for component in [Component::Transformer, Component::UnconditionalTransformer] {
        if !checkpoint.has(component) {
            networks.push(Vec::new());
            continue;
        }
        let weights = checkpoint.weights(component, dtype, device)?;
        let part = Part::open(checkpoint, component, &weights)?;
        let size = Transformer::size(&part, dtype)?;
        working = working.max(size.device_bytes(DEFAULT_TOKENS + grid.tokens()));
        let layer = checkpoint.component_bytes(component) / size.layers.max(1) as u64;
        networks.push(vec![layer; size.layers]);
    }
    let pixels = grid.tokens() as u64 * 256;
    // Three images of the widest stage in f32, and the patches of some of its rows.
    let decoding = pixels * 256 * 4 * 3 + 4 * PATCH_VALUES as u64;
    // Stored in half the bytes that it is computed in.
    let fixed = 2 * checkpoint.component_bytes(Component::Vae);
    let layers = networks.concat();
    let need = DeviceNeed { fixed, working: working.max(decoding), layers };
    let gib = |bytes: u64| bytes as f64 / f64::from(1u32 << 30);
    let streamed = need.streamed(available).ok_or_else(|| ModelError::DeviceMemory {
        device: options.device.to_string(),
        available: gib(available),
        least: gib(need.least()),
        all: gib(need.all()),
    })?;
    let (first, second) = streamed.split_at(networks.first().map_or(0, Vec::len));
    Ok([first.into(), second.into()])
}

/// Free bytes of a device's memory; `None` where all that there is is the host's.
fn free_memory(device: &Device) -> Result<Option<u64>, ModelError> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return Ok(Some(super::cuda::free_memory(device)?));
    }
    let _ = device;
    Ok(None)
}

/// The layers of a checkpoint's networks, and what is used outside of them.
fn residency(
    checkpoint: &Checkpoint,
    text_encoder: &TextEncoder,
    conditional: &Transformer,
    unconditional: Option<&Transformer>,
) -> Residency {
    let projection = conditional.stored_text_projection();
    let encoder: Vec<LayerBytes> =
        text_encoder.stored_layers().into_iter().chain([projection.clone()]).collect();
    let first = conditional.stored_layers();
    let second = unconditional.map(Transformer::stored_layers).unwrap_or_default();
    let of_layers = first.iter().chain(&second).flatten().chain(&projection);
    let of_layers: u64 = of_layers.map(|bytes| bytes.as_slice().len() as u64).sum();
    let parts = [Component::Transformer, Component::UnconditionalTransformer, Component::Vae];
    let of_parts: u64 = parts.into_iter().map(|part| checkpoint.component_bytes(part)).sum();
    let modulations: u64 = [Some(conditional), unconditional]
        .into_iter()
        .flatten()
        .map(Transformer::modulation_bytes)
        .sum();
    Residency::new(encoder, first, second, of_parts.saturating_sub(of_layers) + modulations)
}
