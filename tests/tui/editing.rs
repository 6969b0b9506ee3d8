//! (Grid, keys, grid) through the real application.

use crate::keys::Workbench;
use crate::support::text::AssertHas as _;
use sigmalab::tui::app::Effect;
use sigmalab_terminal::input::Input;

const FOUR: &str = "[FOUR]\nmu = 0.0\nstd = 1.5\n\
                    runs = [{ steps = 3, gw = 7.0 }, { steps = 1, gw = 3.0 }]\n";

fn after(keys: &str) -> String {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.press(keys);
    workbench.grid()
}

#[test]
fn keys_change_the_grid_as_a_spreadsheet_would() {
    for (keys, grid) in [
        ("", "[7] 0 1.5\n7 0 1.5\n7 0 1.5\n3 0 1.5"),
        ("j l", "7 0 1.5\n7 [0] 1.5\n7 0 1.5\n3 0 1.5"),
        // A value is accepted and the cursor goes on down, or right with tab.
        ("j 2 . 5 enter", "7 0 1.5\n2.5 0 1.5\n[7] 0 1.5\n3 0 1.5"),
        ("j 2 tab . 5 enter", "7 0 1.5\n2 0.5 1.5\n7 [0] 1.5\n3 0 1.5"),
        ("j 2 esc", "7 0 1.5\n[7] 0 1.5\n7 0 1.5\n3 0 1.5"),
        // Digits before a motion are its count.
        ("2 j", "7 0 1.5\n7 0 1.5\n[7] 0 1.5\n3 0 1.5"),
        ("j l - 1 enter", "7 0 1.5\n7 -1 1.5\n7 [0] 1.5\n3 0 1.5"),
        ("j l - . 5 enter", "7 0 1.5\n7 -0.5 1.5\n7 [0] 1.5\n3 0 1.5"),
        ("j l - esc", "7 0 1.5\n7 [0] 1.5\n7 0 1.5\n3 0 1.5"),
        ("j _", "7 0 1.5\n[6.9] 0 1.5\n7 0 1.5\n3 0 1.5"),
        // What a line begins with is marked, and typing replaces it.
        ("j enter 2 enter", "7 0 1.5\n2 0 1.5\n[7] 0 1.5\n3 0 1.5"),
        ("j enter end . 5 enter", "7 0 1.5\n7.5 0 1.5\n[7] 0 1.5\n3 0 1.5"),
        ("j l enter - 1 enter", "7 0 1.5\n7 -1 1.5\n7 [0] 1.5\n3 0 1.5"),
        ("G K K", "7 0 1.5\n[7] 0 1.5\n{7} 0 1.5\n{3} 0 1.5"),
        ("G K K 2 enter", "7 0 1.5\n[2] 0 1.5\n{2} 0 1.5\n{2} 0 1.5"),
        ("G K +", "7 0 1.5\n7 0 1.5\n[7.1] 0 1.5\n{3.1} 0 1.5"),
        ("G <", "7 0 1.5\n7 0 1.5\n7 0 1.5\n[2] 0 1.5"),
        ("V j", "7 0 1.5\n7 0 [1.5]\n7 0 1.5\n3 0 1.5"),
        ("o", "7 0 1.5\n[7] 0 1.5\n7 0 1.5\n7 0 1.5\n3 0 1.5"),
        ("j D", "7 0 1.5\n[7] 0 1.5\n3 0 1.5"),
        ("G K K s enter", "7 0 1.5\n[7] 0 1.5\n{5} 0 1.5\n{3} 0 1.5"),
        ("e \"x*2+i\" enter", "[14] 0 1.5\n7 0 1.5\n7 0 1.5\n3 0 1.5"),
        ("G y g p", "[3] 0 1.5\n7 0 1.5\n7 0 1.5\n3 0 1.5"),
        ("/ 3 enter", "7 0 1.5\n7 0 1.5\n7 0 1.5\n[3] 0 1.5"),
        // One command is one step of undo, however many cells it changed.
        ("G K K 2 enter u", "7 0 1.5\n[7] 0 1.5\n{7} 0 1.5\n{3} 0 1.5"),
        ("j 2 enter 4 enter u u U", "7 0 1.5\n[2] 0 1.5\n7 0 1.5\n3 0 1.5"),
    ] {
        assert_eq!(after(keys), grid, "{keys}");
    }
}

