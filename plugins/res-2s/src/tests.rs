//! RES 2S on a flow whose solution is known.

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{assert_order, assert_step_to_zero, assert_uneven_run};

#[test]
fn its_order_is_2_wherever_the_second_stage_is_on_even_and_uneven_grids_while_gw_changes() {
    assert_order(plugin::<Res2s>(), 2, &[20, 40, 80], &[&[0.1], &[0.5], &[1.0]]);
}

#[test]
fn an_uneven_run_ends_where_the_formula_written_elsewhere_does() {
    assert_uneven_run(plugin::<Res2s>(), &[0.5], [1.028778, -0.616165, 1.69728]);
    assert_uneven_run(plugin::<Res2s>(), &[0.8], [1.006418, -0.60495, 1.65145]);
}

#[test]
fn a_step_to_zero_is_the_clean_estimate() {
    assert_step_to_zero(plugin::<Res2s>(), 1, 2e-3);
}
