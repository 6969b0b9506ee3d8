//! `[tune]`.

use super::text::{Node, Text};
use crate::spec::tune::{Budget, DEFAULT_AGAINST, DEFAULT_BUDGET, STEPS, Target, TuneSpec};
use sigmalab_schedule::size::Size;
use toml::de::DeValue;

const KEYS: [&str; 8] =
    ["steps", "target", "samplers", "budget", "guidance", "against", "further_sizes", "ladder"];

/// Most evaluations that a budget may name.
const MOST: u64 = 1 << 40;

pub(super) fn tune(text: &mut Text<'_>, value: &Node<'_>) -> Option<TuneSpec> {
    let table = text.table(value, "tune", "a table")?;
    text.known_keys(table, "tune", &KEYS);
    let steps = match table.get("steps") {
        Some(value) => text.whole(value, "tune.steps", STEPS),
        None => {
            text.problem(value.span(), "tune", "`steps` is missing: say how many the preset has");
            None
        }
    };
    let target = match table.get("target") {
        None => Some(Target::Imitate),
        Some(value) => match text.string(value, "tune.target").as_deref() {
            Some("imitate") => Some(Target::Imitate),
            Some("exact") => Some(Target::Exact),
            Some(other) => {
                let message = format!(
                    "there is no target `{other}`: `imitate` seeks the reference's own pictures, \
                     `exact` the limit of many steps"
                );
                text.problem(value.span(), "tune.target", message);
                None
            }
            None => None,
        },
    };
    let names = |text: &mut Text<'_>, key: &str| -> Option<Vec<String>> {
        let value = table.get(key)?;
        let path = format!("tune.{key}");
        let list = text.array(value, &path, "names")?;
        list.iter().map(|value| text.string(value, &path)).collect()
    };
    let samplers = names(text, "samplers");
    let against = names(text, "against");
    let budget = match table.get("budget") {
        None => Some(Budget::Evaluations(DEFAULT_BUDGET)),
        Some(value) => match value.get_ref() {
            DeValue::String(written) => match parse_budget(written) {
                Ok(budget) => Some(budget),
                Err(problem) => {
                    text.problem(value.span(), "tune.budget", problem);
                    None
                }
            },
            _ => text.whole(value, "tune.budget", (1, MOST)).map(Budget::Evaluations),
        },
    };
    let guidance = table.get("guidance").and_then(|value| text.boolean(value, "tune.guidance"));
    let mut further_sizes = Vec::new();
    if let Some(value) = table.get("further_sizes") {
        let list = text.array(value, "tune.further_sizes", "sizes such as \"1024x768\"")?;
        for value in list {
            further_sizes.push(text.parsed::<Size>(value, "tune.further_sizes")?);
        }
    }
    let mut ladder = Vec::new();
    if let Some(value) = table.get("ladder") {
        for value in text.array(value, "tune.ladder", "numbers of steps")? {
            ladder.push(text.whole(value, "tune.ladder", STEPS)? as usize);
        }
    }
    Some(TuneSpec {
        steps: steps? as usize,
        target: target?,
        samplers,
        budget: budget?,
        guidance: guidance.unwrap_or(false),
        against: against.unwrap_or_else(|| DEFAULT_AGAINST.map(str::to_owned).to_vec()),
        further_sizes,
        ladder,
    })
}

/// `9000`, or minutes as in `5min`.
pub fn parse_budget(written: &str) -> Result<Budget, String> {
    let wrong = || "write a number of evaluations, or minutes as in 5min".to_owned();
    let written = written.trim();
    if let Some(minutes) = written.strip_suffix("min") {
        let minutes: f64 = minutes.trim().parse().map_err(|_| wrong())?;
        let sound = minutes.is_finite() && minutes > 0.0 && minutes < 1e6;
        return sound.then_some(Budget::Minutes(minutes)).ok_or_else(wrong);
    }
    match written.parse::<u64>() {
        Ok(evaluations) if (1..=MOST).contains(&evaluations) => {
            Ok(Budget::Evaluations(evaluations))
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_evaluations_or_minutes() {
        assert_eq!(parse_budget("9000"), Ok(Budget::Evaluations(9000)));
        assert_eq!(parse_budget(" 2.5 min"), Ok(Budget::Minutes(2.5)));
        for text in ["", "0", "-3", "5m", "nanmin", "infmin", "0min", "1e9", "99999999999999999"] {
            assert!(parse_budget(text).is_err(), "{text}");
        }
    }
}
