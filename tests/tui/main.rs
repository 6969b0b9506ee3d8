//! The workbench through its real application: keys in, grid and screens out, and files played
//! by the real program.
#![allow(clippy::unwrap_used, clippy::panic)]

mod documentation;
mod editing;
mod engine;
mod keys;
mod playing;
mod recovery;
mod screens;
mod snapshots;
mod styled;
