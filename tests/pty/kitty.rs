//! Pictures in a kitty: a PNG once, and placeholders where it is shown.

use crate::pixels::{self, Cells};
use crate::place::Place;
use crate::workbench::{Drive, EDITOR, Kind, generated, opened, terminal};
use image::RgbImage;
use std::collections::BTreeMap;
use std::time::Duration;
use termlens::{Color, GraphicsFormat, GraphicsPayload, Screen, Terminal};

/// DirectoryStatus for a cell of a picture.
const PLACEHOLDER: char = '\u{10eeee}';

/// Rows and columns 0 to 7, as placeholders number them.
const DIACRITICS: [char; 8] =
    ['\u{305}', '\u{30d}', '\u{30e}', '\u{310}', '\u{312}', '\u{33d}', '\u{33e}', '\u{33f}'];

/// The cells of every picture on the screen, and its number. A picture that is partly covered is
/// left out.
fn placeholders(screen: &Screen) -> Vec<(Cells, u8)> {
    let mut found: BTreeMap<u8, Vec<(u16, u16)>> = BTreeMap::new();
    for row in 0..screen.rows() {
        for column in 0..screen.cols() {
            let cell = screen.cell(row, column).unwrap();
            if cell.contents().starts_with(PLACEHOLDER) {
                let Color::Indexed(id) = cell.style().fg else { panic!("no number: {cell:?}") };
                found.entry(id).or_default().push((row, column));
            }
        }
    }
    let rectangle = |(id, cells): (u8, Vec<(u16, u16)>)| {
        let (&(row, column), &(last_row, last_column)) = (cells.first()?, cells.last()?);
        let (rows, columns) = (last_row - row + 1, last_column.checked_sub(column)? + 1);
        let whole = cells.len() == usize::from(rows) * usize::from(columns);
        whole.then_some((Cells { column, row, columns, rows }, id))
    };
    found.into_iter().filter_map(rectangle).collect()
}

/// The pictures that the screen shows and what was sent for each.
pub(crate) fn all_shown(screen: &Screen) -> Vec<(Cells, GraphicsPayload)> {
    let seen = screen.graphics();
    let sent = |(cells, id): (Cells, u8)| {
        let sent =
            seen.payloads().iter().rev().find(|payload| {
                payload.id() == Some(id.into()) && payload.action().carries_image()
            })?;
        Some((cells, sent.clone()))
    };
    placeholders(screen).into_iter().filter_map(sent).collect()
}

/// Waits for the finished picture of the demo checkpoint's size.
#[track_caller]
fn picture(workbench: &mut Terminal) -> (Cells, GraphicsPayload, RgbImage) {
    let mut found = None;
    workbench
        .wait_until(|screen| {
            if !screen.contains("NFE") {
                return false;
            }
            found = all_shown(screen).pop().map(|(cells, sent)| {
                let pixels = pixels::of_kitty(&sent);
                (cells, sent, pixels)
            });
            found.as_ref().is_some_and(|(_, _, pixels)| pixels.width() == 256)
        })
        .unwrap();
    found.unwrap()
}

/// The workbench with a picture drawn.
fn drawn(place: &Place) -> Terminal {
    let mut workbench = opened(terminal(place, Kind::Kitty, (100, 30)));
    workbench.press("r");
    picture(&mut workbench);
    // The message about the run goes with the next key.
    workbench.press("h");
    workbench.see("prompt  a red circle");
    workbench
}

/// How many pictures were sent.
fn sent(workbench: &Terminal) -> u32 {
    workbench.screen().graphics().total()
}

#[test]
fn a_picture_arrives_in_its_cells_with_every_pixel() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Kitty, (100, 30)));
    workbench.press("r");
    let (cells, sent, pixels) = picture(&mut workbench);
    let screen = workbench.screen();
    cells.assert_square_within(Cells::of_pane(&screen, "image"));
    assert_eq!(sent.cells(), Some((cells.columns, cells.rows)));
    assert_eq!(sent.format(), GraphicsFormat::Png);

    // Every placeholder says which part of the picture it is.
    for (row, diacritic) in DIACRITICS.iter().enumerate() {
        for (column, other) in DIACRITICS.iter().enumerate() {
            let at = (cells.row + row as u16, cells.column + column as u16);
            let symbol: String = [PLACEHOLDER, *diacritic, *other].iter().collect();
            assert_eq!(screen.cell(at.0, at.1).unwrap().contents(), symbol);
        }
    }

    // At this size all colours fit into the bytes, and the cells have room for all pixels.
    let arguments = ["--prompt", "a red circle on a blue background", "--seed", "42"];
    let should = pixels::of_file(&generated(&place, &arguments));
    assert!(pixels == should, "{}", pixels::mean_difference(&pixels, &should));
}

#[test]
fn a_draft_comes_first_and_both_stay_within_their_bytes() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Kitty, (120, 40)));
    // A run of less than a second may end before its first draft is taken in.
    workbench.press(": \"load-preset\" enter \"LONG\" enter");
    workbench.see("LONG ·");
    workbench.press("r");
    let (_, full, _) = picture(&mut workbench);
    assert!(full.bytes() <= 150 * 1024, "{full:?}");
    let screen = workbench.screen();
    let seen = screen.graphics();
    let images = seen.payloads().iter().filter(|payload| payload.action().carries_image());
    let drafts: Vec<_> = images.filter(|payload| payload.bytes() != full.bytes()).collect();
    assert!(!drafts.is_empty());
    for draft in drafts {
        assert!(draft.bytes() <= 16 * 1024, "{draft:?}");
        assert_eq!(pixels::of_kitty(draft).width(), 32);
    }
}

