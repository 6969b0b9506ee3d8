//! How fast pictures may be written. Bytes that wait in a slow link delay every key's echo, so
//! only a few are let go before the terminal says that it has worked through them.

use std::time::{Duration, Instant};

/// Asks the terminal to say so when it gets here (DSR).
pub(super) const QUESTION: &[u8] = b"\x1b[5n";
/// Bytes let go at first, at least and at most.
const FIRST: usize = 16 * 1024;
const LEAST: usize = 4 * 1024;
const MOST: usize = 256 * 1024;
/// An answer within this time asks for more bytes, one after the other for fewer: what a key
/// press may be delayed.
const QUICK: Duration = Duration::from_millis(30);
const SLOW: Duration = Duration::from_millis(150);
/// How long an answer is waited for from a terminal that never gave one, and from another.
const UNKNOWN_WAIT: Duration = Duration::from_millis(250);
const KNOWN_WAIT: Duration = Duration::from_secs(3);

/// Decides when more may be written, and how much.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    window: usize,
    asked: Option<Instant>,
    answers: bool,
}

impl Pace {
    pub(super) fn new() -> Self {
        Pace { window: FIRST, asked: None, answers: false }
    }

    /// Bytes that may be written now; 0 while an answer is awaited.
    pub(super) fn allowance(&mut self, now: Instant) -> usize {
        if let Some(asked) = self.asked {
            if now.saturating_duration_since(asked) < self.patience() {
                return 0;
            }
            self.asked = None;
            if self.answers {
                self.window = LEAST;
            }
        }
        self.window
    }

    /// Bytes were written, and [`QUESTION`] after them.
    pub(super) fn asked(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// The terminal answered.
    pub(super) fn answered(&mut self, now: Instant) {
        let Some(asked) = self.asked.take() else { return };
        self.answers = true;
        let time = now.saturating_duration_since(asked);
        if time <= QUICK {
            self.window = (self.window * 2).min(MOST);
        } else if time > SLOW {
            self.window = (self.window / 2).max(LEAST);
        }
    }

    /// When to look again if nothing comes.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let asked = self.asked?;
        Some(self.patience().saturating_sub(now.saturating_duration_since(asked)))
    }

    fn patience(&self) -> Duration {
        if self.answers { KNOWN_WAIT } else { UNKNOWN_WAIT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes in 10 s through a link of so many bytes a second that takes `delay` both ways.
    fn sent(rate: usize, delay: Duration) -> (usize, Duration) {
        let start = Instant::now();
        let (mut now, mut total, mut longest) = (start, 0, Duration::ZERO);
        let mut pace = Pace::new();
        while now < start + Duration::from_secs(10) {
            let bytes = pace.allowance(now);
            total += bytes;
            pace.asked(now);
            let time = Duration::from_secs_f64(bytes as f64 / rate as f64) + delay;
            now += time;
            // The first few windows find out.
            if now > start + Duration::from_secs(3) {
                longest = longest.max(time);
            }
            pace.answered(now);
        }
        (total, longest)
    }

    #[test]
    fn a_slow_link_is_kept_busy_and_keys_are_not_delayed_for_long() {
        let (total, longest) = sent(25 * 1024, Duration::from_millis(40));
        assert!(total > 100 * 1024, "{total}");
        assert!(longest < Duration::from_millis(500), "{longest:?}");
    }

    #[test]
    fn a_fast_link_soon_takes_all() {
        let (total, _) = sent(100 << 20, Duration::from_millis(1));
        assert!(total > 50 << 20, "{total}");
    }

    #[test]
    fn a_terminal_that_never_answers_still_gets_its_picture() {
        let mut now = Instant::now();
        let mut pace = Pace::new();
        for _ in 0..4 {
            assert_eq!(pace.allowance(now), FIRST);
            pace.asked(now);
            assert_eq!(pace.allowance(now), 0);
            let wait = pace.wait(now);
            assert_eq!(wait, Some(UNKNOWN_WAIT));
            now += UNKNOWN_WAIT;
        }
    }
}
