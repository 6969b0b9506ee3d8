//! Samplers in shared libraries: found and listed, run, crashed in every way, checked, and begun
//! from the templates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod beginning;
mod checking;
mod crashing;
mod listing;
mod running;
mod solvers;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
mod sweeping;
mod workshop;
