//! The formats that images are written in, by their names and endings. PNG keeps everything; the
//! others are for sharing: WebP without loss and with the recipe, JPEG smaller, and with the recipe where
//! its 64 KiB hold it. Knows no command line.

use super::exif::{self, Texts};
use super::kind::LIMIT;
use super::parameters::parameters_line;
use super::picture::{PictureError, plain, write_picture};
use crate::recipe::Recipe;
use image::ImageEncoder as _;
use image::codecs::jpeg::JpegEncoder;
use image_webp::WebPEncoder;
use sigmalab_image::RgbImage;
use std::ffi::OsStr;
use std::io::{BufRead, Read as _, Seek, Write};
use std::path::Path;

/// A format of image files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// Without loss; the recipe as text.
    Png,
    /// Without loss, about as large; the recipe in its EXIF.
    Webp,
    /// With loss, much smaller; the recipe in its EXIF, where there is room.
    Jpeg,
}

/// Quality of JPEGs, of 100: above it files grow faster than differences shrink.
const JPEG_QUALITY: u8 = 92;

/// Most bytes of EXIF in a JPEG: those of a segment, without its length and its mark.
const JPEG_EXIF: usize = 65_535 - 2 - 6;

/// Most parts of a file that are looked through for a recipe.
const MOST_PARTS: usize = 1000;

impl ImageFormat {
    pub const ALL: [ImageFormat; 3] = [ImageFormat::Png, ImageFormat::Webp, ImageFormat::Jpeg];

    /// The endings of its files' names, the usual one first.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            ImageFormat::Png => &["png"],
            ImageFormat::Webp => &["webp"],
            ImageFormat::Jpeg => &["jpg", "jpeg"],
        }
    }

    /// The usual ending.
    pub fn ending(self) -> &'static str {
        match self {
            ImageFormat::Png => "png",
            ImageFormat::Webp => "webp",
            ImageFormat::Jpeg => "jpg",
        }
    }

    /// The format that a file's name ends in.
    pub fn of_name(path: &Path) -> Option<ImageFormat> {
        let ending = path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase();
        ImageFormat::ALL.into_iter().find(|format| format.endings().contains(&ending.as_str()))
    }

    /// Whether files of the format hold this recipe.
    pub fn holds(self, recipe: &Recipe) -> bool {
        match (self, serde_json::to_string(recipe)) {
            (ImageFormat::Jpeg, Ok(json)) => exif_of(recipe, &json, JPEG_EXIF).1,
            (_, json) => json.is_ok(),
        }
    }
}

/// Writes `image` in a format, with `recipe` inside where the format [holds](ImageFormat::holds) it. The
/// same image and recipe give the same bytes.
pub fn write_image(
    format: ImageFormat,
    image: &RgbImage,
    recipe: &Recipe,
    out: &mut dyn Write,
) -> Result<(), PictureError> {
    let RgbImage { width, height, pixels } = image;
    let (width, height) = (*width, *height);
    if pixels.len() as u64 != u64::from(width) * u64::from(height) * 3 || pixels.is_empty() {
        return Err(PictureError::Shape);
    }
    let json = serde_json::to_string(recipe)?;
    match format {
        ImageFormat::Png => write_picture(image, recipe, out),
        ImageFormat::Webp => {
            let mut encoder = WebPEncoder::new(out);
            encoder.set_exif_metadata(exif_of(recipe, &json, LIMIT as usize).0);
            Ok(encoder.encode(pixels, width, height, image_webp::ColorType::Rgb8)?)
        }
        ImageFormat::Jpeg => {
            let mut encoder = JpegEncoder::new_with_quality(out, JPEG_QUALITY);
            // This encoder takes it; one that did not would say so.
            encoder
                .set_exif_metadata(exif_of(recipe, &json, JPEG_EXIF).0)
                .map_err(|error| PictureError::Jpeg(image::ImageError::Unsupported(error)))?;
            let rgb = image::ExtendedColorType::Rgb8;
            encoder.encode(pixels, width, height, rgb).map_err(PictureError::Jpeg)
        }
    }
}

/// The EXIF of a picture in `room` bytes, and whether the recipe is in it. What the recipe says anyway
/// gives way to it, and the recipe to the room.
fn exif_of(recipe: &Recipe, json: &str, room: usize) -> (Vec<u8>, bool) {
    let software = concat!("sigmalab ", env!("CARGO_PKG_VERSION"));
    let (prompt, parameters) = (plain(&recipe.prompt), plain(&parameters_line(recipe)));
    let nothing = Texts { recipe: None, description: None, comment: None, software };
    let bare = Texts { recipe: Some(json), ..nothing };
    let commented = Texts { comment: Some(&parameters), ..bare };
    let whole = Texts { description: Some(&prompt), ..commented };
    let written = [whole, commented, bare].iter().map(exif::write).find(|exif| exif.len() <= room);
    match written {
        Some(exif) => (exif, true),
        None => (exif::write(&nothing), false),
    }
}

