//! The flow-matching transformer of Ideogram 4: from noisy latent tokens, a time and (in the
//! conditional network) a prompt to a velocity. Text and image tokens form one sequence, text
//! first. Knows nothing of guidance and of the other network of the pair.

mod block;
mod config;
mod final_layer;
mod first_block_cache;
mod modulation;
mod mrope;
mod time;

use super::config::Part;
use super::error::ModelError;
use super::latents::LatentGrid;
use super::linear::Linear;
use super::ops::rms_norm;
use super::ops::storage::{Number, with_values};
use super::profile::{Operation, timed_on};
use super::residency::{LayerBytes, Turns};
use super::rotary::RotaryTable;
use block::Block;
use candle_core::{DType, Device, Tensor};
use config::TransformerConfig;
use final_layer::FinalLayer;
use modulation::{Gains, Modulations};
use sigmalab_kernels::heads::Angles;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use time::{Conditioning, TimeEmbedding};

pub use first_block_cache::FirstBlockCache;

/// What the text features are normalised by.
const TEXT_NORM: &str = "llm_cond_norm.weight";

/// Normalises the text features; the reference's `llm_cond_norm`.
const TEXT_NORM_EPS: f64 = 1e-6;

/// Times whose modulation is kept: the longest preset of the reference has 48 steps.
const TIMES_KEPT: usize = 64;
/// Sequence layouts whose rotary table is kept.
const LAYOUTS_KEPT: usize = 4;

/// One of the two networks, over a checkpoint's weights.
pub(super) struct Transformer {
    config: TransformerConfig,
    input: Linear,
    /// Added to every image token, [1, width].
    image_indicator: Tensor,
    text: Option<TextProjection>,
    time: TimeEmbedding,
    modulation: Modulations,
    blocks: Vec<Block>,
    last: FinalLayer,
    dtype: DType,
    device: Device,
    /// Whether blocks are computed by the device's operations.
    by_device: bool,
    modulations: Recent<u32, Modulation>,
    rotary_tables: Recent<(usize, LatentGrid), RotaryTable>,
}

/// What a sequence needs beside its tokens: made, and on the device, before anything of a step is.
pub(super) struct Prepared {
    modulation: Arc<Modulation>,
    rotary: Arc<RotaryTable>,
    text_tokens: usize,
    grid: LatentGrid,
}

/// Everything that depends on the time alone.
struct Modulation {
    blocks: Vec<Gains>,
    last: Tensor,
}

/// From text features to the sequence's text tokens.
struct TextProjection {
    norm: Tensor,
    project: Linear,
    /// Added to every text token, [1, width].
    indicator: Tensor,
}

/// How large a network is.
#[derive(Debug, Clone, Copy)]
pub(super) struct NetworkSize {
    pub(super) layers: usize,
    width: usize,
    intermediate: usize,
    /// Numbers of all products' weights.
    weights: usize,
    element: usize,
}

impl NetworkSize {
    /// Bytes of the weights where they are widened.
    pub(super) fn widened_bytes(&self) -> u64 {
        (self.weights as u64).saturating_mul(self.element as u64)
    }

    /// The most bytes of what the time made of all norms that are kept from other times.
    pub(super) fn modulation_bytes(&self) -> u64 {
        let gains = 4 * self.layers + 1;
        (TIMES_KEPT * gains * self.width * self.element) as u64
    }

    /// About the most bytes that an accelerator takes beside the weights for a sequence of `tokens`:
    /// both inner products of the feed-forward layer in f32, and what they become.
    pub(super) fn device_bytes(&self, tokens: usize) -> u64 {
        let inner = self.intermediate * (2 * 4 + self.element);
        let attention = 3 * self.width * (4 + self.element);
        let rows = inner.max(attention) + self.width * (4 + 3 * self.element);
        (tokens * rows) as u64
    }
}

impl Transformer {
    /// The size of a network, from its headers.
    pub(super) fn size(part: &Part<'_>, dtype: DType) -> Result<NetworkSize, ModelError> {
        let config = TransformerConfig::read(part)?;
        let TransformerConfig { layers, width, intermediate, conditioning, channels, .. } = config;
        let features = match part.weights.has(TEXT_NORM) {
            true => part.shape::<1>(TEXT_NORM)?[0],
            false => 0,
        };
        let of_layer = 4 * width * width + 3 * width * intermediate + 4 * width * conditioning;
        let ends = features + 2 * width + 2 * conditioning + 2 * channels;
        let weights = layers * of_layer + ends * width;
        Ok(NetworkSize { layers, width, intermediate, weights, element: dtype.size_in_bytes() })
    }

