//! Adams-Bashforth 3 on a flow whose solution is known.

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{
    assert_order, assert_order_across_a_change_of_gw, assert_step_to_zero, assert_uneven_run,
};

#[test]
fn its_order_is_3_on_even_and_uneven_grids_while_gw_changes() {
    assert_order(plugin::<Ab3>(), 3, &[40, 80, 160], &[&[]]);
}

#[test]
fn an_uneven_run_ends_where_the_formula_written_elsewhere_does() {
    assert_uneven_run(plugin::<Ab3>(), &[], [1.034485, -0.664708, 1.712292]);
}

#[test]
fn neither_the_start_nor_a_change_of_gw_caps_the_order() {
    assert_order_across_a_change_of_gw(plugin::<Ab3>(), 3);
}

#[test]
fn a_step_to_zero_is_like_any_other() {
    assert_step_to_zero(plugin::<Ab3>(), 1, 1e-3);
}
