//! Changes of a preset file's text that leave everything else in it as somebody wrote it: its
//! comments, its order, its spelling of numbers. Text in, text out: knows no file.

use super::super::order::LoopIndexOrder;
use super::super::preset::{Preset, Step, is_preset_name};
use super::super::runs::runs;
use super::super::sigmas::{Schedule, ScheduleError};
use super::super::size::Size;
use super::values::{number, set, set_number, set_value};
use super::{PresetFile, UnknownPreset, rows};
use crate::toml_text::TomlError;
use std::fmt::Write as _;
use toml_edit::{Decor, DocumentMut, Item, Key, RawString, TableLike, Value};

/// What the text is called in messages.
const NAME: &str = "presets";

/// Why a preset file is not changed. Nothing has been written then.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WriteError {
    #[error("the presets file has problems of its own, so nothing is saved to it:\n{0}")]
    Unreadable(TomlError),
    #[error("`{name}` is not saved: {why}")]
    Invalid { name: String, why: String },
    #[error(transparent)]
    Unknown(#[from] UnknownPreset),
    #[error("there is a preset `{0}` already: choose another name, or delete that one first")]
    Exists(String),
    #[error("`{0}` is the only preset of the file, which needs one: save another first")]
    Last(String),
    #[error("`{0}` is the file's default: make another one the default first")]
    IsDefault(String),
    #[error(
        "`{0}` is written in a way that cannot be changed without harm to the rest of the file: \
         write it as a table, [{0}] and its keys below, or save under another name"
    )]
    Unsafe(String),
}

/// The text with `preset` in it: in the place of the preset of that name, else at the end. Text
/// without any preset, such as that of a new file, is fine.
///
/// A value that means the same stays as it is written, and steps keep their form (`runs`, `steps`
/// or `guidance_schedule`) where it can say them; a comment beside a step stays at its place in
/// the list. Only the comments of a `[[NAME.runs]]` table that goes away go with it.
pub fn save(text: &str, preset: &Preset) -> Result<String, WriteError> {
    check(preset)?;
    let Some(before) = read(text)? else { return Ok(append(text, preset)) };
    let saved = match before.get(&preset.name) {
        Ok(there) if there == preset => return Ok(text.to_owned()),
        Ok(_) => {
            let mut document = parse(text)?;
            let harm = || WriteError::Unsafe(preset.name.clone());
            let table = document.get_mut(&preset.name).ok_or_else(harm)?;
            update(table.as_table_like_mut().ok_or_else(harm)?, preset);
            document.to_string()
        }
        Err(_) => append(text, preset),
    };
    // Whatever a file's author came up with: what is written means what it should, or is not.
    let mut wanted: Vec<&Preset> = before.presets().iter().collect();
    match wanted.iter_mut().find(|there| there.name == preset.name) {
        Some(there) => *there = preset,
        None => wanted.push(preset),
    }
    let default = &before.default_preset().name;
    confirm(saved, &wanted, default).ok_or_else(|| WriteError::Unsafe(preset.name.clone()))
}

/// The text without the preset of that name. Comments directly above its header go with it.
pub fn remove(text: &str, name: &str) -> Result<String, WriteError> {
    let before = existing(text, name)?;
    if before.presets().len() == 1 {
        return Err(WriteError::Last(name.to_owned()));
    }
    let harm = || WriteError::Unsafe(name.to_owned());
    let mut document = parse(text)?;
    if document.get("default").and_then(Item::as_str) == Some(name) {
        return Err(WriteError::IsDefault(name.to_owned()));
    }
    let position = document.get(name).and_then(Item::as_table).and_then(|table| table.position());
    let table = document.remove(name).ok_or_else(harm)?;
    let above = table.as_table().and_then(|table| table.decor().prefix());
    let above = above.and_then(RawString::as_str).unwrap_or("");
    give_to_next(&mut document, position, not_directly_above(above));
    let wanted: Vec<&Preset> = before.presets().iter().filter(|p| p.name != name).collect();
    // Without a `default` line it is the first preset of those that are left.
    let default = match wanted.first() {
        Some(first) if before.default_preset().name == name => first.name.clone(),
        _ => before.default_preset().name.clone(),
    };
    confirm(document.to_string(), &wanted, &default).ok_or_else(harm)
}