/// The recipe's JSON text, if a JPEG has one. What is damaged has none.
pub(super) fn recipe_text_of_jpeg(reader: &mut (impl BufRead + Seek)) -> Option<String> {
    const EXIF: u8 = 0xe1;
    // Pixels, or the end.
    const LAST: [u8; 2] = [0xda, 0xd9];
    reader.rewind().ok()?;
    let mut start = [0; 2];
    reader.read_exact(&mut start).ok()?;
    for _ in 0..MOST_PARTS {
        let mut head = [0; 4];
        reader.read_exact(&mut head).ok()?;
        let [0xff, kind, high, low] = head else { return None };
        let length = usize::from(u16::from_be_bytes([high, low])).checked_sub(2)?;
        if LAST.contains(&kind) {
            return None;
        }
        if kind != EXIF {
            reader.seek_relative(length as i64).ok()?;
            continue;
        }
        let mut segment = vec![0; length];
        reader.read_exact(&mut segment).ok()?;
        if let Some(text) = exif::recipe(&segment) {
            return Some(text);
        }
    }
    None
}

/// The recipe's JSON text, if a WebP has one. What is damaged has none.
pub(super) fn recipe_text_of_webp(reader: &mut (impl BufRead + Seek)) -> Option<String> {
    reader.rewind().ok()?;
    let mut start = [0; 12];
    reader.read_exact(&mut start).ok()?;
    for _ in 0..MOST_PARTS {
        let mut head = [0; 8];
        reader.read_exact(&mut head).ok()?;
        let [a, b, c, d, length @ ..] = head;
        let length = u64::from(u32::from_le_bytes(length));
        if &[a, b, c, d] == b"EXIF" && length <= LIMIT {
            let mut exif = Vec::new();
            reader.by_ref().take(length).read_to_end(&mut exif).ok()?;
            return exif::recipe(&exif);
        }
        reader.seek_relative(length.next_multiple_of(2) as i64).ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::image_file::read_recipe;
    use crate::image_file::recipe_text::tests::recipe;

    fn picture() -> RgbImage {
        let pixels = (0..24 * 16 * 3).map(|value| (value / 5) as u8).collect();
        RgbImage { width: 24, height: 16, pixels }
    }

    fn written(format: ImageFormat, recipe: &Recipe) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_image(format, &picture(), recipe, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn every_format_has_the_recipe_and_the_picture() {
        let folder = tempfile::tempdir().unwrap();
        for format in ImageFormat::ALL {
            for prompt in ["ein roter Kreis — 赤い円 \"quoted\"\nsecond line\0", ""] {
                let recipe = recipe(prompt);
                let bytes = written(format, &recipe);
                assert_eq!(bytes, written(format, &recipe));
                let path = folder.path().join("file");
                std::fs::write(&path, &bytes).unwrap();
                assert_eq!(read_recipe(&path).unwrap(), recipe, "{format:?}");
                assert!(format.holds(&recipe));
            }
        }
        let bytes = written(ImageFormat::Webp, &recipe("x"));
        let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(&bytes)).unwrap();
        let mut pixels = vec![0; picture().pixels.len()];
        decoder.read_image(&mut pixels).unwrap();
        assert_eq!(pixels, picture().pixels);
        let bytes = written(ImageFormat::Jpeg, &recipe("x"));
        let decoded = image::load_from_memory(&bytes).unwrap().into_rgb8();
        let far = decoded.as_raw().iter().zip(&picture().pixels).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far < Some(24), "{far:?}");
    }

    #[test]
    fn a_long_prompt_leaves_a_jpeg_its_recipe_as_long_as_it_fits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        // All texts; without those that the recipe says anyway; without the recipe.
        for (length, kept) in [(100, true), (20_000, true), (50_000, true), (70_000, false)] {
            let recipe = recipe(&"a".repeat(length));
            std::fs::write(&path, written(ImageFormat::Jpeg, &recipe)).unwrap();
            assert_eq!(read_recipe(&path).is_ok(), kept, "{length}");
            assert_eq!(ImageFormat::Jpeg.holds(&recipe), kept);
            std::fs::write(&path, written(ImageFormat::Webp, &recipe)).unwrap();
            assert_eq!(read_recipe(&path).unwrap(), recipe);
        }
    }

    #[test]
    fn a_picture_of_another_shape_is_an_error() {
        let wrong = RgbImage { width: 25, ..picture() };
        for format in ImageFormat::ALL {
            assert!(write_image(format, &wrong, &recipe("x"), &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn formats_are_known_by_their_endings() {
        for (name, format) in [
            ("a.png", Some(ImageFormat::Png)),
            ("a.PNG", Some(ImageFormat::Png)),
            ("a.webp", Some(ImageFormat::Webp)),
            ("a.b.jpeg", Some(ImageFormat::Jpeg)),
            ("a.jpg", Some(ImageFormat::Jpeg)),
            ("a.gif", None),
            ("png", None),
        ] {
            assert_eq!(ImageFormat::of_name(Path::new(name)), format, "{name}");
        }
    }
}
