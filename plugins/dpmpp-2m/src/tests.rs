//! DPM-Solver++(2M) on a flow whose solution is known.
#![allow(clippy::unwrap_used)]

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{Grid, Run, observed_orders};

/// Latents 0, 5 and 11 after an uneven run with gw 1.
fn uneven(space: f64, variant: f64) -> [f32; 3] {
    let sigmas = vec![0.98, 0.9, 0.75, 0.62, 0.41, 0.3, 0.12, 0.02];
    let latents =
        Run::new(plugin::<Dpmpp2m>(), sigmas).params(&[space, variant, 1.0]).go().unwrap().latents;
    [latents[0], latents[5], latents[11]]
}

fn close(ours: [f32; 3], theirs: [f32; 3]) -> bool {
    ours.iter().zip(theirs).all(|(ours, theirs)| (ours - theirs).abs() < 5e-6)
}

#[test]
fn its_order_is_2_in_every_form_on_even_and_uneven_grids_while_gw_changes() {
    for grid in [Grid::Uniform, Grid::LogitNormal] {
        for params in [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] {
            let plugin = plugin::<Dpmpp2m>();
            let orders = observed_orders(plugin, &params, grid, &[20, 40, 80]).unwrap();
            assert!(orders.iter().all(|order| *order > 1.7), "{grid:?} {params:?}: {orders:?}");
        }
    }
}

#[test]
fn started_by_euler_it_ends_where_the_formulas_written_elsewhere_do() {
    // The same flow and formulas in double precision, in another program.
    for (space, variant, theirs) in [
        (0.0, 0.0, [1.07725, -0.744641, 1.813117]),
        (0.0, 1.0, [1.12088, -0.815603, 1.903933]),
        (1.0, 0.0, [1.176978, -0.862198, 1.993604]),
        // RES 2M gives the same.
        (1.0, 1.0, [1.232031, -0.946537, 2.105359]),
    ] {
        let ours = uneven(space, variant);
        assert!(close(ours, theirs), "{space} {variant}: {ours:?}");
    }
}

#[test]
fn a_long_last_step_does_not_overshoot() {
    // 20 steps as V4_DEFAULT_20 has them at 1024×1024; the last one is 5.1 long in λ.
    let mut sigmas = Grid::LogitNormal.sigmas(19, 0.98, 0.101);
    sigmas.push(5.5e-4);
    let error = |max_h: f64| {
        let run = Run::new(plugin::<Dpmpp2m>(), sigmas.clone()).params(&[0.0, 0.0, 0.0, max_h]);
        run.go().unwrap().distance(&run.exact())
    };
    assert!(error(2.0) < 0.2 * error(100.0), "{} {}", error(2.0), error(100.0));
}

#[test]
fn gw_of_1_in_between_leaves_the_order_as_it_is() {
    // Without v_uncond there, history cannot be blended when gw rises again.
    let error = |steps: usize| {
        let gw = |step: usize| if (step * 4 / steps) % 2 == 1 { 1.0 } else { 2.5 };
        let sigmas = Grid::LogitNormal.sigmas(steps, 0.98, 0.02);
        let run = Run::new(plugin::<Dpmpp2m>(), sigmas).gw((0..steps).map(gw).collect());
        run.go().unwrap().distance(&run.exact())
    };
    let order = (error(40) / error(80)).log2();
    assert!(order > 1.7, "{order}");
}

#[test]
fn a_step_to_zero_is_the_clean_estimate() {
    let mut sigmas = Grid::LogitNormal.sigmas(40, 0.98, 0.02);
    sigmas.push(0.0);
    let run = Run::new(plugin::<Dpmpp2m>(), sigmas).gw([vec![3.0; 20], vec![1.5; 21]].concat());
    let outcome = run.go().unwrap();
    assert_eq!(outcome.evaluations.last(), Some(&1));
    assert!(outcome.distance(&run.exact()) < 4e-3, "{}", outcome.distance(&run.exact()));
}
