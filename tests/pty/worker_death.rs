//! The worker is killed in the middle of a run.

use crate::place::Place;
use crate::tty::PATIENCE;
use crate::workbench::{Drive, Kind, opened, terminal};
use rustix::process::{Pid, Signal, kill_process};
use std::time::Instant;

/// The only child of a process.
fn child_of(process: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    children.ok()?.split_whitespace().next()?.parse().ok()
}

#[test]
fn a_killed_worker_is_told_and_the_next_run_works() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Kitty, (80, 24)));
    workbench.press(": \"load-preset\" space \"LONG\" enter");
    workbench.see("400 steps");
    workbench.press("r");
    workbench.wait_until_for(|screen| screen.contains("/400 ·"), PATIENCE).unwrap();
    let program = workbench.pid().unwrap();
    let worker = child_of(program).unwrap();
    kill_process(Pid::from_raw(worker as i32).unwrap(), Signal::KILL).unwrap();
    workbench.see("the worker process died");
    let screen = workbench.see("SIGKILL");

    // Nothing is lost: the schedule is there, and the next run starts another worker.
    assert!(screen.contains("400 steps"), "{screen}");
    workbench.press("r");
    workbench.wait_until_for(|screen| screen.contains("/400 ·"), PATIENCE).unwrap();
    assert_ne!(child_of(program).unwrap(), worker);

    // The worker does not outlive the workbench.
    let worker = child_of(program).unwrap();
    workbench.press(": \"quit-at-once\" enter");
    assert_eq!(workbench.wait_exit().unwrap().code(), Some(0));
    let start = Instant::now();
    while std::path::Path::new(&format!("/proc/{worker}/exe")).exists() {
        assert!(start.elapsed() < PATIENCE, "the worker lives on");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