#[test]
fn a_popup_covers_the_picture_and_nothing_is_sent_again() {
    let place = Place::new();
    let mut workbench = drawn(&place);
    let before = workbench.screen();
    let pictures = sent(&workbench);
    workbench.press("?");
    // A frame may be seen before its end: the popup is there, and then the picture is covered.
    workbench
        .wait_until(|screen| screen.contains("On this screen") && placeholders(screen).is_empty())
        .unwrap();
    workbench.press("esc");
    workbench.wait_until(|screen| screen.text() == before.text()).unwrap();

    // Another screen and back; other cells and back.
    workbench.press("P");
    workbench.see("presets ·");
    workbench.press("F2");
    workbench.wait_until(|screen| screen.text() == before.text()).unwrap();
    workbench.resize(120, 40).unwrap();
    workbench.wait_until(|screen| screen.cols() == 120 && placeholders(screen).len() == 1).unwrap();
    workbench.resize(100, 30).unwrap();
    workbench.wait_until(|screen| screen.text() == before.text()).unwrap();
    assert_eq!(sent(&workbench), pictures);
}

#[test]
fn a_picture_that_the_terminal_has_is_not_sent_for_another_run_of_it() {
    let place = Place::new();
    let mut workbench = drawn(&place);
    let number = placeholders(&workbench.screen())[0].1;
    let full = |workbench: &Terminal| {
        let seen = workbench.screen().graphics();
        seen.payloads().iter().filter(|payload| payload.bytes() > 16 * 1024).count()
    };
    let before = full(&workbench);
    assert_eq!(before, 1);
    workbench.press("r");
    workbench.see("4 from cache");
    workbench
        .wait_until(|screen| placeholders(screen).first().is_some_and(|p| p.1 == number))
        .unwrap();
    assert_eq!(full(&workbench), before);
}

#[test]
fn a_redraw_sends_the_picture_again_because_the_terminal_may_have_lost_it() {
    let place = Place::new();
    let mut workbench = drawn(&place);
    let (pictures, before) = (sent(&workbench), workbench.screen());
    workbench.press("ctrl-l");
    workbench.wait_until(|screen| screen.graphics().total() == pictures + 1).unwrap();
    let cells = |screen: &Screen| placeholders(screen).first().map(|(cells, _)| *cells);
    workbench.wait_until(|screen| cells(screen) == cells(&before)).unwrap();
}

#[test]
fn pictures_are_deleted_when_it_is_left() {
    let place = Place::new();
    let mut workbench = drawn(&place);
    // What is sent again may get another number; the old one goes too.
    let pictures = sent(&workbench);
    workbench.press("ctrl-l");
    workbench.wait_until(|screen| screen.graphics().total() == pictures + 1).unwrap();
    let mut numbers: Vec<u32> = Vec::new();
    let seen = workbench.screen().graphics();
    for payload in seen.payloads().iter().filter(|payload| payload.action().carries_image()) {
        numbers.extend(payload.id());
    }
    numbers.sort_unstable();
    numbers.dedup();
    workbench.press("q");
    assert_eq!(workbench.wait_exit().unwrap().code(), Some(0));
    let seen = workbench.screen().graphics();
    for number in numbers {
        let last = seen.payloads().iter().rev().find(|payload| payload.id() == Some(number));
        assert_eq!(last.unwrap().action(), termlens::GraphicsAction::Delete, "{number}");
    }
}

#[test]
fn the_protocol_can_be_chosen_at_the_start_and_while_it_runs() {
    let place = Place::new();
    for (name, kitty, sixel) in [("kitty", true, false), ("sixel", false, true)] {
        let builder = terminal(&place, Kind::Plain, (80, 24)).cell_size(10, 20);
        let mut workbench = opened(builder.args(["--image-protocol", name]));
        workbench.press("r");
        workbench.see("NFE 4+4");
        workbench.wait_until(|screen| screen.graphics().total() > 0).unwrap();
        workbench.wait_idle(Duration::from_millis(300)).unwrap();
        let seen = workbench.screen().graphics();
        assert_eq!((seen.kitty() > 0, seen.sixel() > 0), (kitty, sixel), "{name}");
    }
    let builder = terminal(&place, Kind::Kitty, (80, 24));
    let mut workbench = opened(builder.args(["--image-protocol", "half-blocks"]));
    workbench.press("r");
    workbench.see("NFE 4+4");
    workbench.see("▀");
    assert_eq!(sent(&workbench), 0);
    workbench.press(": \"image-protocol\" space \"kitty\" enter");
    workbench.wait_until(|screen| !placeholders(screen).is_empty()).unwrap();
    workbench.press(": \"image-protocol\" space \"half-blocks\" enter");
    workbench.wait_until(|screen| placeholders(screen).is_empty() && screen.contains("▀")).unwrap();

    let mut wrong = terminal(&place, Kind::Kitty, (80, 24))
        .args(["--image-protocol", "jpeg"])
        .spawn(crate::place::PROGRAM)
        .unwrap();
    assert_eq!(wrong.wait_exit().unwrap().code(), Some(2));
    let screen = wrong.screen();
    assert!(screen.contains("half-blocks") && !screen.contains(EDITOR), "{screen}");
}
