//! The presets screen: keys in, the file with its comments out, and what another program writes
//! meanwhile.

use crate::keys::Workbench;
use crate::screens::screen;
use sigmalab::tui::action::Call;
use sigmalab::tui::app::Effect;
use sigmalab_terminal::input::Input;
use std::fs;

/// Two presets with comments at every place.
const TWO: &str = "\
# head of the file

# about ONE
[ONE] # one
mu = 0.0 # of all
std = 1.5
runs = [{ steps = 3, gw = 7.0 }, { steps = 1, gw = 3.0 }] # polish

# about TWO
[TWO]
description = \"the second\"
mu = 0.5
std = 1.5
terminal = \"zero\"
runs = [{ steps = 2, gw = 5.0 }]
";

fn workbench() -> Workbench {
    Workbench::with(Some(TWO), (80, 24))
}

fn text(workbench: &Workbench) -> String {
    fs::read_to_string(workbench.presets()).unwrap()
}

/// Another program replaces a part of the file.
fn elsewhere(workbench: &Workbench, from: &str, to: &str) {
    let text = text(workbench);
    assert!(text.contains(from), "no {from} in {text}");
    fs::write(workbench.presets(), text.replace(from, to)).unwrap();
}

fn said(workbench: &Workbench) -> String {
    workbench.app.message().map(|message| message.text.clone()).unwrap_or_default()
}

fn copied(workbench: &Workbench) -> Option<String> {
    workbench.effects.iter().rev().find_map(|effect| match effect {
        Effect::Clipboard(text) => Some(text.clone()),
        _ => None,
    })
}

#[test]
fn what_is_done_to_one_preset_leaves_the_rest_of_the_file_as_it_was_written() {
    for (keys, from, to) in [
        ("4 j 4 enter w", "steps = 1, gw = 3.0", "steps = 1, gw = 4.0"),
        ("P n \"FIRST\" enter", "[ONE]", "[FIRST]"),
        ("P j *", "# about ONE\n", "default = \"TWO\"\n\n# about ONE\n"),
        ("P j n end \"_B\" enter", "[TWO]", "[TWO_B]"),
    ] {
        let mut workbench = workbench();
        workbench.press(keys);
        assert_eq!(text(&workbench), TWO.replacen(from, to, 1), "{keys}: {}", said(&workbench));
    }
    let mut workbench = workbench();
    workbench.press("P y end \"_B\" enter");
    assert!(text(&workbench).starts_with(TWO) && text(&workbench).contains("[ONE_B]"));
    workbench.press("D y");
    assert_eq!(text(&workbench).trim_end(), TWO.trim_end(), "the copy was under the cursor");
    workbench.press("k D y");
    let left = text(&workbench);
    assert!(
        !left.contains("ONE") && left.starts_with("# head of the file\n\n# about TWO\n[TWO]"),
        "{left}"
    );
}

#[test]
fn the_list_tells_presets_apart_by_what_matters_about_them() {
    let mut workbench = Workbench::with(Some(TWO), (80, 24));
    workbench.press("P");
    let shown = screen(&workbench, 80, 24);
    for part in [
        "name ",
        " steps gw ",
        "▸*ONE",
        "    4 7x3 3x1",
        "    2 5x2",
        "ref",
        "zero",
        "σ and gw",
        "ends at reference",
    ] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    workbench.press("esc + P j");
    let shown = screen(&workbench, 80, 24);
    for part in ["●*ONE", "the second", "beside the grid's", "ends at zero", "mu 0.5"] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
}

#[test]
fn typing_after_a_slash_finds_presets_by_name_and_by_description() {
    let mut workbench = workbench();
    workbench.press("P / \"sec\"");
    let shown = screen(&workbench, 80, 24);
    assert!(
        shown.contains("TWO") && !shown.contains("*ONE") && shown.contains("1 of 2 with sec"),
        "{shown}"
    );
    workbench.press("enter enter");
    assert_eq!(workbench.app.document().draft().name, "TWO");
    workbench.press("P");
    assert!(screen(&workbench, 80, 24).contains("1 of 2 with sec"), "it stays until esc");
    workbench.press("esc");
    assert!(screen(&workbench, 80, 24).contains("*ONE"));
    workbench.press("/ \"x\" esc");
    assert!(screen(&workbench, 80, 24).contains("*ONE"), "leaving the line takes it back");
    workbench.press("/ \"none\" enter");
    let shown = screen(&workbench, 80, 24);
    assert!(shown.contains("no preset has `none` in its name"), "{shown}");
    workbench.press("esc");
    assert!(screen(&workbench, 80, 24).contains("*ONE"));
}

