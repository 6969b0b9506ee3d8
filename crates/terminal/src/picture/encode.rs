//! A picture in the form of a protocol, within a budget of bytes. Takes milliseconds to tens of
//! them: run it beside the loop that reads keys.

use super::half_blocks::HalfBlocks;
use super::palette::{self, Indexed};
use super::{ProtocolType, Rgb8, Slot, iterm2};
use crate::capabilities::CellPixels;
use crate::colours::ColourDepth;
use icy_sixel::{EncodeOptions, sixel_encode};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use std::sync::Arc;

/// Bytes on the wire for one picture.
pub const BUDGET: usize = 150 * 1024;
/// Bytes of a file that becomes those in base64.
const FILE_BUDGET: usize = BUDGET / 4 * 3 - 1024;
/// Bytes of a draft.
pub(super) const DRAFT: usize = 15 * 1024;
/// Colours of a picture with a palette.
const COLOURS: u16 = 64;

/// Whether a picture is so small that it is a draft: one of many, and soon replaced.
pub(super) fn is_draft(picture: &Rgb8) -> bool {
    u64::from(picture.width()) * u64::from(picture.height()) <= 160 * 160
}

/// What identifies the encoded form of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) digest: [u8; 16],
    pub(super) protocol: ProtocolType,
    pub(super) columns: u16,
    pub(super) rows: u16,
    pub(super) cell: CellPixels,
    pub(super) colours: ColourDepth,
}

/// A picture to encode. Plain data: give it to any thread.
#[derive(Debug)]
pub struct Job {
    pub(super) slot: Slot,
    pub(super) form: Form,
    pub(super) picture: Arc<Rgb8>,
}

/// A picture that is encoded, for [`super::Pictures::finished`].
#[derive(Debug)]
pub struct Encoded {
    pub(super) slot: Slot,
    pub(super) form: Form,
    pub(super) payload: Option<Payload>,
}

/// The encoded form.
#[derive(Debug, Clone)]
pub(super) enum Payload {
    /// A PNG for kitty.
    Png(Arc<[u8]>),
    /// A sequence that draws at the cursor.
    Sequence(Arc<str>),
    /// Characters.
    Blocks(Arc<HalfBlocks>),
}

impl Job {
    #[must_use]
    pub fn run(self) -> Encoded {
        let Form { protocol, columns, rows, cell, colours, .. } = self.form;
        let width = u32::from(columns) * u32::from(cell.width);
        let height = u32::from(rows) * u32::from(cell.height);
        let budget = if is_draft(&self.picture) { DRAFT } else { BUDGET };
        let payload = match protocol {
            ProtocolType::Kitty => {
                let (width, height) = within(&self.picture, width, height);
                png_within(&self.picture, width, height).map(|file| Payload::Png(file.into()))
            }
            ProtocolType::Iterm2 => {
                let (width, height) = within(&self.picture, width, height);
                jpeg_within(&self.picture, width, height)
                    .map(|file| Payload::Sequence(iterm2::sequence(&file, columns, rows).into()))
            }
            ProtocolType::Sixel => sixel_within(&self.picture, width, height, budget)
                .map(|text| Payload::Sequence(text.into())),
            ProtocolType::Halfblocks => {
                let blocks = HalfBlocks::within(&self.picture, columns, rows, colours, budget);
                Some(Payload::Blocks(Arc::new(blocks)))
            }
        };
        Encoded { slot: self.slot, form: self.form, payload }
    }
}

/// The largest size within `width` × `height` and not above the picture's own: the terminal
/// enlarges.
pub(super) fn within(picture: &Rgb8, width: u32, height: u32) -> (u32, u32) {
    let scale = (f64::from(width) / f64::from(picture.width()))
        .min(f64::from(height) / f64::from(picture.height()))
        .min(1.0);
    scaled(picture.width(), picture.height(), scale)
}

/// A size times a factor, at least 1.
fn scaled(width: u32, height: u32, factor: f64) -> (u32, u32) {
    let scale = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
    (scale(width), scale(height))
}

/// A PNG within the budget: in all colours, else in 64, else smaller too.
pub(super) fn png_within(picture: &Rgb8, mut width: u32, mut height: u32) -> Option<Vec<u8>> {
    let small = picture.resized(width, height);
    // Beyond this size no photograph fits.
    if u64::from(width) * u64::from(height) <= 512 * 512 {
        let file = png_rgb(&small).ok()?;
        if file.len() <= FILE_BUDGET {
            return Some(file);
        }
    }
    let mut file = png_indexed(&palette::reduce(&small, COLOURS.into())).ok()?;
    for _ in 0..4 {
        if file.len() <= FILE_BUDGET {
            break;
        }
        let factor = (FILE_BUDGET as f64 / file.len() as f64).sqrt() * 0.95;
        (width, height) = scaled(width, height, factor);
        file =
            png_indexed(&palette::reduce(&picture.resized(width, height), COLOURS.into())).ok()?;
    }
    Some(file)
}

/// A PNG in 24 bits a pixel.
fn png_rgb(image: &Rgb8) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, image.width(), image.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(image.pixels())?;
    Ok(file)
}

/// A PNG with a palette.
fn png_indexed(image: &Indexed) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, image.width, image.height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(image.palette.concat());
    // Differences of palette entries mean nothing.
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header()?.write_image_data(&image.pixels)?;
    Ok(file)
}

/// A JPEG within the budget: coarser, then smaller.
pub(super) fn jpeg_within(picture: &Rgb8, width: u32, height: u32) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    for (factor, quality) in [(1.0, 85), (1.0, 75), (0.75, 75), (0.5, 75), (0.35, 60)] {
        let (width, height) = scaled(width, height, factor);
        let small = picture.resized(width, height);
        file.clear();
        JpegEncoder::new_with_quality(&mut file, quality)
            .encode(small.pixels(), width, height, ExtendedColorType::Rgb8)
            .ok()?;
        if file.len() <= FILE_BUDGET {
            break;
        }
    }
    Some(file)
}

