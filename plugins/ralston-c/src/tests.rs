//! Runge-Kutta methods of two stages, written in C, on a flow whose solution is known.
#![allow(clippy::unwrap_used)]

use super::*;
use sigmalab_sampler_sdk::Table;
use sigmalab_sampler_sdk::testing::{
    Run, UNEVEN, assert_order, assert_step_to_zero, assert_uneven_run,
};
use std::process::Command;

fn plugin() -> Table {
    let plugin = sigmalab_plugin_entry(1, 0);
    assert!(!plugin.is_null());
    // SAFETY: the entry returns static data that keeps the header's rules.
    unsafe { Table::vouched(&*plugin) }
}

#[test]
fn another_major_version_is_refused() {
    assert!(sigmalab_plugin_entry(2, 0).is_null() && !sigmalab_plugin_entry(1, 9).is_null());
}

#[test]
fn its_order_is_2_wherever_the_second_stage_is_on_even_and_uneven_grids_while_gw_changes() {
    assert_order(plugin(), 2, &[20, 40, 80], &[&[0.5], &[2.0 / 3.0], &[0.95]]);
}

#[test]
fn half_way_it_is_the_midpoint_method() {
    assert_uneven_run(plugin(), &[0.5], [1.036361, -0.620875, 1.714476]);
}

#[test]
fn every_step_has_two_evaluations_and_one_to_zero_is_like_any_other() {
    let run = Run::new(plugin(), [&UNEVEN[..], &[0.0]].concat());
    assert_eq!(run.go().unwrap().evaluations, [2; 8]);
    assert_step_to_zero(plugin(), 2, 2e-4);
}

#[test]
fn a_cancelled_run_ends_with_that_code() {
    let run = Run::new(plugin(), vec![0.9, 0.5, 0.1]).cancel_in_step(1);
    let failure = run.go().unwrap_err();
    assert_eq!((failure.step, failure.code), (1, abi::CANCELLED));
}

#[test]
fn the_script_for_c_builds_it_too_and_exports_one_symbol() {
    let folder = std::env::temp_dir().join(format!("sigmalab-ralston-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/build.sh");
    let built = Command::new("sh").arg(script).arg(&folder).output().unwrap();
    assert!(built.status.success() && built.stderr.is_empty(), "{built:?}");
    if cfg!(target_os = "linux") {
        let library = folder.join("libsigmalab_sampler_ralston_c.so");
        let listed =
            Command::new("nm").args(["-D", "--defined-only"]).arg(library).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let symbols: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').nth(2)).collect();
        assert_eq!(symbols, ["sigmalab_plugin_entry"]);
    }
    std::fs::remove_dir_all(folder).unwrap();
}