#[test]
fn a_preset_is_shown_and_copied_as_another_program_takes_it() {
    let mut workbench = workbench();
    workbench.press("P e");
    assert!(screen(&workbench, 80, 24).contains("comfyui    a workflow"));
    workbench.press("down enter");
    let export = copied(&workbench).unwrap();
    assert!(export.contains("guidance_schedule=(7.0,) * 3 + (3.0,) * 1"), "{export}");
    assert_eq!(
        said(&workbench),
        "ONE copied for diffusers; diffusers ends at σ 0, the preset at 5.53e-4"
    );
    let shown = screen(&workbench, 80, 24);
    assert!(
        shown.contains("ONE for diffusers") && shown.contains("num_inference_steps=4"),
        "{shown}"
    );
    // From the editor it is what is in the grid, edits and all.
    workbench.press("esc esc G 2 enter");
    workbench.press(": \"export-preset\" enter down down down enter");
    assert!(copied(&workbench).unwrap().contains("guidance_schedule=2.0x1+7.0x3"));
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
        assert!(said(&workbench).contains("TWO"), "{}", said(&workbench));

        let mut workbench = self::workbench();
        workbench.press("P j D");
        elsewhere(&workbench, "# about TWO\n", new);
        workbench.press(&format!("{key} y"));
        assert!(text(&workbench).contains("[NEW]") && !text(&workbench).contains("[TWO]"));

        for (line, name, left) in [("n", "rename", "[TWO]"), ("y", "duplicate", "no such")] {
            let mut workbench = self::workbench();
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
        let mut workbench = self::workbench();
        workbench.press("P j n");
        elsewhere(&workbench, "[TWO]", "[TOO]");
        workbench.press(&format!("{key} ctrl-u \"OTHER\" enter"));
        let shown = screen(&workbench, 80, 24);
        assert!(shown.contains("TWO") && !text(&workbench).contains("OTHER"), "{shown}");
    }
}

#[test]
fn a_text_longer_than_the_screen_scrolls_to_its_end_and_back() {
    let mut workbench = workbench();
    workbench.press("P e down down enter");
    assert!(screen(&workbench, 80, 24).contains("ComfyUI ends at σ 0"));
    workbench.press("pagedown pagedown pagedown pagedown pagedown pagedown");
    let end = screen(&workbench, 80, 24);
    assert!(end.contains("SaveImage"), "{end}");
    workbench.press("k");
    assert_ne!(screen(&workbench, 80, 24), end, "no scrolling beyond the end");
}

#[test]
fn what_another_program_takes_becomes_the_grid_in_one_step_of_undo() {
    for (name, pasted) in [
        (
            "IMPORTED",
            "pipe(\n    num_inference_steps=2,  # few\n    guidance_schedule=[6, 4],\n    mu=0.5,\n    std=1.5,\n)\n",
        ),
        (
            "FAST",
            "\"FAST\": SamplerParameters(\n  num_steps=2,\n  guidance_schedule=(4, 6),\n  mu=0.5,\n  std=1.5,\n),\n",
        ),
        (
            "IMPORTED",
            "sd-cli --steps 2 --extra-sample-args \"mu=0.5,std=1.5,guidance_schedule=4x1+6x1\"\n",
        ),
        (
            "MINE",
            "[MINE]\nmu = 0.5\nstd = 1.5\nruns = [{ steps = 1, gw = 6 }, { steps = 1, gw = 4 }]\n",
        ),
    ] {
        let mut workbench = workbench();
        workbench.press("P");
        workbench.app.handle(Input::Paste(pasted.to_owned()));
        assert_eq!(workbench.grid(), "[6] 0.5 1.5\n4 0.5 1.5", "{pasted}: {}", said(&workbench));
        assert_eq!(workbench.app.document().draft().name, name);
        // It is in no file yet, so leaving asks.
        workbench.press("q n");
        assert!(!workbench.effects.contains(&Effect::Quit));
        workbench.press("u");
        assert_eq!(workbench.grid(), "[7] 0 1.5\n7 0 1.5\n7 0 1.5\n3 0 1.5");
        assert_eq!(workbench.app.document().draft().name, "ONE");
        workbench.press("U W ctrl-u \"NEW\" enter");
        assert!(text(&workbench).starts_with(TWO) && text(&workbench).contains("\n[NEW]\n"));
        // A name given by saving does not stand in the way of undo.
        workbench.press("u");
        assert_eq!(workbench.app.document().len(), 4);
    }
}

