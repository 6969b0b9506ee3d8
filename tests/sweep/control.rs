//! Pause, order, cancel, and processes of their own: whatever is wanted meanwhile, the end is what
//! an undisturbed sweep leaves.

use crate::place::{left, place, records, rows, run, start, undisturbed, until};
use crate::support::program::{Place, outcome};
use crate::support::text::AssertHas as _;
use sigmalab_experiment::control::{Request, ask};
use sigmalab_experiment::directory::RunDirectory;
use std::fs;
use std::time::Duration;

/// A run directory that was begun, with one of two shares done.
fn begun() -> Place {
    let place = place();
    assert_eq!(run(&place, &["--shard", "1/2"]).code, Some(0));
    place
}

fn directory(place: &Place) -> RunDirectory {
    RunDirectory::at(&place.path("runs/small"))
}

fn status(place: &Place) -> serde_json::Value {
    place.json(&["sweep", "status", "runs/small", "--json"])
}

#[test]
fn a_paused_sweep_begins_no_trial_and_goes_on_when_it_is_resumed() {
    let place = begun();
    place.done(&["sweep", "pause", "runs/small"]);
    let text = place.done(&["sweep", "status", "runs/small"]);
    assert!(text.contains("paused; `sigmalab sweep resume` continues"), "{text}");
    let path = place.path("runs/small");
    let before = records(&path);
    let mut child = start(&place, &[]);
    std::thread::sleep(Duration::from_millis(1500));
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    assert_eq!(records(&path), before);
    assert_eq!(status(&place)["workers"], serde_json::json!([]), "it holds nothing");
    place.done(&["sweep", "resume", "runs/small"]);
    assert!(child.wait().unwrap().success());
    assert_eq!(left(&path), *undisturbed());
}

#[test]
fn cancelled_trials_have_no_record_until_they_are_resumed() {
    let place = begun();
    place.refused(&["sweep", "cancel", "runs/small", "0"], &["has ended already"]);
    place.refused(&["sweep", "cancel", "runs/small", "99"], &["there is no trial `99`"]);
    let plan = place.json(&["sweep", "plan", "small.toml", "--json", "--list", "--no-time"]);
    let pending: Vec<String> = {
        let done: Vec<String> = rows(&place.path("runs/small/trials.csv"))
            .iter()
            .map(|row| row["number"].clone())
            .collect();
        let runs = plan["runs"].as_array().unwrap().iter();
        let numbers = runs.filter_map(|run| run["number"].as_u64()).map(|n| n.to_string());
        numbers.filter(|number| !done.contains(number)).collect()
    };
    assert_eq!(pending.len(), 4);
    place.done(&["sweep", "cancel", "runs/small", &pending[0], &pending[2]]);
    let done = run(&place, &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("6 of 8 trials done, 2 skipped"), "{}", done.stdout);
    let now = status(&place);
    assert_eq!((&now["done"], &now["failed"]), (&6.into(), &0.into()));
    assert_eq!((&now["pending"], &now["skipped"]), (&0.into(), &2.into()));
    let table = rows(&place.path("runs/small/trials.csv"));
    assert!(!table.iter().any(|row| row["number"] == pending[0]), "no row, no `failed`");
    place.done(&["sweep", "resume", "runs/small", &pending[0], &pending[2]]);
    assert_eq!(run(&place, &[]).code, Some(0));
    assert_eq!(left(&place.path("runs/small")), *undisturbed());
}

#[test]
fn a_trial_that_is_cancelled_while_it_runs_is_given_up_and_the_others_are_made() {
    let place = place();
    place.write("small.toml", crate::place::small().replace("steps = 4", "steps = 400"));
    let mut child = start(&place, &[]);
    let journals = place.path("runs/small");
    until("the reference runs", || records(&journals) >= 1);
    // Everything but one: they take minutes each.
    let first: Vec<String> = (1..8).map(|number| number.to_string()).collect();
    let all: Vec<&str> = ["sweep", "cancel", "runs/small"]
        .into_iter()
        .chain(first.iter().map(String::as_str))
        .collect();
    place.done(&all);
    place.done(&["sweep", "cancel", "runs/small", "0"]);
    assert!(child.wait().unwrap().success());
    let now = status(&place);
    assert_eq!((&now["done"], &now["skipped"]), (&0.into(), &8.into()));
}

#[test]
fn a_cancelled_sweep_stops_its_processes_and_the_same_command_goes_on() {
    let place = place();
    let child = start(&place, &[]);
    let path = place.path("runs/small");
    until("a trial is recorded", || records(&path) >= 2);
    place.done(&["sweep", "cancel", "runs/small"]);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    if output.status.code() != Some(0) {
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("cancelled; ") && stderr.contains("to continue"), "{stderr}");
    }
    assert_eq!(run(&place, &[]).code, Some(0));
    assert_eq!(left(&path), *undisturbed());
}

