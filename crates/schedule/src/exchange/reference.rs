//! The reference implementation's form: an entry of `PRESETS` in `sampler_configs.py`. Its
//! `guidance_schedule` is in loop-index order, the final step first; it ends at its clamp.

use super::super::free::{FreeParameters, Guidance};
use super::super::order::LoopIndexOrder;
use super::super::preset::{Preset, is_preset_name};
use super::super::size::Size;
use super::super::terminal::Terminal;
use super::fit::{Fit, end_complaint, one_line};
use super::python::{Call, arguments, calls, tokens};
use super::{Export, ImportError, Read, guidance};
use std::collections::HashSet;

/// The class of an entry, and its fields with their places. The reference's own takes no field by
/// its place; ports of it do.
const CLASS: &str = "SamplerParameters";
const STEPS_AT: (&str, usize) = ("num_steps", 0);
const SCHEDULE_AT: (&str, usize) = ("guidance_schedule", 1);
const MU_AT: (&str, usize) = ("mu", 2);
const STD_AT: (&str, usize) = ("std", 3);

/// The class's own default.
const STD: f64 = 1.0;

/// Functions that make another of an entry.
const REPLACE: [&str; 3] = ["replace", "_replace", "model_copy"];

pub(super) fn export(preset: &Preset, size: Size) -> Export {
    let fit = Fit::of(preset, size);
    let text = format!(
        "\"{}\": SamplerParameters(\n  num_steps={},\n  guidance_schedule={},  # loop-index order: \
         the final step first\n  mu={:?},\n  std={:?},\n),\n",
        preset.name.replace('\\', "\\\\").replace('"', "\\\""),
        preset.steps.len(),
        guidance::python(&preset.guidance_schedule().0),
        fit.mu,
        fit.std,
    );
    let end = end_complaint(preset, "the reference", Terminal::Reference);
    Export { text, cannot_follow: one_line([fit.complaint("the reference"), end]) }
}

/// The entries of a text. Where it has one of the name `wanted`, only those of that name are read.
pub(super) fn import(
    text: &str,
    name: &str,
    wanted: Option<&str>,
) -> Result<Vec<Read>, ImportError> {
    let tokens = tokens(text)?;
    let all = calls(text, &tokens);
    let mut entries: Vec<Call> = all
        .iter()
        .filter(|call| {
            let listed = call.names(SCHEDULE_AT.0) || call.positional() > SCHEDULE_AT.1;
            call.function == CLASS && listed
        })
        .cloned()
        .collect();
    if entries.is_empty() {
        // Under another name of the class.
        let listed =
            |call: &&Call| call.names(SCHEDULE_AT.0) && !REPLACE.contains(&call.function.as_str());
        entries.extend(all.iter().filter(listed).cloned());
    }
    if entries.is_empty() {
        entries.push(arguments(text, &tokens));
    }
    let several = entries.len() > 1;
    let is_wanted = |entry: &Call| entry.name.is_some() && entry.name.as_deref() == wanted;
    if entries.iter().any(is_wanted) {
        entries.retain(is_wanted);
    }
    let mut found: Vec<Read> = Vec::new();
    let mut taken: HashSet<String> = HashSet::new();
    let mut free_names = (2..).map(|number| format!("{name}_{number}"));
    for entry in entries {
        let line = entry.line;
        let place = |error: ImportError| match several {
            true => ImportError::new(format!("line {line}: {error}")),
            false => error,
        };
        let mut read = of(&entry, name).map_err(place)?;
        if taken.contains(&read.preset.name) {
            if entry.name.as_deref() == Some(&read.preset.name) {
                // As in a dictionary.
                found.retain(|other| other.preset.name != read.preset.name);
                read.notes
                    .push(format!("`{}` appears twice: the last one counts", read.preset.name));
            } else {
                let free = free_names.find(|name| !taken.contains(name));
                read.preset.name = free.unwrap_or_default();
            }
        }
        taken.insert(read.preset.name.clone());
        found.push(read);
    }
    if let (Some(first), None) = (found.first_mut(), wanted) {
        for call in all.iter().filter(|call| REPLACE.contains(&call.function.as_str())) {
            let name = call.name.as_ref().map_or(String::new(), |name| format!("`{name}`, "));
            first.notes.push(format!(
                "line {}: {name}which `{}` makes of another entry, is not read",
                call.line, call.function
            ));
        }
    }
    Ok(found)
}

fn of(entry: &Call, name: &str) -> Result<Read, ImportError> {
    // Only of its own class are the places known.
    let at =
        |(key, place): (&'static str, usize)| (key, (entry.function == CLASS).then_some(place));
    let (key, place) = at(SCHEDULE_AT);
    let Some(list) = entry.get(key, place) else {
        return Err(ImportError::new(
            "there is no `guidance_schedule=`: give an entry of PRESETS in sampler_configs.py",
        ));
    };
    let list = guidance::from_python(list)?;
    let missing = |key: &str| ImportError::new(format!("there is no `{key}=` beside it"));
    let count = |field| {
        let (key, place) = at(field);
        entry.count(key, place)
    };
    let number = |field| {
        let (key, place) = at(field);
        entry.number(key, place)
    };
    let mut notes = Vec::new();
    let std = match number(STD_AT)? {
        Some(std) => std,
        None => {
            notes.push(format!("no std is given: the reference's default, {STD}"));
            STD
        }
    };
    let parameters = FreeParameters {
        num_steps: count(STEPS_AT)?.unwrap_or(list.len()),
        guidance: Guidance::LoopIndex(LoopIndexOrder(list)),
        mu: number(MU_AT)?.ok_or_else(|| missing("mu"))?,
        std,
        terminal: Terminal::Reference,
    };
    let preset = parameters.preset().map_err(|error| ImportError::new(error.to_string()))?;
    let name = match &entry.name {
        Some(own) if is_preset_name(own) => own.clone(),
        Some(own) => {
            notes.push(format!("{own:?} cannot be the name of a preset: it is called {name}"));
            name.to_owned()
        }
        None => name.to_owned(),
    };
    Ok(Read { preset: Preset { name, ..preset }, notes, size: Size::SQUARE })
}
