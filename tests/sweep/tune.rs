//! Tunes and searches as a user meets them, on a tiny checkpoint: killed, shared, saved.

use crate::place::{recorded, records, rows, run, start, until};
use crate::support::checkpoints::tiny;
use crate::support::program::Place;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Kills of the test that always runs; `--ignored` runs one with fifty.
const KILLS: usize = 10;

fn experiment() -> String {
    format!(
        r#"name = "small"
method = "tune"
model = {:?}
prompts = ["a red circle", "a blue square", "a green star", "a white ring"]
seeds = [1]
sizes = ["256x256"]

[reference]
preset = "V4_TURBO_12"
steps = 6

[tune]
steps = 3
samplers = ["euler"]
against = ["V4_TURBO_12"]
budget = 2400
guidance = true
ladder = [2]
further_sizes = ["256x272"]
"#,
        tiny("reference-fp8").display().to_string()
    )
}

fn place() -> Place {
    let place = Place::new();
    place.write("small.toml", experiment());
    place
}

/// What searches proposed, file by file.
fn generations(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory.join("generations")).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().extension().is_some_and(|e| e == "json"));
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    files.map(|entry| (name(&entry.path()), fs::read_to_string(entry.path()).unwrap())).collect()
}

/// An undisturbed tune.
struct Undisturbed {
    /// What it proposes.
    generations: BTreeMap<String, String>,
    took: Duration,
}

fn undisturbed() -> &'static Undisturbed {
    static LEFT: OnceLock<Undisturbed> = OnceLock::new();
    LEFT.get_or_init(|| {
        let place = place();
        let started = Instant::now();
        let done = run(&place, &["--threads", "1"]);
        let took = started.elapsed();
        assert_eq!(done.code, Some(0), "{done:?}");
        Undisturbed { generations: generations(&place.path("runs/small")), took }
    })
}

fn check(place: &Place) {
    let directory = place.path("runs/small");
    let expected = &undisturbed().generations;
    assert_eq!(generations(&directory), *expected, "the same proposals and the same charge");
    for (run, times) in recorded(&directory) {
        assert_eq!(times, 1, "{run} was recorded {times} times");
    }
    let spent = |text: &String| {
        serde_json::from_str::<serde_json::Value>(text).unwrap()["spent"].as_u64().unwrap()
    };
    let spent = generations(&directory).values().map(spent).max().unwrap();
    assert!(spent <= 2400, "{spent}");
    let trials = rows(&directory.join("trials.csv"));
    assert!(trials.iter().any(|row| !row["image"].is_empty()), "held-out pictures are kept");
}

