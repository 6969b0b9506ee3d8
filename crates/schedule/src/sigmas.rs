//! From steps to noise levels: the logit-normal schedule of the reference implementation.

use super::fault::MAX_STEPS;
pub use super::fault::{ScheduleError, StepFault};
use super::order::SamplingOrder;
use super::size::Size;
use super::step::Step;
pub use super::terminal::Terminal;
use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc_inv;

/// A noise level: 1 is noise, 0 is data. The model's time is 1 − σ.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sigma(pub f64);

/// The side of the square image at which the resolution shift is 0, in pixels.
const UNSHIFTED_SIDE: f64 = 512.0;

impl Sigma {
    /// log SNR = 2·ln((1 − σ)/σ). It is −2·(mu + shift) at the median of a step's schedule; the
    /// reference's clamp keeps it in −18…15. Infinite at σ = 0 and σ = 1, NaN outside.
    pub fn log_snr(self) -> f64 {
        -2.0 * logit(self.0)
    }

    /// The model's time, t = 1 − σ.
    pub fn time(self) -> f64 {
        1.0 - self.0
    }

    /// The highest σ of a schedule, where every one starts: 1 − 1/(1 + e⁹) ≈ 0.999877.
    pub fn highest() -> Self {
        at_time(lowest_time())
    }

    /// The lowest σ that a step can start at: 1 − 1/(1 + e^−7.5) ≈ 5.528e-4.
    pub fn lowest() -> Self {
        at_time(highest_time())
    }
}

impl Terminal {
    /// The noise level at which the last step ends.
    pub fn sigma(self) -> Sigma {
        match self {
            Terminal::Reference => Sigma::lowest(),
            Terminal::Zero => Sigma(0.0),
        }
    }
}

/// Steps with the noise levels they start and end at.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    steps: SamplingOrder<Step>,
    size: Size,
    terminal: Terminal,
    /// N + 1 values, sampling order, the terminal σ last.
    sigmas: Vec<Sigma>,
}

impl Schedule {
    /// The schedule of `steps` at `size`. It may be broken: see [`Schedule::check`].
    ///
    /// Step k of N starts at quantile u = (N − k)/N of its own mu and std: y = mu +
    /// ½·ln(width·height/512²) + std·Φ⁻¹(u), t = 1 − sigmoid(y), clamped to [1/(1 + e⁹),
    /// 1/(1 + e^−7.5)], σ = 1 − t. It ends where step k + 1 starts. At u = 1 the formula is
    /// infinite, so step 0 starts at the clamp whatever its mu and std. Source: the reference's
    /// `LogitNormalSchedule` and `make_step_intervals`, whose roundings to f32 (of u and of t)
    /// are kept, so that σ agrees to the last bit.
    pub fn new(steps: SamplingOrder<Step>, size: Size, terminal: Terminal) -> Self {
        let n = steps.len();
        let mut sigmas: Vec<Sigma> =
            steps.iter().enumerate().map(|(k, step)| start_of(k, n, step, size)).collect();
        sigmas.push(terminal.sigma());
        Schedule { steps, size, terminal, sigmas }
    }

    /// The steps, first step first.
    pub fn steps(&self) -> &[Step] {
        self.steps.as_slice()
    }

    /// N + 1 noise levels, sampling order, the terminal σ last.
    pub fn sigmas(&self) -> &[Sigma] {
        &self.sigmas
    }

    /// The size that the steps are for; it shifts σ.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Where the last step ends.
    pub fn terminal(&self) -> Terminal {
        self.terminal
    }

    /// The mu that makes a step (counted from 0 in sampling order) start at `sigma`, its std and
    /// everything else unchanged: the inverse of [`Schedule::new`].
    ///
    /// `None` where no mu does: at step 0, which always starts at the clamp; at a step that does
    /// not exist; for a σ at or beyond the clamp; for a std that is not finite. The σ it gives is
    /// within 3e-8 of the wanted one, the rounding of t to f32.
    pub fn mu_for(&self, step: usize, sigma: Sigma) -> Option<f64> {
        let std = self.steps.get(step)?.std;
        let inside = Sigma::lowest() < sigma && sigma < Sigma::highest();
        if step == 0 || !inside {
            return None;
        }
        let spread = std * inverse_normal(quantile(step, self.steps.len()));
        let mu = logit(sigma.0) - resolution_shift(self.size) - spread;
        mu.is_finite().then_some(mu)
    }

    /// Everything that is wrong with single steps, in sampling order; empty if they can be run.
    ///
    /// A step whose numbers are not valid is reported for that alone, not for what they do to σ.
    pub fn faults(&self) -> Vec<StepFault> {
        let mut faults = Vec::new();
        let n = self.steps.len();
        let valid = |k: usize| self.steps.get(k).is_none_or(|step| value_fault(k, step).is_none());
        for (k, (step, ends)) in self.steps.iter().zip(self.sigmas.windows(2)).enumerate() {
            if let Some(fault) = value_fault(k, step) {
                faults.push(fault);
            } else if let [Sigma(from), Sigma(to)] = *ends
                && valid(k + 1)
                && from <= to
            {
                let ends = [Sigma::highest().0, Sigma::lowest().0];
                let clamped = from == to && ends.contains(&from);
                faults.push(StepFault::NotFalling { step: k, from, to, last: k + 1 == n, clamped });
            }
        }
        faults
    }

