//! When the next draft is due: at once, then rarely enough that drafts cost under a hundredth of
//! a run, and at the last step. It knows nothing of clocks: it is told the time.

use std::time::Duration;

/// The shortest time between two drafts: faster, nobody sees the difference.
const SHORTEST: Duration = Duration::from_millis(250);

/// The time between two drafts in costs of one.
const COSTS_BETWEEN: u32 = 100;

/// The pace of one run's drafts. Times are since the run's start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    next: Duration,
}

impl Pace {
    /// Whether a draft is due `now`.
    pub fn is_due(&self, now: Duration, last_step: bool) -> bool {
        last_step || now >= self.next
    }

    /// Takes note of a draft that took from `started` to `ended`.
    pub fn drafted(&mut self, started: Duration, ended: Duration) {
        let cost = ended.saturating_sub(started);
        self.next = ended + SHORTEST.max(cost.saturating_mul(COSTS_BETWEEN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_first_draft_is_due_at_once_and_the_last_step_always() {
        let mut pace = Pace::default();
        assert!(pace.is_due(ms(0), false));
        pace.drafted(ms(0), ms(1));
        assert!(!pace.is_due(ms(250), false));
        assert!(pace.is_due(ms(251), false));
        assert!(pace.is_due(ms(2), true));
    }

    proptest! {
        #[test]
        fn drafts_between_the_first_and_the_last_cost_under_a_hundredth(
            steps in prop::collection::vec((1_u64..5_000, 0_u64..400), 1..200),
        ) {
            let (mut pace, mut now, mut spent, mut latest) = (Pace::default(), 0, 0, 0);
            for (network, cost) in steps {
                now += network;
                if pace.is_due(ms(now), false) {
                    pace.drafted(ms(now), ms(now + cost));
                    now += cost;
                    // What a draft costs is paid for by the wait after it.
                    spent += latest;
                    latest = cost;
                }
            }
            prop_assert!(spent * 100 <= now, "{} of {} ms", spent, now);
        }
    }
}