/// Kills tunes at random moments, so many times in all; one that ends before its next kill is
/// followed by another.
fn killed(kills: usize, mut dice: u64) {
    // A tune is killed some times before it ends.
    let most = (undisturbed().took.as_millis() as u64 / 2).max(100);
    let (mut done, mut amid, mut tunes) = (0, 0, 0);
    while done < kills {
        let place = place();
        let directory = place.path("runs/small");
        while done < kills {
            let mut child = start(&place, &[]);
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            std::thread::sleep(Duration::from_millis(dice % most));
            if child.try_wait().unwrap().is_some() {
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            done += 1;
            amid += usize::from(records(&directory) > 0);
        }
        let last = run(&place, &[]);
        assert_eq!(last.code, Some(0), "{last:?}");
        check(&place);
        tunes += 1;
    }
    assert!(amid * 3 >= kills, "only {amid} of {kills} kills came after a first record");
    println!("{done} kills of {tunes} tunes, {amid} of them after a first record");
}

#[test]
fn a_tune_that_is_killed_proposes_what_an_undisturbed_one_does() {
    killed(KILLS, 20_261_128);
}

#[test]
#[ignore = "takes minutes: the same with fifty kills"]
fn a_tune_that_is_killed_fifty_times_proposes_what_an_undisturbed_one_does() {
    killed(50, 77);
}

#[test]
fn two_processes_share_one_tune_and_come_to_the_same() {
    let place = place();
    let children = [start(&place, &[]), start(&place, &[])];
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    check(&place);
}

#[test]
fn reference_runs_whose_products_are_lost_are_made_again_and_counted() {
    let place = place();
    assert_eq!(run(&place, &[]).code, Some(0));
    let directory = place.path("runs/small");
    fs::remove_dir_all(directory.join("gram")).unwrap();
    for file in generations(&directory).keys().filter(|file| *file != "0.json") {
        fs::remove_file(directory.join("generations").join(file)).unwrap();
    }
    let again = run(&place, &[]);
    assert_eq!(again.code, Some(0), "{again:?}");
    check(&place);
    // Two prompts are tuned on, in six steps each, from one noise: what the network without a prompt
    // says of it is computed once.
    assert!(again.stdout.contains(" 12 + 11 evaluations"), "{again:?}");
}

#[test]
fn what_is_not_shown_to_be_nearer_is_not_saved_unless_forced() {
    let place = Place::new();
    place.write("prompts.txt", "a red circle\na blue square\na green star\na white ring\n");
    let model = tiny("reference-fp8").display().to_string();
    let arguments = [
        "tune",
        "--steps",
        "3",
        "--model",
        &model,
        "--prompts",
        "prompts.txt",
        "--size",
        "256x256",
        "--sampler",
        "euler",
        "--against",
        "V4_TURBO_12",
        "--budget",
        "3000",
        "--quiet",
        "--save",
        "THREE",
        "--presets",
    ];
    let shipped = include_str!("../../presets.toml");
    place.write("mine.toml", shipped);
    let path = place.path("mine.toml");
    let path = path.to_str().unwrap();
    let refused = place.run(&[&arguments[..], &[path]].concat());
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("`THREE` was not saved"), "{refused:?}");
    assert!(refused.stderr.contains("too few prompts"), "{refused:?}");
    assert!(refused.stdout.contains("naive grid, the same sampler: too few prompts"));
    assert_eq!(fs::read_to_string(path).unwrap(), shipped);
    // The same again goes on with what is there, and evaluates nothing.
    let forced = place.run(&[&arguments[..], &[path, "--force"]].concat());
    assert_eq!(forced.code, Some(0), "{forced:?}");
    assert!(forced.stdout.contains("saved THREE"), "{forced:?}");
    let shown = place.done(&["presets", "show", "THREE", "--presets", path]);
    assert!(shown.contains("THREE"), "{shown}");
    // A first file begins as the built-in one: what was found does not become the default.
    let first = arguments.split_last().unwrap().1;
    let first = place.run(&[first, &["--force"]].concat());
    assert!(first.stdout.contains("presets.toml: saved THREE"), "{first:?}");
    let listed = place.done(&["presets", "list"]);
    assert!(listed.contains("V4_QUALITY_48 *") && listed.contains("THREE"), "{listed}");
    let recorded = recorded(&place.path("runs/tune-3-imitate"));
    assert!(recorded.values().all(|times| *times == 1));
    // Another tune on the same prompts is told of the opening, and holds out others.
    let held_out = |directory: &str| -> Vec<String> {
        let images = rows(&place.path(directory).join("trials.csv"));
        let judged = images.into_iter().filter(|row| !row["image"].is_empty());
        judged.map(|row| row["prompt_id"].clone()).collect()
    };
    let other = arguments.map(|argument| if argument == "THREE" { "OTHER" } else { argument });
    let again = place.run(&[&other[..], &[path, "--dir", "runs/again"]].concat());
    assert_eq!(again.code, Some(1), "{again:?}");
    let (first, second) = (held_out("runs/tune-3-imitate"), held_out("runs/again"));
    assert!(!first.is_empty() && first.iter().all(|prompt| !second.contains(prompt)));
}

#[test]
fn a_name_that_is_taken_is_refused_before_anything_is_computed() {
    let place = Place::new();
    place.write("prompts.txt", "a red circle\na blue square\n");
    let mine = "[MINE]\nmu = 0.0\nstd = 1.5\nruns = [{ steps = 4, gw = 7.0 }]\n";
    let text = format!("{mine}\n{}", mine.replace("MINE", "TEN_PLAIN"));
    place.write("presets.toml", &text);
    for (name, told) in [
        ("MINE", "preset `MINE` is in `presets.toml` already"),
        ("TEN", "preset `TEN_PLAIN` is in `presets.toml` already"),
        ("V4_TURBO_12", "preset `V4_TURBO_12` ships with sigmalab"),
        ("none", "`none` cannot be the name of a preset"),
    ] {
        let model = tiny("reference-fp8").display().to_string();
        let arguments =
            ["tune", "--steps", "3", "--model", &model, "--prompts", "prompts.txt", "--save", name];
        place.refused(&arguments, &[told]);
    }
    assert!(!place.path("runs").exists());
    assert_eq!(fs::read_to_string(place.path("presets.toml")).unwrap(), text);
}

