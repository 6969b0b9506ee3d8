//! One mu and std for all steps, for tools that have no others. Knows no tool.

use super::super::order::SamplingOrder;
use super::super::preset::{Preset, Step};
use super::super::runs::runs;
use super::super::sigmas::{Schedule, normal_quantile, rising_line};
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

/// As [`rising_line`], rounded to six decimals.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let rounded = |value: f64| (value * 1e6).round() / 1e6;
    let (offset, slope) = rising_line(points)?;
    Some((rounded(offset), rounded(slope))).filter(|(_, slope)| *slope > 0.0)
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

pub(super) fn one_line(complaints: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let complaints: Vec<String> = complaints.into_iter().flatten().collect();
    (!complaints.is_empty()).then(|| complaints.join("; "))
}
