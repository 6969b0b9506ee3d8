//! What is particular to the TOML of experiment files: `sampler.NAME` keys and rules for values.

pub(super) use sigmalab_schedule::toml_text::{Node, TomlText as Text};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A key of a table, where it stands, and its value.
pub(super) struct Entry<'v, 'i> {
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) value: &'v Node<'i>,
}

/// The keys of a table in the order of the text. `sampler.eta` may be written with quotes or
/// without, which TOML reads as a table `sampler` with a key `eta`.
pub(super) fn entries<'v, 'i>(table: &'v DeTable<'i>) -> Vec<Entry<'v, 'i>> {
    let mut found = Vec::new();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match value.get_ref() {
            DeValue::Table(inner) if name == "sampler" && !is_rule(inner) => {
                for (inner_key, inner_value) in inner {
                    let key = format!("sampler.{}", inner_key.get_ref());
                    found.push(Entry { key, span: inner_key.span(), value: inner_value });
                }
            }
            _ => found.push(Entry { key: name.to_owned(), span: key.span(), value }),
        }
    }
    found.sort_by_key(|entry| entry.span.start);
    found
}

/// Keys of a rule for values.
pub(super) const RULE_KEYS: [&str; 8] =
    ["min", "max", "steps", "step", "scale", "distribution", "mean", "deviation"];

/// Whether a table is a rule for values and no table of `sampler.NAME` keys.
pub(super) fn is_rule(table: &DeTable<'_>) -> bool {
    table.keys().any(|key| RULE_KEYS.contains(&key.get_ref().as_ref()))
}
