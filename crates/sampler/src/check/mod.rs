//! Whether a sampler is what it says: its order of accuracy, its evaluations, its use of history,
//! memory and parameters, each found out by taking steps on a flow that is known exactly.
//!
//! Checks of plugins run in a process of their own, one after another; one in which that process
//! dies has failed, and the next one runs in another process.

mod accuracy;
mod counting;
mod determinism;
mod failures;
mod fence;
mod finding;
pub mod flow;
mod grids;
mod last_step;
mod layout;
mod list;
mod memory;
mod noise;
mod numbers;
mod parameters;
mod subject;
mod supervise;
mod trajectory;

pub use finding::{Finding, Verdict};
pub use list::{Progress, check_built_in, check_here};
pub use supervise::{Report, check_plugin};
