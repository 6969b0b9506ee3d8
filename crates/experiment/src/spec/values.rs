//! Values of parameters.

use serde::{Deserialize, Serialize};
use sigmalab_schedule::runs::runs;
use std::fmt;

/// A value of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number: a seed, a number of steps.
    Whole(u64),
    Number(f64),
    /// A name or a text.
    Text(String),
    /// A number a step of a slice, in sampling order.
    List(Vec<f64>),
}

impl Value {
    /// As a number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Whole(whole) => Some(*whole as f64),
            Value::Number(number) => Some(*number),
            Value::Text(_) | Value::List(_) => None,
        }
    }
}

/// Numbers so that reading them gives the same value; lists as runs, `7x2 3x1`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Whole(whole) => whole.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::Text(text) => f.write_str(text),
            Value::List(list) => {
                let runs: Vec<String> =
                    runs(list.iter().copied()).iter().map(ToString::to_string).collect();
                f.write_str(&runs.join(" "))
            }
        }
    }
}

/// How values are spread between two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences.
    Linear,
    /// Equal factors.
    Log,
}

impl Scale {
    /// The value at `share` of the way from `min` to `max`.
    pub fn between(self, min: f64, max: f64, share: f64) -> f64 {
        // The ends themselves, to the last bit.
        if share <= 0.0 {
            return min;
        }
        if share >= 1.0 {
            return max;
        }
        match self {
            Scale::Linear => min + (max - min) * share,
            Scale::Log => (min.ln() + (max.ln() - min.ln()) * share).exp(),
        }
    }
}
