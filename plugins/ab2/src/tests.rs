//! Adams-Bashforth 2 on a flow whose solution is known.
#![allow(clippy::unwrap_used)]

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{Grid, Run, observed_orders};

/// Latents 0, 5 and 11 after an uneven run with gw 1.
fn uneven(start: f64) -> [f32; 3] {
    let sigmas = vec![0.98, 0.9, 0.75, 0.62, 0.41, 0.3, 0.12, 0.02];
    let latents = Run::new(plugin::<Ab2>(), sigmas).params(&[start]).go().unwrap().latents;
    [latents[0], latents[5], latents[11]]
}

fn close(ours: [f32; 3], theirs: [f32; 3]) -> bool {
    ours.iter().zip(theirs).all(|(ours, theirs)| (ours - theirs).abs() < 5e-6)
}

#[test]
fn its_order_is_2_on_even_and_uneven_grids_while_gw_changes() {
    for grid in [Grid::Uniform, Grid::LogitNormal] {
        let orders = observed_orders(plugin::<Ab2>(), &[], grid, &[20, 40, 80]).unwrap();
        assert!(orders.iter().all(|order| *order > 1.7), "{grid:?}: {orders:?}");
    }
}

#[test]
fn started_by_euler_it_ends_where_the_formula_written_elsewhere_does() {
    // The same flow and formula in double precision, in another program.
    let ours = uneven(1.0);
    assert!(close(ours, [1.02405, -0.639708, 1.688344]), "{ours:?}");
}

#[test]
fn started_by_the_trapezoid_rule_an_even_run_is_nearer() {
    let error = |start: f64| {
        let run = Run::new(plugin::<Ab2>(), Grid::Uniform.sigmas(10, 0.98, 0.02)).params(&[start]);
        run.go().unwrap().distance(&run.exact())
    };
    assert!(error(0.0) < error(1.0), "{} {}", error(0.0), error(1.0));
}

#[test]
fn gw_of_1_in_between_leaves_the_order_as_it_is() {
    // Without v_uncond there, history cannot be blended when gw rises again.
    let error = |steps: usize| {
        let gw = |step: usize| if (step * 4 / steps) % 2 == 1 { 1.0 } else { 2.5 };
        let sigmas = Grid::LogitNormal.sigmas(steps, 0.98, 0.02);
        let run = Run::new(plugin::<Ab2>(), sigmas).gw((0..steps).map(gw).collect());
        run.go().unwrap().distance(&run.exact())
    };
    let order = (error(40) / error(80)).log2();
    assert!(order > 1.7, "{order}");
}

#[test]
fn a_step_to_zero_is_like_any_other() {
    let mut sigmas = Grid::LogitNormal.sigmas(40, 0.98, 0.02);
    sigmas.push(0.0);
    let run = Run::new(plugin::<Ab2>(), sigmas).gw([vec![3.0; 20], vec![1.5; 21]].concat());
    let outcome = run.go().unwrap();
    assert_eq!(outcome.evaluations.last(), Some(&1));
    assert!(outcome.distance(&run.exact()) < 1e-3, "{}", outcome.distance(&run.exact()));
}
