//! What a run asks of a device, counted without computing: sizes that would take hours here are seen
//! in a second.

use crate::emulated::{Bench, least_memory};
use crate::support::program::Outcome;
use serde_json::Value;

/// Draws with the demo on a device that does nothing, and gives what was counted.
fn count(bench: &Bench, memory: u64, side: &str, steps: &str) -> (Outcome, Value) {
    let counts = bench.place().path("counts.json");
    let settings = format!("computes=no,memory={memory},counts={}", counts.display());
    let sides = ["--width", side, "--height", side, "--device", "cuda:0"];
    let arguments = ["generate", "--prompt", "x", "-o", "x.png", "--num-steps", steps];
    let outcome = bench.run(&settings, &[&arguments[..], &sides].concat());
    let counted = std::fs::read(&counts).ok();
    (outcome, counted.map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap()))
}

#[test]
fn a_step_waits_for_its_two_velocities_and_for_nothing_else() {
    let Some(bench) = Bench::new() else { return };
    let waits = |steps| {
        let (outcome, counted) = count(&bench, 4096, "256", steps);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        counted["waits"].as_i64().unwrap()
    };
    let [two, three, four] = ["2", "3", "4"].map(waits);
    assert_eq!((three - two, four - three), (2, 2));
}

#[test]
fn a_picture_of_any_size_takes_no_more_than_it_is_said_to() {
    let Some(bench) = Bench::new() else { return };
    for side in ["256", "1024", "2048"] {
        let (refused, _) = count(&bench, 64, side, "1");
        let least = least_memory(&refused);
        let memory = ((least + 0.1) * 1024.0).ceil() as u64;
        let (outcome, counted) = count(&bench, memory, side, "1");
        assert_eq!(outcome.code, Some(0), "{side}: {outcome:?}");
        // A GiB of it is left for CUDA itself.
        let taken = counted["bytes"].as_f64().unwrap() / f64::from(1 << 30);
        assert!(taken < least - 1.0, "{side}: {taken} of {least} GiB");
    }
}
