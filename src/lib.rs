//! sigmalab: a workbench for the samplers of Ideogram 4.
//!
//! The program's own rooms; everything below them is a crate of the workspace, and what each may
//! know is in its `Cargo.toml`:
//!
//! | crate or room | subject |
//! | --- | --- |
//! | [`tui`] | the workbench: screens, keys, actions |
//! | [`preset_store`] | the presets file: read, noticed when it changes, saved into without losing what others wrote |
//! | [`history`] | finished runs: picture, thumbnail, and how they came about |
//! | [`sigmalab_terminal`] | input, capabilities, output and its bytes, pictures, signals |
//! | [`sigmalab_experiment`] | sweeps: experiment files, the plan, run directories, tables, reports |
//! | [`sigmalab_engine`] | prompt → latents → image: the denoising loop, the trajectory cache, the worker process, image files |
//! | `sigmalab_tune` | schedules found from reference runs: programmes, searches, judgement |
//! | [`sigmalab_metrics`] | functions on trajectories and images |
//! | [`sigmalab_sampler`] | the solver trait, the built-in solvers, plugins and their check |
//! | [`sigmalab_model`] | Ideogram 4 on candle: text encoder, transformer, decoder, checkpoint layouts |
//! | `sigmalab_kernels` | arithmetic on plain slices |
//! | [`sigmalab_caption`] | structured captions: verify and wrap |
//! | [`sigmalab_schedule`] | steps, presets, the logit-normal schedule, sizes |
//! | [`sigmalab_compute`], [`sigmalab_image`] | plain data: how and where to compute, pictures |
//! | [`sigmalab_files`], [`sigmalab_text`] | files on shared machines, text from elsewhere |

pub mod history;
pub mod preset_store;
pub mod tui;
