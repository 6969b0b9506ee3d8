//! The workbench through its real application: keys in, grid and screens out, and files played
//! by the real program.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod compare;
mod documentation;
mod editing;
mod engine;
mod feedback;
mod gallery;
mod keys;
mod lists;
mod mouse;
mod playing;
mod plugin_samplers;
mod presets;
mod proxy;
mod recovery;
mod revisions;
mod samplers;
mod screens;
mod session;
mod snapshots;
mod styled;
#[path = "../support/mod.rs"]
mod support;
mod sweep_snapshots;
mod sweeps;
mod tour;
