//! The exponential function without branches or table look-ups, so that loops over it vectorise.

/// Below this the result would be subnormal; it is held there instead.
const LOWEST: f32 = -87.0;
/// Above this the result would overflow; it is held there instead.
const HIGHEST: f32 = 88.0;
/// Adding 1.5·2²³ leaves the integer nearest to a small number in the low mantissa bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts: the first has few enough bits that its product with n is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// e^x within 2 ulp on [−87, 88], held at the ends of that range outside it; NaN stays NaN.
///
/// x = n·ln 2 + r with |r| ≤ ½·ln 2; e^r by its Taylor polynomial of degree 7 (remainder below
/// 6e-9), 2ⁿ by writing the exponent bits.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    exp_by::<false>(x)
}

/// As [`exp`]; where `FUSED`, products and sums are rounded once together. Only for code that is compiled
/// for an instruction that does so: else each of them is a call.
#[inline(always)]
pub(crate) fn exp_by<const FUSED: bool>(x: f32) -> f32 {
    let sum = |a: f32, b: f32, c: f32| if FUSED { a.mul_add(b, c) } else { a * b + c };
    let x = if x < LOWEST { LOWEST } else { x };
    let x = if x > HIGHEST { HIGHEST } else { x };
    let shifted = sum(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = sum(n, -LN2_LOW, sum(n, -LN2_HIGH, x));
    let mut p = 1.0 / 5040.0;
    p = sum(p, r, 1.0 / 720.0);
    p = sum(p, r, 1.0 / 120.0);
    p = sum(p, r, 1.0 / 24.0);
    p = sum(p, r, 1.0 / 6.0);
    p = sum(p, r, 0.5);
    let p = sum(p * r, r, r) + 1.0;
    // The low bits of `shifted` are n plus those of 1.5·2²³, which the shift drops.
    p * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

#[cfg(test)]
mod tests {
    use super::{exp, exp_by};

    #[test]
    fn it_is_within_two_ulp_of_the_exact_value() {
        let mut x = -87.0f32;
        while x <= 88.0 {
            let exact = f64::from(x).exp();
            let ulp = f64::from(f32::EPSILON) * exact;
            for value in [exp(x), exp_by::<true>(x)] {
                assert!((f64::from(value) - exact).abs() <= 2.0 * ulp, "exp({x}) = {value}");
            }
            x += 0.000_7;
        }
    }

    #[test]
    fn it_saturates_outside_its_range_and_keeps_nan() {
        assert_eq!(exp(f32::NEG_INFINITY), exp(-87.0));
        assert!(exp(-1000.0) < 1e-37);
        assert!(exp(1000.0).is_finite());
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(exp(0.0), 1.0);
    }
}
