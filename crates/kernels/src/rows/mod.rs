//! What is done row by row: norms, rotary angles, gates, softmax. Bound by memory.

pub(crate) mod heads;
pub(crate) mod norm;
pub(crate) mod softmax;
pub(crate) mod swiglu;
