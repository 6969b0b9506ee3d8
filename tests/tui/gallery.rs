//! The gallery on a real history: (state, keys, screen).

use crate::screens::screen;
use crate::session::{Session, history, shade};
use crate::support::text::AssertHas as _;
use sigmalab::history::History;
use sigmalab::tui::screens::gallery::Kept;
use std::path::Path;
use tempfile::{TempDir, tempdir};

/// Two runs of an earlier session: gw of the last step 3, then 2.
fn earlier() -> TempDir {
    let data = tempdir().unwrap();
    let mut session = Session::new(data.path());
    session.run(30);
    session.press("G 2 enter S 7 enter t end \"!\" enter");
    session.run(200);
    session.settle();
    data
}

/// A later session with the gallery open and read.
fn later(data: &Path) -> Session {
    let mut session = Session::new(data);
    session.press("F5");
    session.until("the history is read", |app| !app.gallery().is_listing());
    session
}

fn text(session: &Session) -> String {
    screen(&session.workbench, 100, 30)
}

#[test]
fn a_run_is_in_the_gallery_at_once_and_in_the_history_soon() {
    let data = tempdir().unwrap();
    let mut session = Session::new(data.path());
    session.run(30);
    session.press("G 2 enter");
    session.run(200);
    // Nothing of the thread has been heard yet.
    session.press("F5");
    let shown = text(&session);
    shown.assert_has([
        "gallery · 2 runs",
        "   2  now       gw 3 3 → 2",
        "   1  now       FOUR · a red circle on a bl",
        "┌ run 2 ",
        "prompt   a red circle on a blue background",
        "steps    edited · 4 steps · terminal reference · mu 0",
        "gw       7x3 2x1",
        "drawn    256×256 · seed 42 · euler · demo · f32 on",
        "enter load",
    ]);
    session.settle();
    let listed = history(data.path()).list().unwrap();
    assert_eq!(listed.entries.len(), 2);
    let kept = history(data.path()).picture(&listed.entries[0].id).unwrap();
    assert_eq!(shade(&kept), 200);
    let shown = text(&session);
    assert!(shown.contains("contrast 0.000 · saturation 0.00"), "{shown}");
}

#[test]
fn a_run_of_an_earlier_session_goes_back_into_the_grid_as_one_step_of_undo() {
    let data = earlier();
    let mut session = later(data.path());
    session.press("F2 j 9 enter F5 enter");
    let document = session.app().document();
    assert_eq!(session.workbench.grid(), "7 0 1.5\n7 0 1.5\n[7] 0 1.5\n2 0 1.5");
    assert_eq!(document.prompt, "a red circle on a blue background!");
    assert_eq!(document.seed, 7);
    session.workbench.says("is in the grid");
    session.until("its picture is there", |app| app.runs().last.is_some());
    assert_eq!(shade(&session.app().runs().last.as_ref().unwrap().image), 200);
    assert!(session.app().is_image_current(), "a run would draw the same again");
    session.press("u");
    assert_eq!(session.workbench.grid(), "7 0 1.5\n9 0 1.5\n[7] 0 1.5\n3 0 1.5");
}

#[test]
fn a_run_of_a_preset_comes_back_under_its_name_unedited() {
    let data = earlier();
    let mut session = later(data.path());
    session.press("F2 + F5 j enter");
    let document = session.app().document();
    assert_eq!(document.draft().name, "FOUR");
    assert!(!document.is_edited());
}

#[test]
fn any_run_is_pinned_and_compared_with_the_last_one() {
    let data = earlier();
    let mut session = later(data.path());
    session.press("c");
    session.workbench.says("no last run");
    session.run(90);
    session.press("F5 G A");
    session.until("it is pinned", |app| app.runs().pinned.is_some());
    assert_eq!(shade(&session.app().runs().pinned.as_ref().unwrap().image), 30);
    assert!(text(&session).contains("│A "), "{}", text(&session));
    session.press("k c");
    session.until("it is compared", |app| {
        app.runs().pinned.as_ref().is_some_and(|pinned| shade(&pinned.image) == 200)
    });
    let shown = text(&session);
    assert!(shown.contains("┌ A · gw 7x3 2x1") && shown.contains("┌ B · FOUR"), "{shown}");
}

#[test]
fn a_record_names_the_run_that_was_under_the_cursor() {
    let data = earlier();
    let mut session = later(data.path());
    session.run(90);
    session.press("F5 A y");
    let id = history(data.path()).list().unwrap().entries[0].id.to_string();
    session.press("G k enter");
    let records = session.workbench.records();
    assert!(records.contains(&"pin 1".to_owned()), "{records:?}");
    assert!(records.contains(&"copy-recipe 1".to_owned()), "{records:?}");
    assert!(records.contains(&format!("load-run {id}")), "{records:?}");
}

