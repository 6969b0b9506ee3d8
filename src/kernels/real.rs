//! The two number formats activations come in. Arithmetic is done in f32 either way.

use half::bf16;

/// A stored real number that widens to f32 exactly and narrows by rounding to nearest.
pub trait Real: Copy + Send + Sync + 'static {
    /// Widens; exact.
    fn to_f32(self) -> f32;
    /// Narrows; rounds to nearest, ties to even.
    fn from_f32(value: f32) -> Self;
}

impl Real for f32 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
}

impl Real for bf16 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        bf16::to_f32(self)
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        bf16::from_f32(value)
    }
}
