//! Pictures in a terminal that shows none: half-blocks, in its colours or in shades.

use crate::pixels::{self, Cells};
use crate::place::Place;
use crate::workbench::{Drive, Kind, generated, opened, terminal};
use termlens::{Color, Screen};

/// Mean difference of a channel: xterm's cube has six levels, 40 to 95 apart, and the middle of
/// two is half of that away.
const DIFFERENCE: f64 = 20.0;

/// The cells of the picture: those within its pane that are not empty.
fn cells(screen: &Screen) -> Cells {
    let room = Cells::of_pane(screen, "image");
    let is_picture = |row, column| {
        let cell = screen.cell(row, column).unwrap();
        cell.style().bg != Color::Default
            || "▀░▒▓█".contains(cell.contents().trim()) && !cell.contents().trim().is_empty()
    };
    let middle = (room.row + room.rows / 2, room.column + room.columns / 2);
    let columns: Vec<u16> = (room.column..room.column + room.columns)
        .filter(|column| is_picture(middle.0, *column))
        .collect();
    let rows: Vec<u16> =
        (room.row..room.row + room.rows).filter(|row| is_picture(*row, middle.1)).collect();
    Cells {
        column: columns[0],
        row: rows[0],
        columns: columns.len() as u16,
        rows: rows.len() as u16,
    }
}

#[test]
fn the_picture_is_shown_in_256_colours() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Plain, (100, 30)));
    workbench.press("r");
    workbench.see("NFE 4+4");
    let arguments = ["--prompt", "a red circle on a blue background", "--seed", "42"];
    let should = pixels::of_file(&generated(&place, &arguments));
    // The draft is there before; it is of the same picture, but coarser.
    let mut difference = f64::INFINITY;
    let close = workbench.wait_until(|screen| {
        let cells = cells(screen);
        cells.assert_square_within(Cells::of_pane(screen, "image"));
        let shown = pixels::of_half_blocks(screen, cells);
        difference = pixels::mean_difference(&shown, &should);
        difference <= DIFFERENCE
    });
    assert!(close.is_ok(), "{difference}: {close:?}");
}

#[test]
fn without_colours_it_is_shown_in_shades() {
    let place = Place::new();
    let builder = terminal(&place, Kind::Plain, (100, 30)).env("NO_COLOR", "1");
    let mut workbench = opened(builder);
    workbench.press("r");
    let screen = workbench.see("NFE 4+4");
    let mut shades = 0;
    for row in 0..screen.rows() {
        for column in 0..screen.cols() {
            let cell = screen.cell(row, column).unwrap();
            assert_eq!((cell.style().fg, cell.style().bg), (Color::Default, Color::Default));
            shades += usize::from(matches!(cell.contents(), "░" | "▒" | "▓" | "█"));
        }
    }
    assert!(shades > 100, "{screen}");
}
