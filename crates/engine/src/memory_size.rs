//! An amount of memory as people write it.

use std::fmt;
use std::str::FromStr;

/// Longer names first: `b` ends them all.
const UNITS: [(&str, u64); 5] =
    [("gib", 1 << 30), ("g", 1 << 30), ("mib", 1 << 20), ("m", 1 << 20), ("b", 1)];

/// Bytes of memory.
///
/// Written as `12GiB`, `12G`, `1.5 GiB` or `900M`: a number and a unit of 1024³ or 1024² bytes.
/// Shown rounded up, so that what is shown is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemorySize(pub u64);

impl MemorySize {
    /// To the byte, as it is read again.
    #[must_use]
    pub fn exact(self) -> String {
        format!("{}B", self.0)
    }
}

/// What is no amount of memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount of memory: write it as 12GiB, 1.5G or 900M")]
pub struct MemorySizeError(String);

impl FromStr for MemorySize {
    type Err = MemorySizeError;

    fn from_str(text: &str) -> Result<Self, MemorySizeError> {
        let lower = text.trim().to_ascii_lowercase();
        let of = |(unit, bytes): &(&str, u64)| {
            let number: f64 = lower.strip_suffix(unit)?.trim_end().parse().ok()?;
            let bytes = number * *bytes as f64;
            (bytes >= 1.0 && bytes < u64::MAX as f64).then_some(MemorySize(bytes as u64))
        };
        UNITS.iter().find_map(of).ok_or_else(|| MemorySizeError(text.to_owned()))
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.0.div_ceil(1 << 20);
        if mib < 1024 {
            return write!(f, "{mib} MiB");
        }
        let tenths = (self.0 as f64 / (1_u64 << 30) as f64 * 10.0).ceil();
        write!(f, "{} GiB", tenths / 10.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn bytes(text: &str) -> u64 {
        text.parse::<MemorySize>().unwrap().0
    }

    #[test]
    fn every_usual_way_of_writing_is_read() {
        for text in ["12GiB", "12G", "12 gib", " 12g ", "12288M", "12288 MiB"] {
            assert_eq!(bytes(text), 12 << 30, "{text}");
        }
        assert_eq!(bytes("1.5G"), 3 << 29);
        let odd = MemorySize((5 << 30) + 3);
        assert_eq!(bytes(&odd.exact()), odd.0);
    }

    #[test]
    fn what_is_no_amount_is_refused_with_an_example() {
        for text in ["", "12", "G", "-1G", "0M", "nanG", "infG", "1e99G", "12GB", "12 giga"] {
            let error = text.parse::<MemorySize>().unwrap_err().to_string();
            assert!(error.contains("12GiB"), "{text}: {error}");
        }
    }

    #[test]
    fn an_amount_is_shown_rounded_up() {
        let shown = |bytes: u64| MemorySize(bytes).to_string();
        assert_eq!(shown(12 << 30), "12 GiB");
        assert_eq!(shown((12 << 30) + 1), "12.1 GiB");
        assert_eq!(shown((900 << 20) - 5), "900 MiB");
        assert_eq!(shown(1), "1 MiB");
    }
}
