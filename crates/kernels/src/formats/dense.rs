//! Little-endian bytes of f32, bf16 and f16 to f32 values, and rounding f32 to bf16. The bytes
//! need no alignment: a safetensors file gives none.

use crate::base::GRAIN;
use rayon::prelude::*;

/// Reads f32. `bytes.len() = 4 · out.len()`; what is longer on either side is left alone.
pub fn widen_f32(bytes: &[u8], out: &mut [f32]) {
    widen::<4>(bytes, out, f32::from_le_bytes);
}

/// Widens bf16, exactly. `bytes.len() = 2 · out.len()`.
pub fn widen_bf16(bytes: &[u8], out: &mut [f32]) {
    widen::<2>(bytes, out, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16));
}

/// Widens f16, exactly. `bytes.len() = 2 · out.len()`.
pub fn widen_f16(bytes: &[u8], out: &mut [f32]) {
    widen::<2>(bytes, out, |b| half_to_f32(u16::from_le_bytes(b)));
}

/// As [`widen_f32`], on this thread.
#[inline(always)]
pub(crate) fn read_f32(bytes: &[u8], out: &mut [f32]) {
    read::<4>(bytes, out, f32::from_le_bytes);
}

/// As [`widen_bf16`], on this thread.
#[inline(always)]
pub(crate) fn read_bf16(bytes: &[u8], out: &mut [f32]) {
    read::<2>(bytes, out, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16));
}

/// As [`widen_f16`], on this thread.
#[inline(always)]
pub(crate) fn read_f16(bytes: &[u8], out: &mut [f32]) {
    read::<2>(bytes, out, |b| half_to_f32(u16::from_le_bytes(b)));
}

/// The value of an f16's bits. Without branches, so that loops over it vectorise; no operand is a
/// subnormal f32, which some processors are slow with.
#[inline(always)]
pub(crate) fn half_to_f32(bits: u16) -> f32 {
    let magnitude = u32::from(bits & 0x7fff) << 13;
    // Exponents have a bias of 15, and of 127 in f32.
    let normal = magnitude + ((127 - 15) << 23);
    // A subnormal is added to 2⁻¹⁴, which is taken off again.
    let least = (127 - 14) << 23;
    let subnormal = (f32::from_bits(magnitude + least) - f32::from_bits(least)).to_bits();
    // Infinities and NaN have the highest exponent; a NaN becomes quiet.
    let highest = magnitude | 0xff << 23;
    let nan = highest | 1 << 22;
    let value = match bits & 0x7fff {
        0..0x400 => subnormal,
        0x400..0x7c00 => normal,
        0x7c00 => highest,
        _ => nan,
    };
    f32::from_bits(value | u32::from(bits & 0x8000) << 16)
}

#[inline(always)]
fn read<const SIZE: usize>(bytes: &[u8], out: &mut [f32], read: impl Fn([u8; SIZE]) -> f32) {
    let (values, _) = bytes.as_chunks::<SIZE>();
    for (out, value) in out.iter_mut().zip(values) {
        *out = read(*value);
    }
}

/// Generic over `read`, so that it is inlined and the loop vectorised.
fn widen<const SIZE: usize>(
    bytes: &[u8],
    out: &mut [f32],
    read: impl Fn([u8; SIZE]) -> f32 + Sync,
) {
    let (values, _) = bytes.as_chunks::<SIZE>();
    out.par_chunks_mut(GRAIN).zip(values.par_chunks(GRAIN)).for_each(|(out, values)| {
        for (out, value) in out.iter_mut().zip(values) {
            *out = read(*value);
        }
    });
}

/// Rounds each value to the nearest bf16 (ties to even) and keeps it as f32.
pub fn round_to_bf16(values: &mut [f32]) {
    values.par_chunks_mut(GRAIN).for_each(|values| {
        for value in values {
            *value = crate::base::number::rounded(*value);
        }
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use half::{bf16, f16};
    use proptest::prelude::*;

    #[test]
    fn every_bf16_and_every_f16_is_widened_exactly() {
        let codes: Vec<u16> = (0..=u16::MAX).collect();
        let bytes: Vec<u8> = codes.iter().flat_map(|code| code.to_le_bytes()).collect();
        let mut out = vec![0.0; codes.len()];
        widen_bf16(&bytes, &mut out);
        for (code, value) in codes.iter().zip(&out) {
            let exact = bf16::from_bits(*code).to_f64();
            assert!(f64::from(*value) == exact || exact.is_nan() && value.is_nan());
        }
        widen_f16(&bytes, &mut out);
        for (code, value) in codes.iter().zip(&out) {
            assert_eq!(value.to_bits(), f16::from_bits(*code).to_f32().to_bits(), "{code:#x}");
        }
    }

    proptest! {
        #[test]
        fn f32_keeps_its_bits_at_any_alignment(
            bits in proptest::collection::vec(any::<u32>(), 0..2 * GRAIN + 9),
            offset in 0..4usize,
        ) {
            let mut bytes = vec![0; offset];
            bytes.extend(bits.iter().flat_map(|bits| bits.to_le_bytes()));
            let mut out = vec![0.0; bits.len()];
            widen_f32(&bytes[offset..], &mut out);
            prop_assert!(out.iter().map(|value| value.to_bits()).eq(bits));
        }

        #[test]
        fn rounding_to_bf16_moves_a_value_by_half_a_step_at_most(
            values in proptest::collection::vec(-1e30f32..1e30, 1..200),
        ) {
            let mut rounded = values.clone();
            round_to_bf16(&mut rounded);
            for (value, rounded) in values.iter().zip(rounded) {
                prop_assert_eq!(rounded.to_bits() & 0xffff, 0);
                let step = value.abs() * 2f32.powi(-8);
                prop_assert!((value - rounded).abs() <= step.max(f32::MIN_POSITIVE));
            }
        }
    }
}
