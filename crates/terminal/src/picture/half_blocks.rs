//! A picture as characters: two pixels a cell, one above the other. ratatui-image makes them of
//! pixels; here they are fitted to the colours that the terminal shows and to a number of bytes,
//! and become shades of grey where there are no colours.

use super::Rgb8;
use crate::colours::ColourDepth;
use crate::screen::sgr_colour;
use image::{Rgb, RgbImage};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Rect, Size};
use ratatui::style::Color;
use ratatui::widgets::Widget;
use ratatui_image::Image;
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::halfblocks::Halfblocks;

/// Cells of a picture, from the upper left one on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HalfBlocks {
    cells: Buffer,
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
        let size = Size::new(columns, rows);
        let mut cells = Buffer::empty(Rect::from(((0, 0).into(), size)));
        let wide = u32::from(wide.max(1));
        let (width, height) = (u32::from(columns), 2 * u32::from(rows));
        // At exactly this size the library resizes nothing: its filter takes a tenth of a second
        // for 1024 × 1024 pixels, and this is done before a frame.
        let small = picture.resized(width.div_ceil(wide), height);
        let pixels = RgbImage::from_fn(width, height, |x, y| Rgb(small.pixel(x / wide, y)));
        if let Ok(blocks) = Halfblocks::new(pixels.into(), size) {
            Image::new(&Protocol::Halfblocks(blocks)).render(cells.area, &mut cells);
        }
        for cell in &mut cells.content {
            fit(cell, colours);
        }
        HalfBlocks { cells }
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
        for (number, cell) in self.cells.content.iter().enumerate() {
            if number % usize::from(self.cells.area.width.max(1)) == 0 {
                bytes += 8;
            }
            if (fg, bg) != (cell.fg, cell.bg) {
                bytes += 3;
            }
            if fg != cell.fg {
                bytes += digits(cell.fg);
            }
            if bg != cell.bg {
                bytes += digits(cell.bg);
            }
            if fg != cell.fg && bg != cell.bg {
                bytes += 1;
            }
            (fg, bg) = (cell.fg, cell.bg);
            bytes += cell.symbol().len();
        }
        bytes
    }

    /// As lines of text that end without colours.
    pub(super) fn lines(&self) -> String {
        let mut text = String::new();
        for row in self.cells.content.chunks(usize::from(self.cells.area.width.max(1))) {
            let (mut fg, mut bg) = (Color::Reset, Color::Reset);
            for cell in row {
                let mut codes = Vec::new();
                codes.extend((cell.fg != fg).then(|| sgr_colour(cell.fg, 30)));
                codes.extend((cell.bg != bg).then(|| sgr_colour(cell.bg, 40)));
                if !codes.is_empty() {
                    text.push_str(&format!("\x1b[{}m", codes.join(";")));
                }
                text.push_str(cell.symbol());
                (fg, bg) = (cell.fg, cell.bg);
            }
            text.push_str(if (fg, bg) == (Color::Reset, Color::Reset) { "\n" } else { "\x1b[m\n" });
        }
        text
    }

    /// Draws the cell at a place within the picture.
    pub(super) fn draw(&self, column: u16, row: u16, cell: &mut Cell) {
        if let Some(own) = self.cells.cell((column, row)) {
            cell.set_symbol(own.symbol()).set_fg(own.fg).set_bg(own.bg);
        }
    }
}

/// Shows a cell of the library's in the colours that there are.
fn fit(cell: &mut Cell, colours: ColourDepth) {
    // It draws the lower half where that is the lighter one.
    let (top, bottom) =
        if cell.symbol() == "▄" { (cell.bg, cell.fg) } else { (cell.fg, cell.bg) };
    if colours == ColourDepth::None {
        cell.reset();
        cell.set_char(shade(top, bottom));
        return;
    }
    let (top, bottom) = (colours.fit(top), colours.fit(bottom));
    if top == bottom {
        // A cell of one colour needs only its background.
        cell.set_char(' ').set_fg(Color::Reset).set_bg(bottom);
    } else {
        cell.set_char('▀').set_fg(top).set_bg(bottom);
    }
}

/// As light as two colours are together, by the luma of BT.601.
fn shade(top: Color, bottom: Color) -> char {
    let luma = |colour| match colour {
        Color::Rgb(red, green, blue) => {
            299 * usize::from(red) + 587 * usize::from(green) + 114 * usize::from(blue)
        }
        _ => 0,
    };
    let shade = (luma(top) + luma(bottom)) * SHADES.len() / (2 * 255_001);
    SHADES[shade.min(SHADES.len() - 1)]
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
        let shown = |colours| {
            let blocks = HalfBlocks::new(&halves()?, 1, 1, colours, 1);
            let cell = &blocks.cells[(0, 0)];
            Some((cell.symbol().to_owned(), cell.fg, cell.bg))
        };
        let two = |fg, bg| Some(("▀".to_owned(), fg, bg));
        assert_eq!(shown(ColourDepth::True), two(Color::Rgb(255, 0, 0), Color::Rgb(0, 0, 255)));
        assert_eq!(shown(ColourDepth::Indexed), two(Color::Indexed(196), Color::Indexed(21)));
        assert_eq!(shown(ColourDepth::Sixteen), two(Color::LightRed, Color::Blue));
        assert_eq!(shown(ColourDepth::None), Some(("░".to_owned(), Color::Reset, Color::Reset)));
    }

    #[test]
    fn a_lighter_half_below_is_drawn_as_any_other() {
        let image = Rgb8::new(1, 2, [[0, 0, 0], [255, 255, 255]].concat());
        let Some(image) = image else { panic!("two pixels") };
        let blocks = HalfBlocks::new(&image, 1, 1, ColourDepth::True, 1);
        let cell = &blocks.cells[(0, 0)];
        let (black, white) = (Color::Rgb(0, 0, 0), Color::Rgb(255, 255, 255));
        assert_eq!((cell.symbol(), cell.fg, cell.bg), ("▀", black, white));
    }

    #[test]
    fn a_draft_stays_within_its_budget() {
        // Noise is the worst case.
        let pixels = (0..128u32 * 128 * 3).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
        let Some(noise) = Rgb8::new(128, 128, pixels.collect()) else { panic!("128 × 128") };
        for (columns, rows) in [(40, 20), (64, 32), (100, 40)] {
            let blocks = HalfBlocks::within(&noise, columns, rows, ColourDepth::Indexed, 16 * 1024);
            assert!(blocks.bytes() <= 16 * 1024 || columns * rows > 3000, "{}", blocks.bytes());
            assert_eq!(blocks.cells.content.len(), usize::from(columns * rows));
        }
    }
}
