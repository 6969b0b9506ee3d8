//! A flow that is known exactly: data from a mixture of Gaussians, each value by itself. Its
//! velocities are a formula, and so is where it takes a value, to as many digits as are wanted.

use super::numbers::Numbers;
use crate::{Host, SamplerError, Velocities};

/// A mixture of two Gaussians on the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mixture {
    weights: [f64; 2],
    means: [f64; 2],
    deviations: [f64; 2],
}

impl Mixture {
    /// What the conditional network draws. Broad enough that errors fall as their order says from
    /// a handful of steps on, long before they reach the rounding of f32.
    pub(super) const CONDITIONAL: Mixture =
        Mixture { weights: [0.35, 0.65], means: [-1.0, 0.8], deviations: [0.55, 0.7] };

    /// What the unconditional one draws.
    pub(super) const UNCONDITIONAL: Mixture =
        Mixture { weights: [0.5, 0.5], means: [-0.6, 0.9], deviations: [0.8, 0.65] };

    /// dx/dσ at (x, σ): E[noise | x] − E[data | x]. No division by σ, so right at σ = 0 too.
    pub(super) fn velocity(&self, x: f64, sigma: f64) -> f64 {
        let alpha = 1.0 - sigma;
        let component = |k: usize| {
            let variance = (alpha * self.deviations[k]).powi(2) + sigma * sigma;
            let centred = x - alpha * self.means[k];
            let log = self.weights[k].ln() - 0.5 * (variance.ln() + centred * centred / variance);
            let pull = centred / variance;
            let data = self.means[k] + alpha * self.deviations[k].powi(2) * pull;
            (log, sigma * pull - data)
        };
        let [(log_a, a), (log_b, b)] = [component(0), component(1)];
        let share = 1.0 / (1.0 + (log_b - log_a).exp());
        share * a + (1.0 - share) * b
    }

    /// Mean and deviation of x at σ.
    pub(super) fn moments(&self, sigma: f64) -> (f64, f64) {
        let alpha = 1.0 - sigma;
        let sum = |f: &dyn Fn(usize) -> f64| self.weights[0] * f(0) + self.weights[1] * f(1);
        let mean = sum(&|k| alpha * self.means[k]);
        let square = sum(&|k| {
            (alpha * self.means[k]).powi(2) + (alpha * self.deviations[k]).powi(2) + sigma * sigma
        });
        (mean, (square - mean * mean).sqrt())
    }

    /// A value at σ, from three independent numbers: one uniform in 0…1 and two standard normal.
    pub(super) fn draw(&self, sigma: f64, uniform: f64, normal: f64, noise: f64) -> f64 {
        let k = usize::from(uniform >= self.weights[0]);
        let data = self.means[k] + self.deviations[k] * normal;
        (1.0 - sigma) * data + sigma * noise
    }
}

/// Velocity blended with `gw`.
pub(super) fn velocity(x: f64, sigma: f64, gw: f64) -> f64 {
    let conditional = Mixture::CONDITIONAL.velocity(x, sigma);
    if gw == 1.0 {
        return conditional;
    }
    gw * conditional + (1.0 - gw) * Mixture::UNCONDITIONAL.velocity(x, sigma)
}

/// Where the flow takes `x` from one σ to another, to twelve digits.
pub(super) fn exact(x: f64, from: f64, to: f64, gw: f64) -> f64 {
    // The classic method of order 4; its error is the fourth power of 1/1000, times little.
    let steps = ((from - to).abs() * 1000.0).ceil().max(1.0);
    let h = (to - from) / steps;
    let mut x = x;
    for step in 0..steps as usize {
        let sigma = from + h * step as f64;
        let a = velocity(x, sigma, gw);
        let b = velocity(x + 0.5 * h * a, sigma + 0.5 * h, gw);
        let c = velocity(x + 0.5 * h * b, sigma + 0.5 * h, gw);
        let d = velocity(x + h * c, sigma + h, gw);
        x += h / 6.0 * (a + 2.0 * (b + c) + d);
    }
    x
}

/// Velocities as the networks would give them, rounded to f32.
pub fn conditional(x: &[f32], sigma: f64) -> Vec<f32> {
    rounded(&Mixture::CONDITIONAL, x, sigma)
}

/// See [`conditional`].
pub fn unconditional(x: &[f32], sigma: f64) -> Vec<f32> {
    rounded(&Mixture::UNCONDITIONAL, x, sigma)
}

fn rounded(mixture: &Mixture, x: &[f32], sigma: f64) -> Vec<f32> {
    x.iter().map(|&x| mixture.velocity(f64::from(x), sigma) as f32).collect()
}

