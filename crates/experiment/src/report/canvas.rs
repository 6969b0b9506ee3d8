//! A picture to draw text and other pictures on. Knows nothing of what they show.

use font8x8::legacy::{BASIC_LEGACY, GREEK_LEGACY, LATIN_LEGACY};
use sigmalab_image::RgbImage;
use std::io::{self, Write};

/// Pixels of a character along each side, before it is scaled.
pub(super) const GLYPH: u32 = 8;

/// The colour of the ground.
const GROUND: u8 = 255;

/// A white picture.
pub(super) fn blank(width: u32, height: u32) -> RgbImage {
    RgbImage { width, height, pixels: vec![GROUND; width as usize * height as usize * 3] }
}

/// Puts `picture` on `canvas` with its top left corner at (`x`, `y`); what lies beyond is cut.
pub(super) fn paste(canvas: &mut RgbImage, picture: &RgbImage, x: u32, y: u32) {
    for row in 0..picture.height {
        for column in 0..picture.width {
            let at = (row as usize * picture.width as usize + column as usize) * 3;
            if let Some(&[r, g, b]) = picture.pixels.get(at..at + 3).and_then(|p| p.first_chunk()) {
                set(canvas, x + column, y + row, [r, g, b]);
            }
        }
    }
}

/// Writes one line of text, its top left corner at (`x`, `y`), each dot `scale` pixels wide.
pub(super) fn write_text(canvas: &mut RgbImage, text: &str, x: u32, y: u32, scale: u32) {
    for (place, character) in (0_u32..).zip(text.chars()) {
        let left = x + place * GLYPH * scale;
        for (row, bits) in (0_u32..).zip(glyph(character)) {
            for column in 0..GLYPH {
                if bits >> column & 1 == 1 {
                    dot(canvas, left + column * scale, y + row * scale, scale);
                }
            }
        }
    }
}

fn dot(canvas: &mut RgbImage, x: u32, y: u32, scale: u32) {
    for row in 0..scale {
        for column in 0..scale {
            set(canvas, x + column, y + row, [20, 20, 20]);
        }
    }
}

fn set(canvas: &mut RgbImage, x: u32, y: u32, colour: [u8; 3]) {
    if x >= canvas.width || y >= canvas.height {
        return;
    }
    let at = (y as usize * canvas.width as usize + x as usize) * 3;
    if let Some(pixel) = canvas.pixels.get_mut(at..at + 3) {
        pixel.copy_from_slice(&colour);
    }
}

/// Eight rows of eight dots, the leftmost dot in the lowest bit.
fn glyph(character: char) -> [u8; 8] {
    let code = character as usize;
    let found = match code {
        0x20..=0x7e => BASIC_LEGACY.get(code),
        0xa0..=0xff => LATIN_LEGACY.get(code - 0xa0),
        0x390..=0x3c9 => GREEK_LEGACY.get(code - 0x390),
        _ => None,
    };
    found.or(BASIC_LEGACY.get('?' as usize)).copied().unwrap_or_default()
}

/// `text` in lines of at most `columns` characters, broken after commas and spaces where there
/// are some; at most `rows` lines, the last one ended by two dots where more is left.
pub(super) fn wrap(text: &str, columns: usize, rows: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_inclusive([' ', ',']) {
        let mut word: Vec<char> = word.chars().collect();
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + word.len() > columns {
            lines.push(String::new());
        }
        while word.len() > columns {
            let rest = word.split_off(columns.max(1));
            if let Some(line) = lines.last_mut() {
                line.extend(word);
            }
            lines.push(String::new());
            word = rest;
        }
        if let Some(line) = lines.last_mut() {
            line.extend(word);
        }
    }
    if lines.len() > rows {
        lines.truncate(rows);
        if let Some(last) = lines.last_mut() {
            let kept: String = last.trim_end().chars().take(columns.saturating_sub(2)).collect();
            *last = format!("{kept}..");
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Writes a picture as a PNG.
pub(super) fn write_png(image: &RgbImage, out: &mut dyn Write) -> io::Result<()> {
    let mut encoder = png::Encoder::new(out, image.width, image.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(&image.pixels).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_commas_and_spaces_and_cut_with_dots() {
        assert_eq!(wrap("mu 0.5, std 1.75", 8, 3), ["mu 0.5,", "std 1.75"]);
        assert_eq!(wrap("mu 0.5, std 1.75, gw 3", 8, 2), ["mu 0.5,", "std.."]);
        assert_eq!(wrap("abcdefghij", 4, 5), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4, 5), [""]);
    }

    #[test]
    fn every_letter_of_a_label_leaves_ink_of_its_own() {
        let ink = |text: &str| {
            let mut canvas = blank(8, 8);
            write_text(&mut canvas, text, 0, 0, 1);
            canvas.pixels
        };
        let letters: Vec<Vec<u8>> =
            ('!'..='~').chain("σé".chars()).map(|c| ink(&c.to_string())).collect();
        for (place, letter) in letters.iter().enumerate() {
            assert!(letter.contains(&20), "{place}");
            assert!(!letters.iter().skip(place + 1).any(|other| other == letter), "{place}");
        }
        assert!(!ink(" ").contains(&20));
        assert_eq!(ink("漢"), ink("?"));
    }
}