/// The text with a copy of a preset under another name, at the end.
pub fn duplicate(text: &str, name: &str, copy: &str) -> Result<String, WriteError> {
    let before = existing(text, name)?;
    let preset = Preset { name: copy.to_owned(), ..before.get(name)?.clone() };
    if before.get(copy).is_ok() {
        return Err(WriteError::Exists(copy.to_owned()));
    }
    save(text, &preset)
}

/// The text with another name for a preset, which keeps its place and stays the default if it is.
pub fn rename(text: &str, name: &str, to: &str) -> Result<String, WriteError> {
    let before = existing(text, name)?;
    if name == to {
        return Ok(text.to_owned());
    }
    let renamed = Preset { name: to.to_owned(), ..before.get(name)?.clone() };
    check(&renamed)?;
    if before.get(to).is_ok() {
        return Err(WriteError::Exists(to.to_owned()));
    }
    let mut document = parse(text)?;
    let keys: Vec<String> = document.iter().map(|(key, _)| key.to_owned()).collect();
    // Taken out and put back in turn, so that entries without a position keep their order.
    for key in keys {
        let Some((key, item)) = document.remove_entry(&key) else { continue };
        let key = if key.get() == name {
            Key::new(to)
                .with_leaf_decor(key.leaf_decor().clone())
                .with_dotted_decor(key.dotted_decor().clone())
        } else {
            key
        };
        document.insert_formatted(&key, item);
    }
    if let Some(default) = document.get_mut("default")
        && default.as_str() == Some(name)
    {
        set_value(default, to.into());
    }
    let wanted: Vec<&Preset> =
        before.presets().iter().map(|p| if p.name == name { &renamed } else { p }).collect();
    let default = &before.default_preset().name;
    let default = if default == name { to } else { default };
    confirm(document.to_string(), &wanted, default)
        .ok_or_else(|| WriteError::Unsafe(name.to_owned()))
}

/// The text with a preset as the one to use when none is named. Where there is no `default` line,
/// one comes in front of the first table, below the comments that head the file.
pub fn set_default(text: &str, name: &str) -> Result<String, WriteError> {
    let before = existing(text, name)?;
    let mut document = parse(text)?;
    match document.get_mut("default") {
        Some(default) => set_value(default, name.into()),
        None if before.default_preset().name == name => return Ok(text.to_owned()),
        None => insert_default(&mut document, name),
    }
    let wanted: Vec<&Preset> = before.presets().iter().collect();
    confirm(document.to_string(), &wanted, name).ok_or_else(|| WriteError::Unsafe(name.to_owned()))
}

fn insert_default(document: &mut DocumentMut, name: &str) {
    let mut key = Key::new("default");
    let after = |item: &Item| item.as_table().and_then(|table| table.position());
    let first = document
        .iter()
        .filter_map(|(key, item)| Some((after(item)?, key.to_owned())))
        .min()
        .map(|(_, key)| key);
    // With presets among the file's own keys, the line comes behind them.
    let only_tables = document.iter().all(|(_, item)| after(item).is_some());
    if let Some(first) = first.filter(|_| only_tables)
        && let Some(table) = document.get_mut(&first).and_then(Item::as_table_mut)
    {
        let above = table.decor().prefix().and_then(RawString::as_str).unwrap_or("").to_owned();
        let head = not_directly_above(&above);
        let rest = above.get(head.len()..).unwrap_or("").trim_start_matches(['\n', '\r']);
        table.decor_mut().set_prefix(format!("\n{rest}"));
        key.leaf_decor_mut().set_prefix(head);
    }
    document.insert_formatted(&key, Item::Value(name.into()));
}

