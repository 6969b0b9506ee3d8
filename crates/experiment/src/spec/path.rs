//! What a parameter is called: one syntax for everything a run depends on. Steps are in sampling
//! order, counted from 0; negative ones from the end; both ends of a slice belong to it.

use sigmalab_schedule::edit::Column as StepColumn;
use sigmalab_schedule::nearest::nearest;
use std::fmt;
use std::ops::RangeInclusive;

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Path {
    /// gw, mu or std of some steps.
    Steps(StepColumn, Slice),
    /// The number of steps; the shape of the schedule is kept.
    Count,
    Sampler,
    /// A parameter of the sampler.
    SamplerParam(String),
    /// Where the last step ends.
    Terminal,
    /// The threshold of the first-block cache; 0 for none.
    FirstBlockCache,
    Seed,
    /// The prompt, by its id or as text.
    Prompt,
    Size,
    /// A schedule with its sampler, by the name that a tune gave it. Files cannot sweep it.
    Candidate,
}

/// Some steps, before their number is known. Negative ends count from the last step, which is −1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slice {
    All,
    One(i32),
    /// From one step to another; both belong to it.
    Range(i32, i32),
}

/// Why a text names no parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error(
        "there is no parameter `{name}`{}; the parameters are {NAMES}, and steps of the first \
         three, as in `gw[-3..]`",
        nearest.as_ref().map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
    )]
    Unknown { name: String, nearest: Option<String> },
    #[error("`{0}` has no steps to choose from: only gw, mu and std do")]
    NoSteps(String),
    #[error(
        "`{0}` names no steps: write gw[-3..], mu[1..4] (both ends included) or std[-1], in \
         sampling order, counted from 0"
    )]
    Slice(String),
    #[error(
        "`{path}` names no step of a schedule of {steps}: steps are counted from 0, or from −1 at the end"
    )]
    OutOfReach { path: String, steps: usize },
}

const NAMES: &str = "gw, mu, std, steps, sampler, sampler.NAME, terminal, first_block_cache, seed, \
                     prompt and size";

const WORDS: [&str; 10] = [
    "gw",
    "mu",
    "std",
    "steps",
    "sampler",
    "terminal",
    "first_block_cache",
    "seed",
    "prompt",
    "size",
];

impl std::str::FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let text = text.trim();
        if let Some((name, slice)) = text.split_once('[') {
            let slice = slice.strip_suffix(']').and_then(parse_slice);
            let column = column(name.trim()).ok_or_else(|| match WORDS.contains(&name.trim()) {
                true => PathError::NoSteps(text.to_owned()),
                false => unknown(name.trim()),
            })?;
            return slice
                .map(|slice| Path::Steps(column, slice))
                .ok_or_else(|| PathError::Slice(text.to_owned()));
        }
        if let Some(column) = column(text) {
            return Ok(Path::Steps(column, Slice::All));
        }
        match text {
            "steps" => Ok(Path::Count),
            "sampler" => Ok(Path::Sampler),
            "terminal" => Ok(Path::Terminal),
            "first_block_cache" => Ok(Path::FirstBlockCache),
            "seed" => Ok(Path::Seed),
            "prompt" => Ok(Path::Prompt),
            "size" => Ok(Path::Size),
            _ => match text.strip_prefix("sampler.") {
                Some(param) if !param.is_empty() => Ok(Path::SamplerParam(param.to_owned())),
                _ => Err(unknown(text)),
            },
        }
    }
}

fn unknown(name: &str) -> PathError {
    let near = nearest(name, WORDS).first().map(|near| (*near).to_owned());
    PathError::Unknown { name: name.to_owned(), nearest: near }
}

fn column(name: &str) -> Option<StepColumn> {
    StepColumn::ALL.into_iter().find(|column| column.name() == name)
}

fn parse_slice(text: &str) -> Option<Slice> {
    let number = |text: &str| text.trim().parse::<i32>().ok();
    match text.split_once("..") {
        None => number(text).map(Slice::One),
        Some((first, last)) => {
            let first = if first.trim().is_empty() { 0 } else { number(first)? };
            let last = if last.trim().is_empty() { -1 } else { number(last)? };
            Some(Slice::Range(first, last))
        }
    }
}

