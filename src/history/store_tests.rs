//! The history in a folder of its own.
#![allow(clippy::unwrap_used)]

use super::*;
use sigmalab_engine::image_file::{parse_recipe, read_recipe};
use sigmalab_engine::recipe::Recipe;
use std::thread;

/// A run with everything that it is made of.
struct Made {
    recipe: Recipe,
    image: RgbImage,
}

impl Made {
    fn at(&self, seconds: u64) -> FinishedRun<'_> {
        let Made { recipe, image } = self;
        let (nfe, timings) = Default::default();
        FinishedRun { finished: at(seconds), recipe, image, nfe, timings, steps: &[] }
    }
}

fn made(seed: u64) -> Made {
    let recipe = parse_recipe(&format!(
        r#"{{"version":1,"model":{{"name":"demo","fingerprint":"abc"}},"prompt":"a circle",
        "size":{{"width":256,"height":256}},
        "noise":{{"source":"seed","seed":{seed},"rng":"torch-cpu"}},
        "steps":[{{"gw":7.0,"mu":0.5,"std":1.75}}],"terminal":"reference",
        "sampler":{{"id":"euler","version":"1"}},"dtype":"f32","device":"cpu"}}"#
    ));
    let pixels = (0..256 * 256 * 3_u64).map(|i| (i * (seed + 3) / 7) as u8).collect();
    Made { recipe: recipe.unwrap(), image: RgbImage { width: 256, height: 256, pixels } }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn history(folder: &tempfile::TempDir) -> History {
    History::under(folder.path(), DEFAULT_QUOTA)
}

#[test]
fn runs_are_listed_newest_first_and_load_whole() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(&folder);
    assert!(history.list().unwrap().entries.is_empty());
    let old = history.append(&made(1).at(100)).unwrap();
    let new = history.append(&made(2).at(200)).unwrap();
    let listing = history.list().unwrap();
    assert_eq!(listing.entries, [new.clone(), old]);
    assert!(listing.unreadable.is_empty());
    assert_eq!(history.picture(&new.id).unwrap(), made(2).image);
    assert_eq!(new.metrics, ImageMetrics::of(&made(2).image));
    assert_eq!(new.finished(), at(200));
    let small = history.thumbnail(&new.id).unwrap();
    assert_eq!((small.width, small.height), (128, 128));
    assert_eq!(read_recipe(&history.picture_path(&new.id)).unwrap(), made(2).recipe);
}

#[test]
fn runs_that_end_in_one_millisecond_in_many_threads_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(&folder);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| history.append(&made(1).at(100)).unwrap());
        }
    });
    let entries = history.list().unwrap().entries;
    assert_eq!(entries.len(), 6);
    assert!(entries.iter().all(|entry| history.picture(&entry.id).is_ok()));
}

#[test]
fn the_oldest_runs_go_first_and_the_newest_stays_whatever_the_quota() {
    let folder = tempfile::tempdir().unwrap();
    let all = history(&folder);
    let ids: Vec<EntryId> = (1..4).map(|n| all.append(&made(n).at(n)).unwrap().id).collect();
    let total: u64 = all.runs().unwrap().values().map(|files| files.bytes).sum();
    // Room for three of the four.
    let tight = History::under(folder.path(), total + 1000);
    let newest = tight.append(&made(9).at(9)).unwrap().id;
    let left: Vec<EntryId> =
        tight.list().unwrap().entries.into_iter().map(|entry| entry.id).collect();
    assert_eq!(left[0], newest);
    assert!(!left.contains(&ids[0]) && left.contains(&ids[2]), "{left:?}");
    let nothing = History::under(folder.path(), 0);
    let last = nothing.append(&made(10).at(10)).unwrap();
    assert_eq!(nothing.list().unwrap().entries, [last]);
    assert_eq!(fs::read_dir(folder.path().join("history")).unwrap().count(), 3);
}

#[test]
fn a_removed_run_is_gone_and_removing_it_twice_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(&folder);
    let id = history.append(&made(1).at(1)).unwrap().id;
    history.remove(&id).unwrap();
    history.remove(&id).unwrap();
    assert!(history.list().unwrap().entries.is_empty());
    assert!(history.picture(&id).unwrap_err().to_string().contains("cannot open"));
}

#[test]
fn a_damaged_entry_and_one_of_a_later_version_are_named_and_the_others_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(&folder);
    let good = history.append(&made(1).at(1)).unwrap();
    let damaged = history.append(&made(2).at(2)).unwrap();
    let later = history.append(&made(3).at(3)).unwrap();
    fs::write(history.path(&damaged.id, ENTRY), "{\"version\":1").unwrap();
    let text = serde_json::to_string(&Entry { version: 9, ..later.clone() }).unwrap();
    fs::write(history.path(&later.id, ENTRY), text).unwrap();
    fs::write(history.folder.join("notes.json"), "mine").unwrap();
    let listing = history.list().unwrap();
    assert_eq!(listing.entries, [good]);
    assert_eq!(listing.unreadable.len(), 2);
    assert!(listing.unreadable[0].1.contains("version 9"), "{:?}", listing.unreadable);
}

#[test]
fn a_picture_without_an_entry_is_left_alone_while_it_may_be_somebodys() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(&folder);
    history.append(&made(1).at(1)).unwrap();
    let (young, old) = (EntryId::new(2, "aa", 1), EntryId::new(3, "bb", 1));
    for id in [&young, &old] {
        fs::write(history.path(id, PICTURE), "x").unwrap();
    }
    let file = fs::File::options().write(true).open(history.path(&old, PICTURE)).unwrap();
    file.set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
    history.append(&made(4).at(4)).unwrap();
    assert_eq!(history.list().unwrap().entries.len(), 2);
    assert!(history.path(&young, PICTURE).exists());
    assert!(!history.path(&old, PICTURE).exists());
}

#[test]
fn a_new_history_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("share/sigmalab");
    History::under(&data, DEFAULT_QUOTA).append(&made(1).at(100)).unwrap();
    for path in [folder.path().join("share"), data.clone(), data.join("history")] {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{path:?}");
    }
}

#[test]
fn what_is_new_in_a_folder_that_was_open_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("history");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    History::under(folder.path(), DEFAULT_QUOTA).append(&made(1).at(100)).unwrap();
    let files: Vec<_> = fs::read_dir(&open).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 3);
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
    }
    assert_eq!(fs::metadata(&open).unwrap().permissions().mode() & 0o777, 0o755, "it is theirs");
}
