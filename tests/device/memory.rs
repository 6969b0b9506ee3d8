//! What a model is said to take of a device's memory is what it takes.

use crate::emulated::Bench;
use crate::support::checkpoints::tiny;

#[test]
fn a_device_with_the_least_memory_that_is_said_to_do_does() {
    let Some(bench) = Bench::new() else { return };
    let checkpoint = tiny("reference-nf4");
    let of = ["--model", checkpoint.to_str().unwrap(), "--num-steps", "2", "--device", "cuda:0"];
    let expected = bench.draw("memory=16384", "whole", &of);
    let refused = bench.try_to_draw("memory=64", "never", &of);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let least = refused.stderr.split("at least ").nth(1).and_then(|rest| rest.split(' ').next());
    let least: f64 = least.unwrap_or_else(|| panic!("{refused:?}")).parse().unwrap();
    // It is said in tenths, and it counts a GiB for CUDA itself, which the emulated device does not
    // take: with that much less it still has to do.
    let mib = (least * 1024.0).ceil() as u64;
    let tight = format!("memory={}", mib + 103);
    assert!(bench.draw(&tight, "tight", &of) == expected);
    let limit = format!("{}MiB", mib + 103);
    let limited = [&of[..], &["--memory-limit", &limit]].concat();
    assert!(bench.draw("memory=16384", "limited", &limited) == expected);
}
