//! The midpoint method on a flow whose solution is known.
#![allow(clippy::unwrap_used)]

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{Grid, Run, observed_orders};

/// Latents 0, 5 and 11 after an uneven run with gw 1.
fn uneven() -> [f32; 3] {
    let sigmas = vec![0.98, 0.9, 0.75, 0.62, 0.41, 0.3, 0.12, 0.02];
    let latents = Run::new(plugin::<Midpoint>(), sigmas).go().unwrap().latents;
    [latents[0], latents[5], latents[11]]
}

fn close(ours: [f32; 3], theirs: [f32; 3]) -> bool {
    ours.iter().zip(theirs).all(|(ours, theirs)| (ours - theirs).abs() < 5e-6)
}

#[test]
fn its_order_is_2_on_even_and_uneven_grids_while_gw_changes() {
    for grid in [Grid::Uniform, Grid::LogitNormal] {
        let orders = observed_orders(plugin::<Midpoint>(), &[], grid, &[20, 40, 80]).unwrap();
        assert!(orders.iter().all(|order| *order > 1.7), "{grid:?}: {orders:?}");
    }
}

#[test]
fn an_uneven_run_ends_where_the_formula_written_elsewhere_does() {
    // The same flow and formula in double precision, in another program.
    let ours = uneven();
    assert!(close(ours, [1.036361, -0.620875, 1.714476]), "{ours:?}");
}

#[test]
fn a_step_to_zero_is_like_any_other() {
    let mut sigmas = Grid::LogitNormal.sigmas(40, 0.98, 0.02);
    sigmas.push(0.0);
    let run = Run::new(plugin::<Midpoint>(), sigmas).gw([vec![3.0; 20], vec![1.5; 21]].concat());
    let outcome = run.go().unwrap();
    assert_eq!(outcome.evaluations.last(), Some(&2));
    assert!(outcome.distance(&run.exact()) < 2e-4, "{}", outcome.distance(&run.exact()));
}