    /// Whether it can be run: at least one step and at most [`MAX_STEPS`], finite numbers,
    /// std > 0, σ strictly falling.
    pub fn check(&self) -> Result<(), ScheduleError> {
        let steps = self.steps.len();
        if steps == 0 {
            return Err(ScheduleError::NoSteps);
        }
        if steps > MAX_STEPS {
            return Err(ScheduleError::TooManySteps { steps });
        }
        let faults = self.faults();
        if faults.is_empty() { Ok(()) } else { Err(ScheduleError::Steps { faults, steps }) }
    }
}

/// The first of a step's values that is not valid.
fn value_fault(k: usize, step: &Step) -> Option<StepFault> {
    for (field, value) in [("gw", step.gw), ("mu", step.mu), ("std", step.std)] {
        if !value.is_finite() {
            return Some(StepFault::NotFinite { step: k, field, value });
        }
    }
    (step.std <= 0.0).then_some(StepFault::StdNotPositive { step: k, std: step.std })
}

/// The noise level at which step `k` of `n` starts.
fn start_of(k: usize, n: usize, step: &Step, size: Size) -> Sigma {
    if k == 0 {
        return Sigma::highest();
    }
    let y = step.mu + resolution_shift(size) + step.std * inverse_normal(quantile(k, n));
    at_time((1.0 - sigmoid(y)).clamp(lowest_time(), highest_time()))
}

/// σ = 1 − t with t rounded to f32, as the reference hands it to the networks.
fn at_time(time: f64) -> Sigma {
    Sigma(1.0 - f64::from(time as f32))
}

/// The quantile at which step `k` of `n` starts, in 0…1; high is noisy.
///
/// The reference takes it from `torch.linspace(0, 1, n + 1)`, which is in f32 and counts from the
/// nearer end, with one rounding: (n − k)/n would differ in the last bits.
fn quantile(k: usize, n: usize) -> f64 {
    let from_0 = n.saturating_sub(k);
    let gap = 1.0 / n as f32;
    let quantile =
        if from_0 < n.div_ceil(2) { gap * from_0 as f32 } else { (-gap).mul_add(k as f32, 1.0) };
    f64::from(quantile)
}

/// Φ⁻¹ of the quantile at which step `k` of `n` starts: what its std is multiplied with.
pub(super) fn normal_quantile(k: usize, n: usize) -> f64 {
    inverse_normal(quantile(k, n))
}

/// mu and std of the line nearest to the noise levels at which steps start, sampling order: least
/// squares of the logit over all steps but the first, which starts at the clamp whatever its
/// numbers are. `None` where there are fewer than two such steps, a level is not between 0 and 1,
/// or the line does not rise.
pub fn line_of_levels(levels: &[f64], size: Size) -> Option<(f64, f64)> {
    let points: Vec<(f64, f64)> = levels
        .iter()
        .enumerate()
        .skip(1)
        .map(|(k, level)| {
            (normal_quantile(k, levels.len()), logit(*level) - resolution_shift(size))
        })
        .collect();
    rising_line(&points)
}

/// Offset and slope of the line nearest to the points, by least squares; `None` where it does not rise
/// or a single point gives none.
pub(super) fn rising_line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_z, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|(z, _)| (z - mean_z).powi(2)).sum();
    let both: f64 = points.iter().map(|(z, y)| (z - mean_z) * (y - mean_y)).sum();
    let slope = both / spread;
    let offset = mean_y - slope * mean_z;
    (offset.is_finite() && slope.is_finite() && slope > 0.0).then_some((offset, slope))
}

/// What a size adds to mu: ½·ln(width·height/512²).
pub(super) fn resolution_shift(size: Size) -> f64 {
    let pixels = f64::from(size.width()) * f64::from(size.height());
    0.5 * (pixels / (UNSHIFTED_SIDE * UNSHIFTED_SIDE)).ln()
}

/// Φ⁻¹, the inverse of the standard normal distribution function.
fn inverse_normal(u: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * u)
}

fn sigmoid(y: f64) -> f64 {
    1.0 / (1.0 + (-y).exp())
}

fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

/// The model's time at log SNR −18, the noisy end of the clamp.
fn lowest_time() -> f64 {
    1.0 / (1.0 + 9f64.exp())
}

/// The model's time at log SNR 15, the clean end of the clamp.
fn highest_time() -> f64 {
    1.0 / (1.0 + (-7.5f64).exp())
}

#[cfg(test)]
mod tests;
