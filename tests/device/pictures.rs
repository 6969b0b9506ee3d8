//! Pictures of the demo and of small checkpoints: the device's against the processor's.

use crate::emulated::{Bench, ORDERS, least_memory};
use crate::support::checkpoints::tiny;

/// Most that one evaluation may differ from the processor's in the same number format.
const F32: f64 = 1e-5;
const BF16: f64 = 1e-2;

#[test]
fn a_step_is_the_processors_in_f32_and_in_bf16() {
    let Some(bench) = Bench::new() else { return };
    for (dtype, allowed) in [("f32", F32), ("bf16", BF16)] {
        // At gw 1 the step adds the conditional network's velocity, times a constant.
        let of = ["--dtype", dtype, "--num-steps", "1", "--gw", "1"];
        let expected = bench.draw("", "processor", &of);
        let found =
            bench.draw("memory=4096", "device", &[&of[..], &["--device", "cuda:0"]].concat());
        let error = found.error_of_velocity(&expected);
        assert!(error < allowed, "{dtype}: {error}");
        let pixels =
            |name: &str| image::open(bench.place().path(name)).unwrap().into_rgb8().into_raw();
        let (found, expected) = (pixels("device.png"), pixels("processor.png"));
        let apart = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(apart <= if dtype == "f32" { 1 } else { 40 }, "{dtype}: {apart} of 255");
    }
}

#[test]
fn products_of_fp8_are_drawn_with_where_the_card_can_and_refused_where_it_cannot() {
    let Some(bench) = Bench::new() else { return };
    let checkpoint = tiny("reference-fp8");
    let of = ["--model", checkpoint.to_str().unwrap(), "--num-steps", "1", "--gw", "1"];
    let expected = bench.draw("", "processor", &[&of[..], &["--dtype", "f32"]].concat());
    let in_fp8 = [&of[..], &["--dtype", "fp8", "--device", "cuda:0"]].concat();
    let first = bench.draw("memory=4096", "device", &in_fp8);
    let error = first.error_of_velocity(&expected);
    // Activations have three bits of fraction.
    assert!((1e-3..1e-1).contains(&error), "{error}");
    for order in ORDERS {
        assert!(bench.draw(&format!("memory=4096,order={order}"), "again", &in_fp8) == first);
    }
    let older = bench.try_to_draw("memory=4096,capability=86", "never", &in_fp8);
    assert_eq!(older.code, Some(2), "{older:?}");
    assert!(older.stderr.contains("8.9") && older.stderr.contains("--dtype bf16"), "{older:?}");
}

#[test]
fn every_format_of_weights_and_both_networks_are_the_processors() {
    let Some(bench) = Bench::new() else { return };
    for name in ["reference-fp8", "reference-nf4", "diffusers"] {
        let checkpoint = tiny(name);
        let of = ["--model", checkpoint.to_str().unwrap(), "--dtype", "f32", "--num-steps", "2"];
        let expected = bench.draw("", "processor", &of);
        let found =
            bench.draw("memory=4096", "device", &[&of[..], &["--device", "cuda:0"]].concat());
        let error = found.error_of_velocity(&expected);
        assert!(error < F32, "{name}: {error}");
    }
}

#[test]
fn the_same_recipe_has_the_same_bits_in_every_order_and_with_layers_sent_for_each_use() {
    let Some(bench) = Bench::new() else { return };
    let checkpoint = tiny("reference-nf4");
    let of = ["--model", checkpoint.to_str().unwrap(), "--num-steps", "1", "--device", "cuda:0"];
    let first = bench.draw("memory=4096", "first", &of);
    let refused =
        bench.try_to_draw("memory=4096", "never", &[&of[..], &["--memory-limit", "1MiB"]].concat());
    let least = format!("{}GiB", least_memory(&refused));
    for order in ORDERS {
        let settings = format!("memory=4096,order={order}");
        assert!(bench.draw(&settings, order, &of) == first, "order {order}");
        let limited = [&of[..], &["--memory-limit", &least]].concat();
        assert!(bench.draw(&settings, "limited", &limited) == first, "limited, order {order}");
    }
}

#[test]
fn a_profile_counts_what_the_device_did() {
    let Some(bench) = Bench::new() else { return };
    let checkpoint = tiny("reference-fp8");
    let arguments = ["--model", checkpoint.to_str().unwrap(), "--num-steps", "1", "--profile"];
    let more = [&arguments[..], &["--device", "cuda:0", "--json"]].concat();
    let counts = bench.place().path("counts.json");
    let settings = format!("memory=4096,counts={}", counts.display());
    let outcome = bench.try_to_draw(&settings, "profiled", &more);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let document: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let profile = document["profile"].as_array().unwrap();
    let seconds: f64 = profile.iter().map(|one| one["seconds"].as_f64().unwrap()).sum();
    let timings = &document["timings"];
    let spent = ["denoise_ms", "decode_ms"].map(|key| timings[key].as_f64().unwrap());
    let spent = spent.iter().sum::<f64>() / 1e3;
    assert!(seconds > 0.5 * spent && seconds < 1.05 * spent, "{seconds} of {spent}: {document}");
    let counted: serde_json::Value =
        serde_json::from_slice(&std::fs::read(counts).unwrap()).unwrap();
    assert!(document["peak_device_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20));
    assert_eq!(document["peak_device_bytes"], counted["bytes"]);
}
