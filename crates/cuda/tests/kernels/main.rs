//! Every kernel on the emulator against an oracle in plain Rust: poisoned memory, threads in random
//! order, buffers of exact size. Needs a C++ compiler; without one the tests say so and pass.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod attention;
mod emulator;
mod images;
mod numbers;
mod quantised;
mod rows;
mod widening;
