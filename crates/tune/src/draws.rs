//! Random numbers that depend on nothing but where they are drawn, so that a search can be made
//! again from its records, in any process and any order.

use statrs::function::erf::erfc_inv;

/// A number in 0…1, below 1, for a seed and a place.
pub(super) fn uniform(seed: u64, place: &[u64]) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tune");
    hasher.update(&seed.to_le_bytes());
    for part in place {
        hasher.update(&part.to_le_bytes());
    }
    let bytes = hasher.finalize();
    let bits =
        bytes.as_bytes().iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    // The 53 bits that an f64 holds.
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A standard normal number for a seed and a place.
pub(super) fn normal(seed: u64, place: &[u64]) -> f64 {
    normal_quantile(uniform(seed, place))
}

/// Φ⁻¹, kept off its poles.
pub(super) fn normal_quantile(share: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * share.clamp(1e-12, 1.0 - 1e-12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_spread_as_they_should_and_depend_on_seed_and_place() {
        let draws: Vec<f64> = (0..2000).map(|i| normal(1, &[i])).collect();
        let mean = draws.iter().sum::<f64>() / 2000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2000.0;
        assert!(mean.abs() < 0.1 && (variance - 1.0).abs() < 0.1, "{mean} {variance}");
        assert_eq!(uniform(1, &[2, 3]), uniform(1, &[2, 3]));
        assert_ne!(uniform(1, &[2, 3]), uniform(2, &[2, 3]));
        assert_ne!(uniform(1, &[2, 3]), uniform(1, &[3, 2]));
    }
}
