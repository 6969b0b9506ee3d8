//! The presets screen: keys in, the file with its comments out.

mod elsewhere;
mod exchange;

use crate::keys::Workbench;
use crate::screens::screen;
use crate::support::text::AssertHas as _;
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
        assert_eq!(text(&workbench), TWO.replacen(from, to, 1), "{keys}: {}", workbench.said());
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
    shown.assert_has([
        "name ",
        " steps gw ",
        "▸*ONE",
        "    4 7x3 3x1",
        "    2 5x2",
        "ref",
        "zero",
        "σ and gw",
        "ends at reference",
    ]);
    workbench.press("esc + P j");
    let shown = screen(&workbench, 80, 24);
    shown.assert_has(["●*ONE", "the second", "beside the grid's", "ends at zero", "mu 0.5"]);
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
fn going_back_to_an_older_preset_by_undo_does_not_stop_it_from_being_saved() {
    let mut workbench = workbench();
    workbench.press("G 2 enter P j enter u w");
    assert_eq!(text(&workbench), TWO.replace("gw = 3.0", "gw = 2.0"), "{}", workbench.said());
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
    assert_eq!(workbench.app.document().len(), 48, "{}", workbench.said());
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
    assert!(workbench.said().starts_with("V4_QUALITY_48 saved to"), "{}", workbench.said());
}

#[test]
fn what_a_preset_is_for_is_said_where_it_is_saved() {
    let mut workbench = workbench();
    workbench.press("P j enter 2 enter w");
    workbench.says("it still says “the second”, W changes that");
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
        assert!(workbench.said().contains(part), "{name}: {}", workbench.said());
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
