//! FP8 E4M3 (the "fn" variant: no infinities, 0x7f and 0xff are NaN) to f32, exactly.
//! Format: Micikevicius et al., "FP8 Formats for Deep Learning", arXiv 2209.05433, table 1.

use crate::base::GRAIN;
use rayon::prelude::*;

/// The value of every code.
pub const E4M3: [f32; 256] = table();

const fn table() -> [f32; 256] {
    let mut values = [0.0; 256];
    let mut code = 0u8;
    loop {
        values[code as usize] = value(code);
        if code == u8::MAX {
            return values;
        }
        code += 1;
    }
}

/// Sign 1, exponent 4 (bias 7), mantissa 3, assembled from the bits of the f32.
const fn value(code: u8) -> f32 {
    let sign = (code as u32 >> 7) << 31;
    let exponent = (code as u32 >> 3) & 0xf;
    let mantissa = code as u32 & 0x7;
    let magnitude = if exponent == 0xf && mantissa == 0x7 {
        0x7fc0_0000
    } else if exponent == 0 {
        // Subnormal: mantissa · 2⁻⁹, exact in f32.
        (mantissa as f32 * (1.0 / 512.0)).to_bits()
    } else {
        ((exponent + 127 - 7) << 23) | (mantissa << 20)
    };
    f32::from_bits(sign | magnitude)
}

/// The code next to a value, of two the even one; the largest value for all beyond it.
pub fn narrow_e4m3(value: f32) -> u8 {
    let sign = (value.to_bits() >> 24) as u8 & 0x80;
    let magnitude = value.abs();
    let code = if magnitude.is_nan() {
        0x7f
    } else if magnitude >= 448.0 {
        0x7e
    } else if magnitude < 1.0 / 64.0 {
        // Below the smallest normal one codes count steps of 2⁻⁹, as numbers near 2¹⁴ do.
        ((magnitude + 16_384.0).to_bits() - 16_384f32.to_bits()) as u8
    } else {
        // The seven bits that stay, of an exponent that is 120 less.
        let bits = magnitude.to_bits();
        (((bits + 0x7_ffff + (bits >> 20 & 1)) >> 20) - (120 << 3)) as u8
    };
    sign | code
}

/// As [`widen_e4m3`], on this thread.
#[inline(always)]
pub(crate) fn read_e4m3(codes: &[u8], out: &mut [f32]) {
    for (out, code) in out.iter_mut().zip(codes) {
        *out = E4M3[usize::from(*code)];
    }
}

/// Widens codes without the scale of their rows, which a product multiplies its outputs by.
pub fn widen_e4m3(codes: &[u8], out: &mut [f32]) {
    out.par_chunks_mut(GRAIN)
        .zip(codes.par_chunks(GRAIN))
        .for_each(|(out, codes)| read_e4m3(codes, out));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    /// The definition, in f64: (−1)^s · 2^(e−7) · (1 + m/8), or 2^−6 · m/8 where e = 0.
    fn by_definition(code: u8) -> Option<f64> {
        let (sign, exponent, mantissa) = (code >> 7, i32::from(code >> 3 & 0xf), code & 7);
        if exponent == 15 && mantissa == 7 {
            return None;
        }
        let fraction = f64::from(mantissa) / 8.0;
        let magnitude = if exponent == 0 {
            2f64.powi(-6) * fraction
        } else {
            2f64.powi(exponent - 7) * (1.0 + fraction)
        };
        Some(if sign == 1 { -magnitude } else { magnitude })
    }

    /// The nearest code, of two the even one.
    fn narrowed_by_definition(value: f32) -> u8 {
        let sign = if value.is_sign_negative() { 0x80 } else { 0 };
        // Beyond the largest all are alike; distances of numbers far beyond it would be too.
        let magnitude = f64::from(value).abs().min(1000.0);
        let distance = |code: u8| (by_definition(code).unwrap_or(f64::INFINITY) - magnitude).abs();
        let nearer =
            |a: &u8, b: &u8| distance(*a).total_cmp(&distance(*b)).then((a & 1).cmp(&(b & 1)));
        sign | (0..0x7f).min_by(nearer).unwrap()
    }

    #[test]
    fn every_code_comes_back_and_halves_between_two_go_to_the_even_one() {
        for code in 0..=u8::MAX {
            let value = E4M3[usize::from(code)];
            let found = narrow_e4m3(value);
            assert!(if value.is_nan() { found & 0x7f == 0x7f } else { found == code }, "{code:#x}");
        }
        for code in 0..0x7e_u8 {
            let half = f32::midpoint(E4M3[usize::from(code)], E4M3[usize::from(code + 1)]);
            let [below, above] = [code, code + 1];
            let even = if code & 1 == 0 { below } else { above };
            assert_eq!(narrow_e4m3(half), even, "{half}");
            assert_eq!(narrow_e4m3(half.next_down()), below, "{half}");
            assert_eq!(narrow_e4m3(-half.next_up()), above | 0x80, "{half}");
        }
        for large in [448.1, 464.0, 480.0, 1e30, f32::INFINITY] {
            assert_eq!([narrow_e4m3(large), narrow_e4m3(-large)], [0x7e, 0xfe]);
        }
    }

    proptest! {
        #[test]
        fn a_value_gets_the_code_next_to_it(bits in any::<u32>(), small in -500.0f32..500.0) {
            for value in [f32::from_bits(bits), small, small / 1e4] {
                if value.is_finite() {
                    prop_assert_eq!(narrow_e4m3(value), narrowed_by_definition(value), "{}", value);
                }
            }
        }
    }

    #[test]
    fn every_code_has_the_value_of_the_definition() {
        for code in 0..=u8::MAX {
            let value = E4M3[usize::from(code)];
            match by_definition(code) {
                Some(exact) => {
                    assert_eq!(f64::from(value), exact, "code {code:#04x}");
                    assert_eq!(value.is_sign_negative(), code >= 0x80, "code {code:#04x}");
                }
                None => assert!(value.is_nan(), "code {code:#04x}"),
            }
        }
        assert_eq!(E4M3.iter().filter(|value| value.is_nan()).count(), 2);
        assert_eq!(E4M3.iter().copied().fold(0.0, f32::max), 448.0);
    }

    #[test]
    fn every_code_fits_bf16_exactly() {
        for value in E4M3.into_iter().filter(|value| !value.is_nan()) {
            assert_eq!(half::bf16::from_f32(value).to_f32(), value);
        }
    }

    proptest! {
        #[test]
        fn long_and_short_slices_are_widened_code_by_code(
            codes in proptest::collection::vec(any::<u8>(), 0..3 * GRAIN),
        ) {
            let mut out = vec![f32::INFINITY; codes.len()];
            widen_e4m3(&codes, &mut out);
            for (code, value) in codes.iter().zip(&out) {
                prop_assert_eq!(E4M3[usize::from(*code)].to_bits(), value.to_bits());
            }
        }
    }
}
