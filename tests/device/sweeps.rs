//! Sweeps over devices: shared by their leases, paused and resumed, and gone on with after a device has
//! failed.

use crate::emulated::Bench;
use crate::support::checkpoints::tiny;
use crate::support::program::outcome;
use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// An experiment of four trials.
fn small(bench: &Bench) {
    let text = format!(
        "name = \"small\"\nmodel = {:?}\nprompts = [\"a red circle\"]\nseeds = [1, 2]\n\
         sizes = [\"256x256\"]\n[base]\npreset = \"V4_TURBO_12\"\nsteps = 2\n\
         [parameters]\nmu = [0.4, 0.5]\n",
        tiny("reference-fp8").display().to_string()
    );
    bench.place().write("small.toml", text);
}

const RUN: [&str; 4] = ["sweep", "run", "small.toml", "--no-report"];

/// Each trial's status and the checksum of its latents or picture, by its number.
fn trials(bench: &Bench) -> BTreeMap<String, [String; 2]> {
    let table = fs::read(bench.place().path("runs/small/trials.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(table.as_slice());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    let of = |row: &BTreeMap<String, String>| {
        let picture = fs::read(bench.place().path("runs/small").join(&row["image"]));
        let pixels = picture.map(|bytes| blake3::hash(&bytes).to_string()).unwrap_or_default();
        (row["number"].clone(), [row["status"].clone(), pixels])
    };
    rows.iter().map(of).collect()
}

fn all_done(bench: &Bench) {
    let trials = trials(bench);
    assert_eq!(trials.len(), 4);
    assert!(trials.values().all(|[status, pixels]| status == "done" && !pixels.is_empty()));
}

#[test]
fn two_devices_share_a_sweep() {
    let Some(bench) = Bench::new() else { return };
    small(&bench);
    let settings = "devices=2,memory=4096";
    let outcome = bench.run(settings, &[&RUN[..], &["--devices", "cuda:0,cuda:1"]].concat());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("4 of 4 trials done"), "{outcome:?}");
    all_done(&bench);
}

#[test]
fn a_sweep_goes_on_after_its_device_failed_in_the_middle() {
    let Some(bench) = Bench::new() else { return };
    small(&bench);
    let once = bench.place().path("home/failed");
    fs::create_dir_all(bench.place().path("home")).unwrap();
    let settings = format!("memory=4096,fails=900:719,once={}", once.display());
    let outcome = bench.run(&settings, &[&RUN[..], &["--device", "cuda:0"]].concat());
    assert!(once.exists(), "the device did not fail: {outcome:?}");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    all_done(&bench);
}

#[test]
fn a_sweep_on_devices_is_paused_and_resumed() {
    let Some(bench) = Bench::new() else { return };
    small(&bench);
    let settings = "devices=2,memory=4096";
    let mut command =
        bench.command(settings, &[&RUN[..], &["--devices", "cuda:0,cuda:1"]].concat());
    let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    let patience = Duration::from_secs(300);
    while !bench.place().path("runs/small/frozen.json").exists() {
        assert!(began.elapsed() < patience, "the sweep does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let paused = bench.run(settings, &["sweep", "pause", "runs/small"]);
    assert_eq!(paused.code, Some(0), "{paused:?}");
    let now = || -> serde_json::Value {
        let status = bench.run(settings, &["sweep", "status", "runs/small", "--json"]);
        serde_json::from_str(&status.stdout).unwrap()
    };
    // What was being done is finished; then nobody holds a part, and nothing goes on.
    let mut before = now();
    while before["workers"].as_array().is_none_or(|workers| !workers.is_empty()) {
        assert!(began.elapsed() < patience, "it does not pause: {before}");
        std::thread::sleep(Duration::from_millis(200));
        before = now();
    }
    std::thread::sleep(Duration::from_secs(3));
    let after = now();
    assert!(after["done"] == before["done"] && after["paused"] == true, "{after}");
    assert!(running.try_wait().unwrap().is_none(), "it waits for what comes next");
    let resumed = outcome(bench.command(settings, &["sweep", "resume", "runs/small"]));
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    while running.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < patience, "it does not go on: {}", now());
        std::thread::sleep(Duration::from_millis(50));
    }
    all_done(&bench);
}
