//! One sweep on several devices: a process on each, and what is told of them.

use crate::place::{left, place, recorded, run, small, start, undisturbed, until};
use crate::support::program::{Place, ended, outcome};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What every process on a device left in the run directory.
fn processes(directory: &Path) -> Vec<serde_json::Value> {
    let Ok(folder) = fs::read_dir(directory.join("workers")) else { return Vec::new() };
    let paths = folder.map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> =
        paths.filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    let text = |path: &PathBuf| fs::read_to_string(path).unwrap();
    files.iter().map(|path| serde_json::from_str(&text(path)).unwrap()).collect()
}

fn records(directory: &Path) -> usize {
    if directory.join("journal").exists() { recorded(directory).len() } else { 0 }
}

/// A worker for GPUs that is a script: it has two cards, and notes which ones it is told to see.
fn cards(place: &Place) -> PathBuf {
    let report = r#"{"version":"VERSION","kernels":"0","driver":"13.0","devices":[NUMBERS]}"#;
    let device = |number: usize| {
        format!(
            r#"{{"number":{number},"name":"A card","memory_bytes":1,"free_bytes":1,"compute_capability":[8,9],"multiprocessors":1}}"#
        )
    };
    let report = report.replace("VERSION", env!("CARGO_PKG_VERSION"));
    let report = report.replace("NUMBERS", &format!("{},{}", device(0), device(1)));
    let file = place.path("cards");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = devices ]; then echo '{report}'; exit; fi\n\
         echo \"$CUDA_VISIBLE_DEVICES\" >>'{}'\nkill -9 $$\n",
        place.path("seen").display()
    );
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).unwrap();
    file
}

#[test]
fn two_processes_leave_what_one_leaves_and_the_next_start_finds_nothing_to_do() {
    let place = place();
    let done = run(&place, &["--devices", "cpu,cpu"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("8 of 8 trials done"), "{done:?}");
    let directory = place.path("runs/small");
    assert_eq!(left(&directory), *undisturbed());
    assert!(recorded(&directory).values().all(|times| *times == 1), "nothing was made twice");
    let processes = processes(&directory);
    assert_eq!(processes.len(), 2, "{processes:?}");
    for process in &processes {
        assert_eq!((&process["task"], &process["end"]["exit"]), (&"cpu".into(), &0.into()));
    }
    // What one process goes on with was begun by two, and the other way round.
    for more in [&["--devices", "cpu"][..], &[]] {
        let again = run(&place, more);
        assert!(again.code == Some(0) && again.stdout.contains("0 + 0 evaluations"), "{again:?}");
    }
}

#[test]
fn lists_that_make_no_sense_are_refused_in_a_sentence_before_anything_is_written() {
    let place = place();
    let before = place.files();
    for (list, words) in [
        ("cpu,tpu", "item 2 `tpu`"),
        ("cuda:0,cuda:0", "named twice"),
        ("cpu,cuda:0", "do not go together"),
        ("", "item 1"),
    ] {
        place.refused(&["sweep", "run", "small.toml", "--devices", list], &[words]);
    }
    for more in [["--device", "cpu"], ["--shard", "1/2"]] {
        let run = ["sweep", "run", "small.toml", "--devices", "cpu,cpu"];
        place.refused(&[&run[..], &more].concat(), &["--devices", more[0]]);
    }
    let mut command = place.command(&["sweep", "run", "small.toml", "--devices", "cuda:0,cuda:2"]);
    command.env("SIGMALAB_WORKER_CUDA", cards(&place));
    let refused = outcome(command);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("there is no device cuda:2"), "{refused:?}");
    let mut after = place.files();
    after.retain(|name| !name.ends_with("cards"));
    assert_eq!(after, before);
    // A sweep that was begun on the processor stays there.
    assert_eq!(run(&place, &[]).code, Some(0));
    let mut command = place.command(&["sweep", "run", "runs/small", "--devices", "cuda:0,cuda:1"]);
    command.env("SIGMALAB_WORKER_CUDA", cards(&place));
    let refused = outcome(command);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("begun on cpu"), "{refused:?}");
}

