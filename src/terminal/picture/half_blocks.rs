//! A picture as characters: two pixels a cell, one above the other, in the colours that the
//! terminal shows; shades of grey where it shows none.

use super::Rgb8;
use crate::terminal::colours::ColourDepth;
use ratatui::buffer::Cell;
use ratatui::style::Color;

/// Cells of a picture, rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HalfBlocks {
    columns: u16,
    cells: Vec<(char, Color, Color)>,
}

/// Dark to light.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

impl HalfBlocks {
    /// A picture in `columns` × `rows` cells. `wide` neighbouring cells of a row share their
    /// pixels.
    pub(super) fn new(
        picture: &Rgb8,
        columns: u16,
        rows: u16,
        colours: ColourDepth,
        wide: u16,
    ) -> Self {
        let wide = wide.max(1);
        let samples = columns.div_ceil(wide);
        let small = picture.resized(u32::from(samples), 2 * u32::from(rows));
        let mut cells = Vec::with_capacity(usize::from(columns) * usize::from(rows));
        for row in 0..u32::from(rows) {
            for column in 0..columns {
                let x = u32::from(column / wide);
                cells.push(cell(small.pixel(x, 2 * row), small.pixel(x, 2 * row + 1), colours));
            }
        }
        HalfBlocks { columns, cells }
    }

    /// The finest that takes no more than about `budget` bytes to write.
    pub(super) fn within(
        picture: &Rgb8,
        columns: u16,
        rows: u16,
        colours: ColourDepth,
        budget: usize,
    ) -> Self {
        let mut wide = 1;
        loop {
            let blocks = HalfBlocks::new(picture, columns, rows, colours, wide);
            if blocks.bytes() <= budget || wide >= 8 || wide >= columns {
                return blocks;
            }
            wide *= 2;
        }
    }

    /// About how many bytes they take to write.
    pub(super) fn bytes(&self) -> usize {
        let digits = |colour: Color| match colour {
            Color::Reset => 2,
            Color::Rgb(red, green, blue) => {
                8 + [red, green, blue].map(|v| v.to_string().len()).iter().sum::<usize>()
            }
            Color::Indexed(index) => 5 + index.to_string().len(),
            _ => 3,
        };
        let (mut fg, mut bg, mut bytes) = (Color::Reset, Color::Reset, 0);
        for (number, &(symbol, next_fg, next_bg)) in self.cells.iter().enumerate() {
            if number % usize::from(self.columns.max(1)) == 0 {
                bytes += 8;
            }
            if (fg, bg) != (next_fg, next_bg) {
                bytes += 3;
            }
            if fg != next_fg {
                bytes += digits(next_fg);
            }
            if bg != next_bg {
                bytes += digits(next_bg);
            }
            if fg != next_fg && bg != next_bg {
                bytes += 1;
            }
            (fg, bg) = (next_fg, next_bg);
            bytes += symbol.len_utf8();
        }
        bytes
    }

    /// Draws the cell at a place within the picture.
    pub(super) fn draw(&self, column: u16, row: u16, cell: &mut Cell) {
        let at = usize::from(row) * usize::from(self.columns) + usize::from(column);
        if let Some(&(symbol, fg, bg)) = self.cells.get(at) {
            cell.set_char(symbol).set_fg(fg).set_bg(bg);
        }
    }
}

/// Two pixels as a cell.
fn cell(top: [u8; 3], bottom: [u8; 3], colours: ColourDepth) -> (char, Color, Color) {
    if colours == ColourDepth::None {
        // The luma of BT.601 of both.
        let luma = |[red, green, blue]: [u8; 3]| {
            299 * usize::from(red) + 587 * usize::from(green) + 114 * usize::from(blue)
        };
        let shade = (luma(top) + luma(bottom)) * SHADES.len() / (2 * 255_001);
        return (SHADES[shade.min(SHADES.len() - 1)], Color::Reset, Color::Reset);
    }
    let colour = |[red, green, blue]: [u8; 3]| colours.fit(Color::Rgb(red, green, blue));
    let (top, bottom) = (colour(top), colour(bottom));
    // A cell of one colour needs only its background.
    if top == bottom { (' ', Color::Reset, bottom) } else { ('▀', top, bottom) }
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    fn halves() -> Option<Rgb8> {
        // Red above, blue below.
        Rgb8::new(2, 2, [[255, 0, 0], [255, 0, 0], [0, 0, 255], [0, 0, 255]].concat())
    }

    #[test]
    fn a_cell_shows_two_pixels_in_the_colours_there_are() {
        let shown = |colours| halves().map(|image| HalfBlocks::new(&image, 1, 1, colours, 1).cells);
        let two = |fg, bg| Some(vec![('▀', fg, bg)]);
        assert_eq!(shown(ColourDepth::True), two(Color::Rgb(255, 0, 0), Color::Rgb(0, 0, 255)));
        assert_eq!(shown(ColourDepth::Indexed), two(Color::Indexed(196), Color::Indexed(21)));
        assert_eq!(shown(ColourDepth::Sixteen), two(Color::LightRed, Color::Blue));
        assert_eq!(shown(ColourDepth::None), Some(vec![('░', Color::Reset, Color::Reset)]));
    }

    #[test]
    fn a_draft_stays_within_its_budget() {
        // Noise is the worst case.
        let pixels = (0..128u32 * 128 * 3).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
        let Some(noise) = Rgb8::new(128, 128, pixels.collect()) else { panic!("128 × 128") };
        for (columns, rows) in [(40, 20), (64, 32), (100, 40)] {
            let blocks = HalfBlocks::within(&noise, columns, rows, ColourDepth::Indexed, 16 * 1024);
            assert!(blocks.bytes() <= 16 * 1024 || columns * rows > 3000, "{}", blocks.bytes());
            assert_eq!(blocks.cells.len(), usize::from(columns * rows));
        }
    }
}
