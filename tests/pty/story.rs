//! The tuning story, whole, as somebody at a terminal lives it.

use crate::place::Place;
use crate::workbench::{Drive, Kind, opened, terminal};

#[test]
fn the_last_steps_are_tuned_compared_saved_and_there_next_time() {
    let place = Place::with_built_in_presets();
    let mut workbench = opened(terminal(&place, Kind::Kitty, (120, 40)));
    workbench.press(": \"load-preset\" enter \"V4_DEFAULT_20\" enter");
    workbench.see("schedule · 20 steps");

    // The last three gw at 2, then at 4.
    workbench.press("G K K 2 enter");
    workbench.see("3 cells · 2.00 … 2.00");
    workbench.press("r");
    workbench.see("20 steps · NFE 20+20 ·");
    workbench.press("A");
    workbench.see("A pinned");
    workbench.press("u");
    workbench.see("3 cells · 3.00 … 7.00");
    workbench.press("4 enter");
    workbench.see("3 cells · 4.00 … 4.00");
    workbench.press("r");
    // The first differing step is evaluated already: only the two after it are new.
    workbench.see("17 from cache · NFE 2+2, 36 saved");

    workbench.press("c");
    let compared = workbench.see("PSNR");
    for text in ["┌ A · gw 7x17 2x3", "┌ B · gw 7x17 4x3", "≠   17   2.00   4.00", "0–16  the same"]
    {
        assert!(compared.contains(text), "no {text:?} in\n{compared}");
    }
    workbench.press("W");
    workbench.see("save-as");
    workbench.press("\"V4_DEFAULT_MINE\" enter");
    workbench.see("V4_DEFAULT_MINE saved to");
    workbench.press("q");
    assert_eq!(workbench.wait_exit().unwrap().code(), Some(0));

    let mut workbench = opened(terminal(&place, Kind::Kitty, (120, 40)));
    workbench.press(": \"load-preset\" enter \"V4_DEFAULT_MINE\" enter");
    workbench.see("schedule · 20 steps");
    workbench.press("G K K");
    workbench.see("3 cells · 4.00 … 4.00");
    // The runs of the session before are in the gallery.
    workbench.press("E");
    workbench.see("gallery · 2 runs");
}
