//! Windows of the run, from percent to percent, as ComfyUI counts them.

use std::cmp::Ordering;

/// Decimals of a percent that ComfyUI's screen shows.
const SHOWN: usize = 3;

/// Decimals beyond which there is no point in looking for a shorter percent.
const MOST: usize = 12;

/// From `start` to `end`, each 0 to 1: 0 is all noise, 1 the end of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub(super) start: f64,
    pub(super) end: f64,
}

impl Window {
    /// Whether a step that starts at `sigma` lies in it: below its start or at it, above its end.
    pub(super) fn contains(&self, sigma: f64) -> bool {
        sigma_at(self.end) < sigma && sigma <= sigma_at(self.start)
    }
}

/// The σ at a percent, for a flow model without a shift, as Ideogram 4 is loaded.
fn sigma_at(percent: f64) -> f64 {
    match percent {
        percent if percent <= 0.0 => 1.0,
        percent if percent >= 1.0 => 0.0,
        percent => 1.0 - percent,
    }
}

/// A percent that parts two steps by where they start, with as few decimals as do it safely:
/// ComfyUI computes σ itself, with other roundings in the last digits. `None` where the later
/// step does not start lower.
pub(super) fn percent_between(earlier: f64, later: f64) -> Option<f64> {
    // A NaN parts nothing either.
    if later.partial_cmp(&earlier) != Some(Ordering::Less) {
        return None;
    }
    let middle = 1.0 - f64::midpoint(earlier, later);
    let margin = (earlier - later) / 10.0;
    let safe = |percent: &f64| {
        let sigma = sigma_at(*percent);
        later + margin <= sigma && sigma <= earlier - margin
    };
    let rounded = (SHOWN..=MOST).filter_map(|decimals| format!("{middle:.decimals$}").parse().ok());
    Some(rounded.into_iter().find(safe).unwrap_or(middle))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let window = Window { start: 0.7, end: 1.0 };
        // The template that ComfyUI ships: gw 3 from 0.7 to 1.0.
        for (sigma, inside) in [(0.4, false), (1.0 - 0.7, true), (5.5e-4, true), (0.0, false)] {
            assert_eq!(window.contains(sigma), inside, "{sigma}");
        }
        assert!(Window { start: 0.0, end: 0.5 }.contains(1.0));
    }

    #[test]
    fn a_percent_has_three_decimals_where_they_do() {
        assert_eq!(percent_between(0.3, 0.2), Some(0.75));
        assert_eq!(percent_between(0.9727, 0.9496), Some(0.039));
        assert_eq!(percent_between(0.99987, 0.99985), Some(0.00014));
        assert_eq!(percent_between(0.2, 0.2), None);
        assert_eq!(percent_between(0.2, f64::NAN), None);
    }

    proptest! {
        #[test]
        fn it_parts_any_two_steps(earlier in 1e-6f64..1.0, factor in 0.0f64..0.999_999) {
            let later = earlier * factor;
            let percent = percent_between(earlier, later).unwrap();
            let (before, after) = (Window { start: 0.0, end: percent }, Window { start: percent, end: 1.0 });
            prop_assert!(before.contains(earlier) && !after.contains(earlier));
            prop_assert!(later == 0.0 || after.contains(later) && !before.contains(later));
        }
    }
}
