//! Why there is no trial, or no experiment.

use crate::resolve::ResolveError;
use crate::spec::{MOST_TRIALS, PathError};
use sigmalab_engine::recipe::RecipeError;
use sigmalab_schedule::size::ParseSizeError;

/// Why a number gives no trial.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrialError {
    /// The values do not fit the schedule or the sampler.
    #[error(transparent)]
    Settle(#[from] ResolveError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Size(#[from] ParseSizeError),
    #[error("the recipe cannot be put in JSON: {0}")]
    Json(String),
    /// A generation names a parameter that is none.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// Why an experiment cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExperimentError {
    #[error("the experiment has {0} trials, which is more than {MOST_TRIALS}: give fewer values")]
    TooMany(usize),
    /// Trials that cannot be run.
    #[error("{}", listed(.broken, *.more))]
    Broken {
        /// Number, swept values and reason of the first ones.
        broken: Vec<(usize, String, TrialError)>,
        more: usize,
    },
    #[error("the reference run: {0}")]
    Reference(TrialError),
}

/// One line for each, or one for all where the same is wrong with every one.
fn listed(broken: &[(usize, String, TrialError)], more: usize) -> String {
    let told = |(number, point, error): &(usize, String, TrialError)| {
        let values = if point.is_empty() { String::new() } else { format!(" ({point})") };
        (format!("trial {number}{values}"), error.to_string())
    };
    let told: Vec<(String, String)> = broken.iter().map(told).collect();
    if let [(first, reason), others @ ..] = told.as_slice()
        && !others.is_empty()
        && others.iter().all(|(_, other)| other == reason)
    {
        return format!("{first} and {} more: {reason}", others.len() + more);
    }
    let mut lines: Vec<String> =
        told.iter().map(|(trial, reason)| format!("{trial}: {reason}")).collect();
    if more > 0 {
        lines.push(format!("and {more} more trials"));
    }
    lines.join("\n")
}
