//! Values of a presets file, set without touching what stands around them.

use toml_edit::{Item, TableLike, Value};

/// Sets a key to a value, whose decoration stays.
pub(super) fn set(table: &mut dyn TableLike, key: &str, value: Value) {
    match table.get_mut(key) {
        Some(item) => set_value(item, value),
        None => drop(table.insert(key, Item::Value(value))),
    }
}

/// Puts a value in the place of another one and keeps what stands around it.
pub(super) fn set_value(item: &mut Item, mut value: Value) {
    if let Some(there) = item.as_value() {
        if there.as_str().is_some() && there.as_str() == value.as_str() {
            return;
        }
        *value.decor_mut() = there.decor().clone();
    }
    *item = Item::Value(value);
}

/// Sets a key to a number, unless it is that number already.
pub(super) fn set_number(table: &mut dyn TableLike, key: &str, value: f64) {
    let there = table.get(key).and_then(number);
    if there.map(f64::to_bits) != Some(value.to_bits()) {
        set(table, key, value.into());
    }
}

pub(super) fn number(item: &Item) -> Option<f64> {
    item.as_float().or_else(|| item.as_integer().map(|number| number as f64))
}
