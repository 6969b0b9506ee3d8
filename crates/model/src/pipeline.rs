//! The model as its callers see it: text to features, features and latents to a velocity,
//! latents to pixels. Latents are plain slices here; tensors stay inside.

use super::checkpoint::{Checkpoint, Component};
use super::config::Part;
use super::decoder::{Decoder, StatisticsSource};
use super::device_room::{DEFAULT_TOKENS, DeviceRoom, Kept};
use super::error::ModelError;
use super::fp8;
use super::latents::{Decoded, LatentGrid, ModelTime};
use super::linear::Placement;
use super::options::{activation_dtype, open_for};
use super::residency::{LayerBytes, Residency, Turns};
use super::text_encoder::TextEncoder;
use super::tokenizer::PromptTokenizer;
use super::transfer_rate::TransferRate;
use super::transformer::{FirstBlockCache, Prepared, Transformer};
use candle_core::{DType, Device, Tensor};
use sigmalab_compute::{LoadProgress, LoadStage, ModelOptions};
use sigmalab_image::RgbImage;
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
    residency: Residency,
    kept: Kept,
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
        fp8::check(checkpoint, options, &device)?;
        let dtype = activation_dtype(options.dtype);
        let kept = Kept::plan(checkpoint, options, dtype, &device, room)?;
        let [streamed, streamed_too] = kept.streamed.clone();
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
        let conditional_weights = weights(Component::Transformer, dtype)?;
        let conditional_weights = conditional_weights.placed(kept.placement).streaming(streamed);
        let part = Part::open(checkpoint, Component::Transformer, &conditional_weights)?;
        let conditional =
            Transformer::conditional(&part, text_encoder.feature_width(), dtype, &device)?;

        let unconditional = if checkpoint.has(Component::UnconditionalTransformer) {
            stage(Component::UnconditionalTransformer);
            let weights = weights(Component::UnconditionalTransformer, dtype)?;
            let weights = weights.placed(kept.placement).streaming(streamed_too);
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
        Ok(Self {
            tokenizer,
            text_encoder,
            conditional,
            unconditional,
            decoder,
            device,
            residency,
            kept,
        })
    }

    /// Whether an image of `grid` can be made with the model as it is kept: on an accelerator a much
    /// larger one than it was loaded for may need another way to keep it, which loading finds.
    pub fn has_room_for(&self, grid: LatentGrid) -> bool {
        self.kept.has_room_for(grid)
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
        let caches = if cached { self.conditional.cache_bytes(grid.tokens()) } else { 0 };
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

    /// The most bytes of a GPU's memory that were in use since this was asked before; `None` elsewhere, and where
    /// the driver does not say.
    pub fn take_peak_device_bytes(&self) -> Option<u64> {
        #[cfg(feature = "cuda")]
        if let Device::Cuda(device) = &self.device {
            return super::cuda::take_peak_memory(device);
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
        self.ask(&self.conditional_with(prompt), (x, grid), t, None)
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
        self.ask(&self.conditional_with(prompt), (x, grid), t, Some(cache))
    }

    /// Velocity dx/dσ of the unconditional network, which sees image tokens only.
    pub fn unconditional(
        &self,
        x: &[f32],
        grid: LatentGrid,
        t: ModelTime,
    ) -> Result<Vec<f32>, ModelError> {
        self.ask(&self.without_text()?, (x, grid), t, None)
    }

    /// The same with a cache, as [`Model::conditional_cached`].
    pub fn unconditional_cached(
        &self,
        x: &[f32],
        grid: LatentGrid,
        t: ModelTime,
        cache: &mut FirstBlockCache,
    ) -> Result<Vec<f32>, ModelError> {
        self.ask(&self.without_text()?, (x, grid), t, Some(cache))
    }

    /// Whether it computes on a device, which works while this program goes on.
    pub fn hands_on(&self) -> bool {
        !self.device.is_cpu()
    }

    /// Velocities of both networks, the conditional one's first, with one wait for both. All that a
    /// step needs is copied to the device before the first of them begins: a copy from the program's
    /// memory may wait for what the device still has to do.
    pub fn both(
        &self,
        x: &[f32],
        grid: LatentGrid,
        t: ModelTime,
        prompt: &PromptFeatures,
    ) -> Result<[Vec<f32>; 2], ModelError> {
        let x = self.latents(x, grid)?;
        let networks = [self.conditional_with(prompt), self.without_text()?];
        let prepared = |asked: &Asked<'_>| asked.network.prepare(grid, t.0, asked.text);
        let ready = [prepared(&networks[0])?, prepared(&networks[1])?];
        let [first, second] = &networks;
        let first = || self.enqueue(first, &x, &ready[0], None);
        let second = || self.enqueue(second, &x, &ready[1], None);
        in_one_wait([&first, &second], velocity_of)
    }

    fn conditional_with<'a>(&'a self, prompt: &'a PromptFeatures) -> Asked<'a> {
        let turns = self.residency.conditional();
        Asked { network: &self.conditional, text: Some(&prompt.projected), turns }
    }

    fn without_text(&self) -> Result<Asked<'_>, ModelError> {
        let network = self.unconditional.as_ref().ok_or(ModelError::NoUnconditional)?;
        Ok(Asked { network, text: None, turns: self.residency.unconditional() })
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

    /// Latents where the networks compute.
    fn latents(&self, x: &[f32], grid: LatentGrid) -> Result<Tensor, ModelError> {
        self.check_length(x, grid)?;
        let shape = (grid.tokens(), self.token_channels());
        Ok(Tensor::from_slice(x, shape, &self.device)?)
    }

    /// dx/dσ of one network.
    fn ask(
        &self,
        asked: &Asked<'_>,
        (x, grid): (&[f32], LatentGrid),
        t: ModelTime,
        cache: Option<&mut FirstBlockCache>,
    ) -> Result<Vec<f32>, ModelError> {
        let x = self.latents(x, grid)?;
        let prepared = asked.network.prepare(grid, t.0, asked.text)?;
        velocity_of(&self.enqueue(asked, &x, &prepared, cache)?)
    }

    /// dx/dσ as it comes to be where the network computes.
    fn enqueue(
        &self,
        asked: &Asked<'_>,
        x: &Tensor,
        prepared: &Prepared,
        cache: Option<&mut FirstBlockCache>,
    ) -> Result<Tensor, ModelError> {
        let Asked { network, text, turns } = *asked;
        let (image, text_tokens) = (x.dim(0)?, text.map_or(Ok(0), |text| text.dim(0))?);
        let caches = if cache.is_some() { network.cache_bytes(image) } else { 0 };
        self.residency.make_room(network.working_bytes(text_tokens + image) + caches);
        let data_minus_noise = network.forward(x, prepared, text, turns, cache)?;
        // x = (1 − σ)·data + σ·noise, so dx/dσ = noise − data.
        Ok(data_minus_noise.neg()?.flatten_all()?)
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

/// A network, and what it is asked with.
struct Asked<'a> {
    network: &'a Transformer,
    text: Option<&'a Tensor>,
    turns: Turns<'a>,
}

/// Waits for a velocity and copies it to the program's memory.
fn velocity_of(velocity: &Tensor) -> Result<Vec<f32>, ModelError> {
    Ok(velocity.to_vec1()?)
}

/// What two pieces of work give that are both handed on before the first is waited for.
fn in_one_wait<P, R, E>(
    enqueue: [&dyn Fn() -> Result<P, E>; 2],
    wait: impl Fn(&P) -> Result<R, E>,
) -> Result<[R; 2], E> {
    let [first, second] = enqueue;
    let (first, second) = (first()?, second()?);
    Ok([wait(&first)?, wait(&second)?])
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::cell::RefCell;
    use std::path::Path;

    #[test]
    fn both_are_handed_on_before_the_first_is_waited_for() {
        let log = RefCell::new(Vec::new());
        let note = |what: &'static str, number: u8| {
            log.borrow_mut().push((what, number));
            Ok::<_, ()>(number)
        };
        let done =
            in_one_wait([&|| note("enqueue", 1), &|| note("enqueue", 2)], |n| note("wait", *n));
        assert_eq!(done, Ok([1, 2]));
        assert_eq!(*log.borrow(), [("enqueue", 1), ("enqueue", 2), ("wait", 1), ("wait", 2)]);
    }

    #[test]
    fn asked_at_once_both_networks_give_the_bits_that_they_give_one_by_one() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tiny-a");
        let checkpoint = Checkpoint::open(&data.join("reference-fp8")).unwrap();
        let model = Model::load(&checkpoint, ModelOptions::default(), &mut |_| {}).unwrap();
        let prompt = model.encode("a red circle").unwrap();
        let grid = LatentGrid { rows: 3, columns: 4 };
        let x: Vec<f32> = (0..grid.tokens() * model.token_channels())
            .map(|i| ((i * 7919) % 2003) as f32 / 500.0 - 2.0)
            .collect();
        let t = ModelTime(0.3);
        let [first, second] = model.both(&x, grid, t, &prompt).unwrap();
        assert_eq!(first, model.conditional(&x, grid, t, &prompt).unwrap());
        assert_eq!(second, model.unconditional(&x, grid, t).unwrap());
        assert!(first != second && !model.hands_on());
        assert!(model.both(&x[1..], grid, t, &prompt).is_err());
    }
}
