//! Why an edit cannot be made, in words. Steps are counted from 0 in sampling order.

use super::super::fault::MAX_STEPS;
use super::Column;

/// Why an edit cannot be made. The draft is as it was.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    /// A step that does not exist.
    #[error("there is no step {step}: the schedule has {steps}, counted from 0")]
    NoSuchStep {
        /// The step.
        step: usize,
        /// How many there are.
        steps: usize,
    },
    /// A value that is NaN or infinite.
    #[error("step {step}: {column} would be {value}: it must be a finite number")]
    NotFinite {
        /// The step.
        step: usize,
        /// The column.
        column: Column,
        /// The value.
        value: f64,
    },
    /// A std of 0 or below.
    #[error("step {step}: std would be {std}: it must be above 0")]
    StdNotPositive {
        /// The step.
        step: usize,
        /// The value.
        std: f64,
    },
    /// Nothing would be left.
    #[error("a schedule has at least one step: leave one")]
    NoSteps,
    /// More than [`MAX_STEPS`].
    #[error("the schedule would have {steps} steps, which is more than {MAX_STEPS}: use fewer")]
    TooManySteps {
        /// How many it would have.
        steps: usize,
    },
    /// A transaction of another draft, or applied twice.
    #[error("the edit was made for another state of the schedule: {place} is not what it was")]
    Stale {
        /// What differs.
        place: String,
    },
}
