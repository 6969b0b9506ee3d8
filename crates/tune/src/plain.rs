//! Schedules of one mu and std for all steps: the ones that every other program can take too.

use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::sigmas::{Schedule, Sigma};
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;

/// The pairs of mu and std that are looked at.
pub fn pairs() -> Vec<(f64, f64)> {
    let mu = (-10..=16).map(|tenth| f64::from(tenth) / 10.0);
    mu.flat_map(|mu| (6..=24).map(move |tenth| (mu, f64::from(tenth) / 10.0))).collect()
}

/// Steps of one mu and std with these guidance weights; with the second step's start held at
/// `pinned`, where one is given. `None` where σ would not fall.
pub fn steps(
    (mu, std): (f64, f64),
    gw: &[f64],
    pinned: Option<f64>,
    size: Size,
    terminal: Terminal,
) -> Option<Vec<Step>> {
    let mut steps: Vec<Step> = gw.iter().map(|gw| Step { gw: *gw, mu, std }).collect();
    if let Some(level) = pinned.filter(|_| steps.len() > 1) {
        let schedule = Schedule::new(SamplingOrder(steps.clone()), size, terminal);
        let mu = schedule.mu_for(1, Sigma(level))?;
        steps.get_mut(1)?.mu = (mu * 1e7).round() / 1e7;
    }
    let made = Schedule::new(SamplingOrder(steps.clone()), size, terminal);
    made.check().ok().map(|()| steps)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_pinned_level_is_where_the_second_step_starts() {
        let made =
            steps((0.3, 1.2), &[7.0; 10], Some(0.9), Size::SQUARE, Terminal::Reference).unwrap();
        let sigmas = crate::grid::levels_of(&made, Size::SQUARE, Terminal::Reference);
        assert!((sigmas[1] - 0.9).abs() < 1e-6);
        // A level below the third step's start makes no schedule.
        let low = steps((0.3, 1.2), &[7.0; 10], Some(0.2), Size::SQUARE, Terminal::Reference);
        assert_eq!(low, None);
    }
}
