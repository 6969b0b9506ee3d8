//! The decoder's parts: convolutions, residual blocks, and the stages they form.

use super::config::{DecoderConfig, UpConfig};
use super::mid_attention::MidAttention;
use super::norm::norm;
use crate::config::Part;
use crate::error::ModelError;
use crate::ops::{Canvas, Convolution, Residual};
use candle_core::Result;

type Built<T> = std::result::Result<T, ModelError>;

/// The convolution `module` with a square, odd kernel of side `kernel`.
pub(super) fn convolution(
    part: &Part<'_>,
    module: &str,
    inputs: usize,
    outputs: usize,
    kernel: usize,
) -> Built<Convolution> {
    let shape = [outputs, inputs, kernel, kernel];
    let weight = part.weights.tensor_f32(&format!("{module}.weight"), &shape)?;
    let bias = part.weights.tensor_f32(&format!("{module}.bias"), &[outputs])?;
    Ok(Convolution::new(&weight, &bias)?)
}

fn residual(
    part: &Part<'_>,
    module: &str,
    inputs: usize,
    outputs: usize,
    groups: usize,
) -> Built<Residual> {
    let name = |name: &str| format!("{module}.{name}");
    let shortcut = match inputs == outputs {
        true => None,
        false => Some(convolution(part, &name("conv_shortcut"), inputs, outputs, 1)?),
    };
    Ok(Residual {
        norms: [
            norm(part, &name("norm1"), inputs, groups)?,
            norm(part, &name("norm2"), outputs, groups)?,
        ],
        convolutions: [
            convolution(part, &name("conv1"), inputs, outputs, 3)?,
            convolution(part, &name("conv2"), outputs, outputs, 3)?,
        ],
        shortcut,
    })
}

/// The stage at the size of the latents: two residual blocks, attention between them.
pub(super) struct Mid {
    first: Residual,
    attention: Option<MidAttention>,
    second: Residual,
}

impl Mid {
    pub(super) fn new(part: &Part<'_>, config: &DecoderConfig) -> Built<Self> {
        let (width, groups) = (config.top(), config.groups);
        let resnet =
            |i| residual(part, &format!("decoder.mid_block.resnets.{i}"), width, width, groups);
        const ATTENTION: &str = "decoder.mid_block.attentions.0";
        let attention = match part.weights.has(&format!("{ATTENTION}.to_q.weight")) {
            true => Some(MidAttention::new(part, ATTENTION, width, groups)?),
            false => None,
        };
        Ok(Self { first: resnet(0)?, attention, second: resnet(1)? })
    }

    /// The input is given up.
    pub(super) fn forward(&self, x: Canvas) -> Result<Canvas> {
        let mut x = self.first.forward(x)?;
        if let Some(attention) = &self.attention {
            x = Canvas::new(attention.forward(&x.into_image()?)?)?;
        }
        self.second.forward(x)
    }
}

/// The residual blocks of one size, and the step to the next.
pub(super) struct Up {
    resnets: Vec<Residual>,
    upsample: Option<Convolution>,
}

impl Up {
    pub(super) fn new(
        part: &Part<'_>,
        config: &DecoderConfig,
        up: &UpConfig,
        index: usize,
    ) -> Built<Self> {
        let module = format!("decoder.up_blocks.{index}");
        let resnets = (0..up.resnets).map(|i| {
            let inputs = if i == 0 { up.inputs } else { up.outputs };
            residual(part, &format!("{module}.resnets.{i}"), inputs, up.outputs, config.groups)
        });
        let upsample = match up.upsample {
            true => {
                let conv = format!("{module}.upsamplers.0.conv");
                Some(convolution(part, &conv, up.outputs, up.outputs, 3)?)
            }
            false => None,
        };
        Ok(Self { resnets: resnets.collect::<Built<_>>()?, upsample })
    }

    /// The input is given up.
    pub(super) fn forward(&self, mut x: Canvas) -> Result<Canvas> {
        for resnet in &self.resnets {
            x = resnet.forward(x)?;
        }
        match &self.upsample {
            Some(conv) => x.double(conv),
            None => Ok(x),
        }
    }
}
