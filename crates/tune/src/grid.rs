//! Grids of noise levels: where they come from without a search, and how any of them becomes a
//! preset's steps.

use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::sigmas::{Schedule, Sigma, line_of_levels};
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;

/// The steps that start at `levels` (sampling order, without the end), at a size. Any falling
/// levels have some: std is that of the line nearest to them, so that another number of steps
/// keeps their shape, and mu of every step moves it to its level. The first level is the clamp's,
/// whatever is asked for. `None` where a level is beyond the clamp, or they do not fall.
pub fn steps_of(levels: &[f64], gw: &[f64], size: Size, terminal: Terminal) -> Option<Vec<Step>> {
    if levels.len() != gw.len() || levels.is_empty() {
        return None;
    }
    let rounded = |value: f64, digits: f64| (value * digits).round() / digits;
    let (mu, std) = line_of_levels(levels, size).unwrap_or((0.0, 1.0));
    // Rounded before mu is: mu makes up for it.
    let (mu, std) = (rounded(mu, 1e4), rounded(std, 1e4).max(1e-3));
    let start: Vec<Step> = gw.iter().map(|gw| Step { gw: *gw, mu, std }).collect();
    let schedule = Schedule::new(SamplingOrder(start.clone()), size, terminal);
    let mut steps = start;
    for (k, (step, level)) in steps.iter_mut().zip(levels).enumerate().skip(1) {
        // A change of mu by 1e-7 moves σ by a fortieth of 1e-6 at most.
        step.mu = rounded(schedule.mu_for(k, Sigma(*level))?, 1e7);
    }
    let made = Schedule::new(SamplingOrder(steps.clone()), size, terminal);
    made.check().ok().map(|()| steps)
}

/// The noise levels at which the steps of a schedule start and end.
pub fn levels_of(steps: &[Step], size: Size, terminal: Terminal) -> Vec<f64> {
    let schedule = Schedule::new(SamplingOrder(steps.to_vec()), size, terminal);
    schedule.sigmas().iter().map(|sigma| sigma.0).collect()
}

/// Levels of `steps` steps between which a quantity grows by equal amounts. `grown` is how much of
/// it there is up to each of the nodes `sigmas`; between nodes it grows evenly in logit σ.
pub fn equal_parts(sigmas: &[f64], grown: &[f64], steps: usize) -> Vec<f64> {
    let total = grown.last().copied().unwrap_or(0.0);
    let (first, last) =
        (sigmas.first().copied().unwrap_or(1.0), sigmas.last().copied().unwrap_or(0.0));
    let level = |k: usize| {
        if k == 0 || k == steps {
            return if k == 0 { first } else { last };
        }
        let wanted = total * k as f64 / steps as f64;
        let after = grown.iter().position(|grown| *grown >= wanted).unwrap_or(grown.len() - 1);
        let before = after.saturating_sub(1);
        let part = (wanted - grown[before]) / (grown[after] - grown[before]).max(f64::MIN_POSITIVE);
        let (from, to) = (logit(sigmas[before]), logit(sigmas[after]));
        sigmoid(from + (to - from) * part.clamp(0.0, 1.0))
    };
    let mut levels: Vec<f64> = (0..=steps).map(level).collect();
    // Where the quantity stands still two levels could be one.
    for k in 1..steps {
        let highest = levels[k - 1] - 1e-5;
        levels[k] = levels[k].min(highest);
    }
    levels
}

/// ln(σ/(1 − σ)), kept finite at the ends.
pub(super) fn logit(sigma: f64) -> f64 {
    let inside = sigma.clamp(1e-6, 1.0 - 1e-9);
    (inside / (1.0 - inside)).ln()
}

pub(super) fn sigmoid(y: f64) -> f64 {
    1.0 / (1.0 + (-y).exp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_parts_of_what_grows_evenly_are_even_in_logit() {
        let sigmas = crate::flow::sigmas(40);
        let grown: Vec<f64> = (0..=40).map(f64::from).collect();
        let levels = equal_parts(&sigmas, &grown, 8);
        for (k, level) in levels.iter().enumerate() {
            assert!((level - sigmas[5 * k]).abs() < 1e-9, "{k}");
        }
    }

    #[test]
    fn where_nothing_grows_levels_still_fall() {
        let sigmas = crate::flow::sigmas(10);
        let mut grown = vec![0.0; 11];
        grown[10] = 1.0;
        let levels = equal_parts(&sigmas, &grown, 6);
        assert!(levels.windows(2).all(|ends| ends[0] > ends[1]), "{levels:?}");
    }

    #[test]
    fn levels_that_do_not_fall_or_lie_beyond_the_clamp_have_no_steps() {
        let steps = |levels: &[f64]| {
            steps_of(levels, &vec![7.0; levels.len()], Size::SQUARE, Terminal::Reference)
        };
        assert!(steps(&[1.0, 0.5, 0.5]).is_none());
        assert!(steps(&[1.0, 0.5, 1e-5]).is_none());
        assert!(steps(&[]).is_none());
        assert!(steps(&[1.0]).is_some());
    }

    proptest! {
        #[test]
        fn any_falling_grid_is_a_preset_within_a_millionth(
            falls in prop::collection::vec(0.05..1.5_f64, 1..30),
            size in prop::sample::select(vec![(256, 256), (1024, 1024), (2048, 768)]),
        ) {
            let size = Size::new(size.0, size.1).unwrap();
            let top = 6.0;
            let mut y = top;
            let mut levels = vec![Sigma::highest().0];
            for fall in &falls {
                y -= fall;
                if y < -7.0 { break; }
                levels.push(sigmoid(y));
            }
            let gw = vec![7.0; levels.len()];
            let steps = steps_of(&levels, &gw, size, Terminal::Reference).unwrap();
            let made = levels_of(&steps, size, Terminal::Reference);
            for (wanted, found) in levels.iter().zip(&made) {
                prop_assert!((wanted - found).abs() < 1e-6, "{wanted} {found}");
            }
            prop_assert!(steps.windows(2).all(|pair| pair[0].std == pair[1].std));
        }
    }
}
