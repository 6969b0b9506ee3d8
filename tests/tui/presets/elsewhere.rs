//! What another program writes into the presets file meanwhile.

use super::{TWO, text, workbench};
use crate::keys::Workbench;
use crate::screens::screen;
use crate::support::text::AssertHas as _;
use sigmalab_terminal::input::Input;
use std::fs;

/// Another program replaces a part of the file.
fn elsewhere(workbench: &Workbench, from: &str, to: &str) {
    let text = text(workbench);
    assert!(text.contains(from), "no {from} in {text}");
    fs::write(workbench.presets(), text.replace(from, to)).unwrap();
}

#[test]
fn questions_and_input_lines_mean_the_preset_that_they_name() {
    let new = "[NEW]\nmu = 0.1\nstd = 1.5\nruns = [{ steps = 2, gw = 5.0 }]\n\n# about TWO\n";
    // Another one has taken its row, with and without a key in between.
    for key in ["", "z"] {
        let mut workbench = workbench();
        workbench.press("P j D");
        assert!(screen(&workbench, 80, 24).contains("Delete TWO from"));
        elsewhere(&workbench, "[TWO]", "[TOO]");
        workbench.press(&format!("{key} y"));
        assert!(text(&workbench).contains("[ONE]") && text(&workbench).contains("[TOO]"));
        workbench.says("TWO");

        let mut workbench = super::workbench();
        workbench.press("P j D");
        elsewhere(&workbench, "# about TWO\n", new);
        workbench.press(&format!("{key} y"));
        assert!(text(&workbench).contains("[NEW]") && !text(&workbench).contains("[TWO]"));

        for (line, name, left) in [("n", "rename", "[TWO]"), ("y", "duplicate", "no such")] {
            let mut workbench = super::workbench();
            workbench.press(&format!("P / \"second\" enter {line}"));
            let shown = screen(&workbench, 80, 24);
            assert!(shown.contains(&format!("{name}-preset TWO → ")), "{shown}");
            elsewhere(&workbench, "# about TWO\n", new);
            elsewhere(&workbench, "the second", "the third");
            workbench.press(&format!("{key} ctrl-u \"OTHER\" enter"));
            let after = text(&workbench);
            assert!(after.contains("[OTHER]") && !after.contains(left), "{after}");
            assert!(after.matches("the third").count() == if line == "n" { 1 } else { 2 });
            assert!(after.contains("[ONE]") && after.contains("[NEW]"), "{after}");
        }
        // It is gone, and no other one is meant.
        let mut workbench = super::workbench();
        workbench.press("P j n");
        elsewhere(&workbench, "[TWO]", "[TOO]");
        workbench.press(&format!("{key} ctrl-u \"OTHER\" enter"));
        let shown = screen(&workbench, 80, 24);
        assert!(shown.contains("TWO") && !text(&workbench).contains("OTHER"), "{shown}");
    }
}

#[test]
fn what_another_program_writes_is_noticed_on_a_key_on_focus_and_on_entering() {
    let mut workbench = workbench();
    elsewhere(&workbench, "gw = 5.0", "gw = 6.0");
    workbench.press("j");
    assert!(
        workbench.said().contains("another program changed")
            && workbench.said().ends_with("TWO changed")
    );
    workbench.press("j");
    assert_eq!(workbench.said(), "", "it is said once");
    elsewhere(&workbench, "gw = 6.0", "gw = 6.5");
    workbench.app.handle(Input::Focus(true));
    assert!(workbench.said().ends_with("TWO changed"));
    elsewhere(&workbench, "[TWO]", "[TOO]");
    workbench.press("P j");
    let shown = screen(&workbench, 80, 24);
    assert!(shown.contains("TOO") && shown.contains("6.5x2"), "{shown}");
    // Our own writing is nobody else's.
    workbench.press("n end \"_B\" enter");
    assert!(workbench.said().starts_with("TOO is now TOO_B"), "{}", workbench.said());
    // What cannot be read is said, and what was read stays.
    fs::write(workbench.presets(), "[").unwrap();
    workbench.press("k");
    assert!(workbench.app.message().unwrap().is_problem);
    assert!(screen(&workbench, 80, 24).contains("TOO_B"));
}