    /// Builds the conditional network, which reads text features of `feature_width` numbers a
    /// token.
    pub(super) fn conditional(
        part: &Part<'_>,
        feature_width: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let mut network = Self::unconditional(part, dtype, device)?;
        let width = network.config.width;
        let [stored] = part.shape(TEXT_NORM)?;
        part.agree(&["llm_features_dim"], TEXT_NORM, stored)?;
        if stored != feature_width {
            let problem = format!(
                "reads {stored} text features a token, but the text encoder gives {feature_width}"
            );
            return Err(part.bad_tensor(TEXT_NORM, problem));
        }
        let weights = part.weights;
        network.text = Some(TextProjection {
            norm: weights.tensor(TEXT_NORM, &[feature_width])?,
            project: weights.linear("llm_cond_proj", feature_width, width, true)?,
            indicator: indicators(part, width)?.narrow(0, 0, 1)?,
        });
        Ok(network)
    }

    /// Builds the unconditional network. It sees no text, so its file's `llm_cond_*` are left
    /// alone.
    pub(super) fn unconditional(
        part: &Part<'_>,
        dtype: DType,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let config = TransformerConfig::read(part)?;
        let weights = part.weights;
        let (width, channels) = (config.width, config.channels);
        let blocks = (0..config.layers)
            .map(|i| Block::new(&weights.of_layer(i), &config, i))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            input: weights.linear("input_proj", channels, width, true)?,
            image_indicator: indicators(part, width)?.narrow(0, 1, 1)?,
            text: None,
            time: TimeEmbedding::new(weights, &config)?,
            modulation: Modulations::new(weights, &config)?,
            blocks,
            last: FinalLayer::new(weights, &config)?,
            dtype,
            device: device.clone(),
            by_device: weights.by_device(),
            modulations: Recent::new(TIMES_KEPT),
            rotary_tables: Recent::new(LAYOUTS_KEPT),
            config,
        })
    }

    /// That this network of the pair draws tokens like `other`'s.
    pub(super) fn agrees_with(&self, other: &Self, part: &Part<'_>) -> Result<(), ModelError> {
        let (own, others) = (self.config.channels, other.config.channels);
        if own == others {
            return Ok(());
        }
        let problem = format!("has {own} channels a token, but the conditional one has {others}");
        Err(part.bad_tensor("input_proj.weight", problem))
    }

    /// Where the weights of each block are.
    pub(super) fn stored_layers(&self) -> Vec<LayerBytes> {
        self.blocks.iter().map(Block::stored).collect()
    }

    /// Where the weights of the projection of text features are.
    pub(super) fn stored_text_projection(&self) -> LayerBytes {
        self.text.iter().flat_map(|text| text.project.stored()).collect()
    }

    /// About the most bytes that [`Transformer::forward`] takes beside the weights for a sequence
    /// of `tokens`: in attention the hidden state, its normalised rows, those packed for a product
    /// and three projections of them.
    pub(super) fn working_bytes(&self, tokens: usize) -> u64 {
        (tokens * self.config.width * self.dtype.size_in_bytes()) as u64 * 8
    }

    /// About the most bytes that the first-block caches of both networks take for an image of `tokens`: what
    /// the first block adds and what the others do, and as much again for what is compared, in f32.
    pub(super) fn cache_bytes(&self, tokens: usize) -> u64 {
        let hidden = (tokens * self.config.width) as u64;
        hidden * (4 * self.dtype.size_in_bytes() + 2 * DType::F32.size_in_bytes()) as u64
    }

    /// The most bytes that the modulations kept from other times take: four gains of every block
    /// and the last layer's.
    pub(super) fn modulation_bytes(&self) -> u64 {
        let gains = 4 * self.blocks.len() + 1;
        (TIMES_KEPT * gains * self.config.width * self.dtype.size_in_bytes()) as u64
    }

    /// Numbers a latent token has.
    pub(super) fn channels(&self) -> usize {
        self.config.channels
    }

    /// The text tokens of the sequence, [tokens, width], from `features` [tokens,
    /// feature_width]: all that a velocity needs to know of a prompt.
    pub(super) fn project_text(&self, features: &Tensor) -> Result<Tensor, ModelError> {
        let Some(text) = &self.text else {
            return Err(ModelError::Compute(candle_core::Error::msg(
                "the unconditional network reads no text",
            )));
        };
        let normalised = rms_norm(&features.to_dtype(self.dtype)?, &text.norm, TEXT_NORM_EPS)?;
        let project = || text.project.forward(&normalised);
        let projected = timed_on(&self.device, Operation::Ends, project)?;
        Ok(projected.broadcast_add(&text.indicator)?)
    }

    /// What [`Transformer::forward`] needs of an image of `grid` and a time beside its latents.
    pub(super) fn prepare(
        &self,
        grid: LatentGrid,
        t: f64,
        text: Option<&Tensor>,
    ) -> Result<Prepared, ModelError> {
        let modulation = self.modulation(t)?;
        let text_tokens = text.map_or(Ok(0), |text| text.dim(0))?;
        let rotary = self.rotary_tables.get_or_insert((text_tokens, grid), || {
            let angles = mrope::angles(&self.config, text_tokens, grid);
            RotaryTable::new(&angles, self.config.head_dim / 2, self.dtype, &self.device)
        })?;
        Ok(Prepared { modulation, rotary, text_tokens, grid })
    }

    /// The network's own output, data − noise, at latents `x` [tokens, channels] (f32, row after
    /// row of the grid) and the time that were prepared; f32 of the same shape. `text` is what
    /// [`Transformer::project_text`] gave, or none; `turns` are those of the blocks. With a `cache` the
    /// blocks after the first may be left out, which takes a look at what the first one gives.
    ///
    /// On a device that keeps its weights nothing larger than a shape is copied to it meanwhile, and
    /// nothing back: the work is handed on, and who reads the result waits for it.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        prepared: &Prepared,
        text: Option<&Tensor>,
        turns: Turns<'_>,
        cache: Option<&mut FirstBlockCache>,
    ) -> Result<Tensor, ModelError> {
        let Prepared { modulation, rotary, text_tokens, grid } = prepared;
        let input = || self.input.forward(&x.to_dtype(self.dtype)?);
        let image = timed_on(&self.device, Operation::Ends, input)?;
        let image = image.broadcast_add(&self.image_indicator)?;
        let hidden = match text {
            Some(text) => Tensor::cat(&[text, &image], 0)?,
            None => image,
        };
        let through =
            |blocks, hidden: &Tensor| self.through(blocks, hidden, rotary, modulation, turns);
        let count = self.blocks.len();
        let of_image = |hidden: &Tensor| hidden.narrow(0, *text_tokens, grid.tokens());
        let image = match cache {
            None => of_image(&through(0..count, &hidden)?)?,
            Some(cache) => {
                let first = through(0..1, &hidden)?;
                let others = || of_image(&through(1..count, &first)?);
                cache.through(&of_image(&hidden)?, &of_image(&first)?, others)?
            }
        };
        let last = || self.last.forward(&image, &modulation.last);
        let output = timed_on(&self.device, Operation::Ends, last)?;
        Ok(output.to_dtype(DType::F32)?)
    }

    /// Some blocks, one after the other.
    fn through(
        &self,
        blocks: Range<usize>,
        hidden: &Tensor,
        rotary: &RotaryTable,
        modulation: &Modulation,
        turns: Turns<'_>,
    ) -> candle_core::Result<Tensor> {
        match (self.by_device, self.dtype) {
            (false, DType::BF16) => {
                self.run::<half::bf16>(blocks, hidden, rotary, modulation, turns)
            }
            (false, _) => self.run::<f32>(blocks, hidden, rotary, modulation, turns),
            (true, _) => {
                let mut hidden = hidden.clone();
                for (block, gains) in self.of(blocks, modulation) {
                    hidden = block.forward(&hidden, rotary, gains)?;
                }
                Ok(hidden)
            }
        }
    }

    /// Some blocks and their gains.
    fn of<'a>(
        &'a self,
        blocks: Range<usize>,
        modulation: &'a Modulation,
    ) -> impl Iterator<Item = (&'a Block, &'a Gains)> {
        let all = self.blocks.iter().zip(&modulation.blocks);
        all.skip(blocks.start).take(blocks.len())
    }

    /// Some blocks, on the processor.
    fn run<T: Number>(
        &self,
        blocks: Range<usize>,
        hidden: &Tensor,
        rotary: &RotaryTable,
        modulation: &Modulation,
        turns: Turns<'_>,
    ) -> candle_core::Result<Tensor> {
        let mut values = with_values::<T, _>(hidden, <[T]>::to_vec)?;
        let (cos, sin) = rotary.values::<T>()?;
        let angles = Angles { cos: &cos, sin: &sin };
        let first = blocks.start;
        for (i, (block, gains)) in self.of(blocks, modulation).enumerate() {
            let _turn = turns.of(first + i);
            block.run(&mut values, angles, gains)?;
        }
        Tensor::from_vec(values, hidden.shape(), &self.device)
    }

    /// The modulation of every layer at time `t`, computed once for each time the network's
    /// number format can tell apart: in bf16 the reference rounds t before its sinusoids.
    fn modulation(&self, t: f64) -> Result<Arc<Modulation>, ModelError> {
        let t = match self.dtype {
            DType::BF16 => half::bf16::from_f32(t as f32).to_f32(),
            _ => t as f32,
        };
        let make = || {
            let conditioning: Conditioning = self.time.conditioning(t, self.dtype, &self.device)?;
            Ok(Modulation {
                blocks: self.modulation.gains(&conditioning)?,
                last: self.last.gain(&conditioning)?,
            })
        };
        let make = || timed_on(&self.device, Operation::Modulation, make);
        self.modulations.get_or_insert(t.to_bits(), make)
    }
}

