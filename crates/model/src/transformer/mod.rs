//! The flow-matching transformer of Ideogram 4: from noisy latent tokens, a time and (in the
//! conditional network) a prompt to a velocity. Text and image tokens form one sequence, text
//! first. Knows nothing of guidance and of the other network of the pair.

mod block;
mod config;
mod final_layer;
mod first_block_cache;
mod modulation;
mod mrope;
mod recent;
mod size;
#[cfg(test)]
mod tests;
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
use recent::Recent;
use sigmalab_kernels::heads::Angles;
use std::ops::Range;
use std::sync::Arc;
use time::{Conditioning, TimeEmbedding};

pub use first_block_cache::FirstBlockCache;
pub(crate) use size::NetworkSize;

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

impl Transformer {
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
