//! Sweeps that are started from the workbench and outlive it, and the editor it lends the terminal
//! to.

use crate::place::{PROGRAM, Place};
use crate::tty::{Answers, Tty};
use crate::workbench::{EDITOR, close, command, keys, tty};
use std::fs;
use std::path::Path;

const SIZE: (u16, u16) = (120, 40);

/// Enough trials that a sweep of them takes seconds.
const TRIALS: usize = 48;

/// A place with an experiment on the tiny checkpoint of the test data.
fn place() -> Place {
    let place = Place::new();
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny-a/reference-fp8");
    fs::create_dir(place.path("experiments")).unwrap();
    let text = format!(
        "name = \"long\"\nmodel = {:?}\nprompts = [\"a red circle\"]\nseeds = [1]\n\
         sizes = [\"256x256\"]\n[base]\npreset = \"QUICK\"\nsteps = 12\n\
         [parameters]\nmu = {{ min = 0.1, max = 0.9, steps = {TRIALS} }}\n",
        tiny.display().to_string()
    );
    fs::write(place.path("experiments/long.toml"), text).unwrap();
    place
}

fn pictures(place: &Place) -> usize {
    fs::read_dir(place.path("runs/long/images")).map_or(0, |entries| {
        entries
            .filter(|entry| {
                entry.as_ref().is_ok_and(|e| e.path().extension().is_some_and(|e| e == "png"))
            })
            .count()
    })
}

/// The workbench with the sweep running.
fn started(place: &Place) -> Tty {
    let mut tty = tty(place, Answers::PLAIN, SIZE);
    tty.send(keys("X"));
    tty.wait_text("  long");
    tty.send(keys("r"));
    tty.wait_text("1 process");
    tty
}

/// Another workbench, later, sees the end of it.
fn finishes(place: &Place) {
    let before = pictures(place);
    assert!(before < TRIALS, "it ended before it was left");
    let mut tty = tty(place, Answers::PLAIN, SIZE);
    tty.send(keys("X"));
    tty.wait_text("run directories");
    tty.wait_text("  long");
    // The experiment is the first row, the run directory the last.
    tty.send(keys("G enter"));
    // However slow the machine: what is waited for is the next trial.
    let end = format!("{TRIALS} of {TRIALS} trials · all done");
    while !tty.text().contains(&end) {
        let had = pictures(place);
        tty.wait(&end, |tty| tty.text().contains(&end) || pictures(place) > had);
    }
    assert_eq!(pictures(place), TRIALS);
    let log = fs::read_to_string(place.path("runs/long/run.log")).unwrap();
    assert!(!log.contains("interrupted"), "{log}");
    tty.send("q");
    assert_eq!(tty.exit_code(), 0);
}

#[test]
fn a_sweep_goes_on_when_the_workbench_is_left_and_is_followed_again_later() {
    let place = place();
    let mut tty = started(&place);
    tty.send("q");
    assert_eq!(tty.exit_code(), 0);
    finishes(&place);
}

#[test]
fn a_sweep_goes_on_when_its_terminal_goes_away() {
    let place = place();
    close(started(&place));
    finishes(&place);
}

#[test]
fn a_tune_is_started_from_the_palette_and_what_it_found_is_loaded_from_there() {
    let place = Place::new();
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny-a/reference-fp8");
    let prompts = "a red circle\na blue square\na green star\na white ring\n";
    fs::write(place.path("prompts.txt"), prompts).unwrap();
    let mut tty = tty(&place, Answers::PLAIN, SIZE);
    tty.send(keys(": \"tune\" enter"));
    tty.wait_text("tune ");
    tty.send(format!(
        "3 --model {} --prompts prompts.txt --size 256x256 --sampler euler --reference QUICK \
         --against QUICK --budget 3000\r",
        tiny.display()
    ));
    tty.wait_text("load-found loads the finalist");
    tty.send(keys(": \"load-found\" enter"));
    tty.wait_text("schedule · 3 steps");
    // One change, which undo takes back.
    tty.wait_text("is in the grid");
    tty.send("u");
    tty.wait_text("schedule · 4 steps");
    tty.send("q");
    assert_eq!(tty.exit_code(), 0);
}

#[test]
fn an_editor_gets_the_terminal_and_every_key_until_it_ends() {
    let place = place();
    let script = "#!/bin/sh\necho ready to edit\nread word\necho \"# $word\" >> \"$1\"\n";
    fs::write(place.path("edit.sh"), script).unwrap();
    let mut command = command(&place, PROGRAM, &[]);
    command.env("EDITOR", "sh ./edit.sh");
    let mut tty = Tty::start(command, SIZE, Answers::PLAIN);
    tty.wait_text(EDITOR);
    tty.send(keys(": \"write-experiment\" space \"1\" space \"2\" space \"softer\" enter"));
    tty.wait_text("ready to edit");
    assert!(!tty.screen().alternate_screen(), "the editor has the terminal");
    tty.send("q j hello\n");
    tty.wait("screen of its own", |tty| tty.screen().alternate_screen());
    tty.wait_text("2 trials");
    let text = fs::read_to_string(place.path("experiments/softer.toml")).unwrap();
    assert!(text.ends_with("# q j hello\n"), "{text}");
    tty.send("q");
    assert_eq!(tty.exit_code(), 0);
}
