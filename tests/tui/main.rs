//! The workbench through its real application: keys in, grid and screens out, and files played
//! by the real program.
#![allow(clippy::unwrap_used, clippy::panic)]

mod compare;
mod documentation;
mod editing;
mod engine;
mod feedback;
mod keys;
mod mouse;
mod playing;
mod proxy;
mod recovery;
mod screens;
mod snapshots;
mod styled;
