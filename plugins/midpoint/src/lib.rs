//! The midpoint method: the velocity half-way, reached by half an Euler step.
//! x' = x + (b − a)·v(x + (b − a)/2·v, (a + b)/2) from σ = a to b.
//!
//! It never evaluates at b, so a step to 0 is like any other. Source: Runge (1895); Hairer, Nørsett
//! and Wanner, "Solving Ordinary Differential Equations I", section II.1.

use sigmalab_sampler_sdk::{Error, Host, Info, Sampler, Step, Sum, export};

struct Midpoint;

impl Sampler for Midpoint {
    const INFO: Info = Info::new(
        c"midpoint",
        c"Midpoint",
        c"1.0.0",
        c"The midpoint method: the velocity half-way through the step, order 2. Runge 1895.",
    )
    .order(2)
    .evaluations(2)
    .reaches_zero();

    fn step(step: &Step<'_>, host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
        let h = step.delta();
        Sum::of(1.0, step.x).plus(0.5 * h, step.v).write(out);
        let mut v_middle = vec![0.0; out.len()];
        host.evaluate(out, step.sigma + 0.5 * h, step.gw, &mut v_middle)?;
        Sum::of(1.0, step.x).plus(h, &v_middle).write(out);
        Ok(())
    }
}

export!(Midpoint);

#[cfg(test)]
mod tests;
