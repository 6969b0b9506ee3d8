//! Other sizes, while it runs and all at once.

use crate::place::Place;
use crate::workbench::{Drive, EDITOR, Kind, opened, terminal};

#[test]
fn a_storm_of_sizes_ends_with_the_right_screen() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Kitty, (80, 24)));
    let before = workbench.screen();
    for size in [(200, 50), (20, 5), (2, 2), (132, 43), (39, 9), (80, 24)] {
        workbench.resize(size.0, size.1).unwrap();
    }
    workbench.wait_until(|screen| screen.text() == before.text()).unwrap();
    // It takes keys.
    workbench.press("?");
    workbench.see("On this screen");
}

#[test]
fn every_size_is_drawn_as_if_it_had_been_the_first() {
    let place = Place::new();
    let mut resized = opened(terminal(&place, Kind::Plain, (80, 24)));
    for size in [(200, 50), (120, 40), (40, 10)] {
        let first = opened(terminal(&place, Kind::Plain, size)).screen();
        resized.resize(size.0, size.1).unwrap();
        resized.wait_until(|screen| screen.text() == first.text()).unwrap();
    }
    resized.resize(20, 5).unwrap();
    resized.see("sigmalab needs");
    resized.miss(EDITOR);
    resized.resize(2, 2).unwrap();
    resized.wait_until(|screen| screen.text().trim_end() == "si").unwrap();
}
