//! Heun's method on a flow whose solution is known.

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{assert_order, assert_step_to_zero, assert_uneven_run};

#[test]
fn its_order_is_2_on_even_and_uneven_grids_while_gw_changes() {
    assert_order(plugin::<Heun>(), 2, &[20, 40, 80], &[&[]]);
}

#[test]
fn an_uneven_run_ends_where_the_formula_written_elsewhere_does() {
    assert_uneven_run(plugin::<Heun>(), &[], [1.031967, -0.61644, 1.714741]);
}

#[test]
fn a_step_to_zero_is_eulers() {
    assert_step_to_zero(plugin::<Heun>(), 1, 1e-3);
}
