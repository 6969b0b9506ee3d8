//! The worker for GPUs on an emulated device: what a card would be told is done on the processor, by
//! crates/cuda/emulator/device, and everything around it is the real thing. `SIGMALAB_EMULATED_WORKER`
//! names the worker that `.ci/emulated-device` builds; without it these tests say so and pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod counts;
mod emulated;
mod failures;
mod kernels;
mod memory;
mod pictures;
#[path = "../support/mod.rs"]
mod support;
mod sweeps;
