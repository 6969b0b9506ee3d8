//! Samplers: one shape for built-in solvers and plugins. A sampler moves latents from one noise
//! level to the next; it knows velocities as dx/dσ and nothing of the model's inside.

pub mod check;
mod euler;
mod info;
pub mod plugin;
mod registry;
mod solver;

pub use euler::Euler;
pub use info::{Param, ParamKind, SamplerInfo, Text, ValueError};
pub use registry::{Choice, Chosen, SamplerChoiceError, Samplers, is_built_in};
pub use solver::{HistoryEntry, Host, Sampler, SamplerError, StepInput, Velocities};