#[test]
fn a_signal_stops_all_of_them_within_a_step_and_the_same_command_goes_on() {
    let place = place();
    let directory = place.path("runs/small");
    let going = start(&place, &["--devices", "cpu,cpu"]);
    until("something is recorded", || records(&directory) >= 2);
    kill_process(Pid::from_raw(going.id() as i32).unwrap(), Signal::TERM).unwrap();
    let stopped = ended(going);
    assert_eq!(stopped.code, Some(130), "{stopped:?}");
    assert!(stopped.stderr.contains("--devices cpu,cpu to continue"), "{stopped:?}");
    assert!(records(&directory) < 10);
    for process in processes(&directory) {
        assert_eq!(process["end"]["trouble"], false, "{process}");
        let id = process["process"]["id"].as_i64().unwrap() as i32;
        assert!(test_kill_process(Pid::from_raw(id).unwrap()).is_err(), "{process}");
    }
    let done = run(&place, &["--devices", "cpu,cpu"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(left(&directory), *undisturbed());
}

#[test]
fn they_are_gone_where_the_process_that_follows_them_is_killed() {
    let place = place();
    let directory = place.path("runs/small");
    let mut going = start(&place, &["--devices", "cpu,cpu"]);
    until("both began", || processes(&directory).len() == 2);
    going.kill().unwrap();
    going.wait().unwrap();
    let ids: Vec<Pid> = processes(&directory)
        .iter()
        .filter_map(|process| Pid::from_raw(process["process"]["id"].as_i64()? as i32))
        .collect();
    until("both are gone", || ids.iter().all(|id| test_kill_process(*id).is_err()));
}

#[test]
fn it_can_be_left_alone_cancelled_and_taken_up_again() {
    let place = place();
    let directory = place.path("runs/small");
    let told = run(&place, &["--devices", "cpu,cpu", "--detach"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    until("something is recorded", || records(&directory) >= 1);
    let status = place.done(&["sweep", "status", "runs/small"]);
    assert!(status.contains("is worked on by process") && status.contains(" (cpu)"), "{status}");
    place.done(&["sweep", "cancel", "runs/small"]);
    until("they stopped", || {
        let all = processes(&directory);
        all.len() == 2 && all.iter().all(|process| !process["end"].is_null())
    });
    until("it is told why", || {
        let text = fs::read_to_string(directory.join("process.json")).unwrap_or_default();
        text.contains("cancelled")
    });
    let done = run(&place, &["--devices", "cpu,cpu"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(left(&directory), *undisturbed());
}

#[test]
fn a_search_goes_from_generation_to_generation_on_both_and_ends_as_on_one() {
    let found = |more: &[&str]| {
        let place = Place::new();
        let search = "name = \"small\"\nmethod = { kind = \"halving\", trials = 8, seed = 3 }\n";
        let text = small().replace("name = \"small\"\n", search);
        let text =
            text.replace("mu = [0.4, 0.5]\n\"gw[-2..]\" = [2, 3]", "mu = { min = 0.2, max = 1.0 }");
        place.write("small.toml", text);
        let done = run(&place, more);
        assert_eq!(done.code, Some(0), "{done:?}");
        left(&place.path("runs/small"))
    };
    assert_eq!(found(&["--devices", "cpu,cpu"]), found(&[]));
}

#[test]
fn each_process_sees_its_own_card_and_calls_it_the_first() {
    let place = place();
    place.write("small.toml", small());
    let mut command = place.command(&["sweep", "run", "small.toml", "--devices", "cuda:0,cuda:1"]);
    command.env("SIGMALAB_WORKER_CUDA", cards(&place)).env("CUDA_VISIBLE_DEVICES", "5,7");
    let failed = outcome(command);
    // Their workers die at once, which is for no trial to answer for.
    assert_eq!(failed.code, Some(1), "{failed:?}");
    for words in ["cuda:0 could not work", "cuda:1 could not work", "8 of 8 trials are left"] {
        assert!(failed.stderr.contains(words), "{words}: {failed:?}");
    }
    let seen = fs::read_to_string(place.path("seen")).unwrap();
    let seen: BTreeSet<&str> = seen.lines().collect();
    assert_eq!(seen, BTreeSet::from(["5", "7"]));
    let inputs = fs::read_to_string(place.path("runs/small/frozen.json")).unwrap_or_default();
    let inputs: serde_json::Value = serde_json::from_str(&inputs).unwrap();
    assert_eq!(inputs["inputs"]["device"], serde_json::json!({ "cuda": 0 }), "{inputs}");
}
