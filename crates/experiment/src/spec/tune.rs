//! What an experiment file says of a tune: how many steps, towards what, and for how much. Plain
//! data.

use serde::{Deserialize, Serialize};
use sigmalab_schedule::size::Size;

/// What `[tune]` says.
#[derive(Debug, Clone, PartialEq)]
pub struct TuneSpec {
    /// Steps of the preset that is sought.
    pub steps: usize,
    /// What it is to come near to.
    pub target: Target,
    /// Samplers that are tried; the usual ones that are there when absent.
    pub samplers: Option<Vec<String>>,
    pub budget: Budget,
    /// Whether guidance weights are moved too.
    pub guidance: bool,
    /// Presets that what is found is judged against, in this order.
    pub against: Vec<String>,
    /// Sizes at which the finalist is looked at too.
    pub further_sizes: Vec<Size>,
    /// Numbers of steps whose distances are measured on held-out prompts too.
    pub ladder: Vec<usize>,
}

/// What a tuned preset is to come near to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The reference preset's own pictures.
    Imitate,
    /// Where very many steps lead.
    Exact,
}

impl Target {
    /// As files and flags write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Target::Imitate => "imitate",
            Target::Exact => "exact",
        }
    }
}

/// What a tune may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// Evaluations of both networks.
    Evaluations(u64),
    /// Minutes: they become evaluations once, by what an evaluation takes here.
    Minutes(f64),
}

/// The samplers that are tried unless others are named.
pub const DEFAULT_SAMPLERS: [&str; 4] = ["euler", "ab2", "dpmpp-2m", "unipc-2"];

/// The presets that a tune is judged against unless others are named.
pub const DEFAULT_AGAINST: [&str; 2] = ["V4_TURBO_12", "V4_DEFAULT_20"];

/// What a tune may cost unless something else is said.
pub const DEFAULT_BUDGET: u64 = 12_000;

/// Fewest and most steps of a tuned preset.
pub const STEPS: (u64, u64) = (2, 64);
