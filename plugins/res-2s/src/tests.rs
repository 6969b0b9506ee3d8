//! RES 2S on a flow whose solution is known.
#![allow(clippy::unwrap_used)]

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{Grid, Run, observed_orders};

/// Latents 0, 5 and 11 after an uneven run with gw 1.
fn uneven(c2: f64) -> [f32; 3] {
    let sigmas = vec![0.98, 0.9, 0.75, 0.62, 0.41, 0.3, 0.12, 0.02];
    let latents = Run::new(plugin::<Res2s>(), sigmas).params(&[c2]).go().unwrap().latents;
    [latents[0], latents[5], latents[11]]
}

fn close(ours: [f32; 3], theirs: [f32; 3]) -> bool {
    ours.iter().zip(theirs).all(|(ours, theirs)| (ours - theirs).abs() < 5e-6)
}

#[test]
fn its_order_is_2_wherever_the_second_stage_is_on_even_and_uneven_grids_while_gw_changes() {
    for grid in [Grid::Uniform, Grid::LogitNormal] {
        for c2 in [0.1, 0.5, 1.0] {
            let orders = observed_orders(plugin::<Res2s>(), &[c2], grid, &[20, 40, 80]).unwrap();
            assert!(orders.iter().all(|order| *order > 1.7), "{grid:?} {c2}: {orders:?}");
        }
    }
}

#[test]
fn an_uneven_run_ends_where_the_formula_written_elsewhere_does() {
    // The same flow and formula in double precision, in another program.
    for (c2, theirs) in
        [(0.5, [1.028778, -0.616165, 1.69728]), (0.8, [1.006418, -0.60495, 1.65145])]
    {
        let ours = uneven(c2);
        assert!(close(ours, theirs), "{c2}: {ours:?}");
    }
}

#[test]
fn a_step_to_zero_is_the_clean_estimate() {
    let mut sigmas = Grid::LogitNormal.sigmas(40, 0.98, 0.02);
    sigmas.push(0.0);
    let run = Run::new(plugin::<Res2s>(), sigmas).gw([vec![3.0; 20], vec![1.5; 21]].concat());
    let outcome = run.go().unwrap();
    assert_eq!(outcome.evaluations.last(), Some(&1));
    assert!(outcome.distance(&run.exact()) < 2e-3, "{}", outcome.distance(&run.exact()));
}
