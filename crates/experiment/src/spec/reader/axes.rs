//! What is swept: `[parameters]`, `[[zip]]` and `[[trials]]`.

use super::super::Method;
use super::super::axis::{Axis, Column, ValueRule};
use super::super::path::Path;
use super::super::values::Value;
use super::rules::rule;
use super::text::{Entry, Node, Text, entries};
use sigmalab_schedule::edit::Column as StepColumn;
use sigmalab_schedule::fault::MAX_STEPS;
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;
use toml::de::{DeTable, DeValue};

/// The axes of `[parameters]` and of the `[[zip]]` groups, in the order of the text.
pub(super) fn axes(
    text: &mut Text<'_>,
    parameters: Option<&Node<'_>>,
    zips: Option<&Node<'_>>,
    method: Method,
) -> Vec<Axis> {
    let mut placed: Vec<(usize, Axis)> = Vec::new();
    if let Some(table) = parameters.and_then(|value| text.table(value, "parameters", "a table")) {
        for entry in entries(table) {
            let place = entry.span.start;
            let key = format!("parameters.{}", entry.key);
            if let Some(column) = column(text, &entry, &key, method) {
                placed.push((place, Axis { columns: vec![column] }));
            }
        }
    }
    if let Some(groups) = zips.and_then(|value| text.array(value, "zip", "tables")) {
        for (number, group) in groups.iter().enumerate() {
            let path = format!("zip[{number}]");
            let Some(table) = text.table(group, &path, "a table") else { continue };
            let mut columns = Vec::new();
            for entry in entries(table) {
                let key = format!("{path}.{}", entry.key);
                let Some(column) = column(text, &entry, &key, Method::Zip) else { continue };
                columns.push((entry.value.span(), key, column));
            }
            let axis = same_length(text, columns, "its group");
            placed.extend(axis.map(|axis| (group.span().start, axis)));
        }
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, axis)| axis).collect()
}

/// The columns of `method = "zip"` as one axis.
pub(super) fn zipped(text: &mut Text<'_>, table: &DeTable<'_>) -> Option<Axis> {
    let mut columns = Vec::new();
    for entry in entries(table) {
        let key = format!("parameters.{}", entry.key);
        let Some(column) = column(text, &entry, &key, Method::Zip) else { continue };
        columns.push((entry.value.span(), key, column));
    }
    same_length(text, columns, "the method `zip`")
}

fn same_length(
    text: &mut Text<'_>,
    columns: Vec<(std::ops::Range<usize>, String, Column)>,
    who: &str,
) -> Option<Axis> {
    let len = |column: &Column| Axis { columns: vec![column.clone()] }.len();
    let expected = columns.first().map(|(_, _, column)| len(column))?;
    for (span, key, column) in &columns {
        let found = len(column);
        if found != expected {
            let message = format!(
                "it has {found} values and the first parameter of {who} has {expected}: \
                 parameters that change together need equally many"
            );
            text.problem(span.clone(), key, message);
        }
    }
    Some(Axis { columns: columns.into_iter().map(|(_, _, column)| column).collect() })
}

/// The rows of `[[trials]]` as one axis. Every row names the same parameters.
pub(super) fn rows(text: &mut Text<'_>, value: &Node<'_>) -> Option<Axis> {
    let rows = text.array(value, "trials", "tables")?;
    let mut columns: Vec<(Path, Vec<Value>)> = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let path = format!("trials[{number}]");
        let Some(table) = text.table(row, &path, "a table") else { continue };
        let found = entries(table);
        for entry in &found {
            let key = format!("{path}.{}", entry.key);
            let Some(parameter) = parameter(text, entry, &key) else { continue };
            let Some(value) = single(text, entry.value, &key, &parameter) else { continue };
            match columns.iter_mut().find(|(path, _)| *path == parameter) {
                Some((_, values)) => values.push(value),
                None if number == 0 => columns.push((parameter, vec![value])),
                None => {
                    let message = format!(
                        "the first row of `trials` has no `{parameter}`: every row names the \
                         same parameters"
                    );
                    text.problem(entry.span.clone(), &key, message);
                }
            }
        }
        for (parameter, values) in &columns {
            if values.len() != number + 1 && !found.iter().any(|e| e.key == parameter.to_string()) {
                let message = format!("`{parameter}` is missing, which the first row has");
                text.problem(row.span(), &path, message);
            }
        }
    }
    let columns =
        columns.into_iter().map(|(path, values)| Column { path, rule: ValueRule::Listed(values) });
    Some(Axis { columns: columns.collect() })
}

