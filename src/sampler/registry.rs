//! Which samplers there are, and choosing one with its parameters by name.

use super::euler::Euler;
use super::solver::{Sampler, SamplerInfo};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A sampler with the values of its parameters.
#[derive(Clone)]
pub struct Choice {
    /// The solver.
    pub sampler: Arc<dyn Sampler>,
    /// Values in the order of its parameters.
    pub params: Vec<f64>,
}

/// Why a sampler or a parameter is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SamplerChoiceError {
    /// No sampler of that name.
    #[error("there is no sampler `{name}`; there is {available}")]
    Unknown {
        /// Asked-for name.
        name: String,
        /// The names there are.
        available: String,
    },
    /// The sampler has no such parameter.
    #[error("sampler `{sampler}` has no parameter `{key}`; it has {available}")]
    UnknownParam {
        /// The sampler.
        sampler: &'static str,
        /// Asked-for parameter.
        key: String,
        /// The parameters it has.
        available: String,
    },
    /// The value is out of range.
    #[error("`{key}` of sampler `{sampler}` must be in {min} to {max}, not {value}")]
    OutOfRange {
        /// The sampler.
        sampler: &'static str,
        /// The parameter.
        key: String,
        /// The value given.
        value: f64,
        /// Least value.
        min: f64,
        /// Greatest value.
        max: f64,
    },
}

/// Every sampler there is.
pub fn available() -> Vec<SamplerInfo> {
    vec![Euler.info().clone()]
}

/// The sampler `name` with `params`, defaults filled in.
pub fn find(name: &str, params: &BTreeMap<String, f64>) -> Result<Choice, SamplerChoiceError> {
    let sampler: Arc<dyn Sampler> = match name {
        "euler" => Arc::new(Euler),
        _ => {
            return Err(SamplerChoiceError::Unknown {
                name: name.to_owned(),
                available: list(available().iter().map(|info| info.id)),
            });
        }
    };
    let info = sampler.info().clone();
    for (key, &value) in params {
        let Some(param) = info.params.iter().find(|param| param.key == key) else {
            return Err(SamplerChoiceError::UnknownParam {
                sampler: info.id,
                key: key.clone(),
                available: list(info.params.iter().map(|param| param.key)),
            });
        };
        // Written so that NaN is refused too.
        if !(param.min..=param.max).contains(&value) {
            return Err(SamplerChoiceError::OutOfRange {
                sampler: info.id,
                key: key.clone(),
                value,
                min: param.min,
                max: param.max,
            });
        }
    }
    let values =
        info.params.iter().map(|param| params.get(param.key).copied().unwrap_or(param.default));
    let params = values.collect();
    Ok(Choice { sampler, params })
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
