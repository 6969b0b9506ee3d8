//! PNG files that carry the recipe of their picture as text. Reading is limited: no chunk, no
//! compressed text and no claimed size makes it take more memory than a large image needs.

use super::kind::LIMIT;
use super::parameters::parameters_line;
use crate::recipe::Recipe;
use sigmalab_image::RgbImage;
use std::io::{BufRead, Seek, Write};

/// Keyword of the text chunk that holds the recipe.
pub const RECIPE_KEYWORD: &str = "sigmalab-recipe";

/// Most bytes that decoding pixels may take: 2048×2048 RGBA in 16 bits, twice.
const PIXEL_LIMIT: usize = 64 << 20;

/// Most pixels along a side of a picture that is read.
const SIDE_LIMIT: u32 = 4096;

/// Why a PNG cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// Not a PNG, or a broken one, or one that takes too much memory.
    #[error("{}", in_words(.0))]
    Decoding(#[from] png::DecodingError),
    /// The picture cannot be written.
    #[error("{0}")]
    Encoding(#[from] png::EncodingError),
    #[error("the recipe cannot be put in JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a picture of {width}×{height} pixels is larger than this program reads")]
    TooLarge { width: u32, height: u32 },
    /// A WebP cannot be written.
    #[error("{0}")]
    Webp(#[from] image_webp::EncodingError),
    /// A JPEG cannot be written.
    #[error("{0}")]
    Jpeg(image::ImageError),
    #[error("the picture has another number of pixels than its size says")]
    Shape,
    #[error("it is not 8-bit RGB")]
    NotRgb8,
}

/// What the PNG reader says, in words.
fn in_words(error: &png::DecodingError) -> String {
    match error {
        png::DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it ends too early".to_owned()
        }
        png::DecodingError::Format(error) if error.to_string().contains("CRC") => {
            "a part of it is damaged: its checksum is wrong".to_owned()
        }
        other => other.to_string(),
    }
}

impl From<PictureError> for std::io::Error {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::Encoding(png::EncodingError::IoError(error))
            | PictureError::Webp(image_webp::EncodingError::IoError(error))
            | PictureError::Jpeg(image::ImageError::IoError(error)) => error,
            other => std::io::Error::other(other),
        }
    }
}

/// Writes `image` as an 8-bit RGB PNG with `recipe` inside: as JSON under [`RECIPE_KEYWORD`], and
/// for other programs as `Description` (the prompt), `Software`, and `parameters` in the form
/// that AUTOMATIC1111's web UI introduced. The same image and recipe give the same bytes.
pub fn write_picture(
    image: &RgbImage,
    recipe: &Recipe,
    out: &mut dyn Write,
) -> Result<(), PictureError> {
    let mut encoder = png::Encoder::new(out, image.width, image.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let software = concat!("sigmalab ", env!("CARGO_PKG_VERSION"));
    encoder.add_text_chunk("Software".into(), software.into())?;
    encoder.add_itxt_chunk("Description".into(), plain(&recipe.prompt))?;
    encoder.add_itxt_chunk("parameters".into(), plain(&parameters_line(recipe)))?;
    encoder.add_itxt_chunk(RECIPE_KEYWORD.into(), serde_json::to_string(recipe)?)?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&image.pixels)?;
    writer.finish()?;
    Ok(())
}

/// A text without NUL, which ends it for many readers, and which PNG does not allow; the recipe has it
/// as an escape.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The pixels of a PNG that [`write_picture`] wrote.
pub fn read_picture(reader: impl BufRead + Seek) -> Result<RgbImage, PictureError> {
    let limits = png::Limits { bytes: PIXEL_LIMIT };
    let mut decoder = png::Decoder::new_with_limits(reader, limits);
    check_side(decoder.read_header_info()?)?;
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info()?;
    if reader.output_color_type() != (png::ColorType::Rgb, png::BitDepth::Eight) {
        return Err(PictureError::NotRgb8);
    }
    let (width, height) = (reader.info().width, reader.info().height);
    let size = reader.output_buffer_size();
    let mut pixels = vec![0; size.ok_or(PictureError::TooLarge { width, height })?];
    reader.next_frame(&mut pixels)?;
    Ok(RgbImage { width, height, pixels })
}

