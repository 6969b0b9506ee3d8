//! Runge-Kutta methods of two stages, written in C, on a flow whose solution is known.
#![allow(clippy::unwrap_used)]

use super::*;
use sigmalab_sampler_sdk::Table;
use sigmalab_sampler_sdk::testing::{Grid, Run, observed_orders};
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
    for grid in [Grid::Uniform, Grid::LogitNormal] {
        for alpha in [0.5, 2.0 / 3.0, 0.95] {
            let orders = observed_orders(plugin(), &[alpha], grid, &[20, 40, 80]).unwrap();
            assert!(orders.iter().all(|order| *order > 1.7), "{grid:?} {alpha}: {orders:?}");
        }
    }
}

#[test]
fn half_way_it_is_the_midpoint_method() {
    let sigmas = vec![0.98, 0.9, 0.75, 0.62, 0.41, 0.3, 0.12, 0.02];
    let latents = Run::new(plugin(), sigmas).params(&[0.5]).go().unwrap().latents;
    // The same flow in double precision, in another program.
    for (index, theirs) in [(0, 1.036361), (5, -0.620875), (11, 1.714476)] {
        assert!((latents[index] - theirs).abs() < 5e-6, "{latents:?}");
    }
}

#[test]
fn a_step_to_zero_is_like_any_other() {
    let mut sigmas = Grid::LogitNormal.sigmas(40, 0.98, 0.02);
    sigmas.push(0.0);
    let run = Run::new(plugin(), sigmas).gw([vec![3.0; 20], vec![1.5; 21]].concat());
    let outcome = run.go().unwrap();
    assert!(outcome.evaluations.iter().all(|evaluations| *evaluations == 2));
    assert!(outcome.distance(&run.exact()) < 2e-4, "{}", outcome.distance(&run.exact()));
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
