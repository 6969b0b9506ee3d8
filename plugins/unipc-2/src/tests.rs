//! UniPC 2 on a flow whose solution is known.

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{
    assert_long_last_step, assert_order, assert_order_across_a_change_of_gw, assert_step_to_zero,
    assert_uneven_run,
};

#[test]
fn its_order_is_3_on_even_and_uneven_grids_while_gw_changes() {
    // Its asymptotic range begins late.
    assert_order(plugin::<UniPc2>(), 3, &[80, 160], &[&[]]);
}

#[test]
fn an_uneven_run_ends_where_the_formula_written_elsewhere_does() {
    assert_uneven_run(plugin::<UniPc2>(), &[], [1.093237, -0.800907, 1.824655]);
}

#[test]
fn neither_the_start_nor_a_change_of_gw_caps_the_order() {
    assert_order_across_a_change_of_gw(plugin::<UniPc2>(), 3);
}

#[test]
fn a_long_last_step_does_not_overshoot() {
    assert_long_last_step(plugin::<UniPc2>(), &[2.0], &[100.0]);
}

#[test]
fn a_step_to_zero_is_the_clean_estimate() {
    assert_step_to_zero(plugin::<UniPc2>(), 1, 4e-3);
}
