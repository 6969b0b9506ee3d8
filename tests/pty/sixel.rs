//! Pictures in a terminal that shows sixels.

use crate::pixels::{self, Cells};
use crate::place::Place;
use crate::workbench::{Drive, Kind, generated, opened, terminal};
use std::time::Duration;
use termlens::{GraphicsPayload, GraphicsProtocol, Terminal};

/// Mean difference of a channel: 64 colours without dithering, and enlarged pixels where those
/// do not fit into the bytes. Measured: see the assertion's message.
const DIFFERENCE: f64 = 8.0;

/// Pixels of a cell, as the terminal is declared to have them.
const CELL: (u32, u32) = (10, 20);

/// Waits for a finished picture: the last one that comes.
#[track_caller]
fn picture(workbench: &mut Terminal) -> GraphicsPayload {
    workbench.see("NFE 4+4");
    workbench.wait_idle(Duration::from_millis(300)).unwrap();
    workbench.screen().graphics().last().unwrap().clone()
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
    let sixel = picture(&mut workbench);
    assert_eq!(sixel.protocol(), GraphicsProtocol::Sixel);
    assert!(sixel.bytes() <= 150 * 1024, "{sixel:?}");
    cells(&sixel).assert_square_within(Cells::of_pane(&workbench.screen(), "image"));
    let seen = workbench.screen().graphics();
    // A run as short as this may end before its first draft is taken in.
    let (_, drafts) = seen.payloads().split_last().unwrap();
    for draft in drafts {
        assert!(draft.bytes() <= 16 * 1024, "{draft:?}");
    }
    // The frame around it is whole: nothing was drawn over it, and nothing scrolled.
    assert!(workbench.screen().contains("? help"));

    let arguments = ["--prompt", "a red circle on a blue background", "--seed", "42"];
    let should = pixels::of_file(&generated(&place, &arguments));
    let difference = pixels::mean_difference(&pixels::of_sixel(&sixel), &should);
    assert!(difference <= DIFFERENCE, "{difference}");
}

#[test]
fn drafts_come_while_a_run_goes_and_stay_within_their_bytes() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Sixel, (100, 30)));
    workbench.press(": \"load-preset\" enter \"LONG\" enter");
    workbench.see("LONG ·");
    workbench.press("r");
    workbench.wait_until(|screen| screen.graphics().total() >= 2).unwrap();
    for draft in workbench.screen().graphics().payloads() {
        assert!(draft.bytes() <= 16 * 1024, "{draft:?}");
    }
}

#[test]
fn a_popup_destroys_the_picture_which_is_painted_again_after_it() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Sixel, (100, 30)));
    workbench.press("r");
    let first = picture(&mut workbench);
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
    workbench.see("On this screen");
    workbench.press("esc");
    workbench.miss("On this screen");
    workbench.wait_until(|screen| screen.graphics().total() == painted + 1).unwrap();
    let seen = workbench.screen().graphics();
    let again = seen.last().unwrap();
    assert_eq!(again.at(), first.at());
    assert_eq!(again.data(), first.data());
}
