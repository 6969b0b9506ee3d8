//! The rule for the noise level at which the last step ends.

use super::nearest::nearest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where the last step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Terminal {
    /// The reference's clamp, σ = 1 − 1/(1 + e^−7.5) ≈ 5.5e-4.
    Reference,
    /// σ = 0, as diffusers, ComfyUI and stable-diffusion.cpp end.
    Zero,
}

impl Terminal {
    /// Both rules.
    pub const ALL: [Terminal; 2] = [Terminal::Reference, Terminal::Zero];

    /// As it is written in presets, recipes and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Terminal::Reference => "reference",
            Terminal::Zero => "zero",
        }
    }
}

impl fmt::Display for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Terminal {
    type Err = TerminalError;

    fn from_str(text: &str) -> Result<Self, TerminalError> {
        Terminal::ALL.into_iter().find(|rule| rule.as_str() == text).ok_or_else(|| TerminalError {
            text: text.to_owned(),
            nearest: nearest(text, Terminal::ALL.map(Terminal::as_str)).first().copied(),
        })
    }
}

/// A terminal rule that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a terminal σ{}: write `reference` (5.5e-4, the reference's clamp) or `zero`",
    nearest.map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default()
)]
pub struct TerminalError {
    pub text: String,
    pub nearest: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_displayed_can_be_parsed_and_is_what_serde_writes() {
        for rule in Terminal::ALL {
            assert_eq!(rule.to_string().parse::<Terminal>().unwrap(), rule);
            assert_eq!(serde_json::to_string(&rule).unwrap(), format!("\"{rule}\""));
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_was_meant() {
        let message = "refrence".parse::<Terminal>().unwrap_err().to_string();
        assert!(message.contains("did you mean `reference`?"), "{message}");
        let message = "0".parse::<Terminal>().unwrap_err().to_string();
        assert!(message.contains("`zero`"), "{message}");
    }
}