#[test]
fn prompts_that_are_not_there_are_told_of_as_prompts() {
    let place = Place::new();
    let told = place.run(&["tune", "--steps", "3", "--prompts", "gone.txt"]);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.stderr.contains("cannot read `gone.txt`"), "{told:?}");
    assert!(told.stderr.contains("--prompts FILE, one prompt a line"), "{told:?}");
    assert!(!told.stderr.contains("sweep"), "{told:?}");
}

#[test]
fn minutes_are_measured_with_the_memory_and_threads_of_the_command() {
    let place = Place::new();
    place.write("small.toml", experiment().replace("budget = 2400", "budget = \"1min\""));
    // Nothing is measured where that is ruled out.
    let plan = ["sweep", "plan", "small.toml"];
    place.refused(&[&plan[..], &["--no-time"]].concat(), &["in minutes", "without --no-time"]);
    // A limit that no run keeps within is met when it is measured, before anything is written.
    let limited = run(&place, &["--memory-limit", "1M"]);
    assert_eq!(limited.code, Some(2), "{limited:?}");
    assert!(limited.stderr.contains("--memory-limit 1 MiB is too little"), "{limited:?}");
    assert!(!place.path("runs").exists());
    let planned = place.done(&[&plan[..], &["--threads", "1"]].concat());
    assert!(planned.contains("small: at most "), "{planned}");
}

#[test]
fn a_budget_that_does_not_reach_is_refused_before_anything_is_written() {
    let place = Place::new();
    place.write("small.toml", experiment().replace("budget = 2400", "budget = 100"));
    let refused = run(&place, &[]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("the budget of 100 evaluations is too small"), "{refused:?}");
    assert!(!place.path("runs").exists());
}

#[test]
fn searches_keep_their_bounds_and_go_on_where_they_stood() {
    for (kind, more) in [("halving", ""), ("cma-es", ""), ("tpe", ", evaluations = 300")] {
        let place = Place::new();
        let text = format!(
            r#"name = "small"
method = {{ kind = "{kind}", trials = 12, seed = 3{more} }}
model = {:?}
prompts = ["a red circle", "a blue square"]
seeds = [1]
sizes = ["512x512"]
[base]
preset = "V4_TURBO_12"
steps = 3
[reference]
preset = "V4_TURBO_12"
steps = 6
[parameters]
mu = {{ min = -0.5, max = 1.5 }}
std = {{ min = 0.8, max = 2.2 }}
[output]
decode = false
"#,
            tiny("reference-fp8").display().to_string()
        );
        place.write("small.toml", text);
        let directory = place.path("runs/small");
        let mut child = start(&place, &[]);
        until(&format!("{kind}: something is recorded"), || records(&directory) >= 2);
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        assert_eq!(ended.code(), None, "{kind}: it ended before it was killed");
        let (before, proposed) = (recorded(&directory), generations(&directory));
        let done = run(&place, &[]);
        assert_eq!(done.code, Some(0), "{kind}: {done:?}");
        let after = recorded(&directory);
        assert!(after.len() > before.len(), "{kind}: something was left to do");
        assert!(after.values().all(|times| *times == 1), "{kind}: nothing is run twice");
        assert!(before.keys().all(|run| after.contains_key(run)), "{kind}: nothing is lost");
        for (file, text) in &proposed {
            assert_eq!(generations(&directory).get(file), Some(text), "{kind}: what was proposed");
        }
        let trials = rows(&place.path("runs/small/trials.csv"));
        let points: std::collections::BTreeSet<_> =
            trials.iter().map(|row| (row["param.mu"].clone(), row["param.std"].clone())).collect();
        assert!((4..=12).contains(&points.len()), "{kind}: {}", points.len());
        assert!(trials.iter().all(|row| row["image"].is_empty() && !row["latent_rmse"].is_empty()));
        if kind == "tpe" {
            let spent = |text: &String| {
                let value: serde_json::Value = serde_json::from_str(text).unwrap();
                value["spent"].as_u64().unwrap()
            };
            let generations = generations(&place.path("runs/small"));
            assert!(generations.values().map(spent).all(|spent| spent <= 300));
        }
        if kind == "halving" {
            let on = |prompt: &str| trials.iter().filter(|row| row["prompt_id"] == prompt).count();
            assert!(on("p1") < on("p0"), "those that are behind are given up");
        }
    }
}
