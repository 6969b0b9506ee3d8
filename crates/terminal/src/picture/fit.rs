//! Where a picture goes: as large as its area lets it be, its ratio kept, in whole cells.

use crate::capabilities::CellPixels;
use ratatui::layout::Rect;

/// The cells within `area` that a picture of `width` × `height` pixels takes, centred; empty
/// where the area is.
#[must_use]
pub fn fit(width: u32, height: u32, area: Rect, cell: CellPixels) -> Rect {
    if area.is_empty() || width == 0 || height == 0 {
        return Rect { width: 0, height: 0, ..area };
    }
    let (cell_width, cell_height) = (f64::from(cell.width.max(1)), f64::from(cell.height.max(1)));
    let (width, height) = (f64::from(width), f64::from(height));
    let scale = (f64::from(area.width) * cell_width / width)
        .min(f64::from(area.height) * cell_height / height);
    let cells = |pixels: f64, cell: f64, most: u16| {
        // Between 1 and `most`.
        (pixels * scale / cell).round().clamp(1.0, f64::from(most)) as u16
    };
    let columns = cells(width, cell_width, area.width);
    let rows = cells(height, cell_height, area.height);
    Rect {
        x: area.x + (area.width - columns) / 2,
        y: area.y + (area.height - rows) / 2,
        width: columns,
        height: rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_square_takes_twice_as_many_columns_as_rows() {
        let area = Rect::new(10, 5, 60, 20);
        assert_eq!(fit(256, 256, area, CellPixels::DEFAULT), Rect::new(20, 5, 40, 20));
        assert_eq!(fit(2048, 768, area, CellPixels::DEFAULT), Rect::new(10, 9, 60, 11));
    }

    proptest! {
        #[test]
        fn a_picture_stays_within_its_area(
            width in 1u32..5000, height in 1u32..5000, x in 0u16..50, y in 0u16..50,
            columns in 0u16..300, rows in 0u16..100, cell in (1u16..40, 1u16..40),
        ) {
            let area = Rect::new(x, y, columns, rows);
            let cell = CellPixels { width: cell.0, height: cell.1 };
            let found = fit(width, height, area, cell);
            prop_assert_eq!(found.intersection(area), found);
            prop_assert_eq!(found.is_empty(), area.is_empty());
        }
    }
}
