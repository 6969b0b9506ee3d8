//! What everything else stands on: instruction sets, numbers, memory to work in. It knows no kernel.

pub(crate) mod exp;
pub(crate) mod isa;
pub(crate) mod lanes;
pub(crate) mod number;
pub(crate) mod out;
pub(crate) mod peak;
pub(crate) mod scratch;

/// Elements a task gets at least; below that a thread is not worth waking.
pub(crate) const GRAIN: usize = 1 << 14;
