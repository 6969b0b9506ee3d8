//! What several tests of the program need: it, run in a folder of its own; checkpoints to copy and
//! spoil; a small run to ask of the engine.
#![allow(dead_code, reason = "each of them uses some of it")]
#![allow(clippy::unwrap_used, clippy::panic)]

pub(crate) mod checkpoints;
pub(crate) mod program;
pub(crate) mod request;
pub(crate) mod text;
