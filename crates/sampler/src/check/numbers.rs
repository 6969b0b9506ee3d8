//! Pseudorandom numbers for the checks: the same on every machine, and of no library.

/// Numbers that depend on a key and nothing else (SplitMix64: Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", 2014).
pub(super) struct Numbers {
    state: u64,
}

impl Numbers {
    pub(super) fn of(key: u64, stream: u64) -> Self {
        let mut numbers = Numbers { state: key };
        numbers.state = numbers.word() ^ stream;
        numbers.state = numbers.word();
        numbers
    }

    pub(super) fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// In 0…1, neither included.
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.word() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller.
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
