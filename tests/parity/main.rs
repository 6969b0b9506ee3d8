//! The networks against what diffusers computes in f32 with the same weights: a tiny random
//! checkpoint stage by stage in each of its layouts, and the demo checkpoint from noise to
//! image. Every test prints the errors it measured (`cargo test --test parity -- --nocapture`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod bitsandbytes_cpu;
mod demo;
mod fewer_bits;
mod golden;
mod repeatable;
mod tiny;
