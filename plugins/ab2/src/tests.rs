//! Adams-Bashforth 2 on a flow whose solution is known.
#![allow(clippy::unwrap_used)]

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{
    Grid, Run, assert_order, assert_order_with_gw_1_between, assert_step_to_zero, assert_uneven_run,
};

#[test]
fn its_order_is_2_on_even_and_uneven_grids_while_gw_changes() {
    assert_order(plugin::<Ab2>(), 2, &[20, 40, 80], &[&[]]);
}

#[test]
fn started_by_euler_it_ends_where_the_formula_written_elsewhere_does() {
    assert_uneven_run(plugin::<Ab2>(), &[1.0], [1.02405, -0.639708, 1.688344]);
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
    assert_order_with_gw_1_between(plugin::<Ab2>(), 2);
}

#[test]
fn a_step_to_zero_is_like_any_other() {
    assert_step_to_zero(plugin::<Ab2>(), 1, 1e-3);
}
