//! A folder with a small experiment in it, and what a sweep of it leaves.

use crate::support::checkpoints::tiny;
use crate::support::program::{Outcome, Place, outcome};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Columns that may differ between two sweeps of one experiment: times, memory, and what was
/// done and saved.
const VARYING: [&str; 10] = [
    "nfe_cond_done",
    "nfe_uncond_done",
    "nfe_cond_saved",
    "nfe_uncond_saved",
    "nfe_first_block",
    "load_ms",
    "encode_ms",
    "denoise_ms",
    "decode_ms",
    "peak_memory_bytes",
];

/// An experiment of eight trials and two reference runs.
pub(crate) fn small() -> String {
    format!(
        r#"name = "small"
model = {:?}
prompts = ["a red circle", {{ id = "<b>", text = "a \"blue\" <b>square</b>" }}]
seeds = [1]
sizes = ["256x256"]

[base]
preset = "V4_TURBO_12"
steps = 4

[reference]
preset = "V4_TURBO_12"
steps = 6

[parameters]
mu = [0.4, 0.5]
"gw[-2..]" = [2, 3]
"#,
        tiny("reference-fp8").display().to_string()
    )
}

/// A folder with the small experiment.
pub(crate) fn place() -> Place {
    let place = Place::new();
    place.write("small.toml", small());
    place
}

/// A row by column.
pub(crate) type Row = BTreeMap<String, String>;

/// The rows of a table.
pub(crate) fn rows(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let pairs = header.iter().zip(&record);
        pairs.map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// What a finished sweep has to be whatever happened on the way: rows by trial without what
/// varies, and the bytes of every picture.
#[derive(Debug, PartialEq)]
pub(crate) struct Left {
    trials: Vec<Row>,
    references: Vec<Row>,
    images: BTreeMap<String, Vec<u8>>,
}

/// What a sweep left in `directory`.
pub(crate) fn left(directory: &Path) -> Left {
    let table = |name: &str| {
        let mut rows = rows(&directory.join(name));
        for row in &mut rows {
            VARYING.iter().for_each(|column| assert!(row.remove(*column).is_some(), "{column}"));
        }
        rows.sort_by(|a, b| a["trial"].cmp(&b["trial"]));
        rows
    };
    let images = fs::read_dir(directory.join("images")).unwrap().map(|entry| entry.unwrap().path());
    let images = images.filter(|path| path.extension().is_some_and(|extension| extension == "png"));
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    Left {
        trials: table("trials.csv"),
        references: table("references.csv"),
        images: images.map(|path| (name(&path), fs::read(&path).unwrap())).collect(),
    }
}

/// What an undisturbed sweep of the small experiment leaves.
pub(crate) fn undisturbed() -> &'static Left {
    static LEFT: OnceLock<Left> = OnceLock::new();
    LEFT.get_or_init(|| {
        let place = place();
        let done = run(&place, &[]);
        assert_eq!(done.code, Some(0), "{done:?}");
        let left = left(&place.path("runs/small"));
        assert_eq!((left.trials.len(), left.references.len(), left.images.len()), (8, 2, 8));
        left
    })
}

/// Starts `sweep run` on the small experiment.
pub(crate) fn start(place: &Place, more: &[&str]) -> Child {
    let arguments = [&["sweep", "run", "small.toml", "--no-report"], more].concat();
    let mut command = place.command(&arguments);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Runs `sweep run` on the small experiment to its end.
pub(crate) fn run(place: &Place, more: &[&str]) -> Outcome {
    outcome(place.command(&[&["sweep", "run", "small.toml", "--no-report"], more].concat()))
}

/// How often each run is recorded as done in the journals.
pub(crate) fn recorded(directory: &Path) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory.join("journal")).unwrap() {
        let text = fs::read(entry.unwrap().path()).unwrap();
        for line in String::from_utf8_lossy(&text).lines() {
            let Some((_, json)) = line.split_once(' ') else { continue };
            let Ok(value) = serde_json::from_str::<serde_json::Value>(json) else { continue };
            if value["status"] == "done" {
                let kind = value["kind"].as_str().unwrap();
                let id = value["id"].as_str().unwrap();
                *found.entry(format!("{kind} {id}")).or_default() += 1;
            }
        }
    }
    found
}

/// How many runs are recorded as done so far.
pub(crate) fn records(directory: &Path) -> usize {
    if directory.join("journal").exists() { recorded(directory).len() } else { 0 }
}

/// Asserts that the small experiment has what an undisturbed sweep leaves, every run once.
#[track_caller]
pub(crate) fn assert_whole(place: &Place) {
    let directory = place.path("runs/small");
    assert_eq!(left(&directory), *undisturbed());
    let recorded = recorded(&directory);
    assert_eq!(recorded.len(), 10);
    assert!(recorded.values().all(|times| *times == 1), "{recorded:?}");
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(120), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
