//! DPM-Solver++(2M) on a flow whose solution is known.

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{
    assert_long_last_step, assert_order, assert_order_with_gw_1_between, assert_step_to_zero,
    assert_uneven_run,
};

#[test]
fn its_order_is_2_in_every_form_on_even_and_uneven_grids_while_gw_changes() {
    let forms: [&[f64]; 4] = [&[0.0, 0.0], &[0.0, 1.0], &[1.0, 0.0], &[1.0, 1.0]];
    assert_order(plugin::<Dpmpp2m>(), 2, &[20, 40, 80], &forms);
}

#[test]
fn started_by_euler_it_ends_where_the_formulas_written_elsewhere_do() {
    for (space, variant, theirs) in [
        (0.0, 0.0, [1.07725, -0.744641, 1.813117]),
        (0.0, 1.0, [1.12088, -0.815603, 1.903933]),
        (1.0, 0.0, [1.176978, -0.862198, 1.993604]),
        // RES 2M gives the same.
        (1.0, 1.0, [1.232031, -0.946537, 2.105359]),
    ] {
        assert_uneven_run(plugin::<Dpmpp2m>(), &[space, variant, 1.0], theirs);
    }
}

#[test]
fn a_long_last_step_does_not_overshoot() {
    let (usual, free) = ([0.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 100.0]);
    assert_long_last_step(plugin::<Dpmpp2m>(), &usual, &free);
}

#[test]
fn gw_of_1_in_between_leaves_the_order_as_it_is() {
    assert_order_with_gw_1_between(plugin::<Dpmpp2m>(), 2);
}

#[test]
fn a_step_to_zero_is_the_clean_estimate() {
    assert_step_to_zero(plugin::<Dpmpp2m>(), 1, 4e-3);
}