impl Path {
    /// The steps a slice names in a schedule of `steps`; `None` for what has no steps.
    pub fn steps(&self, steps: usize) -> Result<Option<RangeInclusive<usize>>, PathError> {
        let Path::Steps(_, slice) = self else { return Ok(None) };
        let out = || PathError::OutOfReach { path: self.to_string(), steps };
        let place = |step: i32| -> Option<usize> {
            let step = match usize::try_from(step) {
                Ok(step) => step,
                Err(_) => steps.checked_sub(step.unsigned_abs() as usize)?,
            };
            (step < steps).then_some(step)
        };
        let (first, last) = match *slice {
            Slice::All => (Some(0), steps.checked_sub(1)),
            Slice::One(step) => (place(step), place(step)),
            Slice::Range(first, last) => (place(first), place(last)),
        };
        match (first, last) {
            (Some(first), Some(last)) if first <= last => Ok(Some(first..=last)),
            _ => Err(out()),
        }
    }

    /// Whether its values are texts.
    pub fn is_text(&self) -> bool {
        matches!(self, Path::Sampler | Path::Terminal | Path::Prompt | Path::Size | Path::Candidate)
    }

    /// Whether its values are whole numbers.
    pub fn is_whole(&self) -> bool {
        matches!(self, Path::Count | Path::Seed)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Steps(column, slice) => write!(f, "{column}{slice}"),
            Path::Count => f.write_str("steps"),
            Path::Sampler => f.write_str("sampler"),
            Path::SamplerParam(key) => write!(f, "sampler.{key}"),
            Path::Terminal => f.write_str("terminal"),
            Path::FirstBlockCache => f.write_str("first_block_cache"),
            Path::Seed => f.write_str("seed"),
            Path::Prompt => f.write_str("prompt"),
            Path::Size => f.write_str("size"),
            Path::Candidate => f.write_str("candidate"),
        }
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slice::All => Ok(()),
            Slice::One(step) => write!(f, "[{step}]"),
            Slice::Range(0, -1) => f.write_str("[..]"),
            Slice::Range(0, last) => write!(f, "[..{last}]"),
            Slice::Range(first, -1) => write!(f, "[{first}..]"),
            Slice::Range(first, last) => write!(f, "[{first}..{last}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn steps(text: &str, steps: usize) -> Option<RangeInclusive<usize>> {
        text.parse::<Path>().unwrap().steps(steps).ok().flatten()
    }

    #[test]
    fn slices_count_from_either_end_and_both_ends_belong_to_them() {
        assert_eq!(steps("gw", 20), Some(0..=19));
        assert_eq!(steps("gw[-3..]", 20), Some(17..=19));
        assert_eq!(steps("mu[1..4]", 20), Some(1..=4));
        assert_eq!(steps("std[-1]", 20), Some(19..=19));
        assert_eq!(steps("gw[..-4]", 20), Some(0..=16));
        assert_eq!(steps("gw[..]", 20), Some(0..=19));
    }

    #[test]
    fn steps_that_are_not_there_are_refused_with_their_number() {
        for (text, count) in [("gw[20]", 20), ("gw[-21]", 20), ("gw[5..3]", 20), ("gw[-3..]", 2)] {
            let error = text.parse::<Path>().unwrap().steps(count).unwrap_err().to_string();
            assert!(error.contains(text) && error.contains(&count.to_string()), "{error}");
        }
    }

    #[test]
    fn names_read_back_as_they_are_written() {
        for text in [
            "gw",
            "mu[1..4]",
            "std[-1]",
            "gw[-3..]",
            "gw[..5]",
            "steps",
            "sampler",
            "sampler.eta",
            "terminal",
            "first_block_cache",
            "seed",
            "prompt",
            "size",
        ] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_slip_of_a_finger_is_told_what_was_meant() {
        let told = |text: &str| text.parse::<Path>().unwrap_err().to_string();
        assert!(told("step").contains("did you mean `steps`?"));
        assert!(told("gww[-3..]").contains("did you mean `gw`?"));
        assert!(told("steps[3]").contains("only gw, mu and std"));
        for text in ["gw[", "gw[a]", "gw[1...3]", "gw[]", "gw[1..b]"] {
            assert!(told(text).contains("names no steps"), "{text}");
        }
    }
}
