//! One mu and std for all steps, for tools that have no others. Knows no tool.

use super::super::order::SamplingOrder;
use super::super::preset::{Preset, Step};
use super::super::runs::runs;
use super::super::sigmas::{Schedule, normal_quantile};
use super::super::size::Size;
use super::super::terminal::Terminal;

/// One mu and std, and how far σ is from the preset's with them.
pub(super) struct Fit {
    pub(super) mu: f64,
    pub(super) std: f64,
    /// Largest difference of σ over the steps; 0 where the preset has one mu and std.
    pub(super) error: f64,
}

impl Fit {
    /// The mu and std that come closest to the preset's steps: least squares of mu + std·Φ⁻¹(u),
    /// which is the logit of σ, over all steps but the first, which starts at the clamp anyway.
    pub(super) fn of(preset: &Preset, size: Size) -> Fit {
        let curves = || preset.steps.iter().map(|step| (step.mu, step.std));
        if let [only] = runs(curves()).as_slice() {
            return Fit { mu: only.value.0, std: only.value.1, error: 0.0 };
        }
        let n = preset.steps.len();
        let points: Vec<(f64, f64)> = curves()
            .enumerate()
            .skip(1)
            .map(|(k, (mu, std))| {
                let z = normal_quantile(k, n);
                (z, mu + std * z)
            })
            .collect();
        let (mu, std) = line(&points).unwrap_or_else(|| curves().next_back().unwrap_or((0.0, 1.0)));
        let sigmas = |steps| Schedule::new(steps, size, preset.terminal).sigmas().to_vec();
        let fitted: SamplingOrder<Step> =
            preset.steps.iter().map(|step| Step { mu, std, ..*step }).collect();
        let (ours, theirs) = (sigmas(preset.steps.clone()), sigmas(fitted));
        let error = ours.iter().zip(&theirs).map(|(a, b)| (a.0 - b.0).abs()).fold(0.0, f64::max);
        Fit { mu, std, error }
    }

    /// What to say of it, where it is not the preset's own.
    pub(super) fn complaint(&self, tool: &str) -> Option<String> {
        (self.error > 0.0).then(|| {
            format!(
                "{tool} has one mu and std for all steps: with the closest, σ is off by up to {:.2e}",
                self.error
            )
        })
    }
}

/// Offset and slope of the line nearest to the points, rounded to six decimals; `None` where the
/// slope is not above 0 or a single point gives none.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_z, mean_y) = (mean(|p| p.0), mean(|p| p.1));
    let spread: f64 = points.iter().map(|(z, _)| (z - mean_z).powi(2)).sum();
    let both: f64 = points.iter().map(|(z, y)| (z - mean_z) * (y - mean_y)).sum();
    let slope = both / spread;
    let rounded = |value: f64| (value * 1e6).round() / 1e6;
    let (offset, slope) = (rounded(mean_y - slope * mean_z), rounded(slope));
    (offset.is_finite() && slope.is_finite() && slope > 0.0).then_some((offset, slope))
}

/// What to say of a tool's end, where it is not the preset's.
pub(super) fn end_complaint(preset: &Preset, tool: &str, end: Terminal) -> Option<String> {
    (preset.terminal != end).then(|| {
        format!(
            "{tool} ends at σ {}, the preset at {}",
            short(end.sigma().0),
            short(preset.terminal.sigma().0)
        )
    })
}

fn short(sigma: f64) -> String {
    if sigma == 0.0 { "0".to_owned() } else { format!("{sigma:.2e}") }
}

/// Complaints as one line.
pub(super) fn one_line(complaints: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let complaints: Vec<String> = complaints.into_iter().flatten().collect();
    (!complaints.is_empty()).then(|| complaints.join("; "))
}
