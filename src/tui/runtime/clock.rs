//! When the next frame is drawn: soon after a key, less often for what comes in pieces, never
//! without a reason. Knows times, not what is drawn.

use std::time::{Duration, Instant};

/// How soon something is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// Somebody did something and waits for it.
    Now,
    /// A piece of a list or a small picture came, one of many.
    Piece,
    /// A sweep goes on.
    Progress,
}

impl Haste {
    /// The least time between the frame before and one for this.
    fn interval(self) -> Duration {
        Duration::from_millis(match self {
            Haste::Now => 10,
            Haste::Piece => 200,
            Haste::Progress => 400,
        })
    }
}

/// When the last frame was drawn, and when the next one is due.
#[derive(Debug)]
pub(super) struct Clock {
    drawn: Option<Instant>,
    due: Option<Instant>,
}

impl Clock {
    /// Before the first frame, which is due at once.
    pub(super) fn new(now: Instant) -> Self {
        Clock { drawn: None, due: Some(now) }
    }

    /// Something is to be seen.
    pub(super) fn ask(&mut self, haste: Haste, now: Instant) {
        let at = self.drawn.map_or(now, |drawn| (drawn + haste.interval()).max(now));
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// A frame was drawn.
    pub(super) fn drawn(&mut self, now: Instant) {
        *self = Clock { drawn: Some(now), due: None };
    }

    /// Whether a frame is due.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// How long until one is; `None` where nothing is to be drawn.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn nothing_is_due_until_somebody_asks() {
        let start = Instant::now();
        let mut clock = Clock::new(start);
        assert!(clock.is_due(start));
        clock.drawn(start);
        assert_eq!(clock.wait(start + ms(1000)), None);
    }

    #[test]
    fn a_key_after_a_pause_is_drawn_at_once_and_progress_a_few_times_a_second() {
        let start = Instant::now();
        let mut clock = Clock::new(start);
        clock.drawn(start);
        clock.ask(Haste::Progress, start + ms(20));
        assert_eq!(clock.wait(start + ms(20)), Some(ms(380)));
        // A key meanwhile takes the progress along.
        clock.ask(Haste::Now, start + ms(40));
        assert!(clock.is_due(start + ms(40)));
        clock.drawn(start + ms(40));
        assert!(!clock.is_due(start + ms(1000)));
    }

    #[test]
    fn keys_that_repeat_share_frames() {
        let start = Instant::now();
        let mut clock = Clock::new(start);
        clock.drawn(start);
        for at in 1..10 {
            clock.ask(Haste::Now, start + ms(at));
        }
        assert!(!clock.is_due(start + ms(9)));
        assert!(clock.is_due(start + ms(10)));
    }
}
