//! Lists of gw in the tools' spellings. Knows no order: callers say which end comes first.

use super::super::fault::MAX_STEPS;
use super::super::runs::{Run, runs};
use super::ImportError;
use super::python::{Argument, NoValue, Value};

/// `(7.0,) * 18 + (3.0,) * 2`, as Python reads it.
pub(super) fn python(values: &[f64]) -> String {
    let runs = runs(values.iter().copied());
    let parts: Vec<String> =
        runs.iter().map(|run| format!("({:?},) * {}", run.value, run.steps)).collect();
    parts.join(" + ")
}

/// The weights of an argument: what [`python`] writes, and plain lists and tuples, also repeated
/// and added to each other.
pub(super) fn from_python(argument: &Argument) -> Result<Vec<f64>, ImportError> {
    let wrong = |what: &str| {
        ImportError::new(format!(
            "`{}` is not a list of guidance weights: {what}",
            argument.shown()
        ))
    };
    let form = "write it as [7.0, 3.0] or (7.0,) * 18 + (3.0,) * 2";
    match &argument.value {
        Ok(Value::List(items)) => items
            .iter()
            .map(|item| match item {
                Value::Number(number) if number.is_finite() => Ok(*number),
                _ => Err(wrong("each weight is a finite number")),
            })
            .collect(),
        Err(NoValue::TooLong) => Err(wrong(&format!("it is longer than {MAX_STEPS} steps"))),
        _ => Err(wrong(form)),
    }
}

/// `3.0x2+7.0x18`: stable-diffusion.cpp's GUIDANCExSTEPS.
pub(super) fn sd_cpp(values: &[f64]) -> String {
    let runs = runs(values.iter().copied());
    runs.iter()
        .map(|Run { value, steps }| format!("{value:?}x{steps}"))
        .collect::<Vec<_>>()
        .join("+")
}

/// Reads what [`sd_cpp`] writes, as that tool does: blanks may stand before a number and not after it, a
/// plus at the end is passed over, and nothing is no schedule. What it calls an error there makes it take
/// `--cfg-scale` for every step; here it is an error.
pub(super) fn from_sd_cpp(text: &str) -> Result<Vec<f64>, ImportError> {
    let mut values: Vec<f64> = Vec::new();
    let text = text.strip_suffix('+').unwrap_or(text);
    for part in text.split('+').filter(|_| !text.is_empty()) {
        let wrong = || {
            ImportError::new(format!(
                "`{}` in guidance_schedule is not GUIDANCExSTEPS, as in 3.0x2+7.0x18",
                part.chars().take(30).collect::<String>()
            ))
        };
        let (value, steps) = part.split_once('x').ok_or_else(wrong)?;
        let value = value.trim_start().parse::<f64>().ok().filter(|value| value.is_finite());
        let value = value.ok_or_else(wrong)?;
        let steps: usize = steps.trim_start().parse().map_err(|_| wrong())?;
        if steps == 0 {
            return Err(wrong());
        }
        if steps > MAX_STEPS || values.len() + steps > MAX_STEPS {
            return Err(ImportError::new(format!(
                "guidance_schedule is longer than {MAX_STEPS} steps"
            )));
        }
        values.resize(values.len() + steps, value);
    }
    Ok(values)
}
