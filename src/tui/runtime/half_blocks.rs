//! A picture as half-blocks: two pixels a cell. It works in every terminal that has colours.

use crate::model::RgbImage;
use crate::terminal::colours::ColourDepth;
use crate::tui::screens::Placement;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

/// Paints the picture into its cells.
pub(super) fn paint(placement: &Placement, depth: ColourDepth, buffer: &mut Buffer) {
    let Placement { image, area, .. } = placement;
    let (columns, rows) = (u32::from(area.width), u32::from(area.height) * 2);
    for row in 0..area.height {
        for column in 0..area.width {
            let Some(cell) = buffer.cell_mut((area.x + column, area.y + row)) else { continue };
            let pixel = |y: u32| mean(image, (u32::from(column), y), (columns, rows));
            let top = pixel(u32::from(row) * 2);
            let bottom = pixel(u32::from(row) * 2 + 1);
            if depth == ColourDepth::None {
                // Without colours, shades of the brightness.
                cell.set_char(shade(top, bottom));
            } else {
                let colour = |[r, g, b]: [u8; 3]| depth.fit(Color::Rgb(r, g, b));
                cell.set_char('▀').set_fg(colour(top)).set_bg(colour(bottom));
            }
        }
    }
}

fn shade(top: [u8; 3], bottom: [u8; 3]) -> char {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    let sum: u32 = top.iter().chain(&bottom).map(|value| u32::from(*value)).sum();
    SHADES.get(sum as usize * 5 / (6 * 256)).copied().unwrap_or('█')
}

/// The mean colour of the pixels that one of `of` (columns, rows) covers.
fn mean(image: &RgbImage, at: (u32, u32), of: (u32, u32)) -> [u8; 3] {
    let range = |at: u32, of: u32, length: u32| {
        let from = u64::from(at) * u64::from(length) / u64::from(of.max(1));
        let to = (u64::from(at) + 1) * u64::from(length) / u64::from(of.max(1));
        from as usize..(to.max(from + 1) as usize)
    };
    let (xs, ys) = (range(at.0, of.0, image.width), range(at.1, of.1, image.height));
    let (mut sum, mut count) = ([0u32; 3], 0u32);
    for y in ys {
        for x in xs.clone() {
            let start = (y * image.width as usize + x) * 3;
            if let Some(&[r, g, b]) = image.pixels.get(start..start + 3) {
                for (sum, value) in sum.iter_mut().zip([r, g, b]) {
                    *sum += u32::from(value);
                }
                count += 1;
            }
        }
    }
    sum.map(|sum| (sum / count.max(1)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use std::sync::Arc;

    #[test]
    fn the_upper_pixel_is_the_foreground_and_the_lower_the_background() {
        // Two columns; above red and green, below blue and white; each pixel twice as wide.
        let rows: [[u8; 3]; 8] = [
            [255, 0, 0],
            [255, 0, 0],
            [0, 255, 0],
            [0, 255, 0],
            [0, 0, 255],
            [0, 0, 255],
            [255, 255, 255],
            [255, 255, 255],
        ];
        let image = RgbImage { width: 4, height: 2, pixels: rows.concat() };
        let area = Rect::new(1, 1, 2, 1);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 3));
        let placement = Placement { slot: 0, image: Arc::new(image), area };
        paint(&placement, ColourDepth::True, &mut buffer);
        let colours = |x| buffer.cell((x, 1)).map(|cell| (cell.fg, cell.bg));
        assert_eq!(colours(1), Some((Color::Rgb(255, 0, 0), Color::Rgb(0, 0, 255))));
        assert_eq!(colours(2), Some((Color::Rgb(0, 255, 0), Color::Rgb(255, 255, 255))));
        assert_eq!(buffer.cell((0, 1)).map(|cell| cell.symbol()), Some(" "));
    }
}
