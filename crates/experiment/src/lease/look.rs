//! When a holder on another machine counts as lost: after so many looks that succeeded and showed
//! no sign of life. No clock of another machine is compared, and a process that slept for an hour
//! has looked once in it. Knows lengths of files and nothing of what they hold.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Sets how many seconds a holder on another machine may give no sign of life.
pub const VARIABLE: &str = "SIGMALAB_LEASE_SECONDS";

/// Twice what network file systems usually show an old length for.
const DEFAULT: Duration = Duration::from_secs(120);

/// Looks without a sign of life after which a holder is lost.
pub(super) const LOOKS: u32 = 24;

const LEAST: u64 = 6;
const MOST: u64 = 24 * 3600;

/// How long a holder on another machine may give no sign of life.
///
/// # Errors
/// The variable holds something else, in words.
pub fn patience() -> Result<Duration, String> {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(DEFAULT);
    };
    let text = value.to_string_lossy();
    let seconds = text.trim().parse().ok().filter(|seconds| (LEAST..=MOST).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        format!("{VARIABLE} is `{text}`: expected a whole number of seconds, {LEAST} to {MOST}")
    })
}

/// The same, once and for all in this process.
pub(crate) fn settled() -> Duration {
    static PATIENCE: OnceLock<Duration> = OnceLock::new();
    *PATIENCE.get_or_init(|| patience().unwrap_or(DEFAULT))
}

/// Time between two signs of life, and between two looks that count.
pub(super) fn beat() -> Duration {
    settled() / LOOKS
}

/// What was seen of leases so far.
#[derive(Debug, Default)]
pub(super) struct Looks(HashMap<(String, u32), Look>);

#[derive(Debug)]
struct Look {
    length: usize,
    unchanged: u32,
    last: Instant,
    grew: bool,
}

impl Looks {
    /// Takes in a look that succeeded; whether the holder is lost by now.
    pub(super) fn is_lost(&mut self, unit: &str, attempt: u32, length: usize) -> bool {
        self.looked(unit, attempt, length, Instant::now(), beat())
    }

    fn looked(
        &mut self,
        unit: &str,
        attempt: u32,
        length: usize,
        now: Instant,
        beat: Duration,
    ) -> bool {
        let first = Look { length, unchanged: 0, last: now, grew: false };
        let look = self.0.entry((unit.to_owned(), attempt)).or_insert(first);
        if look.length != length {
            *look = Look { length, unchanged: 0, last: now, grew: true };
        } else if now.duration_since(look.last) >= beat {
            look.unchanged += 1;
            look.last = now;
        }
        look.unchanged >= LOOKS
    }

    /// Whether a sign of life was seen at all: what has only been looked at may be of a holder that
    /// is long gone.
    pub(super) fn grew(&self, unit: &str, attempt: u32) -> bool {
        self.0.get(&(unit.to_owned(), attempt)).is_some_and(|look| look.grew)
    }

    /// As if nothing had been seen to change for long.
    #[cfg(test)]
    pub(super) fn age(&mut self) {
        self.0.values_mut().for_each(|look| look.unchanged = LOOKS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_count_and_not_time() {
        let beat = Duration::from_secs(5);
        let mut looks = Looks::default();
        let mut now = Instant::now();
        let mut look = |length: usize, seconds: u64| {
            now += Duration::from_secs(seconds);
            looks.looked("a", 1, length, now, beat)
        };
        assert!(!look(10, 0));
        // An hour of sleep is one look, and looks in quick succession are none.
        assert!(!look(10, 3600));
        assert!((0..100).all(|_| !look(10, 0)));
        assert!((2..LOOKS).all(|_| !look(10, 5)));
        // It grew: all begins anew.
        assert!(!look(11, 5));
        assert!((1..LOOKS).all(|_| !look(11, 5)));
        assert!(look(11, 5));
    }
}
