//! RES 2S: an exponential Runge-Kutta method of two stages in τ = −ln σ, in which x decays exactly
//! and the clean estimate D = x − σ·v is interpolated.
//!
//! With h = ln(a/b) and c₂ the place of the second stage: σ_m = a·e^{−c₂h},
//! x_m = e^{−c₂h}·x + (1 − e^{−c₂h})·D and x' = e^{−h}·x + h·(b₁·D + b₂·D(x_m, σ_m)), where
//! b₂ = φ₂(−h)/c₂ and b₁ = φ₁(−h) − b₂. At b = 0 the second stage would be there too, so that step
//! is x' = D.
//!
//! Source: Hochbruck and Ostermann, "Exponential integrators" (2010), equation 2.40; as a sampler,
//! Zhang et al., "Improved Order Analysis and Design of Exponential Integrator for Diffusion Models
//! Sampling" (2023).

use sigmalab_sampler_sdk::time::{phi1, phi2};
use sigmalab_sampler_sdk::{Blend, Error, Host, Info, Param, Sampler, Step, Sum, export};

struct Res2s;

const C2: Param = Param::float(1, c"c2", 0.1, 1.0, 0.5)
    .help(c"Where the second evaluation is: 0.5 is half of the step in -ln sigma, 1 its end")
    .increment(0.05)
    .tunable();

impl Sampler for Res2s {
    const INFO: Info = Info::new(
        c"res-2s",
        c"RES 2S",
        c"1.0.0",
        c"An exponential Runge-Kutta method of two stages in -ln sigma, order 2. Zhang et al. 2023.",
    )
    .order(2)
    .evaluations(2)
    .params(&[C2])
    .reaches_zero();

    fn step(step: &Step<'_>, host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
        let (a, b, v) = (step.sigma, step.sigma_next, Blend::One(step.v));
        if b == 0.0 {
            Sum::of(0.0, step.x).plus_clean(1.0, step.x, a, v).write(out);
            return Ok(());
        }
        let (h, c2) = ((a / b).ln(), step.params.float(&C2));
        let keep = (-c2 * h).exp();
        let sigma_middle = a * keep;
        let x_middle = Sum::of(keep, step.x).plus_clean(1.0 - keep, step.x, a, v).to_vec(out.len());
        let mut v_middle = vec![0.0; out.len()];
        host.evaluate(&x_middle, sigma_middle, step.gw, &mut v_middle)?;

        let b2 = phi2(-h) / c2;
        let b1 = phi1(-h) - b2;
        Sum::of(b / a, step.x)
            .plus_clean(h * b1, step.x, a, v)
            .plus_clean(h * b2, &x_middle, sigma_middle, Blend::One(&v_middle))
            .write(out);
        Ok(())
    }
}

export!(Res2s);

#[cfg(test)]
mod tests;
