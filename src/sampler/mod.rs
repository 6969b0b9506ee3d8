//! Samplers: one shape for built-in solvers and, later, plugins. A sampler moves latents from
//! one noise level to the next; it knows velocities as dx/dσ and nothing of the model's inside.

mod euler;
mod registry;
mod solver;

pub use euler::Euler;
pub use registry::{Choice, SamplerChoiceError, available, find};
pub use solver::{
    HistoryEntry, Host, Param, Sampler, SamplerError, SamplerInfo, StepInput, Velocities,
};
