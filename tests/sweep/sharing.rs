//! Several processes on one run directory share the work.

use crate::place::{assert_whole, place, rows, run, start};
use std::process::Child;
use std::time::Duration;

fn finish(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn two_processes_record_every_trial_once() {
    let place = place();
    let children = [start(&place, &[]), start(&place, &[])];
    children.into_iter().for_each(finish);
    assert_whole(&place);
}

#[test]
fn four_processes_one_killed_and_one_late_record_every_trial_once() {
    let place = place();
    let mut killed = start(&place, &[]);
    let others = [start(&place, &[]), start(&place, &[])];
    std::thread::sleep(Duration::from_millis(700));
    killed.kill().unwrap();
    killed.wait().unwrap();
    let late = start(&place, &[]);
    others.into_iter().chain([late]).for_each(finish);
    assert_whole(&place);
}

#[test]
fn shards_divide_the_trials_and_are_the_whole_together() {
    let place = place();
    assert_eq!(run(&place, &["--shard", "1/2"]).code, Some(0));
    let half = rows(&place.path("runs/small/trials.csv")).len();
    assert_eq!(half, 4);
    assert_eq!(run(&place, &["--shard", "2/2"]).code, Some(0));
    assert_whole(&place);
}
