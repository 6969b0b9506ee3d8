//! sigmalab: a workbench for the samplers of Ideogram 4.
//!
//! The library is a stack of rooms; each imports only rooms below it:
//!
//! | room | subject |
//! | --- | --- |
//! | [`tui`] | the workbench: screens, keys, actions |
//! | [`terminal`] | input, capabilities, output and its bytes, pictures, signals |
//! | [`experiment`] | sweeps: experiment files, the plan, run directories, tables, reports |
//! | [`history`] | finished runs: picture, thumbnail, and how they came about |
//! | [`image_file`] | the PNG with its recipe inside, and the latents beside it |
//! | [`engine`] | prompt → latents → image: the denoising loop, the trajectory cache, the worker process |
//! | [`tune`] | schedules found from reference runs: programmes, searches, judgement |
//! | [`metrics`] | functions on trajectories and images |
//! | [`sampler`] | the solver trait, the built-in solvers, plugins and their check |
//! | [`model`] | Ideogram 4 on candle: text encoder, transformer, decoder, checkpoint layouts |
//! | [`kernels`] | arithmetic on plain slices |
//! | [`caption`] | structured captions: verify and wrap |
//! | [`schedule`] | steps, presets, the logit-normal schedule, sizes |

pub mod caption;
pub mod engine;
pub mod experiment;
pub mod history;
pub mod image_file;
pub mod metrics;
pub mod model;
pub mod sampler;
pub mod schedule;
pub mod terminal;
pub mod tui;
pub mod tune;

/// Arithmetic on plain slices; a crate of its own, so that it builds and tests in seconds.
pub use sigmalab_kernels as kernels;
