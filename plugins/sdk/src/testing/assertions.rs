//! What tests of samplers assert, each in a line: the order of accuracy, what changes of gw leave of
//! it, the step to σ = 0, and numbers from elsewhere. Knows no sampler.
#![allow(clippy::panic)] // An assertion that fails ends the test.

use super::{Failure, Grid, Outcome, Run, observed_orders};
use crate::export::Table;

/// Uneven noise levels, for numbers that another program made on the same [`super::Flow`].
pub const UNEVEN: [f64; 8] = [0.98, 0.9, 0.75, 0.62, 0.41, 0.3, 0.12, 0.02];

/// Asserts that the order of accuracy is `order` on both grids while gw changes, for each set of
/// values of the first parameters (`&[&[]]` is the defaults alone), between each two of `steps`
/// (even, ascending). A bound 0.3 below leaves room for what the next order contributes; an order
/// that something caps falls further.
///
/// # Panics
/// Where it is not, or the sampler fails.
#[track_caller]
pub fn assert_order(plugin: Table, order: u32, steps: &[usize], params: &[&[f64]]) {
    for grid in [Grid::Uniform, Grid::LogitNormal] {
        for params in params {
            let orders = sound(observed_orders(plugin, params, grid, steps));
            let least = f64::from(order) - 0.3;
            assert!(orders.iter().all(|order| *order > least), "{grid:?} {params:?}: {orders:?}");
        }
    }
}

/// Asserts that neither the start nor a change of gw half-way caps the order at less than `order`,
/// gw 1, where there is no unconditional velocity, among them.
///
/// # Panics
/// Where one does, or the sampler fails.
#[track_caller]
pub fn assert_order_across_a_change_of_gw(plugin: Table, order: u32) {
    for gw in [[2.0; 2], [3.0, 1.5], [1.5, 3.0], [1.0, 2.0], [2.0, 1.0]] {
        let gw_at = |step: usize, steps: usize| gw[usize::from(step >= steps / 2)];
        assert_order_with_gw(plugin, order, Grid::Uniform, 0.1, gw_at);
    }
}

/// Asserts that the order stays `order` where gw is 1 in between: without an unconditional velocity
/// there, history cannot be blended when gw rises again.
///
/// # Panics
/// Where it does not, or the sampler fails.
#[track_caller]
pub fn assert_order_with_gw_1_between(plugin: Table, order: u32) {
    let gw_at = |step: usize, steps: usize| if (step * 4 / steps) % 2 == 1 { 1.0 } else { 2.5 };
    assert_order_with_gw(plugin, order, Grid::LogitNormal, 0.02, gw_at);
}

#[track_caller]
fn assert_order_with_gw(
    plugin: Table,
    order: u32,
    grid: Grid,
    to: f64,
    gw_at: impl Fn(usize, usize) -> f64,
) {
    let error = |steps: usize| {
        let gw = (0..steps).map(|step| gw_at(step, steps)).collect();
        distance(&Run::new(plugin, grid.sigmas(steps, 0.98, to)).gw(gw))
    };
    let observed = (error(40) / error(80)).log2();
    assert!(observed > f64::from(order) - 0.3, "{observed}");
}

/// Asserts that a step to σ = 0 after 40 others makes so many evaluations, the host's own included,
/// and ends that near to the exact solution.
///
/// # Panics
/// Where it does not, or the sampler fails.
#[track_caller]
pub fn assert_step_to_zero(plugin: Table, evaluations: u32, within: f64) {
    let mut sigmas = Grid::LogitNormal.sigmas(40, 0.98, 0.02);
    sigmas.push(0.0);
    let run = Run::new(plugin, sigmas).gw([vec![3.0; 20], vec![1.5; 21]].concat());
    let outcome = sound(run.go());
    assert_eq!(outcome.evaluations.last(), Some(&evaluations));
    let distance = outcome.distance(&run.exact());
    assert!(distance < within, "{distance}");
}

/// Asserts latents 0, 5 and 11 after a run along [`UNEVEN`] with gw 1: numbers of the same flow and
/// formula in double precision, from another program.
///
/// # Panics
/// Where they are others, or the sampler fails.
#[track_caller]
pub fn assert_uneven_run(plugin: Table, params: &[f64], theirs: [f32; 3]) {
    let Outcome { latents, .. } = sound(Run::new(plugin, UNEVEN.to_vec()).params(params).go());
    let ours = [latents[0], latents[5], latents[11]];
    let close = ours.iter().zip(theirs).all(|(ours, theirs)| (ours - theirs).abs() < 5e-6);
    assert!(close, "{params:?}: {ours:?}, not {theirs:?}");
}

/// Asserts that a last step that is 5.1 long in λ, as sigmalab's V4_DEFAULT_20 has it, errs less than
/// a fifth of what it does with the parameters `free`, whose last one lets it overshoot.
///
/// # Panics
/// Where it does not, or the sampler fails.
#[track_caller]
pub fn assert_long_last_step(plugin: Table, params: &[f64], free: &[f64]) {
    let mut sigmas = Grid::LogitNormal.sigmas(19, 0.98, 0.101);
    sigmas.push(5.5e-4);
    let error = |params: &[f64]| distance(&Run::new(plugin, sigmas.clone()).params(params));
    assert!(error(params) < 0.2 * error(free), "{} {}", error(params), error(free));
}

#[track_caller]
fn distance(run: &Run) -> f64 {
    sound(run.go()).distance(&run.exact())
}

#[track_caller]
fn sound<T>(result: Result<T, Failure>) -> T {
    result.unwrap_or_else(|failure| panic!("the sampler fails in {failure}"))
}
