//! The grid in a terminal that can do nothing special.

use crate::place::Place;
use crate::workbench::{Drive, Kind, opened, terminal};
use termlens::{MouseMode, Screen};

const SIZE: (u16, u16) = (80, 24);

/// The gw of a step, as the grid shows it.
fn gw(screen: &Screen, step: usize) -> String {
    let row = (0..screen.rows())
        .map(|row| screen.row_text(row))
        .find(|row| row.trim_start_matches(['│', ' ', '✗']).starts_with(&format!("{step} ")));
    row.unwrap().trim_start_matches(['│', ' ', '✗']).split_whitespace().nth(1).unwrap().to_owned()
}

#[test]
fn the_first_frame_is_the_editor_on_a_screen_of_its_own() {
    let place = Place::new();
    let workbench = opened(terminal(&place, Kind::Plain, SIZE));
    let screen = workbench.screen();
    for text in ["sigmalab", "QUICK", "schedule · 4 steps · sampling order", "σ and gw"] {
        assert!(screen.contains(text), "no {text:?} in\n{screen}");
    }
    assert!(screen.alternate_screen() && screen.bracketed_paste());
    assert!(!screen.cursor_visible());
    assert_eq!(screen.graphics().total(), 0);
    // termlens does not know the question for the terminal's name.
    let unknown: Vec<&str> = screen.unsupported().iter().collect();
    assert_eq!(unknown, ["^[[>q"]);
}

#[test]
fn a_value_is_typed_undone_and_saved() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Plain, SIZE));
    workbench.press("2 . 5 enter");
    let screen = workbench.see("● edited");
    assert_eq!(gw(&screen, 0), "2.50");
    workbench.press("u");
    workbench.miss("● edited");
    assert_eq!(gw(&workbench.screen(), 0), "3.00");
    workbench.press("U");
    workbench.see("● edited");
    workbench.press("w");
    workbench.miss("● edited");
    let saved = std::fs::read_to_string(place.path("presets.toml")).unwrap();
    assert!(saved.contains("gw = 2.5"), "{saved}");
}

#[test]
fn rows_are_pasted_and_yanked_cells_reach_the_clipboard() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Plain, SIZE));
    workbench.paste("6\t0.25\n5\t0.5\n").unwrap();
    let screen = workbench.see("0.250");
    assert_eq!((gw(&screen, 0), gw(&screen, 1)), ("6.00".to_owned(), "5.00".to_owned()));
    workbench.press("J y");
    workbench
        .wait_until(|screen| {
            screen.clipboard().and_then(|c| c.text()).is_some_and(|t| t.trim_end() == "6\n5")
        })
        .unwrap();
}

#[test]
fn leaving_with_changes_asks_first() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Plain, SIZE));
    workbench.press("+ q");
    workbench.see("y yes · n no");
    workbench.press("n");
    workbench.miss("y yes · n no");
    workbench.press("q");
    workbench.see("y yes · n no");
    workbench.press("y");
    assert_eq!(workbench.wait_exit().unwrap().code(), Some(0));
    let screen = workbench.screen();
    assert!(!screen.alternate_screen() && screen.mouse_mode() == MouseMode::None);
}
