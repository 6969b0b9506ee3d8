//! A device that fails: one clear sentence, nothing left half done, and a good run after it.

use crate::emulated::Bench;
use crate::support::checkpoints::tiny;
use crate::support::program::Outcome;

/// A small run, on the device of these settings.
fn draw(bench: &Bench, device: &str, name: &str) -> Outcome {
    let checkpoint = tiny("reference-fp8");
    let arguments = ["--model", checkpoint.to_str().unwrap(), "--num-steps", "1"];
    bench.try_to_draw(device, name, &[&arguments[..], &["--device", "cuda:0"]].concat())
}

/// Expects one sentence with these words, no call stack, and no file.
fn is_clear(bench: &Bench, outcome: &Outcome, words: &[&str]) {
    let error: Vec<&str> = outcome.stderr.lines().filter(|l| l.starts_with("error: ")).collect();
    assert_eq!(error.len(), 1, "{outcome:?}");
    for word in words {
        assert!(error[0].contains(word), "no `{word}` in {}", error[0]);
    }
    for noise in ["DriverError", "panicked", "/src/", "core::"] {
        assert!(!outcome.stderr.contains(noise), "`{noise}` in {}", outcome.stderr);
    }
    assert_eq!(bench.place().files(), [""; 0], "something was left");
}

#[test]
fn a_launch_that_fails_and_memory_that_runs_out_are_one_sentence_each() {
    let Some(bench) = Bench::new() else { return };
    // While layers are loaded and text is encoded, in a step, and in the decoder.
    for launch in [40, 400, 800] {
        let outcome = draw(&bench, &format!("memory=4096,fails={launch}:719"), "never");
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        is_clear(&bench, &outcome, &["unspecified launch failure (CUDA_ERROR_LAUNCH_FAILED)"]);
        let outcome = draw(&bench, &format!("memory=4096,refuses={launch}"), "never");
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        is_clear(&bench, &outcome, &["out of memory"]);
    }
}

#[test]
fn a_driver_that_does_not_work_is_told_with_its_reason() {
    let Some(bench) = Bench::new() else { return };
    for (settings, reason) in [("devices=0", "no device"), ("init=100", "no CUDA-capable device")] {
        let outcome = draw(&bench, settings, "never");
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        is_clear(&bench, &outcome, &[reason, "--device cuda:0"]);
        let listing = bench.run(settings, &["device"]);
        assert!(listing.code == Some(0) && listing.stdout.contains(reason), "{listing:?}");
    }
}

#[test]
fn a_device_that_is_not_there_is_refused_with_those_that_are() {
    let Some(bench) = Bench::new() else { return };
    let arguments = ["generate", "--prompt", "x", "--device", "cuda:2"];
    let outcome = bench.run("devices=2", &arguments);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    is_clear(&bench, &outcome, &["cuda:2"]);
    let listing = bench.run("devices=2", &["device"]);
    assert!(listing.stdout.contains("cuda:0") && listing.stdout.contains("cuda:1"), "{listing:?}");
}
