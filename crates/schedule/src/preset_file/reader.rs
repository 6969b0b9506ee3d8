//! From TOML text to presets, with the place of everything that is wrong.

use super::super::fault::MAX_STEPS;
use super::super::free::FREE;
use super::super::nearest::{list, nearest};
use super::super::order::{LoopIndexOrder, SamplingOrder};
use super::super::preset::{Preset, Step, is_preset_name};
use super::super::terminal::Terminal;
use super::super::toml_text::{Node, TomlError, TomlText};
use super::PresetFile;
use std::ops::Range;
use toml::de::{DeArray, DeTable, DeValue};

/// Keys of a preset's table.
const PRESET_KEYS: [&str; 7] =
    ["description", "mu", "std", "terminal", "runs", "steps", "guidance_schedule"];

/// Keys of a preset of which exactly one is there.
const STEP_FORMS: [&str; 3] = ["runs", "steps", "guidance_schedule"];

const RUN_KEYS: [&str; 4] = ["steps", "gw", "mu", "std"];
const ROW_KEYS: [&str; 3] = ["gw", "mu", "std"];

/// What a run or a row of steps should be.
const ROW: &str = "a table such as { gw = 7.0 }";

pub(super) fn read(text: &str, file: &str) -> Result<PresetFile, TomlError> {
    let mut reader = Reader { toml: TomlText::new(text) };
    let document = reader.toml.document();
    let presets = document.and_then(|document| reader.document(document.get_ref()));
    reader.toml.finish(file, presets)
}

/// A number that may be given or not.
#[derive(Clone, Copy)]
enum Given {
    Absent,
    /// It is there and wrong, which has been reported.
    Broken,
    Number(f64),
}

impl Given {
    fn number(self) -> Option<f64> {
        match self {
            Given::Number(number) => Some(number),
            Given::Absent | Given::Broken => None,
        }
    }

    /// Itself, or what stands in for it where it is absent.
    fn or(self, other: Given) -> Given {
        if matches!(self, Given::Absent) { other } else { self }
    }
}

/// mu and std of a preset or a row.
#[derive(Clone, Copy)]
struct Curve {
    mu: Given,
    std: Given,
}

/// Collects problems while it reads.
struct Reader<'t> {
    toml: TomlText<'t>,
}

