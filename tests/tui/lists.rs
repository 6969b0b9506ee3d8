//! One keymap for every list, the way back, palette and help.

use crate::engine::picture;
use crate::keys::Workbench;
use crate::screens::screen;
use crate::support::text::AssertHas as _;
use sigmalab::tui::action::{Action, Call};
use sigmalab::tui::app::Effect;
use sigmalab::tui::context::Context;
use sigmalab::tui::keymap::Keymap;
use sigmalab_engine::event::Event;
use sigmalab_engine::worker::{RunId, RunUpdate};
use sigmalab_terminal::key::Key;

const LISTS: [Context; 8] = [
    Context::Presets,
    Context::Compare,
    Context::Gallery,
    Context::Samplers,
    Context::Revisions,
    Context::Sweeps,
    Context::Sweep,
    Context::Reading,
];

#[test]
fn the_same_keys_go_through_every_list() {
    let keymap = Keymap::defaults();
    for context in LISTS {
        for (keys, action) in [
            ("up k", Action::Previous),
            ("down j", Action::Next),
            ("home g", Action::First),
            ("end G", Action::Last),
            ("pageup ctrl-b ctrl-u", Action::PageUp),
            ("pagedown ctrl-f ctrl-d", Action::PageDown),
            ("esc", Action::Back),
        ] {
            for key in keys.split(' ') {
                let parsed: Key = key.parse().unwrap();
                let call = keymap.call(context, &parsed);
                assert_eq!(call, Some(&Call::from(action)), "{key} on {context}");
            }
        }
        // `r` runs what is there, and no key that saves is hidden behind a list.
        let bound = |key: &str| keymap.call(context, &key.parse().unwrap()).map(|call| call.action);
        let runs = matches!(context, Context::Sweeps | Context::Sweep);
        assert_eq!(bound("r"), Some(if runs { Action::RunSweep } else { Action::Run }));
        // Comparing is about what is in the grid, and says that it can be saved.
        if context != Context::Compare {
            assert_ne!(bound("w"), Some(Action::Save), "{context}");
            assert_ne!(bound("ctrl-s"), Some(Action::Save), "{context}");
        }
    }
}

#[test]
fn the_ends_of_the_list_of_presets_are_a_key_away() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("P G enter");
    assert_eq!(workbench.app.document().draft().name, "V4_TURBO_12");
    workbench.press("P g enter");
    assert_eq!(workbench.app.document().draft().name, "V4_QUALITY_48");
}

#[test]
fn esc_goes_back_to_where_one_came_from() {
    let mut workbench = Workbench::with(None, (80, 24));
    let is_at = |workbench: &Workbench, text: &str| {
        let shown = screen(workbench, 80, 24);
        assert!(shown.contains(text), "no {text:?} in\n{shown}");
    };
    workbench.press("P F7 F8");
    is_at(&workbench, "revisions");
    workbench.press("esc");
    is_at(&workbench, "order of accuracy");
    workbench.press("esc");
    is_at(&workbench, "presets · ");
    workbench.press("esc");
    is_at(&workbench, "schedule · 48 steps");
    // Round in a circle is no longer way back.
    workbench.press("P F7 P esc");
    is_at(&workbench, "schedule · 48 steps");
}

#[test]
fn leaving_while_a_run_is_going_asks_whether_anything_was_edited_or_not() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("r");
    workbench.take_run(1);
    workbench.press("q");
    assert!(!workbench.effects.contains(&Effect::Quit));
    assert!(screen(&workbench, 80, 24).contains("A run is in progress and would stop. Leave?"));
    workbench.press("y");
    assert!(workbench.effects.contains(&Effect::Quit));
}

