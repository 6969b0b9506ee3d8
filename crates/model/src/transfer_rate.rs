//! How fast bytes arrive, over the last seconds. It knows nothing of clocks: it is told the time.

use std::collections::VecDeque;
use std::time::Duration;

/// How far back a rate looks: long enough to be steady, short enough to see a stall.
const WINDOW: Duration = Duration::from_secs(5);

/// Nothing is said of a shorter time: a first burst says little.
const SHORTEST: Duration = Duration::from_millis(500);

/// Bytes by time, newest last.
#[derive(Debug, Clone, Default)]
pub(super) struct TransferRate(VecDeque<(Duration, u64)>);

impl TransferRate {
    /// Takes note that `bytes` are here in all at `now`, and gives bytes per second; `None` where
    /// too little time went by to say. Both only grow; a smaller number of bytes starts anew.
    pub(super) fn at(&mut self, now: Duration, bytes: u64) -> Option<u64> {
        if self.0.back().is_some_and(|(_, before)| *before > bytes) {
            self.0.clear();
        }
        self.0.push_back((now, bytes));
        // The oldest one kept is the last from before the window.
        while self.0.get(1).is_some_and(|(time, _)| now.saturating_sub(*time) >= WINDOW) {
            self.0.pop_front();
        }
        let (time, before) = self.0.front()?;
        let elapsed = now.saturating_sub(*time);
        let rate = (bytes - before) as f64 / elapsed.as_secs_f64();
        (elapsed >= SHORTEST).then_some(rate as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_rate_is_of_the_last_seconds_and_a_stall_is_seen() {
        let mut rate = TransferRate::default();
        assert_eq!(rate.at(ms(0), 7_000), None);
        assert_eq!(rate.at(ms(100), 9_000), None);
        assert_eq!(rate.at(ms(1_000), 1_007_000), Some(1_000_000));
        for second in 2..20 {
            rate.at(ms(second * 1_000), 2_007_000);
        }
        assert_eq!(rate.at(ms(20_000), 2_007_000), Some(0));
    }

    #[test]
    fn bytes_that_are_taken_back_start_anew() {
        let mut rate = TransferRate::default();
        rate.at(ms(0), 5_000);
        rate.at(ms(1_000), 9_000);
        assert_eq!(rate.at(ms(2_000), 100), None);
        assert_eq!(rate.at(ms(3_000), 1_100), Some(1_000));
    }
}
