//! Tries a sampler without sigmalab: a flow whose velocity is known in closed form, and a host that
//! drives the sampler through the C interface, as sigmalab does. For tests of samplers;
//! `sigmalab plugins check` measures more, on a flow of its own.
//!
//! ```
//! # use sigmalab_sampler_sdk::{Error, Host, Info, Sampler, Step, Sum, plugin};
//! # struct Euler;
//! # impl Sampler for Euler {
//! #     const INFO: Info = Info::new(c"org.lab.euler", c"", c"1", c"").order(1).reaches_zero();
//! #     fn step(step: &Step<'_>, _: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
//! #         Sum::of(1.0, step.x).plus(step.delta(), step.v).write(out);
//! #         Ok(())
//! #     }
//! # }
//! use sigmalab_sampler_sdk::testing::{assert_order, assert_step_to_zero};
//!
//! // The error falls by 2^order when the number of steps doubles.
//! assert_order(plugin::<Euler>(), 1, &[20, 40, 80], &[&[]]);
//! assert_step_to_zero(plugin::<Euler>(), 1, 0.1);
//! ```

mod assertions;
mod flow;
mod grid;
mod host;

pub use assertions::{
    UNEVEN, assert_long_last_step, assert_order, assert_order_across_a_change_of_gw,
    assert_order_with_gw_1_between, assert_step_to_zero, assert_uneven_run,
};
pub use flow::Flow;
pub use grid::Grid;
pub use host::{Failure, Outcome, Run};

use crate::export::Table;

/// Root mean square distance to the exact solution after a run of `steps` steps from σ = 0.98 to
/// 0.02, whose gw goes from 3 to 1.5 half-way.
///
/// # Errors
/// Where the sampler fails.
pub fn error_after(
    plugin: Table,
    params: &[f64],
    grid: Grid,
    steps: usize,
) -> Result<f64, Failure> {
    let sigmas = grid.sigmas(steps, 0.98, 0.02);
    let gw = |step: usize| if step < steps / 2 { 3.0 } else { 1.5 };
    let run = Run::new(plugin, sigmas).gw((0..steps).map(gw).collect()).params(params);
    Ok(run.go()?.distance(&run.exact()))
}

/// The order of accuracy between each two numbers of steps (even, ascending), as
/// [`error_after`] shows it: ln(error ratio) / ln(ratio of the numbers of steps).
///
/// # Errors
/// Where the sampler fails.
pub fn observed_orders(
    plugin: Table,
    params: &[f64],
    grid: Grid,
    steps: &[usize],
) -> Result<Vec<f64>, Failure> {
    let errors: Result<Vec<f64>, Failure> =
        steps.iter().map(|steps| error_after(plugin, params, grid, *steps)).collect();
    let pairs = errors?;
    let order = |(errors, steps): (&[f64], &[usize])| match (errors, steps) {
        ([coarse, fine], [few, many]) => (coarse / fine).ln() / (*many as f64 / *few as f64).ln(),
        _ => f64::NAN,
    };
    Ok(pairs.windows(2).zip(steps.windows(2)).map(order).collect())
}