#[test]
fn actions_are_found_by_what_people_call_them() {
    for (word, action) in [
        ("generate", "run"),
        ("render", "run"),
        ("cfg", "set"),
        ("guidance", "fill"),
        ("random", "seed"),
        ("plugin", "show-samplers"),
        ("ramp", "series"),
        ("interpolate", "series"),
        ("revert", "undo"),
        ("resume", "run-sweep"),
        ("resolution", "size"),
        ("sigma", "set"),
        ("noise", "seed"),
        ("preview", "zoom"),
        ("fullscreen", "zoom"),
    ] {
        let mut workbench = Workbench::with(None, (120, 40));
        workbench.press(&format!(": \"{word}\""));
        let shown = screen(&workbench, 120, 40);
        assert!(shown.contains(&format!("│ {action} ")), "{word} finds no {action}:\n{shown}");
    }
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press(": \"xyzzy\"");
    assert!(screen(&workbench, 80, 24).contains("nothing found for `xyzzy`"));
    workbench.press("esc : \"model\"");
    assert!(screen(&workbench, 80, 24).contains("sigmalab --model FOLDER"));
}

#[test]
fn the_palette_begins_with_the_actions_of_the_screen_one_is_on() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("P :");
    let shown = screen(&workbench, 80, 24);
    let at = |text: &str| shown.find(text).unwrap_or(usize::MAX);
    assert!(at("rename-preset") < at("move-up"), "{shown}");
    // In the grid, where most actions move, those that one looks for come first.
    workbench.press("esc esc :");
    let shown = screen(&workbench, 80, 24);
    assert!(shown.contains("edit-cell") && !shown.contains("move-up"), "{shown}");
}

#[test]
fn help_begins_with_the_screen_one_is_on_wraps_and_narrows_as_one_types() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("P ?");
    let shown = screen(&workbench, 80, 24);
    shown.assert_has(["On this screen · presets", "Rename the preset under the cursor"]);
    workbench.press("\"undo\"");
    let shown = screen(&workbench, 80, 24);
    assert!(shown.contains("Undo the last command") && !shown.contains("Rename"), "{shown}");
    workbench.press("esc ? \"xyzzy\"");
    assert!(screen(&workbench, 80, 24).contains("nothing found for `xyzzy`"));
    // Every sentence is whole, at every width.
    for size in [(80, 24), (120, 40), (200, 50)] {
        let mut workbench = Workbench::with(None, size);
        workbench.press("? \"delete-run\"");
        let shown = screen(&workbench, size.0, size.1);
        for word in ["Take", "history,", "confirm"] {
            assert!(shown.contains(word), "{size:?}: no {word} in\n{shown}");
        }
    }
}

#[test]
fn the_image_is_enlarged_from_the_editor_and_back() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("space");
    workbench.says("no image to enlarge yet");
    workbench.press("r");
    workbench.take_run(1);
    let draft = Event::Preview { step: 6, image: picture(32, [200, 60, 40]) };
    workbench.app.engine(RunUpdate::Event(RunId(1), draft));
    workbench.press("space");
    let area = workbench.app.pictures(workbench.app.area())[0].area;
    assert_eq!((area.width, area.height), (78, 19));
    workbench.press("esc");
    assert!(workbench.app.pictures(workbench.app.area())[0].area.width < 40);
}

#[test]
fn the_title_keeps_what_matters_where_there_is_little_room() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("+ R R r");
    workbench.finish_run(1, 0, [9, 9, 9]);
    workbench.press("A");
    let shown = screen(&workbench, 80, 24);
    let title = shown.lines().next().unwrap();
    title.assert_has(["V4_QUALITY_48", "● edited", "256×256", "seed 42", "A pinned"]);
    assert!(shown.contains("steps 0–17 of 0–47"), "{shown}");
}

#[test]
fn a_screen_does_not_stand_on_the_prompt_of_the_editor() {
    let mut workbench = Workbench::with(None, (80, 24));
    assert!(screen(&workbench, 80, 24).contains("prompt  a red circle"));
    for key in ["P", "E", "F7", "F8", "X"] {
        workbench.press(key);
        assert!(!screen(&workbench, 80, 24).contains("prompt  a red circle"), "{key}");
    }
}
