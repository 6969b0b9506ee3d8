//! UniPC 2 on a flow whose solution is known.
#![allow(clippy::unwrap_used)]

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{Grid, Run, observed_orders};

/// Latents 0, 5 and 11 after an uneven run with gw 1.
fn uneven() -> [f32; 3] {
    let sigmas = vec![0.98, 0.9, 0.75, 0.62, 0.41, 0.3, 0.12, 0.02];
    let latents = Run::new(plugin::<UniPc2>(), sigmas).go().unwrap().latents;
    [latents[0], latents[5], latents[11]]
}

fn close(ours: [f32; 3], theirs: [f32; 3]) -> bool {
    ours.iter().zip(theirs).all(|(ours, theirs)| (ours - theirs).abs() < 5e-6)
}

#[test]
fn its_order_is_3_on_even_and_uneven_grids_while_gw_changes() {
    for grid in [Grid::Uniform, Grid::LogitNormal] {
        let orders = observed_orders(plugin::<UniPc2>(), &[], grid, &[80, 160]).unwrap();
        // Its asymptotic range begins late.
        assert!(orders.iter().all(|order| *order > 2.7), "{grid:?}: {orders:?}");
    }
}

#[test]
fn an_uneven_run_ends_where_the_formula_written_elsewhere_does() {
    // The same flow and formula in double precision, in another program.
    let ours = uneven();
    assert!(close(ours, [1.093237, -0.800907, 1.824655]), "{ours:?}");
}

#[test]
fn neither_the_start_nor_a_change_of_gw_caps_the_order() {
    for gw in [[2.0; 2], [3.0, 1.5], [1.5, 3.0], [1.0, 2.0], [2.0, 1.0]] {
        let error = |steps: usize| {
            let sigmas = Grid::Uniform.sigmas(steps, 0.98, 0.1);
            let gw = (0..steps).map(|step| gw[usize::from(step >= steps / 2)]).collect();
            let run = Run::new(plugin::<UniPc2>(), sigmas).gw(gw);
            run.go().unwrap().distance(&run.exact())
        };
        let order = (error(40) / error(80)).log2();
        assert!(order > 2.7, "{gw:?}: {order}");
    }
}

#[test]
fn a_long_last_step_does_not_overshoot() {
    // 20 steps as V4_DEFAULT_20 has them at 1024×1024; the last one is 5.1 long in λ.
    let mut sigmas = Grid::LogitNormal.sigmas(19, 0.98, 0.101);
    sigmas.push(5.5e-4);
    let error = |max_h: f64| {
        let run = Run::new(plugin::<UniPc2>(), sigmas.clone()).params(&[max_h]);
        run.go().unwrap().distance(&run.exact())
    };
    assert!(error(2.0) < 0.2 * error(100.0), "{} {}", error(2.0), error(100.0));
}

#[test]
fn a_step_to_zero_is_the_clean_estimate() {
    let mut sigmas = Grid::LogitNormal.sigmas(40, 0.98, 0.02);
    sigmas.push(0.0);
    let run = Run::new(plugin::<UniPc2>(), sigmas).gw([vec![3.0; 20], vec![1.5; 21]].concat());
    let outcome = run.go().unwrap();
    assert_eq!(outcome.evaluations.last(), Some(&1));
    assert!(outcome.distance(&run.exact()) < 4e-3, "{}", outcome.distance(&run.exact()));
}
