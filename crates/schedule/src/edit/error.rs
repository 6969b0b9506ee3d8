//! Why an edit cannot be made, in words. Steps are counted from 0 in sampling order.

use super::super::fault::MAX_STEPS;
use super::super::sigmas::Sigma;
use super::Column;

/// Why an edit cannot be made. The draft is as it was.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    #[error("there is no step {step}: the schedule has {steps}, counted from 0")]
    NoSuchStep { step: usize, steps: usize },
    #[error("step {step}: {column} would be {value}: it must be a finite number")]
    NotFinite { step: usize, column: Column, value: f64 },
    #[error("step {step}: std would be {std}: it must be above 0")]
    StdNotPositive { step: usize, std: f64 },
    #[error("a schedule has at least one step: leave one")]
    NoSteps,
    #[error("the schedule would have {steps} steps, which is more than {MAX_STEPS}: use fewer")]
    TooManySteps { steps: usize },
    #[error("a series goes between the first and the last step of a selection: select at least 3")]
    NoRoom,
    #[error(
        "{column} goes from {first} to {last}: a geometric series needs two values above 0 or \
         two below; use a linear or a cosine one"
    )]
    NotGeometric {
        column: Column,
        /// The value at the first anchor.
        first: f64,
        last: f64,
    },
    #[error(
        "{height} × {width} cells (rows × columns) do not fit at {column} of step {step}: there \
         are {rows} × {columns}; paste further up or left, or insert steps"
    )]
    DoesNotFit {
        height: usize,
        width: usize,
        /// The step of the topmost cell.
        step: usize,
        /// The column of the leftmost cell.
        column: Column,
        /// Rows there are from there on.
        rows: usize,
        /// Columns there are from there on.
        columns: usize,
    },
    #[error(
        "{height} × {width} cells (rows × columns) do not fill {rows} × {columns} evenly: copy \
         one value, or select a multiple"
    )]
    DoesNotFill { height: usize, width: usize, rows: usize, columns: usize },
    #[error("σ of step 0 is always the clamp {:.6}: set that of a later step", Sigma::highest().0)]
    FirstSigma,
    #[error(
        "σ {} of step {step} is out of reach: give one above {:.6} and below {:.6}",
        sigma.0, Sigma::lowest().0, Sigma::highest().0
    )]
    SigmaOutOfReach { step: usize, sigma: Sigma },
    #[error(
        "`{0}` cannot be the name of a preset: it needs a letter, no space at its ends, no control \
         character, and is neither `none` nor `default`"
    )]
    Name(String),
    #[error("the edit was made for another state of the schedule: {place} is not what it was")]
    Stale { place: String },
}