#[test]
fn deleting_asks_first_and_then_leaves_no_file() {
    let data = earlier();
    let mut session = later(data.path());
    session.press("D");
    assert!(text(&session).contains("Delete the run of "), "{}", text(&session));
    session.press("n");
    assert_eq!(session.app().gallery().len(), 2);
    session.press("D y");
    assert_eq!(session.app().gallery().len(), 1);
    assert!(text(&session).contains("gallery · 1 run"), "{}", text(&session));
    // Dropping the thread waits for it.
    drop(session);
    assert_eq!(std::fs::read_dir(data.path().join("history")).unwrap().count(), 3);
    assert_eq!(history(data.path()).list().unwrap().entries.len(), 1);
}

#[test]
fn a_run_that_is_deleted_before_it_is_written_does_not_come_back() {
    let data = tempdir().unwrap();
    let mut session = Session::new(data.path());
    session.run(30);
    session.press("F5 D y");
    session.run(31);
    session.settle();
    drop(session);
    let entries = history(data.path()).list().unwrap().entries;
    let shades: Vec<u8> = entries
        .iter()
        .map(|entry| shade(&history(data.path()).picture(&entry.id).unwrap()))
        .collect();
    assert_eq!(shades, [31]);
}

#[test]
fn a_history_that_cannot_be_written_costs_a_line_in_the_log_and_no_run() {
    let data = tempdir().unwrap();
    std::fs::write(data.path().join("history"), "no folder").unwrap();
    let mut session = Session::new(data.path());
    session.run(30);
    session.until("it is known that it was not kept", |app| {
        app.gallery().shown().any(|(run, _)| matches!(run.kept, Kept::Not(_)))
    });
    // It is said where it is seen, with its reason.
    assert!(session.workbench.said().starts_with("run 1 is not in the history: "));
    session.run(31);
    session.until("it is known again", |app| {
        app.gallery().shown().all(|(run, _)| matches!(run.kept, Kept::Not(_)))
    });
    // Once is enough: what is said now is about the run.
    assert!(!session.app().message().unwrap().is_problem, "{}", session.workbench.said());
    session.press("F6");
    let shown = text(&session);
    assert!(shown.contains("run 1 is not in the history: "), "{shown}");
    session.press("F5");
    let shown = text(&session);
    assert!(shown.contains("│✗  1  ") && shown.contains("4 steps"), "{shown}");
    session.press("Y");
    session.workbench.says("run 2 has no file");
    session.press("A");
    assert!(session.app().runs().pinned.is_some());
}

#[test]
fn what_other_processes_add_and_remove_is_seen_on_entering() {
    let data = earlier();
    let mut session = later(data.path());
    let mut other = Session::new(data.path());
    other.run(90);
    other.settle();
    let ids = history(data.path()).ids().unwrap();
    history(data.path()).remove(&ids[2]).unwrap();
    assert_eq!(session.app().gallery().len(), 2);
    session.press("F2 F5");
    session.until("the history is read again", |app| !app.gallery().is_listing());
    let shown: Vec<_> =
        session.app().gallery().shown().map(|(run, _)| run.id().unwrap().clone()).collect();
    assert_eq!(shown, ids[..2]);
}

#[test]
fn a_picture_that_is_gone_says_so_in_its_place() {
    let data = earlier();
    let id = history(data.path()).ids().unwrap()[0].clone();
    std::fs::remove_file(history(data.path()).picture_path(&id)).unwrap();
    let mut session = later(data.path());
    session.until("it cannot be read", |app| {
        app.gallery().selected().is_some_and(|run| run.problem.is_some())
    });
    let shown = text(&session);
    assert!(shown.contains("history: cannot open"), "{shown}");
    // Its recipe is still good.
    session.press("enter");
    assert_eq!(session.workbench.grid(), "[7] 0 1.5\n7 0 1.5\n7 0 1.5\n2 0 1.5");
}

#[test]
fn entries_that_cannot_be_read_are_one_line_in_the_log_and_the_others_are_shown() {
    let data = earlier();
    let folder = data.path().join("history");
    for id in ["00000000000001-aaaaaaaa", "00000000000002-bbbbbbbb"] {
        std::fs::write(folder.join(format!("{id}.json")), "{").unwrap();
    }
    let mut session = later(data.path());
    assert_eq!(session.app().gallery().len(), 2);
    session.press("F6");
    let shown = text(&session);
    assert_eq!(shown.matches("history: cannot read").count(), 1, "{shown}");
    assert!(shown.contains("(and one more like it)"), "{shown}");
}

#[test]
fn words_narrow_the_list_and_back_shows_every_run_again() {
    let data = earlier();
    let mut session = later(data.path());
    session.press("/ \"seed\" space 7 enter");
    let shown = text(&session);
    assert!(shown.contains("gallery · 1 of 2 · seed 7"), "{shown}");
    assert_eq!(session.app().gallery().selected().unwrap().recipe.prompt.chars().last(), Some('!'));
    session.press("esc");
    assert!(text(&session).contains("gallery · 2 runs"));
    session.press("esc");
    assert!(text(&session).contains("schedule · 4 steps"));
}