/// A sixel sequence of exactly this size and within the budget: coarser pixels, then fewer
/// colours. Its pixels are those of the screen, so it cannot be sent smaller.
pub(super) fn sixel_within(
    picture: &Rgb8,
    width: u32,
    height: u32,
    budget: usize,
) -> Option<String> {
    let mut text = None;
    for (grain, colours) in [
        (1, COLOURS),
        (2, COLOURS),
        (2, 32),
        (3, 32),
        (4, 16),
        (8, 16),
        (16, 8),
        // The first drafts of a run are noise, which nothing else makes small.
        (24, 8),
        (32, 8),
        (48, 4),
    ] {
        let small = picture.resized(width.div_ceil(grain), height.div_ceil(grain));
        text = sixel(&small.resized(width, height), colours);
        if text.as_ref().is_some_and(|text| text.len() <= budget) {
            break;
        }
    }
    text
}

/// The picture as a sixel sequence, drawn at the cursor, in so many colours. Without dithering,
/// which ratatui-image always asks its encoder for: it takes several times the bytes.
fn sixel(picture: &Rgb8, colours: u16) -> Option<String> {
    let rgba: Vec<u8> =
        picture.pixels().chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 0xff]).collect();
    let options = EncodeOptions { max_colors: colours, diffusion: 0.0, ..Default::default() };
    sixel_encode(&rgba, picture.width() as usize, picture.height() as usize, &options).ok()
}

#[cfg(test)]
mod tests {
    use super::super::PROTOCOLS;
    use super::*;
    use std::error::Error;

    /// A picture with edges, gradients and grain.
    fn photograph(side: u32) -> Option<Rgb8> {
        let mut pixels = Vec::new();
        for y in 0..side {
            for x in 0..side {
                let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 13 & 15;
                let disc =
                    (x.abs_diff(side / 2).pow(2) + y.abs_diff(side / 2).pow(2)) * 9 < side * side;
                let red = if disc { 220 } else { 200 * x / side };
                pixels.extend([red, 200 * y / side, 90].map(|value| (value + grain) as u8));
            }
        }
        Rgb8::new(side, side, pixels)
    }

    fn encoded(protocol: ProtocolType, side: u32) -> Option<Payload> {
        let picture = Arc::new(photograph(side)?);
        let form = Form {
            digest: picture.digest(),
            protocol,
            columns: 50,
            rows: 25,
            cell: CellPixels::DEFAULT,
            colours: ColourDepth::True,
        };
        Job { slot: Slot(0), form, picture }.run().payload
    }

    #[test]
    fn every_protocol_stays_within_the_budget() -> Result<(), Box<dyn Error>> {
        for side in [16, 256, 1024] {
            for (protocol, _) in PROTOCOLS {
                let bytes = match encoded(protocol, side).ok_or("no payload")? {
                    Payload::Png(file) => file.len().div_ceil(3) * 4,
                    Payload::Sequence(text) => text.len(),
                    Payload::Blocks(blocks) => blocks.bytes(),
                };
                assert!(bytes <= BUDGET, "{protocol:?}, {side} px: {bytes} bytes");
            }
        }
        Ok(())
    }

    #[test]
    fn drafts_take_the_bytes_of_a_draft() -> Result<(), Box<dyn Error>> {
        for (protocol, _) in PROTOCOLS {
            let bytes = match encoded(protocol, 64).ok_or("no payload")? {
                Payload::Png(file) => file.len().div_ceil(3) * 4,
                Payload::Sequence(text) => text.len(),
                Payload::Blocks(blocks) => blocks.bytes(),
            };
            assert!(bytes <= DRAFT, "{protocol:?}: {bytes} bytes");
        }
        Ok(())
    }

    #[test]
    fn a_small_picture_keeps_every_colour_for_kitty() -> Result<(), Box<dyn Error>> {
        let Some(Payload::Png(file)) = encoded(ProtocolType::Kitty, 64) else {
            return Err("no PNG".into());
        };
        let decoded = image::load_from_memory(&file)?.to_rgb8();
        let original = photograph(64).ok_or("no picture")?;
        assert_eq!(decoded.as_raw(), original.pixels());
        Ok(())
    }

    #[test]
    fn a_large_picture_keeps_its_colours_nearly() -> Result<(), Box<dyn Error>> {
        let Some(Payload::Png(file)) = encoded(ProtocolType::Kitty, 1024) else {
            return Err("no PNG".into());
        };
        let decoded = image::load_from_memory(&file)?.to_rgb8();
        assert!(decoded.width() >= 300, "{}", decoded.width());
        let original =
            photograph(1024).ok_or("no picture")?.resized(decoded.width(), decoded.height());
        let error: u64 = decoded
            .as_raw()
            .iter()
            .zip(original.pixels())
            .map(|(a, b)| u64::from(a.abs_diff(*b)))
            .sum();
        assert!(error / decoded.as_raw().len() as u64 <= 12);
        Ok(())
    }

    #[test]
    fn a_sixel_has_exactly_the_pixels_of_its_cells() -> Result<(), Box<dyn Error>> {
        let Some(Payload::Sequence(text)) = encoded(ProtocolType::Sixel, 64) else {
            return Err("no sixel".into());
        };
        assert!(text.starts_with("\x1bP9;1;0q\"1;1;500;500#0;2;"));
        assert!(text.ends_with("\x1b\\"));
        Ok(())
    }
}