/// The preset as a table of a presets file, with runs of equal steps.
pub fn preset_text(preset: &Preset) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let mut text = format!("[{}]\n", Key::new(&preset.name).display_repr());
    if let Some(description) = &preset.description {
        let _ = writeln!(text, "description = {}", quoted(description));
    }
    let (mu, std) = (shared(preset, |step| step.mu), shared(preset, |step| step.std));
    for (name, value) in [("mu", mu), ("std", std)] {
        if let Some(value) = value {
            let _ = writeln!(text, "{name} = {value:?}");
        }
    }
    let _ = writeln!(text, "terminal = \"{}\"", preset.terminal);
    text.push_str("runs = [  # sampling order: the first step first\n");
    for run in runs(preset.steps.iter().copied()) {
        let Step { gw, mu: own_mu, std: own_std } = run.value;
        let _ = write!(text, "    {{ steps = {}, gw = {gw:?}", run.steps);
        for (name, value, shared) in [("mu", own_mu, mu), ("std", own_std, std)] {
            if shared.is_none() {
                let _ = write!(text, ", {name} = {value:?}");
            }
        }
        text.push_str(" },\n");
    }
    text.push_str("]\n");
    text
}

fn check(preset: &Preset) -> Result<(), WriteError> {
    let invalid = |why: String| WriteError::Invalid { name: preset.name.clone(), why };
    if !is_preset_name(&preset.name) {
        return Err(invalid(
            "a preset's name has a letter, no space at its ends, no control character, and is \
             neither `none` nor `default`"
                .to_owned(),
        ));
    }
    // Steps at which σ does not fall may be saved: their author may be at work on them.
    let schedule = Schedule::new(preset.steps.clone(), Size::SQUARE, preset.terminal);
    if let Err(error @ (ScheduleError::NoSteps | ScheduleError::TooManySteps { .. })) =
        schedule.check()
    {
        return Err(invalid(error.to_string()));
    }
    for (k, step) in preset.steps.iter().enumerate() {
        let finite = [step.gw, step.mu, step.std].iter().all(|value| value.is_finite());
        if !finite || step.std <= 0.0 {
            let why = "gw, mu and std must be finite numbers and std above 0";
            return Err(invalid(format!("step {k}: {why}")));
        }
    }
    Ok(())
}

/// The presets of the text; `None` where nothing but comments is in it.
fn read(text: &str) -> Result<Option<PresetFile>, WriteError> {
    if text.parse::<DocumentMut>().is_ok_and(|document| document.is_empty()) {
        return Ok(None);
    }
    PresetFile::parse(text, NAME).map(Some).map_err(WriteError::Unreadable)
}

fn existing(text: &str, name: &str) -> Result<PresetFile, WriteError> {
    let file = PresetFile::parse(text, NAME).map_err(WriteError::Unreadable)?;
    file.get(name)?;
    Ok(file)
}

fn parse(text: &str) -> Result<DocumentMut, WriteError> {
    text.parse().map_err(|_| WriteError::Unsafe(NAME.to_owned()))
}

/// The text, if it reads as exactly these presets.
fn confirm(text: String, wanted: &[&Preset], default: &str) -> Option<String> {
    let file = PresetFile::parse(&text, NAME).ok()?;
    let same = file.presets().len() == wanted.len()
        && wanted.iter().all(|preset| file.get(&preset.name) == Ok(preset));
    (same && file.default_preset().name == default).then_some(text)
}

fn append(text: &str, preset: &Preset) -> String {
    let mut text = text.to_owned();
    if !text.is_empty() {
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        text.push_str(newline);
        text.push('\n');
    }
    // A file of Windows stays one.
    let added = preset_text(preset);
    if text.contains("\r\n") { text + &added.replace('\n', "\r\n") } else { text + &added }
}

/// The value that all steps have in common.
fn shared(preset: &Preset, of: impl Fn(&Step) -> f64) -> Option<f64> {
    match runs(preset.steps.iter().map(of)).as_slice() {
        [only] => Some(only.value),
        _ => None,
    }
}

