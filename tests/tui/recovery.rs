//! What was not saved comes back at the next start.

use crate::keys::Workbench;

const FOUR: &str = "[FOUR]\nmu = 0.0\nstd = 1.5\n\
                    runs = [{ steps = 3, gw = 7.0 }, { steps = 1, gw = 3.0 }]\n";

#[test]
fn a_fresh_session_has_nothing_to_lose_and_an_edited_one_loses_nothing() {
    let mut before = Workbench::with(Some(FOUR), (80, 24));
    assert_eq!(before.app.unsaved(), None);
    before.press("G 2 enter t end \"!\" enter");
    let unsaved = before.app.unsaved().unwrap();

    let mut after = Workbench::with(Some(FOUR), (80, 24));
    after.app.restore(&unsaved, "just now");
    assert_eq!(after.grid(), "[7] 0 1.5\n7 0 1.5\n7 0 1.5\n2 0 1.5");
    assert_eq!(after.app.document().prompt, "a red circle on a blue background!");
    assert!(after.app.document().is_edited());
    after.press("u");
    assert_eq!(after.grid(), "[7] 0 1.5\n7 0 1.5\n7 0 1.5\n3 0 1.5");
    assert!(!after.app.document().is_edited());
    assert_eq!(after.app.document().prompt, "a red circle on a blue background");
    after.press("U");
    assert_eq!(after.app.document().prompt, "a red circle on a blue background!");
}

#[test]
fn what_is_restored_says_of_when_it_is_and_hides_no_warning() {
    let mut before = Workbench::with(Some(FOUR), (80, 24));
    before.press("t end \"!\" enter");
    let unsaved = before.app.unsaved().unwrap();
    let mut after = Workbench::with(Some(FOUR), (80, 24));
    after.app.trouble("`gone.toml` is not there");
    after.app.restore(&unsaved, "3 min ago");
    assert_eq!(
        after.said(),
        "restored unsaved edits of FOUR, kept 3 min ago; u undoes that · `gone.toml` is not there"
    );
    // Nothing but the prompt was edited, and undo takes it back all the same.
    after.press("u");
    assert_eq!(after.app.document().prompt, "a red circle on a blue background");
}

#[test]
fn a_prompt_alone_is_worth_keeping_and_a_saved_schedule_is_not_unsaved() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.press("t end \"!\" enter");
    assert!(workbench.app.unsaved().is_some());

    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.press("G 2 enter w");
    assert_eq!(workbench.app.unsaved(), None);
}

#[test]
fn edits_of_a_preset_that_is_gone_come_back_under_its_name() {
    let mut before = Workbench::with(Some(FOUR), (80, 24));
    before.press("G 2 enter");
    let unsaved = before.app.unsaved().unwrap();
    let mut after = Workbench::with(None, (80, 24));
    after.app.restore(&unsaved, "just now");
    assert_eq!(after.grid(), "[7] 0 1.5\n7 0 1.5\n7 0 1.5\n2 0 1.5");
    assert_eq!(after.app.document().draft().name, "FOUR");
}
