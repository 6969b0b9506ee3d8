//! Rules for values: a range with a number of steps or a step, or a distribution to draw from.

use super::super::axis::ValueRule;
use super::super::path::Path;
use super::super::values::{Scale, Value};
use super::super::{MOST_TRIALS, Method};
use super::text::{Node, RULE_KEYS, Text};
use sigmalab_schedule::edit::Column as StepColumn;
use sigmalab_schedule::fault::MAX_STEPS;
use toml::de::DeTable;

/// Distributions by name.
const DISTRIBUTIONS: [&str; 4] = ["uniform", "log-uniform", "normal", "log-normal"];

/// A rule: a range with a number of steps or a step, or a distribution.
pub(super) fn rule(
    text: &mut Text<'_>,
    value: &Node<'_>,
    table: &DeTable<'_>,
    key: &str,
    path: &Path,
    method: Method,
) -> Option<ValueRule> {
    text.known_keys(table, key, &RULE_KEYS);
    if path.is_text() {
        text.problem(value.span(), key, format!("`{path}` takes names: give a list of them"));
        return None;
    }
    let mut number = |name: &str| -> Option<Option<f64>> {
        table.get(name).map(|value| text.number(value, &format!("{key}.{name}")))
    };
    let (min, max) = (number("min"), number("max"));
    let (step, mean, deviation) = (number("step"), number("mean"), number("deviation"));
    // What is there and wrong has been reported.
    if [min, max, step, mean, deviation].contains(&Some(None)) {
        return None;
    }
    let (min, max) = (min.flatten(), max.flatten());
    let (step, mean, deviation) = (step.flatten(), mean.flatten(), deviation.flatten());
    let steps = match table.get("steps") {
        Some(value) => {
            Some(text.whole(value, &format!("{key}.steps"), (1, MOST_TRIALS as u64))? as usize)
        }
        None => None,
    };
    let scale = scale(text, table, key)?;
    let distribution = distribution(text, table, key)?;
    let log = scale == Scale::Log || distribution.is_some_and(|name| name.starts_with("log"));
    if let Some(message) = out_of_range(path, (min, max), mean, log) {
        text.problem(value.span(), key, message);
        return None;
    }
    let scale = if log { Scale::Log } else { scale };
    let continuous =
        matches!(method, Method::Random { .. } | Method::Sobol { .. } | Method::Search(_));
    if let Some("normal" | "log-normal") = distribution {
        let (Some(mean), Some(deviation)) = (mean, deviation) else {
            text.problem(value.span(), key, "a normal distribution needs `mean` and `deviation`");
            return None;
        };
        if deviation <= 0.0 {
            text.problem(
                value.span(),
                key,
                format!("deviation is {deviation}: it must be above 0"),
            );
            return None;
        }
        return needs_draws(text, value, key, continuous).then_some(ValueRule::Normal {
            mean,
            deviation,
            scale,
            min,
            max,
        });
    }
    if mean.is_some() || deviation.is_some() {
        let message =
            "`mean` and `deviation` belong to distribution = \"normal\" or \"log-normal\"";
        text.problem(value.span(), key, message);
        return None;
    }
    let (Some(min), Some(max)) = (min, max) else {
        text.problem(value.span(), key, "a range needs `min` and `max`");
        return None;
    };
    let numbers = match (steps, step) {
        (Some(_), Some(_)) => {
            text.problem(value.span(), key, "give `steps` (how many values) or `step`, not both");
            return None;
        }
        (Some(1), None) if min < max => {
            text.problem(value.span(), key, "one step has no two ends: give steps = 2 or more");
            return None;
        }
        (Some(steps), None) => {
            let share = |index| index as f64 / (steps.max(2) - 1) as f64;
            (0..steps).map(|index| scale.between(min, max, share(index))).collect::<Vec<f64>>()
        }
        (None, Some(step)) => by_step(text, value, key, (min, max, step), log)?,
        (None, None) => {
            return needs_draws(text, value, key, continuous).then_some(ValueRule::Uniform {
                min,
                max,
                scale,
            });
        }
    };
    listed(text, value, key, path, numbers)
}

