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

fn listed(broken: &[(usize, String, TrialError)], more: usize) -> String {
    let lines = broken.iter().map(|(number, point, error)| {
        let place = if point.is_empty() { String::new() } else { format!(" ({point})") };
        format!("trial {number}{place}: {error}")
    });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    if more > 0 {
        text.push_str(&format!("\nand {more} more trials"));
    }
    text
}