#[test]
fn a_save_keeps_what_another_program_changed_in_other_presets_and_says_so() {
    let mut workbench = workbench();
    workbench.press("G 2 enter");
    elsewhere(&workbench, "gw = 5.0", "gw = 6.0");
    elsewhere(&workbench, "# about TWO", "# about the other");
    workbench.press("w");
    let expected = TWO
        .replace("gw = 3.0", "gw = 2.0")
        .replace("gw = 5.0", "gw = 6.0")
        .replace("# about TWO", "# about the other");
    assert_eq!(text(&workbench), expected);
    assert!(
        workbench.said().ends_with("what another program changed in it stays: TWO changed"),
        "{}",
        workbench.said()
    );
}

#[test]
fn the_same_preset_changed_by_both_is_asked_about_and_no_side_is_lost() {
    let conflict = || {
        let mut workbench = workbench();
        workbench.press("G 2 enter");
        elsewhere(&workbench, "gw = 3.0", "gw = 4.0");
        let theirs = text(&workbench);
        workbench.press("w");
        assert_eq!(text(&workbench), theirs);
        assert!(workbench.app.message().unwrap().is_problem);
        let shown = screen(&workbench, 80, 24);
        shown.assert_has(["not saved", "Save yours under another name"]);
        (workbench, theirs)
    };
    // Look, and the question comes again with the next save.
    let (mut workbench, theirs) = conflict();
    workbench.press("enter");
    assert!(screen(&workbench, 80, 24).contains("3         gw        4.00"));
    workbench.press("esc w");
    assert_eq!(text(&workbench), theirs);
    // Under another name.
    workbench.press("down enter end \"_B\" enter");
    assert!(text(&workbench).starts_with(&theirs) && text(&workbench).contains("[ONE_B]"));

    // Having read theirs, ours replaces it.
    let (mut workbench, _) = conflict();
    workbench.press("down down enter");
    workbench.says("your edits of ONE stay");
    assert!(workbench.app.document().is_edited());
    workbench.press("w");
    assert_eq!(text(&workbench), TWO.replace("gw = 3.0", "gw = 2.0"));

    // Having noticed it beforehand is not having agreed to it.
    let mut workbench = super::workbench();
    workbench.press("G 2 enter");
    elsewhere(&workbench, "gw = 3.0", "gw = 4.0");
    workbench.press("k");
    workbench.says("ONE in the grid is unchanged");
    workbench.press("w");
    assert!(text(&workbench).contains("gw = 4.0"));
}

#[test]
fn a_schedule_without_edits_becomes_what_is_read_again_and_undo_brings_it_back() {
    let mut workbench = workbench();
    elsewhere(&workbench, "gw = 3.0", "gw = 4.0");
    workbench.press("P ctrl-r esc");
    assert_eq!(workbench.grid(), "[7] 0 1.5\n7 0 1.5\n7 0 1.5\n4 0 1.5");
    workbench.press("u");
    assert_eq!(workbench.grid(), "[7] 0 1.5\n7 0 1.5\n7 0 1.5\n3 0 1.5");
}

#[test]
fn a_preset_deleted_elsewhere_comes_back_only_when_that_is_known() {
    let mut workbench = Workbench::with(Some(TWO), (80, 24));
    workbench.press("P j enter");
    let without = TWO.split("\n# about TWO").next().unwrap().to_owned();
    fs::write(workbench.presets(), &without).unwrap();
    workbench.press("+ w");
    assert_eq!(text(&workbench), without);
    workbench.press("down down enter w");
    assert!(text(&workbench).starts_with(&without) && text(&workbench).contains("[TWO]"));
}

#[test]
fn programs_that_save_into_one_file_at_the_same_moment_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("presets.toml"), TWO).unwrap();
    let start = |number: usize| {
        let play = format!("save-as W{number}\nnudge-up\nsave-as X{number}\n");
        let file = format!("{number}.play");
        fs::write(folder.path().join(&file), play).unwrap();
        std::process::Command::new(env!("CARGO_BIN_EXE_sigmalab"))
            .args(["--play", &file])
            .current_dir(folder.path())
            .env("HOME", folder.path().join("home"))
            .env_remove("SIGMALAB_PRESETS")
            .env_remove("SIGMALAB_MODEL")
            .spawn()
            .unwrap()
    };
    let programs: Vec<_> = (0..4).map(start).collect();
    for mut program in programs {
        assert!(program.wait().unwrap().success());
    }
    let text = fs::read_to_string(folder.path().join("presets.toml")).unwrap();
    assert!(text.starts_with(TWO), "{text}");
    for number in 0..4 {
        assert!(text.contains(&format!("[W{number}]")) && text.contains(&format!("[X{number}]")));
    }
}
