//! DPM-Solver++(2M): the estimate of the clean latents D = x − σ·v, extrapolated in a logarithmic
//! time in which the rest of the flow is integrated exactly.
//!
//! With t the time, h = t(b) − t(a), h₁ the step of t before, r = h₁/h and D₁ = (D − D_{n−1})/r,
//! - midpoint: x' = (b/a)·x + (1 − b/a)·(D + D₁/2),
//! - heun: x' = (b/a)·x + (1 − b/a)·D + α·h·φ₂(−h)·D₁,
//!
//! where t is λ = ln((1 − σ)/σ) and α = 1 − b, or t is τ = −ln σ and α = 1. A step without history
//! is (b/a)·x + (1 − b/a)·D in either time, which is Euler's; so is the step to b = 0, where t is
//! infinite, and every step with h above `max_h`. Such a step is the last one of a schedule that
//! ends at the reference's σ of 5.5e-4 (h = 5): extrapolating D that far in t multiplies D's last
//! change by about 6.
//!
//! Source: Lu et al., "DPM-Solver++" (2022), algorithm 2; the two variants are those of diffusers'
//! `solver_type`. The heun variant in τ equals "RES 2M" (Zhang et al. 2023).

use sigmalab_sampler_sdk::multistep::{mend_euler_start, start_param, starts_with_trapezoid};
use sigmalab_sampler_sdk::time::{lambda, phi2, tau};
use sigmalab_sampler_sdk::{Blend, Error, Host, Info, Param, Sampler, Step, Sum, choices, export};

struct Dpmpp2m;

const SPACE: Param = Param::choice(1, c"space", choices![c"lambda", c"tau"], 0)
    .help(c"The time of extrapolation: lambda is ln((1 - sigma)/sigma), tau is -ln sigma")
    .tunable();
const VARIANT: Param = Param::choice(2, c"variant", choices![c"midpoint", c"heun"], 0)
    .help(c"How the extrapolated part is weighted: half of it, or integrated exactly")
    .tunable();
const START: Param = start_param(3);
const MAX_H: Param = Param::float(4, c"max_h", 0.1, 100.0, 2.0)
    .label(c"longest step")
    .help(c"A step longer than this in the solver's time is of order 1: it looks back to nothing")
    .increment(0.1)
    .log_scale();

impl Sampler for Dpmpp2m {
    const INFO: Info = Info::new(
        c"dpmpp-2m",
        c"DPM-Solver++(2M)",
        c"1.0.0",
        c"DPM-Solver++(2M): the clean estimate extrapolated in logarithmic time, order 2, one evaluation a step. Lu et al. 2022.",
    )
    .order(2)
    // One earlier estimate, and another to see whether the last step had one.
    .history(2)
    .params(&[SPACE, VARIANT, START, MAX_H])
    .reaches_zero();

    fn step(step: &Step<'_>, _host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
        let in_lambda = step.params.choice(&SPACE) == 0;
        let time = if in_lambda { lambda } else { tau };
        let (a, b) = (step.sigma, step.sigma_next);
        let (h, keep) = (time(b) - time(a), b / a);

        let mut x = Sum::of(1.0, step.x);
        if starts_with_trapezoid(&step.params, &START) {
            x = mend_euler_start(step, x);
        }
        let first_order = x.times(keep).plus_clean(1.0 - keep, step.x, a, Blend::One(step.v));
        let next = match step.blended_history() {
            [last, ..] if h <= step.params.float(&MAX_H) => {
                let weight = if step.params.choice(&VARIANT) == 0 {
                    0.5 * (1.0 - keep)
                } else {
                    h * phi2(-h) * if in_lambda { 1.0 - b } else { 1.0 }
                };
                // 1/r; 0 where the last step came from an infinite time.
                let c = weight * h / (time(a) - time(last.sigma));
                first_order.plus_clean(c, step.x, a, Blend::One(step.v)).plus_clean(
                    -c,
                    last.x,
                    last.sigma,
                    Blend::One(last.v),
                )
            }
            _ => first_order,
        };
        next.write(out);
        Ok(())
    }
}

export!(Dpmpp2m);

#[cfg(test)]
mod tests;
