//! Sweeps as a user meets them: the real binary on a tiny checkpoint.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod cluster;
mod commands;
mod control;
mod crash;
mod devices;
mod experiments;
mod layout;
mod namespaces;
mod place;
mod report;
mod sharing;
mod slurm;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
mod tune;
