//! How long a worker has said nothing, and whether that is longer than its steps let expect. It
//! knows times and nothing of runs.

use std::time::{Duration, Instant};

/// Silence that means nothing, whatever came before.
pub const DEFAULT_SILENCE: Duration = Duration::from_secs(60);

/// Silence that is remarkable, in times of the longest one before.
const FACTOR: u32 = 4;

/// When a worker was heard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    last: Instant,
    longest: Duration,
}

impl Heard {
    /// Listening begins.
    pub(super) fn new(now: Instant) -> Self {
        Heard { last: now, longest: Duration::ZERO }
    }

    /// It was asked for something: from now on it is expected to speak.
    pub(super) fn asked(&mut self, now: Instant) {
        self.last = now;
    }

    /// It said something.
    pub(super) fn spoke(&mut self, now: Instant) {
        self.longest = self.longest.max(now.duration_since(self.last));
        self.last = now;
    }

    /// How long it has said nothing, where that is remarkable.
    pub(super) fn silence(&self, now: Instant) -> Option<Duration> {
        let silent = now.duration_since(self.last);
        (silent > DEFAULT_SILENCE.max(self.longest * FACTOR)).then_some(silent)
    }

    /// How long one that was told to stop may take: its longest pause, and some.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(30) + self.longest * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_remarkable_after_a_minute_and_after_four_long_steps() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut heard = Heard::new(start);
        assert_eq!(heard.silence(at(60)), None);
        assert_eq!(heard.silence(at(70)), Some(Duration::from_secs(70)));
        heard.spoke(at(50));
        assert_eq!(heard.silence(at(240)), None);
        assert_eq!(heard.silence(at(260)), Some(Duration::from_secs(210)));
        heard.asked(at(1000));
        assert_eq!(heard.silence(at(1190)), None);
        assert_eq!(heard.patience(), Duration::from_secs(130));
    }
}
