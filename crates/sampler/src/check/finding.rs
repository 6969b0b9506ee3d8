//! What a check found out. Plain data, as it crosses processes.

use serde::{Deserialize, Serialize};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The sampler is what it says.
    Passed,
    Failed,
    /// There is nothing to find out.
    Skipped,
}

/// What a check found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the check, for scripts.
    pub check: String,
    /// What is looked at, for people.
    pub title: String,
    pub verdict: Verdict,
    /// What was seen, in words.
    pub detail: String,
    /// The order that was observed, where that is what was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<f64>,
}

/// What a check itself gives: everything but its name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) verdict: Verdict,
    pub(super) detail: String,
    pub(super) order: Option<f64>,
}

impl Seen {
    pub(super) fn passed(detail: impl Into<String>) -> Self {
        Seen { verdict: Verdict::Passed, detail: detail.into(), order: None }
    }

    pub(super) fn failed(detail: impl Into<String>) -> Self {
        Seen { verdict: Verdict::Failed, detail: detail.into(), order: None }
    }

    pub(super) fn skipped(detail: impl Into<String>) -> Self {
        Seen { verdict: Verdict::Skipped, detail: detail.into(), order: None }
    }

    pub(super) fn of_order(self, order: f64) -> Self {
        Seen { order: Some(order), ..self }
    }
}
