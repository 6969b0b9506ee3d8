//! Ctrl-C in the middle of a run.

use crate::support::program::{Place, quick};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Waits until `child` has started its worker.
fn wait_for_the_worker(child: &Child) {
    let id = child.id();
    let children = format!("/proc/{id}/task/{id}/children");
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(60) {
        match fs::read_to_string(&children) {
            Ok(list) if !list.trim().is_empty() => return,
            Ok(_) => {}
            // No such file on this system: give it time instead.
            Err(_) => return std::thread::sleep(Duration::from_secs(3)),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no worker was started");
}

#[test]
fn an_interrupted_run_ends_with_130_and_leaves_no_file() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = Place::new();
        let mut arguments = quick(&["-o", "out.png", "--save-latents", "l.safetensors"]);
        arguments[4] = "1000";
        let child = place
            .command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for_the_worker(&child);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("interrupted"), "{stderr}");
        assert_eq!(output.stdout, b"");
        assert_eq!(place.files(), [""; 0]);
    }
}

#[test]
fn a_worker_that_is_killed_is_a_failure_with_its_cause() {
    let place = Place::new();
    let mut arguments = quick(&["-o", "out.png"]);
    arguments[4] = "1000";
    let child = place.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_the_worker(&child);
    let id = child.id();
    let Ok(workers) = fs::read_to_string(format!("/proc/{id}/task/{id}/children")) else {
        // Only Linux tells the children of a process.
        let mut child = child;
        child.kill().unwrap();
        child.wait().unwrap();
        return;
    };
    let worker: i32 = workers.split_whitespace().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(worker).unwrap(), Signal::KILL).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("the worker process died") && stderr.contains("memory"), "{stderr}");
    assert_eq!(place.files(), [""; 0]);
}

#[test]
fn a_second_signal_while_files_are_written_leaves_no_half_file() {
    let place = Place::new();
    let mut arguments = quick(&["-o", "out.png", "--save-latents", "l.safetensors"]);
    arguments.extend(["--size", "512x512"]);
    arguments[4] = "1";
    let mut child = place.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    // Until the first temporary file is there, or the run is over.
    while place.files().is_empty() && child.try_wait().unwrap().is_none() {}
    for _ in 0..2 {
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
    }
    let output = child.wait_with_output().unwrap();
    let files = place.files();
    assert!(!files.iter().any(|name| name.contains(".tmp")), "{files:?}");
    match output.status.code() {
        Some(130) => assert_eq!(files, [""; 0]),
        // The signals came after the last look.
        code => assert_eq!((code, files.len()), (Some(0), 2), "{files:?}"),
    }
}

/// Starts writing a random checkpoint `random`, and waits until there is something of it.
fn synth(place: &Place) -> Child {
    let arguments = ["model", "synth", "--size", "slice", "random"];
    let mut child = place.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    while place.files().is_empty() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(50));
    child
}

#[test]
fn an_interrupted_random_checkpoint_leaves_nothing() {
    for signals in [&[Signal::INT][..], &[Signal::TERM], &[Signal::INT, Signal::INT]] {
        let place = Place::new();
        let child = synth(&place);
        for signal in signals {
            let _ = kill_process(Pid::from_child(&child), *signal);
            std::thread::sleep(Duration::from_millis(1));
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert_eq!(place.files(), [""; 0]);
    }
}

#[test]
fn a_killed_random_checkpoint_has_no_name_and_what_is_left_does_not_open() {
    let place = Place::new();
    let mut child = synth(&place);
    child.kill().unwrap();
    child.wait().unwrap();
    let files = place.files();
    let [left] = &files[..] else { panic!("{files:?}") };
    assert!(left.starts_with(".sigmalab-") && left.ends_with(".tmp"), "{left}");
    let outcome = place.run(&["model", "inspect", "--model", left]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    // The name is free, and what is left is taken away by the next one.
    let two_minutes_ago = std::time::SystemTime::now() - Duration::from_secs(120);
    std::fs::File::open(place.path(left)).unwrap().set_modified(two_minutes_ago).unwrap();
    place.done(&["model", "synth", "--size", "tiny", "random"]);
    assert_eq!(place.files(), ["random"]);
    place.done(&["model", "inspect", "--model", "random"]);
    place.refused(
        &["model", "synth", "--size", "tiny", "random"],
        &["random", "does not exist yet"],
    );
}
