//! Lists of gw in the tools' spellings. Knows no order: callers say which end comes first.

use super::super::fault::MAX_STEPS;
use super::super::runs::{Run, runs};
use super::ImportError;

/// `(7.0,) * 18 + (3.0,) * 2`, as Python reads it.
pub(super) fn python(values: &[f64]) -> String {
    let runs = runs(values.iter().copied());
    let parts: Vec<String> =
        runs.iter().map(|run| format!("({:?},) * {}", run.value, run.steps)).collect();
    parts.join(" + ")
}

/// Reads what [`python`] writes, and plain lists and tuples, `[3.0, 3.0, 7.0]`, also repeated and
/// added to each other.
pub(super) fn from_python(text: &str) -> Result<Vec<f64>, ImportError> {
    let wrong = |what: &str| {
        ImportError::new(format!(
            "`{}` is not a list of guidance weights: {what}",
            text.chars().take(60).collect::<String>()
        ))
    };
    let mut values = Vec::new();
    let mut rest = text.trim();
    loop {
        let close = match rest.chars().next() {
            Some('(') => ')',
            Some('[') => ']',
            _ => return Err(wrong("write it as [7.0, 3.0] or (7.0,) * 18 + (3.0,) * 2")),
        };
        let end = rest.find(close).ok_or_else(|| wrong("a bracket is not closed"))?;
        let mut part = Vec::new();
        for item in rest.get(1..end).unwrap_or("").split(',') {
            let item = item.trim();
            if !item.is_empty() {
                let value = item.parse::<f64>().ok().filter(|value| value.is_finite());
                part.push(value.ok_or_else(|| wrong(&format!("`{item}` is not a finite number")))?);
            }
        }
        rest = rest.get(end + 1..).unwrap_or("").trim_start();
        let mut times = 1;
        if let Some(after) = rest.strip_prefix('*') {
            let after = after.trim_start();
            let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let (number, after) = after.split_at(digits);
            times = number.parse().map_err(|_| wrong("after * comes a number of steps"))?;
            rest = after.trim_start();
        }
        if part.len().saturating_mul(times).saturating_add(values.len()) > MAX_STEPS {
            return Err(wrong(&format!("it is longer than {MAX_STEPS} steps")));
        }
        for _ in 0..times {
            values.extend_from_slice(&part);
        }
        match rest.strip_prefix('+') {
            Some(after) => rest = after.trim_start(),
            None if rest.is_empty() => return Ok(values),
            None => return Err(wrong(&format!("`{rest}` follows it"))),
        }
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

/// Reads what [`sd_cpp`] writes.
pub(super) fn from_sd_cpp(text: &str) -> Result<Vec<f64>, ImportError> {
    let mut values: Vec<f64> = Vec::new();
    for part in text.split('+') {
        let wrong = || {
            ImportError::new(format!(
                "`{}` in guidance_schedule is not GUIDANCExSTEPS, as in 3.0x2+7.0x18",
                part.chars().take(30).collect::<String>()
            ))
        };
        let (value, steps) = part.split_once('x').ok_or_else(wrong)?;
        let value = value.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        let value = value.ok_or_else(wrong)?;
        let steps: usize = steps.trim().parse().map_err(|_| wrong())?;
        if steps > MAX_STEPS || values.len() + steps > MAX_STEPS {
            return Err(ImportError::new(format!(
                "guidance_schedule is longer than {MAX_STEPS} steps"
            )));
        }
        values.resize(values.len() + steps, value);
    }
    Ok(values)
}
