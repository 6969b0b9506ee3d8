//! What a sampler says of itself: identity, cost and parameters. Plain data, which crosses
//! processes; it knows nothing of how a step is taken.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Text that is part of the program, or came with a plugin.
pub type Text = Cow<'static, str>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamplerInfo {
    /// Stable name, as in `--sampler`.
    pub id: Text,
    /// Its name as people write it.
    pub name: Text,
    /// Version of its arithmetic: part of every recipe.
    pub version: Text,
    /// A sentence for lists.
    pub description: Text,
    /// Order of accuracy where σ_next > 0; 0 where it claims none.
    pub order: u32,
    /// Most network evaluations a step, the one the host makes included.
    pub evaluations_per_step: u32,
    /// How many earlier steps it reads.
    pub history_len: usize,
    pub stochastic: bool,
    /// Whether it takes steps to σ = 0.
    pub sigma_zero: bool,
    /// Whether it evaluates the two networks apart.
    pub split: bool,
    pub params: Cow<'static, [Param]>,
}

/// A parameter of a sampler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Name, as in `--sampler-param key=value`.
    pub key: Text,
    /// Its name as people write it.
    pub label: Text,
    /// A sentence for help.
    pub help: Text,
    pub kind: ParamKind,
    pub min: f64,
    pub max: f64,
    /// Value when none is given.
    pub default: f64,
    /// How far one key press moves it; 0 where it does not say.
    pub increment: f64,
    /// Whether equal factors are equal steps.
    pub log_scale: bool,
    /// Whether it is worth searching when the sampler is tuned.
    pub tunable: bool,
}

/// What the values of a parameter are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamKind {
    /// Any number of the range.
    Real,
    /// Whole numbers of the range.
    Integer,
    /// 0 is off, 1 is on.
    Flag,
    /// The number of one of these, from 0.
    Choice(Vec<Text>),
}

/// Why a parameter does not take a value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ValueError {
    #[error("must be between {min} and {max}, not {value}")]
    OutOfRange { value: f64, min: f64, max: f64 },
    #[error("must be a whole number, not {value}")]
    NotWhole { value: f64 },
    #[error("must be {choices}, not `{text}`")]
    NoChoice { choices: String, text: String },
}

impl Param {
    pub fn check(&self, value: f64) -> Result<(), ValueError> {
        // Written so that NaN is refused too.
        if !(self.min..=self.max).contains(&value) {
            return Err(ValueError::OutOfRange { value, min: self.min, max: self.max });
        }
        if self.kind != ParamKind::Real && value.fract() != 0.0 {
            return Err(ValueError::NotWhole { value });
        }
        Ok(())
    }

    /// The value that `text` writes: a number, the name of a choice, `on` or `off`.
    pub fn parse(&self, text: &str) -> Result<f64, ValueError> {
        let text = text.trim();
        let named = match &self.kind {
            ParamKind::Choice(names) => {
                names.iter().position(|name| name == text).map(|place| place as f64)
            }
            ParamKind::Flag => match text {
                "on" | "true" | "yes" => Some(1.0),
                "off" | "false" | "no" => Some(0.0),
                _ => None,
            },
            ParamKind::Real | ParamKind::Integer => None,
        };
        let value = match named.or_else(|| text.parse().ok()) {
            Some(value) => value,
            None => {
                return Err(ValueError::NoChoice {
                    choices: self.values_in_words(),
                    text: text.to_owned(),
                });
            }
        };
        self.check(value)?;
        Ok(value)
    }

    /// A value as people write it: the name of a choice, `on`, `off` or the number.
    pub fn write(&self, value: f64) -> String {
        let place = (value.fract() == 0.0 && value >= 0.0).then_some(value as usize);
        match (&self.kind, place) {
            (ParamKind::Choice(names), Some(place)) if place < names.len() => {
                names.get(place).map_or_else(|| value.to_string(), ToString::to_string)
            }
            (ParamKind::Flag, Some(0)) => "off".to_owned(),
            (ParamKind::Flag, Some(1)) => "on".to_owned(),
            _ => value.to_string(),
        }
    }

    /// The values it takes: `0 to 1`, `a whole number from 1 to 4`, `on or off`, `a, b or c`.
    pub fn values_in_words(&self) -> String {
        match &self.kind {
            ParamKind::Real => format!("a number from {} to {}", self.min, self.max),
            ParamKind::Integer => format!("a whole number from {} to {}", self.min, self.max),
            ParamKind::Flag => "on or off".to_owned(),
            ParamKind::Choice(names) => match names.split_last() {
                Some((last, [])) => format!("`{last}`"),
                Some((last, others)) => {
                    let others: Vec<_> = others.iter().map(|name| format!("`{name}`")).collect();
                    format!("{} or `{last}`", others.join(", "))
                }
                None => "nothing".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn param(kind: ParamKind, max: f64) -> Param {
        Param {
            key: "p".into(),
            label: "p".into(),
            help: "".into(),
            kind,
            min: 0.0,
            max,
            default: 0.0,
            increment: 0.0,
            log_scale: false,
            tunable: false,
        }
    }

    #[test]
    fn a_choice_is_written_by_its_name_or_its_number() {
        let param = param(ParamKind::Choice(vec!["midpoint".into(), "heun".into()]), 1.0);
        assert_eq!(param.parse("heun").unwrap(), 1.0);
        assert_eq!(param.parse(" 0 ").unwrap(), 0.0);
        assert_eq!(param.write(1.0), "heun");
        let message = param.parse("euler").unwrap_err().to_string();
        assert_eq!(message, "must be `midpoint` or `heun`, not `euler`");
        assert!(param.parse("2").is_err());
    }

    #[test]
    fn flags_and_whole_numbers_take_no_fractions() {
        let flag = param(ParamKind::Flag, 1.0);
        assert_eq!((flag.parse("on"), flag.parse("0")), (Ok(1.0), Ok(0.0)));
        assert_eq!(flag.write(1.0), "on");
        assert!(flag.check(0.5).is_err());
        let whole = param(ParamKind::Integer, 4.0);
        assert_eq!(whole.check(1.5), Err(ValueError::NotWhole { value: 1.5 }));
        assert_eq!(whole.parse("3"), Ok(3.0));
    }

    #[test]
    fn numbers_beyond_the_range_and_nan_are_refused() {
        let real = param(ParamKind::Real, 1.0);
        for text in ["-0.1", "1.1", "nan", "inf"] {
            assert!(matches!(real.parse(text), Err(ValueError::OutOfRange { .. })), "{text}");
        }
        let message = real.parse("x").unwrap_err().to_string();
        assert_eq!(message, "must be a number from 0 to 1, not `x`");
    }
}
