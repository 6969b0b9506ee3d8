//! Numbers to compute with, and how far results may be apart.

use half::bf16;

/// Values between −1 and 1 without a pattern that a wrong index could repeat.
pub fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The same in bf16.
pub fn narrow_noise(count: usize, seed: u64) -> Vec<bf16> {
    noise(count, seed).into_iter().map(bf16::from_f32).collect()
}

/// Bytes of every value.
pub fn bytes(count: usize, seed: u64) -> Vec<u8> {
    noise(count, seed).iter().map(|value| ((value + 1.0) * 127.999) as u8).collect()
}

pub fn wide(values: &[bf16]) -> Vec<f64> {
    values.iter().map(|value| f64::from(value.to_f32())).collect()
}

/// Fails where a value is further from what it should be than `relative` of that and `absolute`
/// together; a value that is no number always is.
pub fn assert_near(what: &str, found: &[f64], expected: &[f64], relative: f64, absolute: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        let near = (found - expected).abs() <= expected.abs() * relative + absolute;
        assert!(near, "{what} at {place}: {found}, not {expected}");
    }
}

/// The most that rounding to bf16 moves a value.
pub const ROUNDING: f64 = 1.0 / 256.0;
