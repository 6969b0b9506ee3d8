//! The Adams-Bashforth method of order 2 on uneven grids: the straight line through the present
//! and the last velocity, integrated. With h the step, h₁ the one before and w = h/h₁,
//! x' = x + h·((1 + w/2)·v − (w/2)·v₁).
//!
//! Source: Hairer, Nørsett and Wanner, "Solving Ordinary Differential Equations I", section III.5;
//! known to samplers as iPNDM_v of order 2 (Zhang and Chen 2023).

use sigmalab_sampler_sdk::multistep::{
    adams2, mend_euler_start, start_param, starts_with_trapezoid,
};
use sigmalab_sampler_sdk::{Error, Host, Info, Param, Sampler, Step, Sum, export};

struct Ab2;

const START: Param = start_param(1);

impl Sampler for Ab2 {
    const INFO: Info = Info::new(
        c"ab2",
        c"Adams-Bashforth 2",
        c"1.0.0",
        c"The Adams-Bashforth method of order 2 on uneven grids, one evaluation a step; also known as iPNDM_v of order 2.",
    )
    .order(2)
    // One earlier velocity, and another to see whether the last step had one.
    .history(2)
    .params(&[START])
    .reaches_zero();

    fn step(step: &Step<'_>, _host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
        let h = step.delta();
        let mut x = Sum::of(1.0, step.x);
        if starts_with_trapezoid(&step.params, &START) {
            x = mend_euler_start(step, x);
        }
        let next = match step.blended_history() {
            [last, ..] => {
                let [w, w_last] = adams2(h, step.sigma - last.sigma);
                x.plus(h * w, step.v).plus(h * w_last, last.v)
            }
            [] => x.plus(h, step.v),
        };
        next.write(out);
        Ok(())
    }
}

export!(Ab2);

#[cfg(test)]
mod tests;
