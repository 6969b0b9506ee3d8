//! The decoder's widths and depths, from its tensors, held against its `config.json`.

use super::{PATCH, PIXELS_PER_LATENT};
use crate::config::Part;
use crate::error::ModelError;
use serde_json::json;

/// Dimensions of the decoder.
pub(super) struct DecoderConfig {
    /// Channels of the latent image.
    pub(super) latent_channels: usize,
    /// Channel runs in every group norm.
    pub(super) groups: usize,
    /// From the smallest image to the largest.
    pub(super) ups: Vec<UpConfig>,
}

/// Dimensions of one resolution.
pub(super) struct UpConfig {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) resnets: usize,
    /// Whether the image is doubled at the end.
    pub(super) upsample: bool,
}

impl DecoderConfig {
    /// Reads the dimensions for latent tokens of `token_channels` numbers; each one in the
    /// config must be the one the tensors have.
    pub(super) fn read(part: &Part<'_>, token_channels: usize) -> Result<Self, ModelError> {
        const INPUT: &str = "decoder.conv_in.weight";
        let [top, latent_channels, _, _] = part.shape(INPUT)?;
        if latent_channels * PATCH * PATCH != token_channels {
            let problem = format!(
                "decodes {latent_channels} latent channels, but the transformer draws \
                 {token_channels}, which is not {PATCH}·{PATCH} times as many"
            );
            return Err(part.bad_tensor(INPUT, problem));
        }
        part.agree(&["latent_channels"], INPUT, latent_channels)?;
        part.require(&["act_fn"], &json!("silu"))?;

        let count = part.count(|i| format!("decoder.up_blocks.{i}.resnets.0.conv1.weight"));
        let mut ups: Vec<UpConfig> = Vec::with_capacity(count);
        for i in 0..count {
            let first = format!("decoder.up_blocks.{i}.resnets.0.conv1.weight");
            let [outputs, inputs, _, _] = part.shape(&first)?;
            let above = ups.last().map_or(top, |up| up.outputs);
            if inputs != above {
                let problem = format!("takes {inputs} channels where {above} arrive");
                return Err(part.bad_tensor(&first, problem));
            }
            let resnets = part.count(|j| format!("decoder.up_blocks.{i}.resnets.{j}.conv1.weight"));
            let last = format!("decoder.up_blocks.{i}.resnets.{}.conv1.weight", resnets - 1);
            if let Some(layers) = part.size(&["layers_per_block"])?
                && layers.value + 1 != resnets
            {
                let stored = resnets.saturating_sub(1);
                return Err(part.conflict(&layers.key, layers.value, &last, stored));
            }
            let upsample =
                part.weights.has(&format!("decoder.up_blocks.{i}.upsamplers.0.conv.weight"));
            ups.push(UpConfig { inputs, outputs, resnets, upsample });
        }
        let doubled = ups.iter().filter(|up| up.upsample).count();
        if 1 << doubled != PIXELS_PER_LATENT {
            let problem = format!(
                "is one of {doubled} that double the image; {} are needed",
                PIXELS_PER_LATENT.ilog2()
            );
            return Err(part.bad_tensor("decoder.up_blocks.0.upsamplers.0.conv.weight", problem));
        }
        check_widths(part, &ups)?;

        let groups = part.size(&["norm_num_groups"])?;
        let (key, groups) = groups.map_or((String::new(), 32), |found| (found.key, found.value));
        let widths = ups.iter().flat_map(|up| [up.inputs, up.outputs]).chain([top]);
        if let Some(width) = widths.into_iter().find(|width| !width.is_multiple_of(groups)) {
            let key = if key.is_empty() { "norm_num_groups" } else { &key };
            let problem = format!("is {groups}, which does not divide a width of {width} channels");
            return Err(part.bad_config(key, problem));
        }
        Ok(Self { latent_channels, groups, ups })
    }

    /// Channels at the smallest image.
    pub(super) fn top(&self) -> usize {
        self.ups.first().map_or(0, |up| up.inputs)
    }

    /// Channels at the largest image.
    pub(super) fn bottom(&self) -> usize {
        self.ups.last().map_or(0, |up| up.outputs)
    }
}

/// The config lists the widths from the largest image to the smallest.
fn check_widths(part: &Part<'_>, ups: &[UpConfig]) -> Result<(), ModelError> {
    let keys = ["decoder_block_out_channels", "block_out_channels"];
    let Some(configured) = part.sizes(&keys)? else { return Ok(()) };
    let stored: Vec<usize> = ups.iter().rev().map(|up| up.outputs).collect();
    if configured.value != stored {
        let (configured, key) = (format!("{:?}", configured.value), configured.key);
        let tensor = "decoder.up_blocks.*.resnets.0.conv1.weight";
        return Err(part.conflict(&key, configured, tensor, format!("{stored:?}")));
    }
    Ok(())
}