#[test]
fn a_value_without_room_says_so_and_leaves_the_next_column_alone() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.press("1 e 9 enter \"1500000000\" enter");
    let shown = crate::screens::screen(&workbench, 80, 24);
    shown.assert_has(["    0    1e9  0.000 1.500", "    1    !!!  0.000 1.500"]);
}

#[test]
fn an_escape_and_a_key_that_arrive_as_one_are_both_done() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    let keys = |workbench: &Workbench, key: &str| -> Vec<String> {
        let keys = workbench.app.apart(key.parse().unwrap());
        keys.iter().map(ToString::to_string).collect()
    };
    assert_eq!(keys(&workbench, "alt-X"), ["esc", "X"]);
    // What means something with alt is that.
    assert_eq!(keys(&workbench, "alt-m"), ["alt-m"]);
    workbench.press("t");
    assert_eq!(keys(&workbench, "alt-b"), ["alt-b"]);
    assert_eq!(keys(&workbench, "alt-q"), ["esc", "q"]);
}

#[test]
fn a_prompt_is_marked_as_a_whole_when_it_opens() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.press("t \"x\" enter");
    assert_eq!(workbench.app.document().prompt, "x");
    workbench.press("t end \"y\" enter");
    assert_eq!(workbench.app.document().prompt, "xy");
    workbench.press("t backspace \"z\" enter");
    assert_eq!(workbench.app.document().prompt, "z");
}

#[test]
fn a_sigma_that_is_typed_solves_mu_and_nothing_else() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    let before = workbench.app.document().schedule().sigmas().to_vec();
    workbench.press("2 j $ . 3 enter");
    let sigmas = workbench.app.document().schedule().sigmas();
    assert!((sigmas[2].0 - 0.3).abs() < 1e-6, "{sigmas:?}");
    assert_eq!((sigmas[1], sigmas[3]), (before[1], before[3]));
    workbench.says("mu of step 2 is now");
}

#[test]
fn what_cannot_be_is_refused_in_the_line_it_was_typed_in() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.press("j l l 0 enter");
    // The line is still there, so it can be corrected.
    workbench.press("backspace 2 enter");
    assert_eq!(workbench.grid(), "7 0 1.5\n7 0 2\n7 0 [1.5]\n3 0 1.5");
}

#[test]
fn pasted_rows_land_at_the_cursor_and_a_single_value_fills_the_selection() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.press("j");
    workbench.app.handle(Input::Paste("6\t0.1\n5\t0.2\n".to_owned()));
    assert_eq!(workbench.grid(), "7 0 1.5\n[6] 0.1 1.5\n5 0.2 1.5\n3 0 1.5");
    workbench.press("J");
    workbench.app.handle(Input::Paste("4".to_owned()));
    assert_eq!(workbench.grid(), "7 0 1.5\n{4} 0.1 1.5\n[4] 0.2 1.5\n3 0 1.5");
}

#[test]
fn yanked_cells_go_to_the_clipboard_as_rows_and_columns() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.press("V J y");
    assert_eq!(workbench.copied().as_deref().map(str::trim_end), Some("7\t0\t1.5\n7\t0\t1.5"));
}

#[test]
fn with_run_on_edit_a_change_asks_for_a_run_and_a_motion_does_not() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    let runs = |w: &Workbench| w.effects.iter().filter(|e| matches!(e, Effect::Run(_))).count();
    workbench.press("R j j");
    assert_eq!(runs(&workbench), 0);
    workbench.press("+");
    assert_eq!(runs(&workbench), 1);
    // A change while it runs stops it first; the next run starts when it has stopped.
    workbench.press("+ +");
    assert_eq!(runs(&workbench), 1);
    let stops = workbench.effects.iter().filter(|e| **e == Effect::Cancel).count();
    assert_eq!(stops, 1);
}

#[test]
fn a_broken_schedule_is_marked_and_is_not_run() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.press("j l 9 enter r");
    assert!(!workbench.effects.iter().any(|effect| matches!(effect, Effect::Run(_))));
    let message = workbench.app.message().unwrap();
    assert!(message.is_problem && message.text.contains("cannot be run"), "{message:?}");
}

#[test]
fn leaving_with_changes_asks_and_leaving_without_does_not() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.press("+ q");
    assert!(!workbench.effects.contains(&Effect::Quit));
    workbench.press("n u q");
    assert!(workbench.effects.contains(&Effect::Quit));
}