/// The parameter that a key names.
pub(super) fn parameter(text: &mut Text<'_>, entry: &Entry<'_, '_>, key: &str) -> Option<Path> {
    match entry.key.parse::<Path>() {
        Ok(path) => Some(path),
        Err(error) => {
            text.problem(entry.span.clone(), key, error.to_string());
            None
        }
    }
}

fn column(text: &mut Text<'_>, entry: &Entry<'_, '_>, key: &str, method: Method) -> Option<Column> {
    let path = parameter(text, entry, key)?;
    let rule = match entry.value.get_ref() {
        DeValue::Array(values) => {
            if values.is_empty() {
                text.problem(entry.value.span(), key, "it has no values: give at least one");
                return None;
            }
            let values: Vec<Option<Value>> = values
                .iter()
                .enumerate()
                .map(|(number, value)| single(text, value, &format!("{key}[{number}]"), &path))
                .collect();
            ValueRule::Listed(values.into_iter().collect::<Option<_>>()?)
        }
        DeValue::Table(table) => rule(text, entry.value, table, key, &path, method)?,
        _ => {
            let expected = "a list of values, or a table such as { min = 0, max = 1, steps = 5 }";
            text.wrong_type(entry.value, key, expected);
            return None;
        }
    };
    Some(Column { path, rule })
}

/// One value of a parameter.
pub(super) fn single(
    text: &mut Text<'_>,
    value: &Node<'_>,
    key: &str,
    path: &Path,
) -> Option<Value> {
    match path {
        Path::Count => text.whole(value, key, (1, MAX_STEPS as u64)).map(Value::Whole),
        Path::Seed => text.whole(value, key, (0, u64::MAX)).map(Value::Whole),
        Path::Sampler | Path::Prompt | Path::Candidate => text.string(value, key).map(Value::Text),
        Path::Terminal => {
            let terminal = text.parsed::<Terminal>(value, key)?;
            Some(Value::Text(terminal.to_string()))
        }
        Path::Size => {
            let size = text.parsed::<Size>(value, key)?;
            Some(Value::Text(format!("{}x{}", size.width(), size.height())))
        }
        Path::SamplerParam(_) => match value.get_ref() {
            DeValue::Boolean(on) => Some(Value::Number(f64::from(u8::from(*on)))),
            // The name of a choice, which the sampler knows.
            DeValue::String(name) => Some(Value::Text(name.to_string())),
            _ => text.number(value, key).map(Value::Number),
        },
        Path::FirstBlockCache => {
            let threshold = text.number(value, key)?;
            if !(0.0..=1.0).contains(&threshold) {
                let message = format!(
                    "the threshold of the first-block cache is {threshold}: it is 0, for none, to 1"
                );
                text.problem(value.span(), key, message);
                return None;
            }
            Some(Value::Number(threshold))
        }
        Path::Steps(column, _) => match value.get_ref() {
            DeValue::Array(list) if !list.is_empty() => {
                let list: Vec<Option<f64>> = list
                    .iter()
                    .enumerate()
                    .map(|(number, value)| {
                        step_value(text, value, &format!("{key}[{number}]"), *column)
                    })
                    .collect();
                list.into_iter().collect::<Option<_>>().map(Value::List)
            }
            _ => step_value(text, value, key, *column).map(Value::Number),
        },
    }
}

fn step_value(text: &mut Text<'_>, value: &Node<'_>, key: &str, column: StepColumn) -> Option<f64> {
    let number = text.number(value, key)?;
    if column == StepColumn::Std && number <= 0.0 {
        text.problem(value.span(), key, format!("std is {number}: it must be above 0"));
        return None;
    }
    Some(number)
}