#[test]
fn a_workflow_of_comfyui_goes_out_and_comes_back_through_a_file() {
    let mut workbench = workbench();
    workbench.press("P j e down down enter esc");
    let file = workbench.presets().with_file_name("workflow.json");
    fs::write(&file, copied(&workbench).unwrap()).unwrap();
    workbench.press("i");
    workbench.app.handle(Input::Paste(file.display().to_string()));
    workbench.press("enter");
    assert_eq!(workbench.grid(), "[5] 0.5 1.5\n5 0.5 1.5", "{}", said(&workbench));
    workbench.press("P i \"/none/such.json\" enter");
    assert!(screen(&workbench, 80, 24).contains("cannot read `/none/such.json`"), "in its line");
    workbench.press("esc");
    workbench.app.handle(Input::Paste("something else\nof two lines".to_owned()));
    assert!(workbench.app.message().unwrap().is_problem);
}

#[test]
fn a_recorded_import_plays_again() {
    let mut workbench = workbench();
    workbench.press("P");
    let pasted =
        "pipe(\n  num_inference_steps=2,  # few\n  guidance_scale=5,\n  mu=0,\n  std=1,\n)";
    let effects = workbench.app.handle(Input::Paste(pasted.to_owned()));
    let recorded = effects.iter().find_map(|effect| match effect {
        Effect::Record(call) => Some(call.to_string()),
        _ => None,
    });
    let recorded = recorded.unwrap();
    assert_eq!(recorded.lines().count(), 1);
    let call: Call = recorded.parse().unwrap();
    let mut again = Workbench::with(Some(TWO), (80, 24));
    again.app.play(&call).1.unwrap();
    assert_eq!(again.grid(), workbench.grid());
}

