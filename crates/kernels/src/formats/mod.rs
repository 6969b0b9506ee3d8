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