impl Reader<'_> {
    /// `None` only with a problem.
    fn document(&mut self, document: &DeTable<'_>) -> Option<PresetFile> {
        let mut presets = Vec::new();
        let mut default = None;
        for (key, value) in TomlText::in_order(document) {
            let name = key.get_ref().as_ref();
            match value.get_ref() {
                DeValue::Table(table) => presets.extend(self.preset(name, key.span(), table)),
                DeValue::String(wanted) if name == "default" => {
                    default = Some((wanted.clone(), value.span()));
                }
                _ if name == "default" => {
                    self.toml.wrong_type(value, name, "a preset's name in quotes");
                }
                other => {
                    let found = other.type_str();
                    let mut message = format!(
                        "expected a table of a preset, found {found}: write [{name}] and its keys \
                         below"
                    );
                    if PRESET_KEYS.contains(&name) {
                        message =
                            format!("`{name}` belongs to a preset: put it below a [NAME] line");
                    } else if !nearest(name, ["default"]).is_empty() {
                        message = "unknown key: did you mean `default`?".to_owned();
                    }
                    self.toml.problem(key.span(), name, message);
                }
            }
        }
        let Some(first) = presets.first() else {
            if self.toml.is_sound() {
                let message = "there is no preset: add a table such as [MY_PRESET]".to_owned();
                self.toml.problem(0..0, "", message);
            }
            return None;
        };
        let default = match default {
            None => first.clone(),
            Some((wanted, span)) => match presets.iter().find(|preset| preset.name == wanted) {
                Some(preset) => preset.clone(),
                None => {
                    // A preset that could not be read is no reason to complain about its name.
                    if self.toml.is_sound() {
                        let names: Vec<&str> = presets.iter().map(|p| p.name.as_str()).collect();
                        let message = format!(
                            "there is no preset `{wanted}` in this file: name one of {}",
                            list(&names, 20)
                        );
                        self.toml.problem(span, "default", message);
                    }
                    return None;
                }
            },
        };
        Some(PresetFile { default, presets })
    }

    /// `None` only with a problem.
    fn preset(&mut self, name: &str, at: Range<usize>, table: &DeTable<'_>) -> Option<Preset> {
        if name == FREE || name == "default" {
            let message = format!("`{name}` has another meaning: give the preset another name");
            self.toml.problem(at.clone(), name, message);
        } else if !is_preset_name(name) {
            let message = "a preset's name has no space at its ends, no control character and at \
                           least one letter"
                .to_owned();
            self.toml.problem(at.clone(), name, message);
        }
        self.toml.known_keys(table, name, &PRESET_KEYS);
        let description = table
            .get("description")
            .and_then(|value| self.toml.string(value, &format!("{name}.description")));
        let curve = self.curve(table, name);
        let terminal = match table.get("terminal") {
            Some(value) => self.toml.parsed(value, &format!("{name}.terminal")),
            None => Some(Terminal::Reference),
        };
        let steps = self.steps(name, at, table, curve);
        Some(Preset { name: name.to_owned(), description, steps: steps?, terminal: terminal? })
    }

    /// The steps of a preset, from whichever of the three forms it has.
    fn steps(
        &mut self,
        name: &str,
        at: Range<usize>,
        table: &DeTable<'_>,
        curve: Curve,
    ) -> Option<SamplingOrder<Step>> {
        let mut forms = STEP_FORMS.iter().filter_map(|form| Some((*form, table.get(*form)?)));
        let (form, value) = match (forms.next(), forms.next()) {
            (Some(one), None) => one,
            (None, _) => {
                let message = format!("it has no steps: add one of {}", list(&STEP_FORMS, 3));
                self.toml.problem(at, name, message);
                return None;
            }
            (Some((one, _)), Some((other, value))) => {
                let message =
                    format!("`{one}` and `{other}` both give the steps: keep one of them");
                self.toml.problem(value.span(), name, message);
                return None;
            }
        };
        let path = format!("{name}.{form}");
        let Some(rows) = value.get_ref().as_array() else {
            let expected =
                if form == "guidance_schedule" { "a list of numbers" } else { "a list of tables" };
            self.toml.wrong_type(value, &path, expected);
            return None;
        };
        if rows.is_empty() {
            self.toml.problem(
                value.span(),
                &path,
                "it is empty: give at least one step".to_owned(),
            );
            return None;
        }
        // A file of this many rows is a mistake; reading it would only repeat that.
        if rows.len() > MAX_STEPS {
            self.too_many(value.span(), &path, &rows.len().to_string());
            return None;
        }
        match form {
            "runs" => self.runs(rows, &path, curve),
            "steps" => self.rows(rows, &path, curve),
            _ => self.guidance_schedule(rows, &path, value.span(), curve),
        }
    }

    fn runs(
        &mut self,
        rows: &DeArray<'_>,
        path: &str,
        curve: Curve,
    ) -> Option<SamplingOrder<Step>> {
        let mut steps = Some(Vec::new());
        let mut total = 0u64;
        for (i, row) in rows.iter().enumerate() {
            let path = format!("{path}[{i}]");
            let table = self.toml.table(row, &path, ROW);
            let table = table.inspect(|table| self.toml.known_keys(table, &path, &RUN_KEYS));
            let count = table.and_then(|table| self.count(table, &path, row));
            let step = table.and_then(|table| self.step(table, &path, row, curve));
            if let Some(count) = count {
                total = total.saturating_add(count);
                if total > MAX_STEPS as u64 {
                    self.too_many(row.span(), &path, &total.to_string());
                    return None;
                }
            }
            match (count, step, &mut steps) {
                (Some(count), Some(step), Some(steps)) => {
                    steps.extend(std::iter::repeat_n(step, count as usize));
                }
                _ => steps = None,
            }
        }
        steps.map(SamplingOrder)
    }

    fn rows(
        &mut self,
        rows: &DeArray<'_>,
        path: &str,
        curve: Curve,
    ) -> Option<SamplingOrder<Step>> {
        let mut steps = Some(Vec::new());
        for (i, row) in rows.iter().enumerate() {
            let path = format!("{path}[{i}]");
            let table = self.toml.table(row, &path, ROW);
            let table = table.inspect(|table| self.toml.known_keys(table, &path, &ROW_KEYS));
            match (table.and_then(|table| self.step(table, &path, row, curve)), &mut steps) {
                (Some(step), Some(steps)) => steps.push(step),
                _ => steps = None,
            }
        }
        steps.map(SamplingOrder)
    }

    fn guidance_schedule(
        &mut self,
        rows: &DeArray<'_>,
        path: &str,
        at: Range<usize>,
        curve: Curve,
    ) -> Option<SamplingOrder<Step>> {
        let weights: Vec<Option<f64>> = rows
            .iter()
            .enumerate()
            .map(|(i, value)| self.toml.number(value, &format!("{path}[{i}]")))
            .collect();
        let weights: Option<Vec<f64>> = weights.into_iter().collect();
        for (key, value) in [("mu", curve.mu), ("std", curve.std)] {
            if matches!(value, Given::Absent) {
                let message = format!("it needs `{key}` beside it: add `{key}` to the preset");
                self.toml.problem(at.clone(), path, message);
            }
        }
        let (mu, std) = (curve.mu.number()?, curve.std.number()?);
        let steps = weights?.into_iter().map(|gw| Step { gw, mu, std }).collect();
        Some(LoopIndexOrder(steps).into())
    }

    /// gw, mu and std of one row; the preset's mu and std stand in for its own.
    fn step(
        &mut self,
        table: &DeTable<'_>,
        path: &str,
        row: &Node<'_>,
        preset: Curve,
    ) -> Option<Step> {
        let own = self.curve(table, path);
        let curve = Curve { mu: own.mu.or(preset.mu), std: own.std.or(preset.std) };
        let gw = self.number(table, path, "gw");
        for (key, value) in [("gw", gw), ("mu", curve.mu), ("std", curve.std)] {
            if matches!(value, Given::Absent) {
                let elsewhere = if key == "gw" { "" } else { " or to the preset" };
                let message = format!("`{key}` is missing: add it here{elsewhere}");
                self.toml.problem(row.span(), path, message);
            }
        }
        Some(Step { gw: gw.number()?, mu: curve.mu.number()?, std: curve.std.number()? })
    }

    fn curve(&mut self, table: &DeTable<'_>, path: &str) -> Curve {
        let mu = self.number(table, path, "mu");
        let mut std = self.number(table, path, "std");
        if let (Given::Number(number), Some(value)) = (std, table.get("std"))
            && number <= 0.0
        {
            let message = format!("std is {number}: it must be above 0");
            self.toml.problem(value.span(), &format!("{path}.std"), message);
            std = Given::Broken;
        }
        Curve { mu, std }
    }

    /// The number of steps of a run, at least 1.
    fn count(&mut self, table: &DeTable<'_>, path: &str, row: &Node<'_>) -> Option<u64> {
        let Some(value) = table.get("steps") else {
            self.toml.problem(row.span(), path, "`steps` is missing: say how many".to_owned());
            return None;
        };
        let path = format!("{path}.steps");
        let DeValue::Integer(written) = value.get_ref() else {
            self.toml.wrong_type(value, &path, "a whole number");
            return None;
        };
        match i128::from_str_radix(written.as_str(), written.radix()) {
            Ok(count) if count < 1 => {
                let message = format!("a run of {count} steps: give at least 1, or delete the run");
                self.toml.problem(value.span(), &path, message);
                None
            }
            Ok(count) if count <= MAX_STEPS as i128 => u64::try_from(count).ok(),
            _ => {
                self.too_many(value.span(), &path, &written.to_string());
                None
            }
        }
    }

    fn too_many(&mut self, span: Range<usize>, path: &str, steps: &str) {
        let message = format!("{steps} steps are more than {MAX_STEPS}: use fewer");
        self.toml.problem(span, path, message);
    }

    /// The finite number of a key.
    fn number(&mut self, table: &DeTable<'_>, path: &str, key: &str) -> Given {
        match table.get(key) {
            None => Given::Absent,
            Some(value) => match self.toml.number(value, &format!("{path}.{key}")) {
                Some(number) => Given::Number(number),
                None => Given::Broken,
            },
        }
    }
}
