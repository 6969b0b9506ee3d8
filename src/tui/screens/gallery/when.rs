//! Points in time in words. Knows no time zones: dates are UTC and say so.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long ago `then` was, in a few letters: `now`, `12 s`, `3 min`, `2 h`, `5 days`.
pub fn age(now: SystemTime, then: SystemTime) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    // A clock that was set back makes the future: it is now.
    let seconds = now.duration_since(then).unwrap_or_default().as_secs();
    let many = |count: u64, one: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    match seconds {
        0..10 => "now".to_owned(),
        s if s < MINUTE => format!("{s} s"),
        s if s < HOUR => format!("{} min", s / MINUTE),
        s if s < DAY => format!("{} h", s / HOUR),
        s if s < 14 * DAY => many(s / DAY, "day"),
        s if s < 61 * DAY => many(s / (7 * DAY), "week"),
        s if s < 730 * DAY => many(s / (30 * DAY), "month"),
        s => many(s / (365 * DAY), "year"),
    }
}

/// The same in a sentence: `just now`, `3 min ago`.
pub fn ago(now: SystemTime, then: SystemTime) -> String {
    match age(now, then).as_str() {
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    }
}

/// `2026-11-23 14:03 UTC`.
pub fn date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute) = (second / 3600, second % 3600 / 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years that begin in March have the leap day at their end, and 400 of them always have
    // 146 097 days. Day 0 of that count is 0000-03-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March on: their lengths repeat every five months, 153 days.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn ages_read_like_speech() {
        const DAY: u64 = 86_400;
        let now = at(10_000 * DAY);
        for (before, text) in [
            (0, "now"),
            (30, "30 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (DAY, "1 day"),
            (13 * DAY, "13 days"),
            (15 * DAY, "2 weeks"),
            (70 * DAY, "2 months"),
            (800 * DAY, "2 years"),
        ] {
            assert_eq!(age(now, at(10_000 * DAY - before)), text);
        }
        assert_eq!(age(at(0), now), "now");
        assert_eq!(ago(now, now), "just now");
        assert_eq!(ago(now, at(10_000 * DAY - 3600)), "1 h ago");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        // From `date -u -d @SECONDS`.
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_164_800, "2024-02-29 00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(date(at(seconds)), text);
        }
    }
}