#[test]
fn a_trial_that_is_put_first_is_made_first_and_results_are_the_same() {
    let place = begun();
    let before = records(&place.path("runs/small"));
    let table = rows(&place.path("runs/small/trials.csv"));
    let plan = place.json(&["sweep", "plan", "small.toml", "--json", "--list", "--no-time"]);
    let last =
        plan["runs"].as_array().unwrap().iter().rev().find(|run| {
            run["kind"] == "trial" && !table.iter().any(|row| row["trial"] == run["id"])
        });
    let id = last.unwrap()["id"].as_str().unwrap().to_owned();
    ask(&directory(&place), Request::First { trial: id.clone() }).unwrap();
    let done = run(&place, &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let mut trials = Vec::new();
    for entry in fs::read_dir(place.path("runs/small/journal")).unwrap() {
        for line in fs::read_to_string(entry.unwrap().path()).unwrap().lines() {
            let record: serde_json::Value =
                serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
            if record["kind"] == "trial" {
                let id = record["id"].as_str().unwrap()[..16].to_owned();
                trials.push((record["finished_ms"].as_u64().unwrap(), id));
            }
        }
    }
    trials.sort();
    assert!(before >= 4);
    assert_eq!(trials[4].1, id, "the first of those that were left");
    assert_eq!(left(&place.path("runs/small")), *undisturbed());
}

#[test]
fn a_control_file_that_is_none_is_refused_before_anything_is_run() {
    let place = begun();
    place.write("runs/small/control.json", "{\"version\":1,\"pause\":true}");
    for command in [&["sweep", "run", "runs/small"][..], &["sweep", "status", "runs/small"]] {
        let told = place.run(command);
        assert!(matches!(told.code, Some(1 | 2)), "{told:?}");
        told.stderr.assert_has(["control.json", "delete it"]);
    }
}

#[test]
fn a_detached_sweep_notes_that_it_was_cancelled_and_answers_a_program_in_json() {
    let place = place();
    // Long enough that it is not over before it is cancelled.
    place.write("small.toml", crate::place::small().replace("steps = 4", "steps = 400"));
    let mut command = place.command(&["sweep", "run", "small.toml", "--detach"]);
    command.env("SIGMALAB_ANSWERS", "json");
    let launched: serde_json::Value = serde_json::from_str(&outcome(command).stdout).unwrap();
    assert_eq!(launched["directory"], "runs/small");
    let note = || -> serde_json::Value {
        let text = fs::read(place.path("runs/small/process.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    };
    until("it began", || note()["process"]["id"] == launched["process"]);
    assert!(note()["stopped"].is_null());
    place.done(&["sweep", "cancel", "runs/small"]);
    until("it says why it stopped", || note()["stopped"]["kind"] == "cancelled");
    // A changed experiment is a kind of its own, and is told on standard output.
    place.write("small.toml", crate::place::small());
    let mut command = place.command(&["sweep", "run", "small.toml", "--detach"]);
    command.env("SIGMALAB_ANSWERS", "json");
    let refused = outcome(command);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let refusal: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(refusal["kind"], "experiment-changed");
    assert!(!refusal["message"].as_str().unwrap().contains("error:"), "{refusal}");
}

#[test]
fn a_detached_sweep_is_a_session_of_its_own_and_says_what_it_does_in_a_file() {
    let place = place();
    let text = place.done(&["sweep", "run", "small.toml", "--no-report", "--detach"]);
    assert!(text.contains("runs/small  process "), "{text}");
    let id: u32 =
        text.split("process ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    if let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) {
        // proc_pid_stat(5): state, ppid, pgrp, session.
        let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap();
        assert!(session == id.to_string() || records(&place.path("runs/small")) == 0, "{stat}");
    }
    until("it ends", || {
        status(&place)["pending"] == 0 && status(&place)["workers"] == serde_json::json!([])
    });
    until("it says so", || {
        let log = fs::read_to_string(place.path("runs/small/run.log")).unwrap();
        log.contains("8 of 8 trials done")
    });
    assert_eq!(left(&place.path("runs/small")), *undisturbed());
    // What is wrong with an experiment is told before anything is detached.
    place.write("small.toml", crate::place::small().replace("mu = [", "mu = [0.3, "));
    let refused = place.run(&["sweep", "run", "small.toml", "--detach"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--extend"), "{}", refused.stderr);
}
