//! What a model is said to take of a device's memory is what it takes.

use crate::emulated::{Bench, least_memory};
use crate::support::checkpoints::tiny;

#[test]
fn a_device_with_the_least_memory_that_is_said_to_do_does() {
    let Some(bench) = Bench::new() else { return };
    let checkpoint = tiny("reference-nf4");
    let of = ["--model", checkpoint.to_str().unwrap(), "--num-steps", "2", "--device", "cuda:0"];
    let expected = bench.draw("memory=16384", "whole", &of);
    let refused = bench.try_to_draw("memory=64", "never", &of);
    // As much as the next tenth of a GiB, which is what somebody who reads it would give.
    let mib = ((least_memory(&refused) + 0.1) * 1024.0).ceil() as u64;
    let tight = format!("memory={mib}");
    assert!(bench.draw(&tight, "tight", &of) == expected);
    let limit = format!("{mib}MiB");
    let limited = [&of[..], &["--memory-limit", &limit]].concat();
    assert!(bench.draw("memory=16384", "limited", &limited) == expected);
}
