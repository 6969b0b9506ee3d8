//! The samplers and presets that an experiment file names, with their places. What there is, the
//! caller knows.

use super::text::{Node, Text};
use sigmalab_schedule::toml_text::TomlError;
use toml::de::{DeTable, DeValue};

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    Sampler,
    Preset,
}

/// Reports every name that has a problem. A text that is no experiment is not its subject: it
/// reports nothing then.
pub(in crate::spec) fn check(
    source: &str,
    file: &str,
    problem: &dyn Fn(Named, &str) -> Option<String>,
) -> Result<(), TomlError> {
    let Ok(document) = DeTable::parse(source) else { return Ok(()) };
    let document = document.get_ref();
    let mut text = Text::new(source);
    let mut look = |named: Named, value: Option<&Node<'_>>, key: &str| {
        let Some(value) = value else { return };
        let one = |value: &Node<'_>, key: &str, text: &mut Text<'_>| {
            if let Some(message) = value.get_ref().as_str().and_then(|name| problem(named, name)) {
                text.problem(value.span(), key, message);
            }
        };
        match value.get_ref() {
            DeValue::Array(values) => {
                for (number, value) in values.iter().enumerate() {
                    one(value, &format!("{key}[{number}]"), &mut text);
                }
            }
            _ => one(value, key, &mut text),
        }
    };
    for part in ["base", "reference", "parameters"] {
        let Some(table) = document.get(part).and_then(|value| value.get_ref().as_table()) else {
            continue;
        };
        look(Named::Sampler, table.get("sampler"), &format!("{part}.sampler"));
        if part != "parameters" {
            look(Named::Preset, table.get("preset"), &format!("{part}.preset"));
        }
    }
    if let Some(tune) = document.get("tune").and_then(|value| value.get_ref().as_table()) {
        look(Named::Sampler, tune.get("samplers"), "tune.samplers");
        look(Named::Preset, tune.get("against"), "tune.against");
    }
    for part in ["zip", "trials"] {
        let rows = document.get(part).and_then(|value| value.get_ref().as_array());
        for (number, row) in rows.into_iter().flat_map(|rows| rows.iter()).enumerate() {
            let value = row.get_ref().as_table().and_then(|row| row.get("sampler"));
            look(Named::Sampler, value, &format!("{part}[{number}].sampler"));
        }
    }
    text.finish(file, Some(())).map_err(|error| error.with_lines(source))
}
