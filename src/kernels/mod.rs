//! Arithmetic on plain slices: norms, softmax, activations, widening stored weights. This room
//! knows nothing of tensors, models or files.
//!
//! Weights are widened to f32, whatever the activations are: candle 0.11.1 multiplies bf16 on
//! the CPU by widening both sides to f32 first, so a bf16 copy in between would only cost time.
//! Results do not depend on the number of threads: every row (or value) is computed by one
//! thread in a fixed order.

pub mod columns;
pub mod dense;
mod exp;
pub mod float8;
mod lanes;
pub mod nf4;
pub mod norm;
pub mod patches;
mod real;
pub mod softmax;
pub mod swiglu;

pub use exp::exp;
pub use real::Real;

/// Elements a task gets at least; below that a thread is not worth waking.
const GRAIN: usize = 1 << 14;
