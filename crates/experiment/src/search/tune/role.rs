//! What a schedule of the judgement is there for. Written into its generation; a preset's name is
//! its own and says nothing.

use crate::generation::{Candidate, Generation, Stage};
use serde::{Deserialize, Serialize};

/// What a schedule of the judgement is there for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// It is the finalist.
    Found,
    /// The reference preset in as many steps, with the finalist's sampler.
    Naive,
    /// The best schedule of one mu and std.
    Plain,
    /// A preset that the finalist is judged against.
    Preset(String),
    /// The limit of many steps, which the reference's own distance is told to.
    Limit,
    /// The reference preset, where the limit is what is sought.
    Reference,
}

impl Role {
    /// Whether it is judged, and not only told of.
    pub(crate) fn is_judged(&self) -> bool {
        !matches!(self, Role::Limit | Role::Reference)
    }

    /// As tables and plots call it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Role::Found => "found",
            Role::Naive => "naive grid, the same sampler",
            Role::Plain => "best plain mu and std",
            Role::Preset(name) => name,
            Role::Limit => "limit",
            Role::Reference => "reference",
        }
    }
}

/// What the proposals of a judgement are, in their order.
pub(super) fn roles(generation: &Generation) -> Vec<Role> {
    let roles = generation.note.get("roles").cloned().unwrap_or_default();
    serde_json::from_value(roles).unwrap_or_default()
}

/// What is judged, each with its role, once there is a judgement.
pub(crate) fn judged(generations: &[Generation]) -> Vec<(Role, Candidate)> {
    let judged = generations.iter().find(|known| known.stage == Stage::Judgement);
    let Some(judged) = judged else { return Vec::new() };
    let candidates = judged.proposals.iter().filter_map(|proposal| proposal.candidate.clone());
    roles(judged).into_iter().zip(candidates).collect()
}
