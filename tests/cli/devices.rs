//! Devices on the command line, where the worker for GPUs is a script.

use crate::support::program::{Outcome, Place, outcome, quick};
use crate::support::text::AssertHas as _;
use std::os::unix::fs::PermissionsExt;

const REPORT: &str = r#"{"version":"VERSION","kernels":"0","driver":"13.0","devices":[{"number":0,
"name":"A card","memory_bytes":25769803776,"free_bytes":21474836480,"compute_capability":[8,9],
"multiprocessors":128}]}"#;

/// Runs the program with a worker that is this script.
fn with_worker(place: &Place, script: &str, arguments: &[&str]) -> Outcome {
    let file = place.path("worker");
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = place.command(arguments);
    command.env("SIGMALAB_WORKER_CUDA", file);
    outcome(command)
}

fn report() -> String {
    format!("echo '{}'", REPORT.replace("VERSION", env!("CARGO_PKG_VERSION")))
}

#[test]
fn devices_are_listed_with_their_memory_or_with_what_is_missing() {
    let place = Place::new();
    let listed = with_worker(&place, &report(), &["device"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    listed.stdout.assert_has([
        "cpu ",
        "cuda:0  A card, 20.0 GiB of 24.0 free",
        "capability 8.9",
        "CUDA 13.0",
    ]);
    let listed = with_worker(&place, &report(), &["device", "--json"]);
    let listing: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listing["cuda"]["devices"][0]["name"], "A card");
    assert!(listing["missing"].is_null(), "{listing}");

    let loader = "echo 'w: error while loading shared libraries: libcuda.so.1: no such file' >&2; \
                  exit 127";
    let listed = with_worker(&place, loader, &["device", "--json"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let listing: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert!(listing["missing"].as_str().unwrap().contains("no NVIDIA driver"), "{listing}");
}

#[test]
fn a_worker_that_others_may_have_put_there_is_not_started_and_none_is_given_the_token() {
    let place = Place::new();
    let script = format!("[ -z \"$HF_TOKEN\" ] || exit 9\n{}", report());
    let listed = |folder_mode: u32| {
        let folder = place.path("bin");
        let _ = std::fs::create_dir(&folder);
        let file = folder.join("sigmalab-worker-cuda");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mode = |path: &std::path::Path, mode: u32| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&file, 0o700);
        mode(&folder, folder_mode);
        let mut command = place.command(&["device", "--json"]);
        command
            .env("PATH", &folder)
            .env("HF_TOKEN", "hf_secret")
            .env_remove("SIGMALAB_WORKER_CUDA");
        let listing: serde_json::Value = serde_json::from_str(&outcome(command).stdout).unwrap();
        listing
    };
    assert_eq!(listed(0o755)["cuda"]["devices"][0]["name"], "A card");
    let refused = listed(0o777);
    let missing = refused["missing"].as_str().unwrap();
    missing.assert_has(["everybody may write", "SIGMALAB_PLUGIN_TRUST"]);
}

#[test]
fn number_formats_of_other_devices_are_refused_with_what_would_do() {
    let place = Place::new();
    for (dtype, device, other) in [("fp8", "cpu", "int8"), ("int8", "cuda:0", "bf16")] {
        let flags = quick(&["--device", device, "--dtype", dtype]);
        let refused = with_worker(&place, &report(), &flags);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
        for words in [dtype, device, &format!("--dtype {other}")] {
            assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
        }
    }
}

#[test]
fn a_gpu_that_cannot_be_used_is_refused_before_anything_is_loaded() {
    let place = Place::new();
    let draw = |script: &str, device: &str| {
        let refused = with_worker(&place, script, &quick(&["--device", device]));
        assert_eq!(refused.code, Some(2), "{refused:?}");
        refused.stderr
    };
    let told = draw(&report(), "cuda:3");
    told.assert_has(["there is no device cuda:3: there is cuda:0", "--device cpu"]);
    let told = draw("exit 127", "cuda");
    assert!(told.contains("--device cuda:0"), "{told}");
}

#[test]
fn a_run_on_a_gpu_is_given_to_the_worker_for_gpus() {
    // This one is the program itself, which has no CUDA: it is asked, and says so.
    let place = Place::new();
    let own = env!("CARGO_BIN_EXE_sigmalab");
    let script =
        format!("if [ \"$1\" = devices ]; then {}; else exec '{own}' \"$@\"; fi", report());
    let refused = with_worker(&place, &script, &quick(&["--device", "cuda:0"]));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("this build cannot use the cuda:0 device"), "{refused:?}");
}
