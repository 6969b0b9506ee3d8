//! Pictures in a terminal that shows sixels.

use crate::pixels::{self, Cells};
use crate::place::Place;
use crate::workbench::{Drive, Kind, generated, opened, terminal};
use termlens::{GraphicsPayload, GraphicsProtocol, Terminal};

/// Mean difference of a channel: 64 colours without dithering, and enlarged pixels where those
/// do not fit into the bytes. Measured: see the assertion's message.
const DIFFERENCE: f64 = 8.0;

/// Pixels of a cell, as the terminal is declared to have them.
const CELL: (u32, u32) = (10, 20);

/// Waits for a finished picture.
#[track_caller]
fn picture(workbench: &mut Terminal, more_than: u32) -> GraphicsPayload {
    workbench.see("NFE 4+4");
    let mut painted = None;
    workbench
        .wait_until(|screen| {
            let seen = screen.graphics();
            painted = seen.last().filter(|payload| payload.bytes() > 16 * 1024).cloned();
            seen.total() > more_than && painted.is_some()
        })
        .unwrap();
    painted.unwrap()
}

/// The cells that a sixel takes.
fn cells(sixel: &GraphicsPayload) -> Cells {
    let ((row, column), (width, height)) = (sixel.at(), sixel.size().unwrap());
    assert_eq!((width % CELL.0, height % CELL.1), (0, 0), "{sixel:?} ends within a cell");
    let (columns, rows) = ((width / CELL.0) as u16, (height / CELL.1) as u16);
    Cells { column, row, columns, rows }
}

#[test]
fn a_picture_arrives_in_its_cells_with_its_pixels() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Sixel, (100, 30)));
    workbench.press("r");
    let sixel = picture(&mut workbench, 0);
    assert_eq!(sixel.protocol(), GraphicsProtocol::Sixel);
    assert!(sixel.bytes() <= 150 * 1024, "{sixel:?}");
    cells(&sixel).assert_square_within(Cells::of_pane(&workbench.screen(), "image"));
    // The frame around it is whole: nothing was drawn over it, and nothing scrolled.
    assert!(workbench.screen().contains("? help"));

    let arguments = ["--prompt", "a red circle on a blue background", "--seed", "42"];
    let should = pixels::of_file(&generated(&place, &arguments));
    let difference = pixels::mean_difference(&pixels::of_sixel(&sixel), &should);
    assert!(difference <= DIFFERENCE, "{difference}");
}

#[test]
fn a_popup_destroys_the_picture_which_is_painted_again_after_it() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Sixel, (100, 30)));
    workbench.press("r");
    let first = picture(&mut workbench, 0);
    let before = workbench.screen();
    let painted = before.graphics().total();

    // What does not touch it paints nothing.
    workbench.press("j k");
    workbench.press("2 . 5 enter");
    workbench.see("● edited");
    workbench.press("u k");
    workbench.wait_until(|screen| screen.row_text(3) == before.row_text(3)).unwrap();
    assert_eq!(workbench.screen().graphics().total(), painted);

    workbench.press("?");
    workbench.see("Moving and selecting");
    workbench.press("esc");
    workbench.miss("Moving and selecting");
    let again = picture(&mut workbench, painted);
    assert_eq!(again.at(), first.at());
    assert_eq!(again.data(), first.data());
}
