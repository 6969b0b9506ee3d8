//! Two programs at one presets file.
#![allow(clippy::unwrap_used)]

use super::*;
use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::preset_file::writer;
use sigmalab_schedule::terminal::Terminal;
use tempfile::TempDir;

fn preset(name: &str, gw: f64) -> Preset {
    let steps = SamplingOrder(vec![Step { gw, mu: 0.0, std: 1.0 }; 3]);
    Preset { name: name.to_owned(), description: None, steps, terminal: Terminal::Zero }
}

fn save(store: &mut Store, new: &Preset, known: Option<&Preset>) -> Result<Saved, StoreError> {
    let claim = Claim::Preset { name: &new.name, known };
    store.change(claim, |text| writer::save(text, new).map_err(|error| error.to_string()))
}

/// A file with presets A and B, and a comment.
fn two() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("presets.toml");
    let text = writer::save("# head\n", &preset("A", 7.0)).unwrap();
    std::fs::write(&path, writer::save(&text, &preset("B", 7.0)).unwrap()).unwrap();
    let store = Store::open(&path).unwrap();
    (folder, store)
}

#[test]
fn a_first_file_begins_as_the_built_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("new/presets.toml")).unwrap();
    assert!(!store.exists());
    assert_eq!(save(&mut store, &preset("MINE", 5.0), None).unwrap(), Saved::Plain);
    let text = std::fs::read_to_string(store.path()).unwrap();
    assert!(text.starts_with(BUILT_IN) && text.contains("[MINE]"), "{text}");
    // Nothing but the file is there afterwards.
    assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
}

#[test]
fn what_two_windows_save_is_all_there() {
    let (_folder, mut ours) = two();
    let mut theirs = Store::open(ours.path()).unwrap();
    let (a, b) = (preset("A", 7.0), preset("B", 7.0));
    save(&mut theirs, &preset("B", 3.0), Some(&b)).unwrap();
    save(&mut theirs, &preset("C", 1.0), None).unwrap();
    let merged = save(&mut ours, &preset("A", 2.0), Some(&a)).unwrap();
    let changes =
        Changes { new: vec!["C".into()], changed: vec!["B".into()], ..Changes::default() };
    assert_eq!(changes.to_string(), "C is new, B changed");
    assert_eq!(merged, Saved::Merged(changes));
    let gw = |name: &str| ours.get(name).unwrap().steps.0[0].gw;
    assert_eq!((gw("A"), gw("B"), gw("C")), (2.0, 3.0, 1.0));
    assert!(std::fs::read_to_string(ours.path()).unwrap().starts_with("# head\n"));
    // The other window hears of it once.
    assert_eq!(theirs.notice().unwrap().unwrap().changed, ["A"]);
    assert_eq!(theirs.notice().unwrap(), None);
}

#[test]
fn the_same_preset_changed_by_both_is_a_conflict_and_nothing_is_written() {
    let (_folder, mut ours) = two();
    let a = preset("A", 7.0);
    let refused = |store: &mut Store, new: &Preset, known: Option<&Preset>| {
        let before = std::fs::read_to_string(store.path()).unwrap();
        let error = save(store, new, known).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(store.path()).unwrap(), before);
        error.to_string()
    };
    let mut theirs = Store::open(ours.path()).unwrap();
    save(&mut theirs, &preset("A", 3.0), Some(&a)).unwrap();
    let told = refused(&mut ours, &preset("A", 2.0), Some(&a));
    assert!(told.starts_with("another program changed `A` in "), "{told}");
    // Having noticed does not make it harmless.
    ours.notice().unwrap().unwrap();
    refused(&mut ours, &preset("A", 2.0), Some(&a));
    // Knowing what they wrote does.
    let known = ours.get("A").unwrap().clone();
    assert_eq!(save(&mut ours, &preset("A", 2.0), Some(&known)).unwrap(), Saved::Plain);

    save(&mut theirs, &preset("NEW", 3.0), None).unwrap();
    let told = refused(&mut ours, &preset("NEW", 2.0), None);
    assert!(told.starts_with("there is a preset `NEW` already"), "{told}");
    let remove = |text: &str| writer::remove(text, "B").map_err(|error| error.to_string());
    let b = preset("B", 7.0);
    theirs.change(Claim::Preset { name: "B", known: Some(&b) }, remove).unwrap();
    let told = refused(&mut ours, &preset("B", 2.0), Some(&b));
    assert!(told.starts_with("another program deleted `B` from "), "{told}");
    let default = |store: &mut Store, name: &str, known: &str| {
        store.change(Claim::Default(known), |text| {
            writer::set_default(text, name).map_err(|error| error.to_string())
        })
    };
    default(&mut theirs, "NEW", "A").unwrap();
    let told = default(&mut ours, "A", "A").unwrap_err().to_string();
    assert!(told.starts_with("another program made `NEW` the default of "), "{told}");
}

#[test]
fn a_file_that_cannot_be_read_any_more_is_neither_taken_over_nor_written() {
    let (_folder, mut store) = two();
    std::fs::write(store.path(), "[A\n").unwrap();
    assert!(store.notice().is_err());
    assert_eq!(store.notice().unwrap(), None, "told once");
    assert_eq!(store.presets().len(), 2);
    let a = preset("A", 7.0);
    assert!(save(&mut store, &preset("A", 2.0), Some(&a)).is_err());
    assert_eq!(std::fs::read_to_string(store.path()).unwrap(), "[A\n");
}

#[test]
fn a_change_that_makes_the_file_unreadable_is_not_written() {
    let (_folder, mut store) = two();
    let before = std::fs::read_to_string(store.path()).unwrap();
    assert!(store.change(Claim::Default("A"), |_| Ok("[BROKEN]".to_owned())).is_err());
    assert_eq!(std::fs::read_to_string(store.path()).unwrap(), before);
}

#[test]
fn many_windows_that_save_at_the_same_moment_lose_nothing() {
    let (_folder, store) = two();
    const WINDOWS: usize = 8;
    const SAVES: usize = 5;
    std::thread::scope(|scope| {
        for window in 0..WINDOWS {
            let path = store.path();
            scope.spawn(move || {
                let mut store = Store::open(path).unwrap();
                for at in 0..SAVES {
                    save(&mut store, &preset(&format!("W{window}_{at}"), at as f64), None).unwrap();
                }
            });
        }
    });
    let file = Store::open(store.path()).unwrap();
    assert_eq!(file.presets().len(), 2 + WINDOWS * SAVES);
}

#[test]
fn an_editor_that_writes_without_a_lock_is_not_overwritten() {
    let (_folder, mut store) = two();
    let path = store.path().to_owned();
    let a = preset("A", 7.0);
    // It writes just when our text is made.
    let once = std::cell::Cell::new(true);
    let claim = Claim::Preset { name: "A", known: Some(&a) };
    let saved = store.change(claim, |text| {
        if once.take() {
            std::fs::write(&path, format!("{text}# theirs\n")).unwrap();
        }
        writer::save(text, &preset("A", 2.0)).map_err(|error| error.to_string())
    });
    assert_eq!(saved.unwrap(), Saved::Merged(Changes::default()));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("# theirs") && text.contains("gw = 2.0"), "{text}");
}