/// Makes a preset's table say `preset`.
fn update(table: &mut dyn TableLike, preset: &Preset) {
    match &preset.description {
        Some(text) => set(table, "description", text.as_str().into()),
        None => drop(table.remove("description")),
    }
    let written = table.get("terminal").and_then(Item::as_str).unwrap_or("reference");
    if written != preset.terminal.as_str() {
        set(table, "terminal", preset.terminal.as_str().into());
    }
    let level = |table: &mut dyn TableLike, key: &str, shared: Option<f64>| {
        let there = table.get(key).and_then(number);
        match (there, shared) {
            (Some(_), Some(value)) => {
                set_number(table, key, value);
                Some(value)
            }
            (there, _) => there,
        }
    };
    let (shared_mu, shared_std) = (shared(preset, |step| step.mu), shared(preset, |step| step.std));
    let mu = level(table, "mu", shared_mu);
    let std = level(table, "std", shared_std);
    let steps = preset.steps.as_slice();
    if let Some(Item::Value(Value::Array(list))) = table.get_mut("guidance_schedule") {
        if shared_mu.is_some() && shared_std.is_some() {
            let weights = LoopIndexOrder::from(preset.steps.clone());
            rows::set_numbers(list, weights.iter().map(|step| step.gw));
            return;
        }
        replace_form(table, "guidance_schedule");
    }
    let (form, lengths) = if table.contains_key("steps") {
        ("steps", steps.iter().map(|&step| (step, None)).collect::<Vec<_>>())
    } else {
        let runs = runs(steps.iter().copied());
        ("runs", runs.iter().map(|run| (run.value, Some(run.steps))).collect())
    };
    let rows: Vec<rows::Row> = lengths
        .into_iter()
        .map(|(step, steps)| rows::Row {
            steps,
            gw: step.gw,
            mu: (step.mu, mu),
            std: (step.std, std),
        })
        .collect();
    if let Some(item) = table.get_mut(form) {
        rows::set_rows(item, &rows);
    }
}

/// Turns a list that cannot say the steps any more into an empty `runs`, with its comments.
fn replace_form(table: &mut dyn TableLike, form: &str) {
    let Some(Item::Value(Value::Array(mut list))) = table.remove(form) else { return };
    rows::clear(&mut list);
    table.insert("runs", Item::Value(Value::Array(list)));
}

/// What of the comments above a header is not directly above it: everything up to the last empty
/// line.
fn not_directly_above(above: &str) -> &str {
    let mut kept = 0;
    let mut at = 0;
    for line in above.split_inclusive('\n') {
        at += line.len();
        if line.trim().is_empty() {
            kept = at;
        }
    }
    let kept = above.get(..kept).unwrap_or("");
    if kept.contains('#') { kept } else { "" }
}

/// Puts comments in front of the table after a position, or at the end of the text.
fn give_to_next(document: &mut DocumentMut, position: Option<isize>, comments: &str) {
    if comments.is_empty() {
        return;
    }
    let after = |item: &Item| item.as_table().and_then(|table| table.position());
    let next = document
        .iter()
        .filter_map(|(key, item)| Some((after(item)?, key.to_owned())))
        .filter(|(there, _)| Some(*there) > position)
        .min();
    let next = next.and_then(|(_, key)| document.get_mut(&key).and_then(Item::as_table_mut));
    match next {
        Some(table) => prepend(table.decor_mut(), comments),
        None => {
            let trailing = document.trailing().as_str().unwrap_or("").to_owned();
            document.set_trailing(format!("{comments}{}", trailing.trim_start_matches('\n')));
        }
    }
}

fn prepend(decor: &mut Decor, comments: &str) {
    let there = decor.prefix().and_then(RawString::as_str).unwrap_or("").to_owned();
    decor.set_prefix(format!("{comments}{}", there.trim_start_matches('\n')));
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
