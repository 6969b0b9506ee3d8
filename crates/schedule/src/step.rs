//! What is set per step of a schedule. It knows no preset and no noise level.

use serde::{Deserialize, Serialize};

/// What is set per step: one row of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Guidance weight: v = gw·v_cond + (1 − gw)·v_uncond.
    pub gw: f64,
    /// Mean of −½ logSNR of the step's noise schedule, before the resolution shift.
    pub mu: f64,
    /// Standard deviation of the same, above 0.
    pub std: f64,
}
