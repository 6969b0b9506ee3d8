//! The kernels that run on a GPU: their sources, and how each is launched for a shape. This crate
//! knows no tensor library and no driver: who launches them is the model's business.
//!
//! `kernels/` holds one file a kernel, in plain C++ with the few instructions of a GPU behind inline
//! functions (`dialect.cuh`). So every kernel is compiled twice: by nvcc for a GPU (feature
//! `cuda`), and by any C++ compiler with `emulator/fibres.h`, on which the tests run them against
//! oracles in plain Rust. The launches here are what both use.

pub mod calls;
mod launch;
mod sources;

pub use launch::{Format, Launch, Number, group_shares};
pub use sources::version;

/// Every kernel for every card, as a driver loads it.
#[cfg(feature = "cuda")]
pub static BINARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin"));
