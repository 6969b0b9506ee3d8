//! The Adams-Bashforth method of order 3 on uneven grids: the parabola through the present and the
//! last two velocities, integrated.
//!
//! Where less than two earlier velocities belong to the present gw, it is the method of order 2, and
//! in the first step Euler's. Either would cap the order at 2: the first step by its error of O(h²),
//! the step after a change of gw because the velocity has a kink there. So both are made the
//! trapezoid rule one step later, when the velocity at their end is known, at no cost: that is the
//! average of v and v₁ in place of what was taken.
//!
//! Source: Hairer, Nørsett and Wanner, "Solving Ordinary Differential Equations I", section III.5;
//! known to samplers as iPNDM_v of order 3 (Zhang and Chen 2023), whose public implementations are
//! right on even grids only.

use sigmalab_sampler_sdk::multistep::{adams2, adams3};
use sigmalab_sampler_sdk::{Error, Host, Info, Sampler, Step, Sum, export};

struct Ab3;

impl Sampler for Ab3 {
    const INFO: Info = Info::new(
        c"ab3",
        c"Adams-Bashforth 3",
        c"1.0.0",
        c"The Adams-Bashforth method of order 3 on uneven grids, one evaluation a step; also known as iPNDM_v of order 3.",
    )
    .order(3)
    .history(2)
    .reaches_zero();

    fn step(step: &Step<'_>, _host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
        let h = step.delta();
        let x = mend(step, Sum::of(1.0, step.x));
        let next = match (step.unbroken_history(), step.blended_history()) {
            ([last, older, ..], _) => {
                let (h1, h2) = (step.sigma - last.sigma, last.sigma - older.sigma);
                let [w, w_last, w_older] = adams3(h, h1, h2);
                x.plus(h * w, step.v).plus(h * w_last, last.v).plus(h * w_older, older.v)
            }
            (_, [last, ..]) => {
                let [w, w_last] = adams2(h, step.sigma - last.sigma);
                x.plus(h * w, step.v).plus(h * w_last, last.v)
            }
            (_, []) => x.plus(h, step.v),
        };
        next.write(out);
        Ok(())
    }
}

/// Makes the step behind the trapezoid rule if it was the first one or came after a change of gw:
/// adds the difference between that rule and what the step took.
fn mend<'a>(step: &Step<'a>, x: Sum<'a>) -> Sum<'a> {
    let Some(last) = step.history.first() else { return x };
    let older = step.history.get(1);
    if older.is_some_and(|older| older.gw == last.gw) {
        return x;
    }
    // All of it at the gw of the step behind.
    let (Some(v), Some(v_last)) = (step.v_with(last.gw), last.v_with(last.gw)) else { return x };
    let h = step.sigma - last.sigma;
    let x = x.plus_blend(0.5 * h, v).plus_blend(0.5 * h, v_last);
    match older.and_then(|older| Some((older, older.v_with(last.gw)?))) {
        Some((older, v_older)) => {
            let [w, w_older] = adams2(h, last.sigma - older.sigma);
            x.plus_blend(-h * w, v_last).plus_blend(-h * w_older, v_older)
        }
        None => x.plus_blend(-h, v_last),
    }
}

export!(Ab3);

#[cfg(test)]
mod tests;
