//! Changes of the list of a preset's steps in its text, so that the comments of the list stay.
//! Knows nothing of where the list stands.

use super::values::{number, set_number, set_value};
use toml_edit::{
    Array, ArrayOfTables, Decor, InlineTable, Item, RawString, Table, TableLike, Value,
};

/// A row of `runs` or `steps`.
pub(super) struct Row {
    /// Of a run: how many steps.
    pub(super) steps: Option<usize>,
    pub(super) gw: f64,
    /// Its mu, and what a row without one has.
    pub(super) mu: (f64, Option<f64>),
    /// Its std, and what a row without one has.
    pub(super) std: (f64, Option<f64>),
}

impl Row {
    /// Whether a row of the text says this already.
    fn is_said_by(&self, table: &dyn TableLike) -> bool {
        let said = |key: &str| table.get(key).and_then(number).map(f64::to_bits);
        let own = |key: &str, (value, level): (f64, Option<f64>)| {
            said(key).or(level.map(f64::to_bits)) == Some(value.to_bits())
        };
        said("gw") == Some(self.gw.to_bits())
            && self.steps.is_none_or(|steps| {
                table.get("steps").and_then(Item::as_integer) == i64::try_from(steps).ok()
            })
            && own("mu", self.mu)
            && own("std", self.std)
    }

    /// Makes a row of the text say this.
    fn write(&self, table: &mut dyn TableLike) {
        if let Some(steps) = self.steps {
            let steps = i64::try_from(steps).unwrap_or(i64::MAX);
            match table.get_mut("steps") {
                Some(item) if item.as_integer() == Some(steps) => {}
                Some(item) => set_value(item, steps.into()),
                None => drop(table.insert("steps", Item::Value(steps.into()))),
            }
        }
        set_number(table, "gw", self.gw);
        for (key, (value, level)) in [("mu", self.mu), ("std", self.std)] {
            if table.contains_key(key) || level.map(f64::to_bits) != Some(value.to_bits()) {
                set_number(table, key, value);
            }
        }
    }
}

/// Makes the list of a preset's steps say `rows`.
pub(super) fn set_rows(item: &mut Item, rows: &[Row]) {
    match item {
        Item::Value(Value::Array(list)) => {
            let same = |value: &Value, row: &Row| {
                value.as_inline_table().is_some_and(|table| row.is_said_by(table))
            };
            set_list(list, rows, same, |value, row| match value.as_inline_table_mut() {
                Some(table) => row.write(table),
                None => {
                    let mut table = InlineTable::new();
                    row.write(&mut table);
                    *value = Value::InlineTable(table);
                }
            });
        }
        Item::ArrayOfTables(tables) => set_tables(tables, rows),
        Item::None | Item::Value(_) | Item::Table(_) => {}
    }
}

/// Makes a list of numbers be `values`.
pub(super) fn set_numbers(list: &mut Array, values: impl Iterator<Item = f64>) {
    let values: Vec<f64> = values.collect();
    let of = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
    let same = |there: &Value, value: &f64| of(there).map(f64::to_bits) == Some(value.to_bits());
    set_list(list, &values, same, |there, value| {
        let mut new = Value::from(*value);
        *new.decor_mut() = there.decor().clone();
        *there = new;
    });
}

/// Empties a list; its comments stay.
pub(super) fn clear(list: &mut Array) {
    while !list.is_empty() {
        take(list, 0);
    }
}

/// Makes a list say `wanted`. Equal rows at both ends stay as they are; those between are
/// changed in their places, and as many as it takes are added or taken out after them.
fn set_list<T>(
    list: &mut Array,
    wanted: &[T],
    same: impl Fn(&Value, &T) -> bool,
    write: impl Fn(&mut Value, &T),
) {
    let there: Vec<&Value> = list.iter().collect();
    let most = there.len().min(wanted.len());
    let start = there.iter().zip(wanted).take_while(|(value, row)| same(value, row)).count();
    let ends = there.iter().rev().zip(wanted.iter().rev()).take(most - start);
    let end = ends.take_while(|(value, row)| same(value, row)).count();
    let (old, new) = (there.len() - start - end, wanted.len() - start - end);
    for _ in new..old {
        take(list, start + new);
    }
    for (k, row) in wanted.iter().enumerate().skip(start).take(new) {
        if k >= start + old {
            add(list, k);
        }
        if let Some(value) = list.get_mut(k) {
            write(value, row);
        }
    }
}

/// Adds a row that is yet to be written, indented as its neighbour is.
fn add(list: &mut Array, at: usize) {
    let like = list.get(at.saturating_sub(1)).or(list.get(at));
    let space = like.map_or("", |value| text(value.decor().prefix()));
    let line = space.rsplit_once('\n').map(|(_, indent)| format!("\n{indent}"));
    let space = line.unwrap_or_else(|| if at == 0 { String::new() } else { " ".to_owned() });
    let mut row = Value::from(0);
    *row.decor_mut() = Decor::new(space, "");
    // What follows the last row of a list, such as the space before a bracket, stays behind it.
    if at == list.len()
        && at > 0
        && let Some(last) = list.get_mut(at - 1)
    {
        let suffix = text(last.decor().suffix()).to_owned();
        if !suffix.contains('#') {
            last.decor_mut().set_suffix("");
            row.decor_mut().set_suffix(suffix);
        }
    }
    list.insert_formatted(at, row);
}

/// Takes a row out of a list; comments before and after it go to the next row, or to the end.
fn take(list: &mut Array, at: usize) {
    let gone = list.remove(at);
    let decor = gone.decor();
    let (prefix, suffix) = (text(decor.prefix()), text(decor.suffix()));
    let comments: String = [prefix, suffix].into_iter().filter(|part| part.contains('#')).collect();
    match list.get_mut(at) {
        Some(next) => {
            if !comments.is_empty() {
                let there = text(next.decor().prefix()).to_owned();
                next.decor_mut().set_prefix(joined(&comments, &there));
            } else if at == 0 && !text(next.decor().prefix()).contains('#') {
                next.decor_mut().set_prefix(prefix);
            }
        }
        None => {
            let there = list.trailing().as_str().unwrap_or("").to_owned();
            if !comments.is_empty() {
                list.set_trailing(joined(&comments, &there));
            } else if !list.trailing_comma()
                && let Some(last) = at.checked_sub(1).and_then(|last| list.get_mut(last))
                && text(last.decor().suffix()).is_empty()
            {
                last.decor_mut().set_suffix(suffix);
            }
        }
    }
}

/// Comments followed by other space, with a line end between them: a comment ends at nothing else.
fn joined(comments: &str, space: &str) -> String {
    let newline =
        if comments.ends_with('\n') || space.starts_with(['\n', '\r']) { "" } else { "\n" };
    format!("{comments}{newline}{space}")
}

fn text(raw: Option<&RawString>) -> &str {
    raw.and_then(RawString::as_str).unwrap_or("")
}

fn set_tables(tables: &mut ArrayOfTables, rows: &[Row]) {
    while tables.len() > rows.len() {
        tables.remove(tables.len() - 1);
    }
    for (k, row) in rows.iter().enumerate() {
        if k == tables.len() {
            tables.push(Table::new());
        }
        if let Some(table) = tables.get_mut(k) {
            row.write(table);
        }
    }
}
