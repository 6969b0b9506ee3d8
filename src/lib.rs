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
//! | [`sigmalab_kernels`] | arithmetic on plain slices |
//! | [`sigmalab_caption`] | structured captions: verify and wrap |
//! | [`sigmalab_schedule`] | steps, presets, the logit-normal schedule, sizes |
//! | [`sigmalab_compute`], [`sigmalab_image`] | plain data: how and where to compute, pictures |
//! | [`sigmalab_files`], [`sigmalab_text`] | files on shared machines, text from elsewhere |
//!
//! # The way of one picture
//!
//! 1. A preset of a [file](sigmalab_schedule::preset_file) becomes [steps](sigmalab_schedule::preset::Step),
//! 2. and these, with a size, noise levels: [`sigmalab_schedule::sigmas`].
//! 3. A [request](sigmalab_engine::request::RunRequest) goes to a
//!    [worker process](sigmalab_engine::worker), in which a [session](sigmalab_engine::session) keeps
//!    the networks loaded.
//! 4. What earlier runs share with it is found by [key](sigmalab_engine::state_key) in the
//!    [cache](sigmalab_engine::trajectory).
//! 5. [Each step](sigmalab_engine::denoise) asks both networks, and a
//!    [solver](sigmalab_sampler::Sampler) for the next latents.
//! 6. The networks are those of a [model](sigmalab_model::Model), which computes with
//!    [`sigmalab_kernels`] or on a GPU.
//! 7. Its decoder makes [pixels](sigmalab_image::RgbImage) of the latents,
//! 8. and [`sigmalab_engine::image_file`] a file of them, the recipe inside.
//! 9. [`sigmalab_metrics`] says in numbers what it is like,
//! 10. and in a sweep that is a [record](sigmalab_experiment::record) and a row of the
//!     [tables](sigmalab_experiment::tables).

pub mod history;
pub mod preset_store;
pub mod tui;
