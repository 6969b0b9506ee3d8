//! Euler with fresh noise, for flows x = (1 − σ)·data + σ·noise: a step to below σ_next, then noise
//! that brings the latents back to it, with the mean scaled so that its share of data is right.
//!
//! From σ = a to b: s = b·(1 + (b/a − 1)·eta), y = (s/a)·x + (1 − s/a)·D, k = (1 − b)/(1 − s) and
//! x' = k·y + √(b² − (s·k)²)·n with n normal. eta = 0 is Euler's method; at b = 0 it is x' = D.
//! eta is at most 1: above, s could be negative.
//!
//! It follows no single solution of the flow, so no order is claimed. Source: the ancestral samplers
//! of k-diffusion, in the form for flows that ComfyUI and diffusers use.

use sigmalab_sampler_sdk::{Blend, Error, Host, Info, Param, Sampler, Step, Sum, export};

struct EulerAncestral;

const ETA: Param = Param::float(1, c"eta", 0.0, 1.0, 1.0)
    .help(c"How much noise is exchanged for fresh noise; 0 is Euler's method")
    .increment(0.05)
    .tunable();

impl Sampler for EulerAncestral {
    const INFO: Info = Info::new(
        c"euler-ancestral",
        c"Euler ancestral",
        c"1.0.0",
        c"Euler with fresh noise in every step, in the form for flows; eta 0 is Euler.",
    )
    .params(&[ETA])
    .stochastic()
    .reaches_zero();

    fn step(step: &Step<'_>, host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
        let (a, b, eta) = (step.sigma, step.sigma_next, step.params.float(&ETA));
        let down = b * (1.0 + (b / a - 1.0) * eta);
        let scale = (1.0 - b) / (1.0 - down);
        let noise_level = (b * b - (down * scale).powi(2)).max(0.0).sqrt();
        let keep = down / a;
        let euler = Sum::of(scale * keep, step.x).plus_clean(
            scale * (1.0 - keep),
            step.x,
            a,
            Blend::One(step.v),
        );
        if noise_level == 0.0 {
            euler.write(out);
            return Ok(());
        }
        let mut noise = vec![0.0; out.len()];
        host.gaussian(0, &mut noise)?;
        euler.plus(noise_level, &noise).write(out);
        Ok(())
    }
}

export!(EulerAncestral);

#[cfg(test)]
mod tests;