/// The recipe's JSON text, if the PNG has one, wherever in the file it stands.
pub(super) fn recipe_text(mut reader: impl BufRead + Seek) -> Result<Option<String>, PictureError> {
    let mut decoder = png::Decoder::new(&mut reader);
    check_side(decoder.read_header_info()?)?;
    reader.rewind().map_err(png::DecodingError::from)?;
    text_under(reader, RECIPE_KEYWORD, LIMIT as usize)
}

/// The text of a PNG under a keyword, if it has one of `most` bytes at most, wherever in the file
/// it stands.
pub(super) fn text_under(
    reader: impl BufRead + Seek,
    keyword: &str,
    most: usize,
) -> Result<Option<String>, PictureError> {
    let mut reader = reader;
    if let Some(text) = search(&mut reader, keyword, most, true)? {
        return Ok(Some(text));
    }
    // A damaged chunk was passed over: it may be the one that is looked for.
    reader.rewind().map_err(png::DecodingError::from)?;
    search(&mut reader, keyword, most, false)
}

/// Looks through all chunks; those that are no part of the picture may be damaged if `lenient`.
fn search(
    reader: impl BufRead + Seek,
    keyword: &str,
    most: usize,
    lenient: bool,
) -> Result<Option<String>, PictureError> {
    let mut options = png::DecodeOptions::default();
    options.set_skip_ancillary_crc_failures(lenient);
    let mut decoder = png::Decoder::new_with_options(reader, options);
    // Text is held twice at most: as the chunk's bytes and as the string made of them. Pixels
    // are skipped, not decoded.
    decoder.set_limits(png::Limits { bytes: 4 * most });
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info()?;
    if let Some(text) = find_text(reader.info(), keyword, most)? {
        return Ok(Some(text));
    }
    reader.finish()?;
    find_text(reader.info(), keyword, most)
}

fn find_text(
    info: &png::Info<'_>,
    keyword: &str,
    most: usize,
) -> Result<Option<String>, PictureError> {
    let international = info.utf8_text.iter().find(|chunk| chunk.keyword == keyword);
    if let Some(chunk) = international {
        let mut chunk = chunk.clone();
        chunk.decompress_text_with_limit(most)?;
        return Ok(Some(chunk.get_text()?));
    }
    // Programs that copy text from file to file may change the kind of its chunk.
    let latin = info.uncompressed_latin1_text.iter().find(|chunk| chunk.keyword == keyword);
    if let Some(chunk) = latin {
        return Ok(Some(chunk.text.clone()));
    }
    let compressed = info.compressed_latin1_text.iter().find(|chunk| chunk.keyword == keyword);
    if let Some(chunk) = compressed {
        let mut chunk = chunk.clone();
        chunk.decompress_text_with_limit(most)?;
        return Ok(Some(chunk.get_text()?));
    }
    Ok(None)
}

