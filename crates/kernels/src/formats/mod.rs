//! The formats that weights are stored in: their layouts, their values by plain code, and in AVX-512
//! registers. Nothing here knows what the values are for.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod dense;
pub(crate) mod float8;
pub(crate) mod ggml;
pub(crate) mod nf4;
pub(crate) mod stored;
pub(crate) mod widen;

/// Formats, as parameters of the functions that read them.
pub(crate) const F32: u8 = 0;
/// See [`F32`].
pub(crate) const BF16: u8 = 1;
/// See [`F32`].
pub(crate) const F16: u8 = 2;
/// See [`F32`].
pub(crate) const E4M3: u8 = 3;