/// What is wrong with the ends of a range for what it is a range of.
fn out_of_range(
    path: &Path,
    (min, max): (Option<f64>, Option<f64>),
    mean: Option<f64>,
    log: bool,
) -> Option<String> {
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        return Some(format!("min {min} is above max {max}: swap them"));
    }
    let lowest = min.or(mean).unwrap_or(f64::INFINITY);
    if let Path::Steps(StepColumn::Std, _) = path
        && min.is_none_or(|min| min <= 0.0)
    {
        return Some("std must be above 0: give a min above 0".to_owned());
    }
    if *path == Path::FirstBlockCache
        && (min.is_none_or(|min| min < 0.0) || max.is_none_or(|max| max > 1.0))
    {
        return Some(
            "the threshold of the first-block cache is 0 to 1: give min and max".to_owned(),
        );
    }
    if path.is_whole() && lowest < 0.0 {
        return Some(format!("`{path}` is never negative: raise min"));
    }
    (log && lowest <= 0.0).then(|| {
        "a log scale needs values above 0: raise min, or use scale = \"linear\"".to_owned()
    })
}

fn by_step(
    text: &mut Text<'_>,
    value: &Node<'_>,
    key: &str,
    (min, max, step): (f64, f64, f64),
    log: bool,
) -> Option<Vec<f64>> {
    if step <= 0.0 {
        text.problem(value.span(), key, format!("step is {step}: it must be above 0"));
        return None;
    }
    if log {
        let message = "a log scale has no equal steps: give `steps`, the number of values";
        text.problem(value.span(), key, message);
        return None;
    }
    // A step that misses the end by rounding alone reaches it.
    let count = ((max - min) / step + 1e-9).floor();
    if count >= MOST_TRIALS as f64 {
        text.problem(value.span(), key, format!("it has more than {MOST_TRIALS} values"));
        return None;
    }
    let numbers = (0..=count as usize).map(|index| {
        // 0.1·3 is 0.30000000000000004, and people mean 0.3.
        let number = min + step * index as f64;
        (number * 1e12).round() / 1e12
    });
    Some(numbers.collect())
}

fn listed(
    text: &mut Text<'_>,
    value: &Node<'_>,
    key: &str,
    path: &Path,
    numbers: Vec<f64>,
) -> Option<ValueRule> {
    if !path.is_whole() {
        return Some(ValueRule::Listed(numbers.into_iter().map(Value::Number).collect()));
    }
    if *path == Path::Count && numbers.iter().any(|n| !(0.5..=MAX_STEPS as f64).contains(n)) {
        text.problem(value.span(), key, format!("a schedule has 1 to {MAX_STEPS} steps"));
        return None;
    }
    let mut whole: Vec<Value> = numbers.iter().map(|n| Value::Whole(n.round() as u64)).collect();
    whole.dedup();
    Some(ValueRule::Listed(whole))
}

fn needs_draws(text: &mut Text<'_>, value: &Node<'_>, key: &str, continuous: bool) -> bool {
    if !continuous {
        let message = "it gives no values: add `steps` or `step`, or draw them with method \
                       \"random\" or \"sobol\"";
        text.problem(value.span(), key, message);
    }
    continuous
}

/// `None` only with a problem.
fn scale(text: &mut Text<'_>, table: &DeTable<'_>, key: &str) -> Option<Scale> {
    let Some(value) = table.get("scale") else { return Some(Scale::Linear) };
    let key = format!("{key}.scale");
    match text.string(value, &key)?.as_str() {
        "linear" => Some(Scale::Linear),
        "log" => Some(Scale::Log),
        other => {
            let message = format!("there is no scale `{other}`: write `linear` or `log`");
            text.problem(value.span(), &key, message);
            None
        }
    }
}

/// `None` only with a problem.
#[allow(clippy::option_option)]
fn distribution(
    text: &mut Text<'_>,
    table: &DeTable<'_>,
    key: &str,
) -> Option<Option<&'static str>> {
    let Some(value) = table.get("distribution") else { return Some(None) };
    let key = format!("{key}.distribution");
    let name = text.string(value, &key)?;
    let found = DISTRIBUTIONS.into_iter().find(|known| *known == name);
    if found.is_none() {
        let message = format!(
            "there is no distribution `{name}`; the distributions are {}",
            DISTRIBUTIONS.map(|name| format!("`{name}`")).join(", ")
        );
        text.problem(value.span(), &key, message);
    }
    found.map(Some)
}
