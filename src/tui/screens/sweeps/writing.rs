//! An experiment file from what is in the grid: the selected steps with the values to try, beside
//! everything else as it stands. It knows the text of experiment files, not where they are kept.

use crate::tui::document::Document;
use sigmalab_experiment::spec::name;
use sigmalab_sampler::Samplers;
use sigmalab_schedule::edit::{Block, Column, Draft};
use sigmalab_schedule::preset::{Preset, Step};
use std::fmt::Write as _;

/// Most values of a range.
const MOST: usize = 1000;

/// What was asked for: values, and the name if one was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub values: Vec<f64>,
    pub name: Option<String>,
}

/// Reads `1.5 2 3`, `1..3/5` (so many, evenly), each perhaps with a name behind.
pub fn read(text: &str) -> Result<Wanted, String> {
    let mut values = Vec::new();
    let mut name = None;
    for token in text.split([' ', ',']).filter(|token| !token.is_empty()) {
        if let Some(after) = &name {
            return Err(format!("`{token}` comes after the name `{after}`: the name must be last"));
        }
        match token.parse::<f64>() {
            Ok(value) if value.is_finite() => values.push(value),
            _ => match range(token)? {
                Some(range) => values.extend(range),
                None => name = Some(token.to_owned()),
            },
        }
    }
    if values.is_empty() {
        return Err(
            "give the values to try, such as 1.5 2 3, or 1..3/5 for five of them".to_owned()
        );
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let bad = |name: &&String| !name.chars().all(fits) || name::problem(name).is_some();
    if let Some(name) = name.as_ref().filter(bad) {
        return Err(format!(
            "`{name}` cannot be a file name: use letters, digits, - and _, not too many"
        ));
    }
    Ok(Wanted { values, name })
}

/// `A..B/N`; `None` where the text is no such thing.
fn range(text: &str) -> Result<Option<Vec<f64>>, String> {
    let Some((first, rest)) = text.split_once("..") else { return Ok(None) };
    let wrong = || format!("`{text}` is not a range: write 1..3/5, for five values from 1 to 3");
    let (last, count) = rest.split_once('/').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(wrong);
    let (first, last) = (number(first)?, number(last)?);
    let count: usize =
        count.parse().ok().filter(|count| (2..=MOST).contains(count)).ok_or_else(wrong)?;
    let step = (last - first) / (count - 1) as f64;
    let value = |at: usize| {
        // Without the dust of sums such as 0.30000000000000004.
        let value = if at + 1 == count { last } else { first + step * at as f64 };
        (value * 1e9).round() / 1e9
    };
    Ok(Some((0..count).map(value).collect()))
}

/// The path of selected steps: slices are counted from the end where they reach it, so that the
/// experiment means the same with another number of steps.
pub fn path(block: Block, steps: usize) -> Result<String, String> {
    if block.first_column != block.last_column {
        return Err(
            "the selection has several columns: select steps of one of gw, mu and std".into()
        );
    }
    let name = block.first_column.name();
    let (first, last) = (block.first_step, block.last_step);
    Ok(match (first, last + 1 == steps) {
        (0, true) => name.to_owned(),
        (_, true) if first == last => format!("{name}[-1]"),
        (_, true) => format!("{name}[-{}..]", steps - first),
        _ if first == last => format!("{name}[{first}]"),
        _ => format!("{name}[{first}..{last}]"),
    })
}

/// A name for the experiment where none was given.
pub fn name(path: &str) -> String {
    let plain: String =
        path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let kind = match path {
        path if path.contains("[-") => "last",
        path if path.contains('[') => "steps",
        _ => "all",
    };
    match words.split_first() {
        Some((column, [])) => format!("{column}-{kind}"),
        Some((column, numbers)) => format!("{column}-{kind}-{}", numbers.join("-")),
        None => "experiment".to_owned(),
    }
}

/// The text of the experiment: `path` takes each of `values`; the schedule as it stands is what
/// every trial starts from, and what it is measured against.
pub fn text(
    document: &Document,
    preset: Option<&Preset>,
    samplers: &Samplers,
    name: &str,
    path: &str,
    values: &[f64],
) -> String {
    let draft = document.draft();
    let mut text = String::new();
    // Writing to a String does not fail.
    let mut line = |line: &str| {
        let _ = writeln!(text, "{line}");
    };
    line(
        "# Written from the grid of the workbench. docs/sweeps.md describes what else can be \
          set.",
    );
    line(&format!("name = {}", quoted(name)));
    line(&format!("description = {}", quoted(&format!("{path} of {}", draft.name))));
    line("");
    line(&format!("prompts = [{{ id = \"prompt\", text = {} }}]", quoted(&document.prompt)));
    line("# More seeds tell luck from effect: { first = 1, count = 4 }");
    line(&format!("seeds = [{}]", document.seed));
    let recipe = document.recipe();
    let size = recipe.size.to_string().replace('×', "x");
    line(&format!("sizes = [{}]", quoted(&size)));
    if let Some(sigma_size) = recipe.sigma_size {
        line(&format!("sigma_size = {}", quoted(&sigma_size.to_string().replace('×', "x"))));
    }
    line(&format!("model = {}", quoted(&document.model)));
    line("");
    line("# What every trial starts from: the schedule as it was in the grid.");
    line("[base]");
    let schedule = schedule(draft, preset);
    schedule.iter().for_each(|text| line(text));
    let sampler = &document.sampler;
    if sampler.id != "euler" || !sampler.params.is_empty() {
        line(&format!("sampler = {}", quoted(&sampler.id)));
        for (key, value) in &sampler.params {
            let info = samplers.info(&sampler.id).ok();
            let param = info.and_then(|info| info.params.iter().find(|param| param.key == *key));
            let written = param.map_or_else(|| value.to_string(), |param| param.write(*value));
            let written = if written.parse::<f64>().is_ok() { written } else { quoted(&written) };
            line(&format!("\"sampler.{key}\" = {written}"));
        }
    }
    line("");
    line("# What trials are measured against: the same, with Euler.");
    line("[reference]");
    schedule.iter().for_each(|text| line(text));
    line("");
    line("[parameters]");
    line(&format!("{} = {}", quoted(path), list(values.iter().copied())));
    text
}

/// The keys of a preset that become the draft.
fn schedule(draft: &Draft, preset: Option<&Preset>) -> Vec<String> {
    let mut lines: Vec<String> =
        preset.map(|preset| format!("preset = {}", quoted(&preset.name))).into_iter().collect();
    let steps = draft.steps.as_slice();
    let known = preset.map(|preset| preset.steps.as_slice());
    if known.is_none_or(|known| known.len() != steps.len()) {
        lines.push(format!("steps = {}", steps.len()));
    }
    for column in Column::ALL {
        let of = |step: &Step| column.of(step);
        let same = known.is_some_and(|known| {
            known.len() == steps.len() && known.iter().zip(steps).all(|(a, b)| of(a) == of(b))
        });
        if !same {
            let first = steps.first().map(of);
            let one = steps.iter().all(|step| Some(of(step)) == first);
            let written = match first.filter(|_| one) {
                Some(value) => number(value),
                None => list(steps.iter().map(of)),
            };
            lines.push(format!("{} = {written}", column.name()));
        }
    }
    if preset.is_none_or(|preset| preset.terminal != draft.terminal) {
        lines.push(format!("terminal = {}", quoted(&draft.terminal.to_string())));
    }
    lines
}

fn list(values: impl Iterator<Item = f64>) -> String {
    format!("[{}]", values.map(number).collect::<Vec<_>>().join(", "))
}

/// A number as TOML takes it for one with a fraction.
fn number(value: f64) -> String {
    format!("{value:?}")
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn block(first_step: usize, last_step: usize) -> Block {
        Block { first_step, last_step, first_column: Column::Gw, last_column: Column::Gw }
    }

    #[test]
    fn values_are_numbers_and_ranges_with_a_name_behind() {
        let values = |text: &str| read(text).unwrap().values;
        assert_eq!(values("1.5 2, 3"), [1.5, 2.0, 3.0]);
        assert_eq!(values("0.1..0.4/4 7"), [0.1, 0.2, 0.3, 0.4, 7.0]);
        assert_eq!(read("1 2 softer").unwrap().name.as_deref(), Some("softer"));
        for (text, word) in [
            ("", "give the values"),
            ("softer", "give the values"),
            ("1 a b", "must be last"),
            ("1..3", "not a range"),
            ("1..3/1", "not a range"),
            ("1 ../x", "not a range"),
            ("1 a/b", "cannot be a file name"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(word), "{text}: {told}");
        }
    }

    #[test]
    fn steps_at_the_end_are_counted_from_it() {
        let path = |first, last| path(block(first, last), 20).unwrap();
        assert_eq!(
            [path(17, 19), path(19, 19), path(0, 19), path(2, 4), path(3, 3)],
            ["gw[-3..]", "gw[-1]", "gw", "gw[2..4]", "gw[3]"]
        );
        let two = Block { last_column: Column::Std, ..block(0, 1) };
        assert!(super::path(two, 20).is_err());
    }

    #[test]
    fn names_say_what_is_swept() {
        let names = ["gw[-3..]", "mu[1..4]", "std", "gw[-1]"].map(name);
        assert_eq!(names, ["gw-last-3", "mu-steps-1-4", "std-all", "gw-last-1"]);
    }
}
