//! The two number formats activations come in. Arithmetic is done in f32 either way.

use half::bf16;

/// A stored real number that widens to f32 exactly and narrows by rounding to nearest.
pub trait Number: Copy + Send + Sync + 'static {
    /// Widens; exact.
    fn to_f32(self) -> f32;
    /// Narrows; rounds to nearest, ties to even.
    fn from_f32(value: f32) -> Self;

    /// Whether this is bf16; else it is f32.
    const BF16: bool;
}

impl Number for f32 {
    const BF16: bool = false;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
}

impl Number for bf16 {
    const BF16: bool = true;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        // A plain shift: half's own looks for NaN first, and loops over it stay scalar.
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        bf16::from_bits((rounded(value).to_bits() >> 16) as u16)
    }
}

/// The nearest bf16, ties to even, as f32. Without branches, so that loops over it vectorise.
#[inline(always)]
pub(crate) fn rounded(value: f32) -> f32 {
    let bits = value.to_bits();
    let nearest = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
    // A NaN stays one; its payload may lie in the bits that go.
    let quiet = (bits | 0x0040_0000) & 0xffff_0000;
    f32::from_bits(if value.is_nan() { quiet } else { nearest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_that_of_the_half_crate() {
        let mut bits = 0u32;
        for _ in 0..2_000_000 {
            let value = f32::from_bits(bits);
            let ours = <bf16 as Number>::from_f32(value);
            assert_eq!(ours.to_bits(), bf16::from_f32(value).to_bits(), "{bits:#x}");
            assert_eq!(rounded(value).to_bits(), u32::from(ours.to_bits()) << 16);
            bits = bits.wrapping_add(0x9e37_79b9 >> 3).rotate_left(1);
        }
    }
}