#[test]
fn where_a_preset_and_the_grid_differ_is_a_table() {
    let mut workbench = workbench();
    workbench.press("G K 2 enter P =");
    let shown = screen(&workbench, 80, 24);
    for part in [
        "ONE and the grid",
        "2         gw        7.00",
        "3         gw        3.00",
        "σ is the same",
    ] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    workbench.press("esc j =");
    let shown = screen(&workbench, 80, 24);
    for part in ["all       terminal  zero", "0–1       gw        5.00", "2–3       gw        –"]
    {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    workbench.press("esc esc : \"diff-presets\" enter");
    assert!(screen(&workbench, 80, 24).contains("ONE and the grid"));
}

#[test]
fn what_another_program_writes_is_noticed_on_a_key_on_focus_and_on_entering() {
    let mut workbench = workbench();
    elsewhere(&workbench, "gw = 5.0", "gw = 6.0");
    workbench.press("j");
    assert!(
        said(&workbench).contains("another program changed")
            && said(&workbench).ends_with("TWO changed")
    );
    workbench.press("j");
    assert_eq!(said(&workbench), "", "it is said once");
    elsewhere(&workbench, "gw = 6.0", "gw = 6.5");
    workbench.app.handle(Input::Focus(true));
    assert!(said(&workbench).ends_with("TWO changed"));
    elsewhere(&workbench, "[TWO]", "[TOO]");
    workbench.press("P j");
    let shown = screen(&workbench, 80, 24);
    assert!(shown.contains("TOO") && shown.contains("6.5x2"), "{shown}");
    // Our own writing is nobody else's.
    workbench.press("n end \"_B\" enter");
    assert!(said(&workbench).starts_with("TOO is now TOO_B"), "{}", said(&workbench));
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
        said(&workbench).ends_with("what another program changed in it stays: TWO changed"),
        "{}",
        said(&workbench)
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
        assert!(
            shown.contains("not saved") && shown.contains("Save yours under another name"),
            "{shown}"
        );
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
    assert!(said(&workbench).contains("your edits of ONE stay"), "{}", said(&workbench));
    assert!(workbench.app.document().is_edited());
    workbench.press("w");
    assert_eq!(text(&workbench), TWO.replace("gw = 3.0", "gw = 2.0"));

    // Having noticed it beforehand is not having agreed to it.
    let mut workbench = self::workbench();
    workbench.press("G 2 enter");
    elsewhere(&workbench, "gw = 3.0", "gw = 4.0");
    workbench.press("k");
    assert!(said(&workbench).contains("ONE in the grid is unchanged"), "{}", said(&workbench));
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
fn going_back_to_an_older_preset_by_undo_does_not_stop_it_from_being_saved() {
    let mut workbench = workbench();
    workbench.press("G 2 enter P j enter u w");
    assert_eq!(text(&workbench), TWO.replace("gw = 3.0", "gw = 2.0"), "{}", said(&workbench));
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

#[test]
fn what_was_done_before_a_preset_was_loaded_can_be_undone_after_a_save() {
    let mut workbench = Workbench::with(None, (80, 24));
    let first = workbench.grid();
    workbench.press("2 enter");
    let edited = workbench.grid();
    workbench.press("P / \"DEFAULT\" enter enter g 5 enter W \"MINE:softer\" enter");
    assert_eq!(workbench.app.document().draft().name, "MINE");
    workbench.press("u u");
    assert_eq!(workbench.app.document().len(), 48, "{}", said(&workbench));
    let back = workbench.grid().replace(['[', ']'], "");
    assert_eq!(back, edited.replace(['[', ']'], ""));
    workbench.press("u");
    assert_eq!(workbench.grid().replace(['[', ']'], ""), first.replace(['[', ']'], ""));
    workbench.press("U U U");
    assert_eq!(workbench.app.document().len(), 20);
}

#[test]
fn a_preset_that_ships_is_not_replaced_before_somebody_says_so() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("2 enter w");
    let shown = screen(&workbench, 80, 24);
    assert!(shown.contains("V4_QUALITY_48 ships with sigmalab."), "{shown}");
    assert!(!workbench.presets().exists());
    // Enter takes what is safe: a name of its own, without the words of the other.
    workbench.press("enter");
    assert!(screen(&workbench, 80, 24).contains("save-as V4_QUALITY_48_2"));
    workbench.press("esc w enter \"MINE:softer\" enter");
    let saved = text(&workbench);
    assert!(saved.contains("[MINE]\ndescription = \"softer\""), "{saved}");
    assert!(
        saved.contains("runs = [{ steps = 45, gw = 7.0 }, { steps = 3, gw = 3.0 }]"),
        "{saved}"
    );
    assert_eq!(workbench.app.document().draft().name, "MINE");
    // A new preset is not for what the one before was for.
    workbench.press("3 enter W \"OTHER\" enter");
    let other = text(&workbench);
    let other = other.split("[OTHER]").nth(1).unwrap();
    assert!(!other.contains("description"), "{other}");
    // Who wants to replace it can.
    workbench.press("P g enter 2 enter w j enter");
    assert!(said(&workbench).starts_with("V4_QUALITY_48 saved to"), "{}", said(&workbench));
}

#[test]
fn what_a_preset_is_for_is_said_where_it_is_saved() {
    let mut workbench = workbench();
    workbench.press("P j enter 2 enter w");
    assert!(said(&workbench).contains("it still says “the second”, W changes that"));
    workbench.press("W");
    assert!(screen(&workbench, 80, 24).contains("save-as TWO: the second"));
    workbench.press("\"TWO:gentle\" enter");
    assert!(text(&workbench).contains("description = \"gentle\""), "{}", text(&workbench));
}

#[test]
fn a_name_that_cannot_be_typed_on_a_command_line_is_refused_in_its_line() {
    for (name, part) in
        [("my", "a space"), ("a/b", "`/`"), ("none", "cannot be"), ("-x", "cannot be")]
    {
        let mut workbench = workbench();
        let keys = match name {
            "my" => "W \"my\" space \"one\" enter".to_owned(),
            name => format!("W \"{name}\" enter"),
        };
        workbench.press(&keys);
        assert!(said(&workbench).contains(part), "{name}: {}", said(&workbench));
        assert_eq!(text(&workbench), TWO);
    }
}

#[test]
fn a_list_on_which_no_save_is_shown_saves_nothing() {
    for list in ["P", "E", "F7", "F8", "X", "F6"] {
        let mut workbench = workbench();
        workbench.press(&format!("4 enter {list} w ctrl-s"));
        assert_eq!(text(&workbench), TWO, "{list}");
    }
}
