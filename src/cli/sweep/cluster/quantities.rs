//! Times and sizes as Slurm's users write them, for queues that write them otherwise. It knows
//! text and numbers alone.

/// Seconds: `minutes`, `minutes:seconds`, `hours:minutes:seconds`, and with days `days-hours`,
/// `days-hours:minutes` and `days-hours:minutes:seconds` (sbatch's manual, `--time`).
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (Some(number(days)?), clock),
        None => (None, text),
    };
    let fields: Vec<u64> = clock.split(':').map(number).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match (days, fields.as_slice()) {
        (None, &[minutes]) => (0, minutes, 0),
        (None, &[minutes, seconds]) => (0, minutes, seconds),
        (Some(_), &[hours]) => (hours, 0, 0),
        (Some(_), &[hours, minutes]) => (hours, minutes, 0),
        (_, &[hours, minutes, seconds]) => (hours, minutes, seconds),
        _ => return None,
    };
    let hours = days.unwrap_or(0).checked_mul(24)?.checked_add(hours)?;
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    minutes.checked_mul(60)?.checked_add(seconds)
}

/// Megabytes, rounded up: a number of them, or one with K, M, G or T (sbatch's manual, `--mem`).
pub(super) fn megabytes(text: &str) -> Option<u64> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(unit);
    let count = number(count)?;
    match unit {
        "K" => Some(count.div_ceil(1 << 10)),
        "" | "M" => Some(count),
        "G" => count.checked_mul(1 << 10),
        "T" => count.checked_mul(1 << 20),
        _ => None,
    }
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_sbatch_reads_them() {
        for (text, read) in [
            ("90", Some(5_400)),
            ("1:30", Some(90)),
            ("4:00:00", Some(14_400)),
            ("2-0", Some(172_800)),
            ("1-2:30", Some(95_400)),
            ("1-00:00:01", Some(86_401)),
            ("1h", None),
            ("", None),
            ("1:2:3:4", None),
            ("+5", None),
            ("99999999999999999999", None),
            ("999999999999999999-0", None),
        ] {
            assert_eq!(seconds(text), read, "{text}");
        }
    }

    #[test]
    fn sizes_are_read_as_sbatch_reads_them() {
        for (text, read) in [
            ("4000", Some(4_000)),
            ("4000M", Some(4_000)),
            ("64G", Some(65_536)),
            ("1T", Some(1 << 20)),
            ("1025K", Some(2)),
            ("64GB", None),
            ("G", None),
            ("1.5G", None),
            ("18446744073709551615G", None),
        ] {
            assert_eq!(megabytes(text), read, "{text}");
        }
    }
}
