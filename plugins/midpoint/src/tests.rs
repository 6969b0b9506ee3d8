//! The midpoint method on a flow whose solution is known.

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{assert_order, assert_step_to_zero, assert_uneven_run};

#[test]
fn its_order_is_2_on_even_and_uneven_grids_while_gw_changes() {
    assert_order(plugin::<Midpoint>(), 2, &[20, 40, 80], &[&[]]);
}

#[test]
fn an_uneven_run_ends_where_the_formula_written_elsewhere_does() {
    assert_uneven_run(plugin::<Midpoint>(), &[], [1.036361, -0.620875, 1.714476]);
}

#[test]
fn a_step_to_zero_is_like_any_other() {
    assert_step_to_zero(plugin::<Midpoint>(), 2, 2e-4);
}
