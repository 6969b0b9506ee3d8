//! Arithmetic on plain slices: products with stored weights, attention, convolutions, norms, gates.
//! This crate knows nothing of tensors, models or files.
//!
//! Its modules stand in layers, each on those before it:
//!
//! | layer | subject |
//! | --- | --- |
//! | `base` | instruction sets, numbers, memory to work in |
//! | `formats` | how weights are stored, and their values |
//! | `tile` | the innermost loops, for one instruction set each |
//! | `pack` | operands in the order that tiles read |
//! | `gemm`, `attend`, `convolution`, `rows` | the kernels |
//! | `api` | the kernels for both formats of activations, compiled here |
//!
//! The plain version of every kernel is its oracle; which version runs is chosen once a process
//! by what the processor has ([`InstructionSet::chosen`]). Results do not depend on the number of
//! threads: every value is computed by one thread in a fixed order. All threads are rayon's.

mod api;
mod attend;
mod base;
pub mod convolution;
mod formats;
mod gemm;
mod pack;
mod rows;
mod tile;

pub use api::Real;
pub use base::exp::exp;
pub use base::isa::InstructionSet;
pub use base::number::Number;
pub use base::peak::Peak;
pub use base::scratch::Buffer;
pub use formats::stored::{Matrix, Stored};
/// The narrow format of activations.
pub use half::bf16 as Bf16;

/// Softmax attention.
pub mod attention {
    pub use crate::attend::{Attention, Heads};
}

/// y = x·Wᵀ over weights as they are stored.
pub mod product {
    pub use crate::api::{
        Gated, multiply, multiply_gated, multiply_in_bytes, multiply_in_bytes_beside_outliers,
    };
    pub use crate::gemm::row_peaks;
    pub use crate::tile::Precision;
}

/// Normalising and turning the queries and keys of every head.
pub mod heads {
    pub use crate::api::normalise_and_turn;
    pub use crate::rows::heads::{Angles, HeadRun};
}

/// Normalisation over rows and over channel groups, and residuals.
pub mod norm {
    pub use crate::api::{add, add_rms_norm, rms_norm};
    pub use crate::rows::norm::{GroupNorm, layer_norm};
}

/// The gate of a SwiGLU feed-forward layer.
pub mod swiglu {
    pub use crate::api::swiglu_in_place;
    pub use crate::rows::swiglu::swiglu;
}

/// Softmax over rows of scores.
pub mod softmax {
    pub use crate::rows::softmax::{Causal, Softmax};
}

/// f32, bf16 and f16 as they are stored.
pub mod dense {
    pub use crate::formats::dense::{round_to_bf16, widen_bf16, widen_f16, widen_f32};
}

/// FP8.
pub mod float8 {
    pub use crate::formats::float8::{E4M3, narrow_e4m3, widen_e4m3};
}

/// ggml's blocks.
pub mod ggml {
    pub use crate::formats::ggml::{Block, Ggml, IQ4_NL};
    pub use crate::formats::widen::widen_ggml;
}

/// bitsandbytes' 4-bit codes.
pub mod nf4 {
    pub use crate::formats::nf4::{AbsMax, Nf4, widen_nf4};
}
