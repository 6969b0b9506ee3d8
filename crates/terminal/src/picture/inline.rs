//! A picture in the middle of text, as a command prints it: bytes that leave the cursor on the line
//! below it, at the left.

use super::encode::{BUDGET, jpeg_within, png_within, sixel_within, within};
use super::half_blocks::HalfBlocks;
use super::kitty::Route;
use super::{ProtocolType, Rgb8, fit, iterm2};
use crate::capabilities::CellPixels;
use crate::colours::ColourDepth;
use ratatui::layout::Rect;
use std::fmt::Write as _;

/// The picture in at most `columns` × `rows` cells; `None` where it cannot be encoded.
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
    let (small, low) = within(picture, width, height);
    let sequence = match protocol {
        ProtocolType::Kitty => Route::Direct.show(&png_within(picture, small, low)?, columns, rows),
        ProtocolType::Iterm2 => iterm2::sequence(&jpeg_within(picture, small, low)?, columns, rows),
        ProtocolType::Sixel => sixel_within(picture, width, height, BUDGET)?,
        ProtocolType::Halfblocks => {
            let blocks = HalfBlocks::within(picture, columns, rows, colours, BUDGET);
            return Some(blocks.lines().into_bytes());
        }
    };
    // Room first: a picture at the bottom would scroll, some terminals' and some not.
    let mut text = "\n".repeat(usize::from(rows));
    // Writing to a string cannot fail.
    let _ = write!(text, "\x1b[{rows}A\x1b7{sequence}\x1b8\x1b[{rows}B\r");
    Some(text.into_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shown(protocol: ProtocolType, colours: ColourDepth) -> Option<String> {
        let pixels = (0..64 * 64).flat_map(|i| [(i % 64 * 4) as u8, 90, 200]).collect();
        let picture = Rgb8::new(64, 64, pixels).unwrap();
        let bytes = inline(&picture, protocol, (20, 20), CellPixels::DEFAULT, colours)?;
        Some(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn pictures_leave_the_cursor_below_them() {
        for (protocol, begins) in [
            (ProtocolType::Kitty, "\x1b_Ga=T,f=100,C=1,c=20,r=10,q=2,m="),
            (ProtocolType::Iterm2, "\x1b]1337;File=inline=1;"),
            (ProtocolType::Sixel, "\x1bP9;1;0q"),
        ] {
            let text = shown(protocol, ColourDepth::True).unwrap();
            let rest = text.strip_prefix(&"\n".repeat(10)).unwrap();
            assert!(rest.starts_with(&format!("\x1b[10A\x1b7{begins}")), "{rest:.80}");
            assert!(rest.ends_with("\x1b8\x1b[10B\r"), "{protocol:?}");
        }
    }

    /// The characters of a line, without what colours them.
    fn characters(line: &str) -> usize {
        let parts = line.split("\x1b[").enumerate();
        let text = |(at, part): (usize, &'_ str)| match (at, part.split_once('m')) {
            (0, _) | (_, None) => part.chars().count(),
            (_, Some((_, text))) => text.chars().count(),
        };
        parts.map(text).sum()
    }

    #[test]
    fn half_blocks_are_lines_in_the_colours_there_are() {
        for (colours, code) in [
            (ColourDepth::True, Some(";2;")),
            (ColourDepth::Indexed, Some("8;5;")),
            (ColourDepth::Sixteen, Some("\x1b[")),
            (ColourDepth::None, None),
        ] {
            let text = shown(ProtocolType::Halfblocks, colours).unwrap();
            assert_eq!(text.lines().count(), 10);
            assert!(text.lines().all(|line| characters(line) == 20), "{colours}: {text}");
            match code {
                Some(code) => {
                    assert!(text.contains(code), "{colours}: {text}");
                    assert!(text.lines().all(|line| line.ends_with("\x1b[m")), "{text}");
                }
                None => assert!(!text.contains('\x1b') && text.contains('▒'), "{text}"),
            }
        }
    }
}
