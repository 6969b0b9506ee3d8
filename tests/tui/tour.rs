//! The tour: what it says next, and how it ends.

use crate::keys::Workbench;
use crate::screens::screen;

/// The line above the keys.
fn line(workbench: &Workbench) -> String {
    let shown = screen(workbench, 80, 24);
    let rows: Vec<&str> = shown.lines().collect();
    rows[rows.len() - 2].trim().to_owned()
}

#[test]
fn it_leads_from_a_picture_to_a_preset_and_then_is_over() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.app.begin_tour();
    assert_eq!(line(&workbench), "tour 1/5 · r draws an image of the prompt · esc ends the tour");
    workbench.press("r");
    assert!(!line(&workbench).starts_with("tour"), "what goes on is seen: {}", line(&workbench));
    workbench.finish_run(1, 0, [200, 40, 40]);
    assert_eq!(line(&workbench), "tour 2/5 · A pins this image, to compare the next one with");
    workbench.press("A");
    assert!(line(&workbench).starts_with("tour 3/5 · "), "{}", line(&workbench));
    // What goes wrong is said all the same.
    workbench.press("x");
    workbench.press("G 1 . 5 enter");
    assert!(line(&workbench).starts_with("tour 4/5 · r draws again"), "{}", line(&workbench));
    workbench.press("r");
    workbench.finish_run(2, 47, [40, 200, 40]);
    workbench.press("c");
    assert!(line(&workbench).starts_with("tour 5/5 · W saves the steps"), "{}", line(&workbench));
    workbench.press("W \"SOFT\" enter");
    assert!(std::fs::read_to_string(workbench.presets()).unwrap().contains("[SOFT]"));
    assert_eq!(line(&workbench), "that was the tour: the preset is yours, and ? shows every key");
    workbench.press("j");
    assert!(!line(&workbench).contains("tour"), "{}", line(&workbench));
}

#[test]
fn escape_ends_it_and_the_palette_begins_it_again() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.app.begin_tour();
    // A selection is dropped first.
    workbench.press("J esc");
    assert!(line(&workbench).starts_with("tour 1/5"), "{}", line(&workbench));
    workbench.press("esc");
    assert!(line(&workbench).starts_with("prompt"), "{}", line(&workbench));
    workbench.press("P : \"tour\" enter");
    assert!(line(&workbench).starts_with("tour 1/5"), "{}", line(&workbench));
    workbench.press(": \"tour\" enter");
    assert!(line(&workbench).contains("the tour is over"), "{}", line(&workbench));
}