fn check_side(info: &png::Info<'_>) -> Result<(), PictureError> {
    if info.width > SIDE_LIMIT || info.height > SIDE_LIMIT {
        return Err(PictureError::TooLarge { width: info.width, height: info.height });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::image_file::parse_recipe;
    use crate::image_file::recipe_text::tests::recipe;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn image() -> RgbImage {
        let pixels = (0..5 * 3 * 3).map(|value| value * 5).collect();
        RgbImage { width: 5, height: 3, pixels }
    }

    fn png_of(recipe: &Recipe) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_picture(&image(), recipe, &mut bytes).unwrap();
        bytes
    }

    /// A PNG of one black pixel with `chunk` as text before or after the pixel.
    fn png_with(chunk: &png::text_metadata::ITXtChunk, after: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let encoder = png::Encoder::new(&mut bytes, 1, 1);
        let mut writer = encoder.write_header().unwrap();
        if !after {
            writer.write_text_chunk(chunk).unwrap();
        }
        writer.write_image_data(&[0]).unwrap();
        if after {
            writer.write_text_chunk(chunk).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn pixels_and_recipe_read_back() {
        let recipe = recipe("ein roter Kreis — 赤い円 \"quoted\"\nsecond line");
        let bytes = png_of(&recipe);
        assert_eq!(bytes, png_of(&recipe));
        assert_eq!(read_picture(Cursor::new(&bytes)).unwrap(), image());
        let text = recipe_text(Cursor::new(&bytes)).unwrap().unwrap();
        assert_eq!(parse_recipe(&text).unwrap(), recipe);
    }

    #[test]
    fn damage_is_told_in_words() {
        let whole = png_of(&recipe("x"));
        let told = |bytes: &[u8]| recipe_text(Cursor::new(bytes)).unwrap_err().to_string();
        let mut damaged = whole.clone();
        let at = whole.windows(15).position(|bytes| bytes == RECIPE_KEYWORD.as_bytes()).unwrap();
        damaged[at + 40] ^= 1;
        assert_eq!(told(&damaged), "a part of it is damaged: its checksum is wrong");
        assert_eq!(told(&whole[..30]), "it ends too early");
    }

    #[test]
    fn no_text_of_a_png_holds_a_nul() {
        let recipe = recipe("a\0b");
        let bytes = png_of(&recipe);
        for keyword in ["Description", "parameters", RECIPE_KEYWORD] {
            let text = text_under(Cursor::new(&bytes), keyword, LIMIT as usize).unwrap().unwrap();
            assert!(!text.contains('\0'), "{keyword}");
        }
        let text = recipe_text(Cursor::new(&bytes)).unwrap().unwrap();
        assert_eq!(parse_recipe(&text).unwrap(), recipe);
    }

    #[test]
    fn a_recipe_after_the_pixels_is_found_and_compressed_text_is_read() {
        let mut chunk = png::text_metadata::ITXtChunk::new(RECIPE_KEYWORD, "{\"version\":1}");
        assert!(recipe_text(Cursor::new(png_with(&chunk, true))).unwrap().is_some());
        chunk.compressed = true;
        chunk.compress_text().unwrap();
        let text = recipe_text(Cursor::new(png_with(&chunk, false))).unwrap();
        assert_eq!(text.as_deref(), Some("{\"version\":1}"));
    }

    #[test]
    fn a_png_of_another_program_has_no_recipe() {
        let chunk = png::text_metadata::ITXtChunk::new("Comment", "hello");
        assert_eq!(recipe_text(Cursor::new(png_with(&chunk, false))).unwrap(), None);
    }

    #[test]
    fn a_text_that_unpacks_to_a_gigabyte_is_refused() {
        let mut chunk =
            png::text_metadata::ITXtChunk::new(RECIPE_KEYWORD, " ".repeat(32 * LIMIT as usize));
        chunk.compressed = true;
        chunk.compress_text().unwrap();
        let bytes = png_with(&chunk, false);
        assert!(bytes.len() < LIMIT as usize);
        assert!(recipe_text(Cursor::new(bytes)).is_err());
    }

    #[test]
    fn a_huge_text_chunk_is_refused() {
        let chunk = png::text_metadata::ITXtChunk::new("Comment", "x".repeat(8 * LIMIT as usize));
        assert!(recipe_text(Cursor::new(png_with(&chunk, false))).is_err());
    }

    #[test]
    fn a_picture_that_claims_a_huge_size_is_refused_unread() {
        let mut bytes = png_of(&recipe("x"));
        // Width in IHDR, and the checksum left wrong on purpose: either is a reason to refuse.
        bytes[16..20].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(read_picture(Cursor::new(&bytes)).is_err());
        assert!(recipe_text(Cursor::new(&bytes)).is_err());
    }

    proptest! {
        #[test]
        fn no_damaged_png_makes_the_reader_panic(
            at in 0..400usize, bytes in proptest::collection::vec(any::<u8>(), 0..12), cut in 0..400usize,
        ) {
            let mut damaged = png_of(&recipe("a red circle"));
            let end = (at + bytes.len()).min(damaged.len());
            let at = at.min(end);
            damaged.splice(at..end, bytes);
            damaged.truncate(damaged.len().saturating_sub(cut));
            let _ = recipe_text(Cursor::new(&damaged));
            let _ = read_picture(Cursor::new(&damaged));
        }

        #[test]
        fn any_bytes_in_a_text_chunk_are_survived(
            body in proptest::collection::vec(any::<u8>(), 0..64), kind in 0..3usize,
        ) {
            let kind = [*b"iTXt", *b"tEXt", *b"zTXt"][kind];
            let mut bytes = Vec::new();
            let mut writer = png::Encoder::new(&mut bytes, 1, 1).write_header().unwrap();
            let body = [RECIPE_KEYWORD.as_bytes(), &[0], &body].concat();
            writer.write_chunk(png::chunk::ChunkType(kind), &body).unwrap();
            writer.write_image_data(&[0]).unwrap();
            drop(writer);
            let _ = recipe_text(Cursor::new(&bytes));
        }
    }
}