#[test]
fn recipe_and_path_of_a_run_go_to_the_clipboard() {
    let data = earlier();
    let mut session = later(data.path());
    session.press("y");
    let recipe =
        sigmalab_engine::image_file::parse_recipe(&session.workbench.copied().unwrap()).unwrap();
    assert_eq!((recipe.steps[3].gw, recipe.prompt.ends_with('!')), (2.0, true));
    session.press("Y");
    let path = session.workbench.copied().unwrap();
    assert_eq!(sigmalab_engine::image_file::read_recipe(Path::new(&path)).unwrap(), recipe);
}

#[test]
fn the_picture_of_the_run_under_the_cursor_is_on_the_screen_and_zooms() {
    let data = earlier();
    let mut session = later(data.path());
    let shown = |session: &Session| {
        let placements = session.app().pictures(ratatui::layout::Rect::new(0, 0, 100, 30));
        placements.into_iter().map(|p| (shade(&p.image), p.area)).next()
    };
    session.until("a picture is there", |app| app.gallery().picture().is_some());
    let (colour, area) = shown(&session).unwrap();
    assert_eq!(colour, 200);
    session.press("j");
    session.until("the other one is there", |app| app.gallery().picture().is_some());
    assert_eq!(shown(&session).unwrap(), (30, area));
    session.press("space");
    let (_, zoomed) = shown(&session).unwrap();
    assert!(zoomed.width > area.width && zoomed.height > area.height, "{zoomed}");
    session.press("esc");
    assert_eq!(shown(&session).unwrap().1, area);
}

#[test]
fn a_grid_behind_an_enlarged_picture_is_not_edited_and_any_of_its_keys_leads_back() {
    let data = tempfile::tempdir().unwrap();
    let mut session = Session::new(data.path());
    session.run(200);
    session.press("esc");
    let screen = ratatui::layout::Rect::new(0, 0, 100, 30);
    let area = |session: &Session| session.app().pictures(screen)[0].area;
    let small = area(&session);
    for key in ["j", "D", "p", "5", "esc", "space"] {
        let (cursor, steps) = (session.app().grid().cursor, session.app().document().len());
        session.press("space");
        assert!(area(&session).width > small.width, "{key}");
        session.press(key);
        assert_eq!(area(&session), small, "{key}");
        let now = (session.app().grid().cursor, session.app().document().len());
        assert_eq!(now, (cursor, steps), "{key}");
    }
    // Undo and a run are seen in the picture.
    session.press("_ space u");
    assert!(area(&session).width > small.width);
    assert!(!session.app().document().is_edited());
}

#[test]
fn a_long_history_is_read_in_the_background_and_the_cursor_stays_on_its_run() {
    let data = earlier();
    let folder = data.path().join("history");
    let copied = history(data.path()).ids().unwrap()[0].to_string();
    let text_of = std::fs::read_to_string(folder.join(format!("{copied}.json"))).unwrap();
    for number in 0..700 {
        let id = format!("{number:014}-aaaaaaaa");
        let mut entry: serde_json::Value = serde_json::from_str(&text_of).unwrap();
        // Older than the others.
        entry["finished_ms"] = number.into();
        std::fs::write(folder.join(format!("{id}.json")), entry.to_string()).unwrap();
    }
    let mut session = Session::new(data.path());
    session.press("F5");
    // Drawn before anything was read.
    assert!(text(&session).contains("gallery · 0 runs · reading"), "{}", text(&session));
    session.until("the first runs are there", |app| app.gallery().len() >= 2);
    session.press("j");
    let chosen = session.app().gallery().selected().unwrap().name.clone();
    session.until("all are there", |app| !app.gallery().is_listing());
    assert_eq!(session.app().gallery().len(), 702);
    assert_eq!(session.app().gallery().selected().unwrap().name, chosen);
    session.press("G");
    assert!(text(&session).contains("702 of 702"), "{}", text(&session));
}

#[test]
fn without_a_home_folder_the_session_still_has_its_gallery() {
    let data = tempdir().unwrap();
    let mut session = Session::new(data.path());
    let (sender, events) = std::sync::mpsc::channel();
    let nowhere: Option<History> = None;
    session.gallery_thread =
        sigmalab::tui::screens::gallery::thread::GalleryThread::start(nowhere, move |event| {
            drop(sender.send(event));
        })
        .unwrap();
    session.run(30);
    session.press("F5");
    for _ in 0..3 {
        let event = events.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
        session.workbench.app.gallery_event(event);
    }
    let shown = text(&session);
    assert!(shown.contains("│✗  1  ") && shown.contains("SIGMALAB_DATA"), "{shown}");
}
