//! Lists of explicit σ, as some tools take them, turned into mu. Knows no tool.

use super::super::order::SamplingOrder;
use super::super::preset::{Preset, Step};
use super::super::sigmas::Sigma;
use super::super::size::Size;
use super::super::terminal::Terminal;
use super::ImportError;

/// How far the first σ may be from the clamp and still be meant as it: text has few digits.
const CLOSE: f64 = 1e-5;

/// The preset with mu such that its steps start at these σ at that size.
pub(super) fn with_sigmas(
    preset: &Preset,
    sigmas: &[f64],
    size: Size,
    notes: &mut Vec<String>,
) -> Result<Preset, ImportError> {
    let schedule = preset.schedule(size);
    let mut steps: Vec<Step> = preset.steps.0.clone();
    for (k, (step, &sigma)) in steps.iter_mut().zip(sigmas).enumerate() {
        if k == 0 {
            let clamp = Sigma::highest().0;
            if (sigma - clamp).abs() > CLOSE {
                notes.push(format!(
                    "the first σ is {sigma} and becomes {clamp:.6}, where every schedule starts"
                ));
            }
            continue;
        }
        let mu = schedule.mu_for(k, Sigma(sigma));
        // Six decimals of mu are more than the f32 of a σ holds.
        let mu = mu.map(|mu| (mu * 1e6).round() / 1e6);
        step.mu = mu.ok_or_else(|| {
            ImportError::new(format!(
                "σ {sigma} of step {k} is out of reach: a step starts above {:.6} and below {:.6}",
                Sigma::lowest().0,
                Sigma::highest().0
            ))
        })?;
    }
    // The first one was replaced: what the list itself says has to fall.
    let rising = sigmas.windows(2).position(|pair| !matches!(pair, [from, to] if to < from));
    if let Some(step) = rising {
        let pair = sigmas.get(step..).unwrap_or_default().iter().take(2).map(f64::to_string);
        return Err(ImportError::new(format!(
            "the schedule cannot be run: step {step}: σ does not fall: it goes from {}",
            pair.collect::<Vec<_>>().join(" to ")
        )));
    }
    let last = sigmas.last().copied().unwrap_or(0.0);
    let clamp = Sigma::lowest().0;
    let terminal = if (last - clamp).abs() < CLOSE { Terminal::Reference } else { Terminal::Zero };
    if terminal == Terminal::Zero && last != 0.0 {
        notes.push(format!("the last σ is {last} and becomes 0: an end is 0 or {clamp:.3e}"));
    }
    notes.push(format!("mu is solved for the σ at {size}, with std 1"));
    Ok(Preset { steps: SamplingOrder(steps), terminal, ..preset.clone() })
}
