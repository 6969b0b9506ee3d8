//! A picture in the middle of text, as a command prints it: bytes that leave the cursor on the line
//! below it, at the left.

use super::encode::{jpeg_within, png_within, sixel_within};
use super::{ProtocolType, Rgb8, fit, iterm2};
use crate::capabilities::CellPixels;
use crate::colours::ColourDepth;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratatui::layout::Rect;
use std::fmt::Write as _;

/// Most bytes of a chunk of kitty's.
const CHUNK: usize = 4096;

/// The picture in at most `columns` × `rows` cells; `None` where it cannot be encoded, and where
/// half-blocks have no colours to be made of.
#[must_use]
pub fn inline(
    picture: &Rgb8,
    protocol: ProtocolType,
    (columns, rows): (u16, u16),
    cell: CellPixels,
    colours: ColourDepth,
) -> Option<Vec<u8>> {
    let Rect { width: columns, height: rows, .. } =
        fit(picture.width(), picture.height(), Rect::new(0, 0, columns, rows), cell);
    if columns == 0 || rows == 0 {
        return None;
    }
    let (width, height) =
        (u32::from(columns) * u32::from(cell.width), u32::from(rows) * u32::from(cell.height));
    // The terminal enlarges what is smaller.
    let (small, low) = (width.min(picture.width()), height.min(picture.height()));
    let sequence = match protocol {
        ProtocolType::Kitty => kitty(&png_within(picture, small, low)?, columns, rows),
        ProtocolType::Iterm2 => iterm2::sequence(&jpeg_within(picture, small, low)?, columns, rows),
        ProtocolType::Sixel => sixel_within(picture, width, height, super::BUDGET)?,
        ProtocolType::Halfblocks => return half_blocks(picture, columns, rows, colours),
    };
    // Room first: a picture at the bottom would scroll, some terminals' and some not.
    let mut text = "\n".repeat(usize::from(rows));
    // Writing to a string cannot fail.
    let _ = write!(text, "\x1b[{rows}A\x1b7{sequence}\x1b8\x1b[{rows}B\r");
    Some(text.into_bytes())
}

/// A PNG shown at the cursor, which stays; the terminal says nothing back.
fn kitty(file: &[u8], columns: u16, rows: u16) -> String {
    let encoded = STANDARD.encode(file);
    let mut text = String::new();
    let mut rest = encoded.as_str();
    let mut control = format!("a=T,f=100,q=2,C=1,c={columns},r={rows},");
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(CHUNK));
        let more = u8::from(!after.is_empty());
        let _ = write!(text, "\x1b_G{control}m={more};{chunk}\x1b\\");
        control.clear();
        rest = after;
    }
    text
}

fn half_blocks(picture: &Rgb8, columns: u16, rows: u16, colours: ColourDepth) -> Option<Vec<u8>> {
    let small = picture.resized(u32::from(columns), u32::from(rows) * 2);
    let colour = |[red, green, blue]: [u8; 3], layer: u8| match colours {
        ColourDepth::True => Some(format!("{layer}8;2;{red};{green};{blue}")),
        ColourDepth::Indexed => {
            let level = |value: u8| (u16::from(value) * 5 + 127) / 255;
            let index = 16 + 36 * level(red) + 6 * level(green) + level(blue);
            Some(format!("{layer}8;5;{index}"))
        }
        ColourDepth::Sixteen | ColourDepth::None => None,
    };
    let mut text = String::new();
    for row in 0..u32::from(rows) {
        for column in 0..u32::from(columns) {
            let upper = colour(small.pixel(column, row * 2), 3)?;
            let lower = colour(small.pixel(column, row * 2 + 1), 4)?;
            let _ = write!(text, "\x1b[{upper};{lower}m▀");
        }
        text.push_str("\x1b[0m\n");
    }
    Some(text.into_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shown(protocol: ProtocolType, colours: ColourDepth) -> Option<String> {
        let pixels = (0..64 * 64).flat_map(|i| [(i % 64 * 4) as u8, 90, 200]).collect();
        let picture = Rgb8::new(64, 64, pixels).unwrap();
        let bytes = inline(&picture, protocol, (20, 20), CellPixels::USUAL, colours)?;
        Some(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn pictures_leave_the_cursor_below_them() {
        for (protocol, begins) in [
            (ProtocolType::Kitty, "\x1b_Ga=T,f=100,q=2,C=1,c=20,r=10,m="),
            (ProtocolType::Iterm2, "\x1b]1337;File=inline=1;"),
            (ProtocolType::Sixel, "\x1bP9;1;0q"),
        ] {
            let text = shown(protocol, ColourDepth::True).unwrap();
            let rest = text.strip_prefix(&"\n".repeat(10)).unwrap();
            assert!(rest.starts_with(&format!("\x1b[10A\x1b7{begins}")), "{rest:.80}");
            assert!(rest.ends_with("\x1b8\x1b[10B\r"), "{protocol:?}");
        }
    }

    #[test]
    fn half_blocks_are_lines_and_need_colours() {
        let text = shown(ProtocolType::Halfblocks, ColourDepth::True).unwrap();
        assert_eq!(text.lines().count(), 10);
        assert!(
            text.lines().all(|line| line.matches('▀').count() == 20 && line.ends_with("\x1b[0m"))
        );
        assert!(
            shown(ProtocolType::Halfblocks, ColourDepth::Indexed).unwrap().contains("\x1b[38;5;")
        );
        assert_eq!(shown(ProtocolType::Halfblocks, ColourDepth::None), None);
    }
}
