//! The tour, which the first start begins and no other.

use crate::place::Place;
use crate::workbench::{Drive, Kind, opened, terminal};

#[test]
fn the_first_start_offers_a_tour_and_the_second_does_not() {
    let place = Place::new();
    std::fs::remove_dir_all(place.path("data")).unwrap();
    let mut first = opened(terminal(&place, Kind::Plain, (80, 24)));
    first.see("tour 1/5 · r draws an image of the prompt · esc ends the tour");
    first.press("r");
    first.see("tour 2/5 · A pins this image");
    first.press("esc");
    first.miss("tour");
    first.press("q");
    first.wait_exit().unwrap();
    let second = opened(terminal(&place, Kind::Plain, (80, 24)));
    assert!(!second.screen().contains("tour"), "{}", second.screen());
}