/// Rows 0 (text) and 1 (image) of `embed_image_indicator`.
fn indicators(part: &Part<'_>, width: usize) -> Result<Tensor, ModelError> {
    Ok(part.weights.tensor("embed_image_indicator.weight", &[2, width])?)
}

/// The most recently added values by key.
struct Recent<K, V> {
    limit: usize,
    entries: Mutex<VecDeque<(K, Arc<V>)>>,
}

impl<K: Copy + Eq, V> Recent<K, V> {
    fn new(limit: usize) -> Self {
        Self { limit, entries: Mutex::new(VecDeque::new()) }
    }

    /// The value of `key`, made by `make` where it is not kept; the oldest makes room.
    fn get_or_insert(
        &self,
        key: K,
        make: impl FnOnce() -> candle_core::Result<V>,
    ) -> Result<Arc<V>, ModelError> {
        let kept = {
            let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            entries.iter().find(|(k, _)| *k == key).map(|(_, value)| Arc::clone(value))
        };
        if let Some(value) = kept {
            return Ok(value);
        }
        let value = Arc::new(make()?);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.limit {
            entries.pop_front();
        }
        entries.push_back((key, Arc::clone(&value)));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::checkpoint::{Checkpoint, Component};
    use crate::linear::Placement;
    use crate::residency::Residency;
    use std::path::Path;

    /// The network's answer in a checkpoint of the tests, with its layers placed so.
    fn answer(folder: &str, dtype: DType, placement: Option<Placement>) -> Vec<f32> {
        answers(folder, dtype, placement, None).1
    }

    /// Its answers at two times near each other, with a first-block cache of that threshold.
    fn answers(
        folder: &str,
        dtype: DType,
        placement: Option<Placement>,
        threshold: Option<f64>,
    ) -> (Vec<f32>, Vec<f32>) {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tiny-a");
        let checkpoint = Checkpoint::open(&data.join(folder)).unwrap();
        let component = Component::Transformer;
        let weights = checkpoint.weights(component, dtype, &Device::Cpu).unwrap();
        let weights = match placement {
            Some(placement) => weights.placed(placement),
            // Some layers of each kind.
            None => weights.placed(Placement::Resident).streaming(Arc::new([false, true])),
        };
        let part = Part::open(&checkpoint, component, &weights).unwrap();
        let [features] = part.shape("llm_cond_norm.weight").unwrap();
        let network = Transformer::conditional(&part, features, dtype, &Device::Cpu).unwrap();
        let residency = Residency::new(Vec::new(), network.stored_layers(), Vec::new(), 0);
        let numbers = |count: usize, step: usize| -> Vec<f32> {
            (0..count).map(|i| ((i * step) % 2003) as f32 / 500.0 - 2.0).collect()
        };
        let grid = LatentGrid { rows: 3, columns: 5 };
        let x = numbers(grid.tokens() * network.channels(), 7919);
        let x = Tensor::from_vec(x, (grid.tokens(), network.channels()), &Device::Cpu).unwrap();
        let text = Tensor::from_vec(numbers(7 * features, 6841), (7, features), &Device::Cpu);
        let text = network.project_text(&text.unwrap()).unwrap();
        let mut cache = threshold.map(FirstBlockCache::new);
        let [before, after] = [0.25, 0.3].map(|t| {
            let (turns, text) = (residency.conditional(), Some(&text));
            let prepared = network.prepare(grid, t, text).unwrap();
            let out = network.forward(&x, &prepared, text, turns, cache.as_mut()).unwrap();
            out.flatten_all().unwrap().to_vec1().unwrap()
        });
        if let Some(cache) = cache {
            assert_eq!(cache.reused(), u64::from(threshold == Some(1.0)), "at {threshold:?}");
        }
        (before, after)
    }

    /// ‖a − b‖ / ‖b‖.
    fn error(found: &[f32], expected: &[f32]) -> f64 {
        let square = |v: f32| f64::from(v) * f64::from(v);
        let apart = found.iter().zip(expected).map(|(a, b)| square(a - b));
        let size: f64 = expected.iter().map(|b| square(*b)).sum();
        (apart.sum::<f64>() / size).sqrt()
    }

    #[test]
    fn a_first_block_cache_leaves_blocks_out_and_changes_nothing_where_it_does_not() {
        let host = Some(Placement::Host);
        let of = |placement, threshold| answers("diffusers", DType::F32, placement, threshold);
        let whole = of(host, None);
        // No answer is that near another.
        assert_eq!(of(host, Some(1e-9)), whole);
        let (first, second) = of(host, Some(1.0));
        assert_eq!(first, whole.0, "nothing was evaluated before");
        let off = error(&second, &whole.1);
        assert!((1e-6..0.5).contains(&off), "{off}");
        // A device leaves out the same.
        assert!(error(&of(Some(Placement::Resident), Some(1.0)).1, &second) < 1e-5);
    }

    #[test]
    fn a_device_s_way_through_a_block_gives_what_the_processor_s_gives() {
        for folder in ["diffusers", "reference-fp8", "reference-nf4"] {
            for (dtype, allowed) in [(DType::F32, 1e-5), (DType::BF16, 1e-2)] {
                let expected = answer(folder, dtype, Some(Placement::Host));
                for placement in [
                    Some(Placement::Resident),
                    Some(Placement::Widened),
                    Some(Placement::Streamed),
                    None,
                ] {
                    let found = answer(folder, dtype, placement);
                    let resident = answer(folder, dtype, Some(Placement::Resident));
                    assert_eq!(
                        found, resident,
                        "{folder} {dtype:?}: the same bits, wherever weights are"
                    );
                    let error = error(&found, &expected);
                    assert!(error <= allowed, "{folder} {dtype:?} {placement:?}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_recent_value_is_made_once_and_the_oldest_makes_room() {
        let recent = Recent::new(2);
        let mut made = Vec::new();
        for key in [1, 2, 1, 2, 3, 2, 1] {
            let value = recent.get_or_insert(key, || {
                made.push(key);
                Ok(key * 10)
            });
            assert_eq!(*value.unwrap(), key * 10);
        }
        assert_eq!(made, [1, 2, 3, 1]);
    }

    #[test]
    fn a_profile_of_a_device_s_way_has_every_operation_of_a_block() {
        crate::profile::take();
        answer("reference-fp8", DType::F32, Some(Placement::Resident));
        let counted: Vec<String> =
            crate::profile::take().into_iter().map(|entry| entry.operation).collect();
        for operation in [
            "attention projections",
            "query and key norms, rotary",
            "attention",
            "feed-forward products",
            "feed-forward gates",
            "norms and residuals",
            "modulation",
            "input and output projections",
        ] {
            assert!(counted.iter().any(|name| name == operation), "{operation}: {counted:?}");
        }
    }
}
