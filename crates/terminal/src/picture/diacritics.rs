//! The combining characters that number rows and columns in a placeholder of kitty's graphics
//! protocol. ratatui-image keeps its table to itself; its widget writes the number of every row.

use super::PLACEHOLDER;
use image::DynamicImage;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use ratatui_image::Image;
use ratatui_image::protocol::{Protocol, kitty::Kitty};
use std::sync::LazyLock;

/// Rows and columns that can be numbered.
pub(super) const COUNT: u16 = 297;

static DIACRITICS: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut column = Buffer::empty(Rect::new(0, 0, 1, COUNT));
    let pixel = DynamicImage::new_rgb8(1, 1);
    if let Ok(kitty) = Kitty::new(pixel, column.area.as_size(), 1, false, false) {
        Image::new(&Protocol::Kitty(kitty)).render(column.area, &mut column);
    }
    // The first one comes after the picture itself.
    let row = |symbol: &str| symbol.rsplit(PLACEHOLDER).next()?.chars().next();
    column.content.iter().filter_map(|cell| row(cell.symbol())).collect()
});

/// The character for a row or a column; the last one for what cannot be numbered.
pub(super) fn diacritic(number: u16) -> char {
    let known = DIACRITICS.get(usize::from(number)).or(DIACRITICS.last());
    known.copied().unwrap_or('\u{305}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_and_column_has_its_own_character() {
        let all: BTreeSet<char> = (0..COUNT).map(diacritic).collect();
        assert_eq!(all.len(), usize::from(COUNT));
        // The first and the last of kitty's rowcolumn-diacritics.txt.
        assert_eq!((diacritic(0), diacritic(COUNT - 1)), ('\u{305}', '\u{1d244}'));
        assert_eq!(diacritic(COUNT), diacritic(COUNT - 1));
    }
}
