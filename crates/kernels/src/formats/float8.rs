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
