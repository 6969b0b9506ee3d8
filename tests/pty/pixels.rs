//! The pixels of a picture that was sent to a terminal, and how far they are from those they
//! should be. PNG and JPEG are decoded here: termlens gives their bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use image::imageops::{FilterType, resize};
use sigmalab_terminal::colours::rgb_of_index;
use std::path::Path;
use termlens::{Color, GraphicsPayload, Screen};

/// The picture of a file.
pub(crate) fn of_file(path: &Path) -> RgbImage {
    image::open(path).unwrap().to_rgb8()
}

/// The picture of a PNG that kitty gets in base64.
pub(crate) fn of_kitty(payload: &GraphicsPayload) -> RgbImage {
    let file = STANDARD.decode(payload.data().unwrap()).unwrap();
    image::load_from_memory_with_format(&file, image::ImageFormat::Png).unwrap().to_rgb8()
}

/// The picture of a sixel; every pixel must be set.
pub(crate) fn of_sixel(payload: &GraphicsPayload) -> RgbImage {
    let bitmap = payload.decode().unwrap();
    RgbImage::from_fn(bitmap.width(), bitmap.height(), |x, y| {
        let [red, green, blue, alpha] = bitmap.pixel(x, y).unwrap();
        assert_eq!(alpha, 0xff, "pixel {x}, {y} is not set");
        image::Rgb([red, green, blue])
    })
}

/// The pixels of half-blocks, two a cell.
pub(crate) fn of_half_blocks(screen: &Screen, cells: Cells) -> RgbImage {
    RgbImage::from_fn(cells.columns.into(), 2 * u32::from(cells.rows), |x, y| {
        let cell = screen.cell(cells.row + (y / 2) as u16, cells.column + x as u16).unwrap();
        let (fg, bg) = (colour(cell.style().fg), colour(cell.style().bg));
        let rgb = match (cell.contents(), y % 2) {
            ("▀", 0) => fg,
            ("▀" | " " | "", _) => bg,
            other => panic!("{other:?} at {x}, {y} is no half-block"),
        };
        image::Rgb(rgb.unwrap())
    })
}

fn colour(colour: Color) -> Option<[u8; 3]> {
    match colour {
        Color::Indexed(index) => Some(rgb_of_index(index)),
        Color::Rgb(red, green, blue) => Some([red, green, blue]),
        _ => None,
    }
}

/// A rectangle of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cells {
    pub(crate) column: u16,
    pub(crate) row: u16,
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

impl Cells {
    /// The inside of the pane with that title, by its border.
    pub(crate) fn of_pane(screen: &Screen, title: &str) -> Cells {
        let (row, column) = screen.find(&format!("┌ {title}")).unwrap();
        Cells::within_border((row, column), |row, column| {
            screen.cell(row, column).unwrap().contents()
        })
    }

    /// The inside of the pane with that corner at its upper left.
    pub(crate) fn within_border<'a>(
        (row, column): (u16, u16),
        symbol: impl Fn(u16, u16) -> &'a str,
    ) -> Cells {
        let columns = (column + 1..).find(|at| symbol(row, *at) == "┐").unwrap() - column - 1;
        let rows = (row + 1..).find(|at| symbol(*at, column) == "└").unwrap() - row - 1;
        Cells { column: column + 1, row: row + 1, columns, rows }
    }

    /// Whether a square picture here is as large as `room` lets it be, and in its middle, where a
    /// cell is twice as high as wide.
    #[track_caller]
    pub(crate) fn assert_square_within(self, room: Cells) {
        let Cells { column, row, columns, rows } = self;
        assert!(columns.abs_diff(2 * rows) <= 1, "{self:?} is no square");
        assert!(columns == room.columns || rows == room.rows, "{self:?} does not fill {room:?}");
        let middle = |start: u16, length: u16| 2 * start + length;
        assert!(middle(column, columns).abs_diff(middle(room.column, room.columns)) <= 1);
        assert!(middle(row, rows).abs_diff(middle(room.row, room.rows)) <= 1);
    }
}

/// The mean difference of a channel, 0 to 255, after the picture that should be there was made
/// as large as the one that is.
pub(crate) fn mean_difference(shown: &RgbImage, should: &RgbImage) -> f64 {
    let should = resize(should, shown.width(), shown.height(), FilterType::Triangle);
    let sum: u64 =
        shown.as_raw().iter().zip(should.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / shown.as_raw().len() as f64
}
