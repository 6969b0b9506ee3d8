//! (Grid, keys, grid) over the tree of undo, and its screen.

use crate::keys::Workbench;
use crate::screens::screen;
use crate::session::after;
use crate::support::text::AssertHas as _;

#[test]
fn what_was_undone_and_overtaken_stays_reachable() {
    // Step 1 to 2, undone; step 1 to 5 instead: revisions 1 and 2 are branches of 0.
    let two_branches = "j 2 enter u 5 enter ";
    for (keys, grid) in [
        ("", "7 0 1.5\n5 0 1.5\n[7] 0 1.5\n3 0 1.5"),
        // The tree opens where the grid is; the older branch stands below.
        ("B j enter", "7 0 1.5\n[2] 0 1.5\n7 0 1.5\n3 0 1.5"),
        ("B j enter k enter", "7 0 1.5\n[5] 0 1.5\n7 0 1.5\n3 0 1.5"),
        (": \"go-to-revision\" enter 1 enter", "7 0 1.5\n[2] 0 1.5\n7 0 1.5\n3 0 1.5"),
        ("B G enter", "7 0 1.5\n[7] 0 1.5\n7 0 1.5\n3 0 1.5"),
        // Redo follows the branch that was visited last.
        ("B j enter esc u U", "7 0 1.5\n[2] 0 1.5\n7 0 1.5\n3 0 1.5"),
        ("u U", "7 0 1.5\n[5] 0 1.5\n7 0 1.5\n3 0 1.5"),
        // Undo and redo on the screen itself.
        ("B u", "7 0 1.5\n[7] 0 1.5\n7 0 1.5\n3 0 1.5"),
        ("B u U", "7 0 1.5\n[5] 0 1.5\n7 0 1.5\n3 0 1.5"),
        // An edit on the older branch starts a third one; the others are still there.
        ("B j enter esc + B j enter", "7 0 1.5\n[5] 0 1.5\n7 0 1.5\n3 0 1.5"),
    ] {
        assert_eq!(after(&format!("{two_branches}{keys}")).grid(), grid, "{keys}");
    }
}

#[test]
fn the_tree_is_drawn_with_its_branches_and_says_what_a_visit_changes() {
    let workbench = after("j 2 enter u 5 enter + B j");
    let shown = screen(&workbench, 100, 30);
    shown.assert_has([
        "┌ revisions · 4 ",
        "3 ●    nudge gw of step 2: 7 → 7.1",
        "2 ○    set gw of step 1 to 5: 7 → 5",
        "1 │ ○  set gw of step 1 to 2: 7 → 2",
        "0 ○─╯  as it was opened",
        "beside revision 2",
        "from here to revision 2",
        "gw 2 7.1 → 7",
        "enter go there",
    ]);
}

#[test]
fn a_revision_that_does_not_exist_is_refused_with_those_that_do() {
    let mut workbench = after("j 2 enter : \"go-to-revision\" enter 9 enter");
    assert_eq!(workbench.said(), "there is no revision 9: there are 0 to 1");
    workbench.press("esc");
    assert_eq!(workbench.grid(), "7 0 1.5\n2 0 1.5\n[7] 0 1.5\n3 0 1.5");
}

#[test]
fn with_run_on_edit_a_visit_to_another_revision_is_drawn() {
    let mut workbench = after("j 2 enter R B j enter");
    let runs = |w: &Workbench| {
        let is_run =
            |e: &&sigmalab::tui::app::Effect| matches!(e, sigmalab::tui::app::Effect::Run(_));
        w.effects.iter().filter(is_run).count()
    };
    assert_eq!(runs(&workbench), 1);
    workbench.press("enter");
    assert_eq!(runs(&workbench), 1, "it is there already");
}
