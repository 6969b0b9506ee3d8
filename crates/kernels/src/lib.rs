//! Arithmetic on plain slices: norms, softmax, activations, widening stored weights. This room
//! knows nothing of tensors, models or files.
//!
//! The scalar version of every kernel is its oracle; which version runs is chosen once a process
//! by what the processor has ([`InstructionSet::chosen`]). Results do not depend on the number of
//! threads: every value is computed by one thread in a fixed order. All threads are rayon's.

pub mod attention;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod compiled;
pub mod convolution;
pub mod dense;
mod exp;
pub mod float8;
pub mod ggml;
pub mod heads;
mod isa;
mod lanes;
pub mod nf4;
pub mod norm;
mod peak;
pub mod product;
mod real;
mod scratch;
pub mod softmax;
mod stored;
pub mod swiglu;

pub use compiled::Compiled;
pub use exp::exp;
pub use isa::InstructionSet;
pub use peak::Peak;
pub use real::Real;
pub use stored::{Matrix, Stored};

/// Elements a task gets at least; below that a thread is not worth waking.
const GRAIN: usize = 1 << 14;
