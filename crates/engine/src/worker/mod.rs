//! The worker process: the engine behind a pipe, so that a crash, a kill or a hang is one failed
//! run with its cause in words, and a new worker.
//!
//! The caller starts its own program with the argument `worker`, or for a GPU the one that was built
//! with CUDA. The pipe is a socket pair whose
//! one end is the worker's standard input, so that standard output and error stay free for what
//! libraries print, and no descriptor has to be smuggled past `exec`. Frames are in `frame.rs`,
//! messages in `message.rs`.

mod arguments;
mod client;
pub mod cuda;
mod death;
mod failure;
mod frame;
mod guardian;
mod heard;
mod message;
mod options;
mod printed;
mod process;
mod server;
mod update;

pub use arguments::ArgumentError;
pub use client::Engine;
pub use failure::RunFailure;
pub use frame::FrameError;
pub use heard::DEFAULT_SILENCE;
pub use options::EngineOptions;
pub use server::{ServeError, ServeOptions, serve};
pub use update::{RunId, RunUpdate};

/// The argument that makes the program a worker.
pub const WORKER_ARGUMENT: &str = "worker";
