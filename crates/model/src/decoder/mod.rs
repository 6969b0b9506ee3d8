//! The decoder of Flux2's KL autoencoder: from clean latent tokens to pixels. Knows nothing of
//! how the latents came about.

mod blocks;
mod config;
mod mid_attention;
mod norm;
mod statistics;

use super::config::Part;
use super::error::ModelError;
use super::latents::{Decoded, LatentGrid};
use super::ops::{Canvas, Convolution, GroupNorm};
use blocks::{Mid, Up, convolution};
use candle_core::{Device, Result, Tensor};
use config::DecoderConfig;
use sigmalab_image::RgbImage;
use statistics::LatentStatistics;
pub(super) use statistics::StatisticsSource;

/// Latent pixels a token covers along each side.
const PATCH: usize = 2;
/// Image pixels a latent pixel covers along each side.
const PIXELS_PER_LATENT: usize = 8;

/// The decoder over a checkpoint's weights. It always computes in f32: its output is rounded to
/// 8 bits, its weights are few beside the transformers', and it runs once an image.
pub(super) struct Decoder {
    channels: usize,
    statistics: LatentStatistics,
    post_quantisation: Option<Convolution>,
    input: Convolution,
    mid: Mid,
    ups: Vec<Up>,
    output_norm: GroupNorm,
    output: Convolution,
    /// Channels of the largest image as it arrives in its size: what takes the most memory.
    widest: usize,
    device: Device,
}

impl Decoder {
    /// Builds the decoder for latent tokens of `token_channels` numbers. `part` holds f32
    /// weights; where its config does not say which latent statistics to use, `default` does.
    pub(super) fn new(
        part: &Part<'_>,
        token_channels: usize,
        default: StatisticsSource,
        device: &Device,
    ) -> std::result::Result<Self, ModelError> {
        let config = DecoderConfig::read(part, token_channels)?;
        let channels = config.latent_channels;
        let top = config.top();
        let post_quantisation = match part.weights.has("post_quant_conv.weight") {
            true => Some(convolution(part, "post_quant_conv", channels, channels, 1)?),
            false => None,
        };
        let ups = config.ups.iter().enumerate();
        Ok(Self {
            channels,
            statistics: LatentStatistics::read(part, token_channels, default, device)?,
            post_quantisation,
            input: convolution(part, "decoder.conv_in", channels, top, 3)?,
            mid: Mid::new(part, &config)?,
            ups: ups
                .map(|(i, up)| Up::new(part, &config, up, i))
                .collect::<std::result::Result<_, _>>()?,
            output_norm: norm::norm(part, "decoder.conv_norm_out", config.bottom(), config.groups)?,
            output: convolution(part, "decoder.conv_out", config.bottom(), 3, 3)?,
            widest: config.ups.last().map_or(0, |up| up.inputs),
            device: device.clone(),
        })
    }

    /// About the most bytes that [`Decoder::decode`] takes beside the weights: the largest image
    /// in f32, and a quarter of it for the rows that are worked on.
    pub(super) fn working_bytes(&self, grid: LatentGrid) -> u64 {
        let side = (PATCH * PIXELS_PER_LATENT) as u64;
        let values = grid.tokens() as u64 * side * side * self.widest as u64;
        values * 4 * 5 / 4
    }

    /// The image of latent tokens, `PATCH²` · channels numbers each, row after row of `grid`.
    pub(super) fn decode(
        &self,
        latents: &[f32],
        grid: LatentGrid,
    ) -> std::result::Result<Decoded, ModelError> {
        let width = PATCH * PATCH * self.channels;
        let tokens = Tensor::from_slice(latents, (grid.tokens(), width), &self.device)?;
        let image = self.run(&self.unpack(&self.statistics.restore(&tokens)?, grid)?)?;
        let (_, height, width) = image.dims3()?;
        let pixels = image.permute((1, 2, 0))?.flatten_all()?.to_vec1::<f32>()?;
        let clipped = pixels.iter().filter(|colour| colour.abs() > 1.0).count();
        let clip_fraction = clipped as f64 / pixels.len().max(1) as f64;
        let pixels = pixels.into_iter().map(byte).collect();
        let image = RgbImage { width: width as u32, height: height as u32, pixels };
        Ok(Decoded { image, clip_fraction })
    }

    /// Tokens [rows · columns, (row in patch, column in patch, channel)] → latent image
    /// [1, channels, 2 · rows, 2 · columns].
    fn unpack(&self, tokens: &Tensor, grid: LatentGrid) -> Result<Tensor> {
        tokens
            .reshape((grid.rows, grid.columns, PATCH, PATCH, self.channels))?
            .permute((4, 0, 2, 1, 3))?
            .reshape((1, self.channels, PATCH * grid.rows, PATCH * grid.columns))
    }

    /// Latent image [1, channels, h, w] → colours [3, 8h, 8w], −1 to 1 where they can be shown.
    fn run(&self, latent: &Tensor) -> Result<Tensor> {
        let x = match &self.post_quantisation {
            Some(conv) => self.input.forward(&conv.forward(latent)?)?,
            None => self.input.forward(latent)?,
        };
        let mut x = self.mid.forward(Canvas::new(x)?)?;
        for up in &self.ups {
            x = up.forward(x)?;
        }
        self.output.forward_normalised(&x.into_image()?, &self.output_norm)?.squeeze(0)
    }
}

/// A colour in [−1, 1] as a byte, by the reference's round((x + 1) · 127.5); ties go to even, as
/// in PyTorch and NumPy.
fn byte(colour: f32) -> u8 {
    ((colour.clamp(-1.0, 1.0) + 1.0) * 127.5).round_ties_even() as u8
}

#[cfg(test)]
mod tests {
    use super::byte;

    #[test]
    fn colours_are_clamped_and_rounded_to_the_nearest_byte() {
        let cases = [(-7.0, 0), (-1.0, 0), (0.0, 128), (1.0, 255), (7.0, 255), (0.003, 128)];
        for (colour, expected) in cases {
            assert_eq!(byte(colour), expected, "{colour}");
        }
        // Either side of 100.5 / 127.5 − 1.
        assert_eq!((byte(-0.2118), byte(-0.2117)), (100, 101));
    }
}