/// The blend as the engine makes it.
pub(super) fn blend(gw: f64, v_cond: &[f32], v_uncond: Option<&[f32]>) -> Vec<f32> {
    let Some(v_uncond) = v_uncond else { return v_cond.to_vec() };
    let (towards, away) = (gw as f32, (1.0 - gw) as f32);
    v_cond.iter().zip(v_uncond).map(|(cond, uncond)| towards * cond + away * uncond).collect()
}

/// What happens at the evaluations that a step asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mishap {
    #[default]
    None,
    /// The run is cancelled then.
    Cancelled,
    NetworkFails,
}

/// The host of one step on the flow.
#[derive(Debug, Default)]
pub(super) struct FlowHost {
    /// Number of the step, which keys its noise.
    step: usize,
    /// What happens at every evaluation.
    mishap: Mishap,
    /// Whether the run was cancelled.
    cancelled: bool,
    /// Evaluations asked for after the mishap.
    pub(super) after_mishap: u32,
    struck: bool,
}

impl FlowHost {
    /// The host of step `step`, where all goes well.
    pub(super) fn of(step: usize) -> Self {
        FlowHost { step, ..FlowHost::default() }
    }

    /// One whose evaluations end in `mishap`.
    pub(super) fn with(mishap: Mishap, step: usize) -> Self {
        FlowHost { mishap, ..FlowHost::of(step) }
    }

    /// One of a run that was cancelled before the step.
    pub(super) fn cancelled_before(step: usize) -> Self {
        FlowHost { cancelled: true, ..FlowHost::with(Mishap::Cancelled, step) }
    }

    fn strike(&mut self) -> Result<(), SamplerError> {
        if self.mishap == Mishap::None {
            return Ok(());
        }
        self.after_mishap += u32::from(self.struck);
        self.struck = true;
        match self.mishap {
            Mishap::Cancelled => {
                self.cancelled = true;
                Err(SamplerError::Cancelled)
            }
            _ => Err(SamplerError::Evaluation("the check's network fails".to_owned())),
        }
    }
}

impl Host for FlowHost {
    fn evaluate(
        &mut self,
        x: &[f32],
        sigma: f64,
        gw: f64,
        v: &mut [f32],
    ) -> Result<(), SamplerError> {
        self.strike()?;
        let uncond = (gw != 1.0).then(|| unconditional(x, sigma));
        v.copy_from_slice(&blend(gw, &conditional(x, sigma), uncond.as_deref()));
        Ok(())
    }

    fn evaluate_split(&mut self, x: &[f32], sigma: f64) -> Result<Velocities, SamplerError> {
        self.strike()?;
        Ok(Velocities { cond: conditional(x, sigma), uncond: unconditional(x, sigma) })
    }

    fn gaussian(&mut self, stream: u64, out: &mut [f32]) {
        let mut numbers = Numbers::of(self.step as u64, stream);
        out.fill_with(|| numbers.normal() as f32);
    }

    fn cancelled(&self) -> bool {
        self.cancelled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::function::erf::erf;

    /// The share of values below x at σ.
    fn below(mixture: &Mixture, x: f64, sigma: f64) -> f64 {
        let alpha = 1.0 - sigma;
        let part = |k: usize| {
            let deviation = ((alpha * mixture.deviations[k]).powi(2) + sigma * sigma).sqrt();
            let centred = (x - alpha * mixture.means[k]) / deviation;
            mixture.weights[k] * 0.5 * (1.0 + erf(centred / std::f64::consts::SQRT_2))
        };
        part(0) + part(1)
    }

    #[test]
    fn the_exact_flow_keeps_the_share_of_values_below() {
        for x in [-2.0, -0.7, 0.0, 0.4, 1.9] {
            for (from, to) in [(0.98, 0.02), (0.98, 0.0), (0.5, 0.3)] {
                let there = exact(x, from, to, 1.0);
                let mixture = Mixture::CONDITIONAL;
                let (before, after) = (below(&mixture, x, from), below(&mixture, there, to));
                assert!((before - after).abs() < 1e-10, "{x}: {before} {after}");
            }
        }
    }

    #[test]
    fn the_velocity_is_noise_less_data() {
        // v = (x − D)/σ where D = x − σ·v is the mean of the data given x; at σ = 1 nothing is
        // known of it but its mean.
        let (mean, _) = Mixture::CONDITIONAL.moments(0.0);
        assert!((0.3 - Mixture::CONDITIONAL.velocity(0.3, 1.0) - mean).abs() < 1e-12);
    }
}
