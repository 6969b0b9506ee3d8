//! Heun's method, the explicit trapezoid rule: an Euler step, then the mean of the velocities at
//! both ends. x' = x + (b − a)·(v + v(x + (b − a)·v, b))/2 from σ = a to b.
//!
//! No network is defined at σ = 0, so a step to 0 is Euler's. Source: Karras et al., "Elucidating
//! the Design Space of Diffusion-Based Generative Models" (2022), algorithm 1.

use sigmalab_sampler_sdk::{Error, Host, Info, Sampler, Step, Sum, export};

struct Heun;

impl Sampler for Heun {
    const INFO: Info = Info::new(
        c"heun",
        c"Heun",
        c"1.0.0",
        c"Heun's method: the mean of the velocities at both ends of the step, order 2. Karras et al. 2022.",
    )
    .order(2)
    .evaluations(2)
    .reaches_zero();

    fn step(step: &Step<'_>, host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
        let h = step.delta();
        Sum::of(1.0, step.x).plus(h, step.v).write(out);
        if step.sigma_next == 0.0 {
            return Ok(());
        }
        let mut v_next = vec![0.0; out.len()];
        host.evaluate(out, step.sigma_next, step.gw, &mut v_next)?;
        Sum::of(1.0, step.x).plus(0.5 * h, step.v).plus(0.5 * h, &v_next).write(out);
        Ok(())
    }
}

export!(Heun);

#[cfg(test)]
mod tests;
