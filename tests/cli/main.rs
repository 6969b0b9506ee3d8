//! The program as a user meets it: the real binary, its output, its files and its exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_input;
mod captions;
mod checkpoints;
mod devices;
mod generate;
mod interruption;
mod other_files;
mod output;
mod pipes;
mod recipes;
mod schedules;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
