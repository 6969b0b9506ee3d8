//! From TOML text to an experiment, with line and column of everything that is wrong.

mod axes;
mod instances;
mod method;
mod names;
mod rules;
mod text;
mod tune;

pub use tune::parse_budget;

use super::axis::Axis;
use super::name;
use super::path::Path;
use super::{MOST_TRIALS, Method, Output, PromptSource, Settings, Spec};
pub use names::Named;
pub(super) use names::check as check_names;

use instances::{prompts, seeds, sizes};
use method::{SOBOL_DIMENSIONS, method};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as PlainError;
use sigmalab_compute::{ComputeDtype, DeviceChoice};
use sigmalab_engine::noise::Rng;
use sigmalab_schedule::size::Size;
use sigmalab_schedule::toml_text::TomlError;
use text::{Node, Text, entries};
use toml::de::DeTable;

const KEYS: [&str; 20] = [
    "name",
    "description",
    "model",
    "dtype",
    "device",
    "rng",
    "prompts",
    "seeds",
    "sizes",
    "sigma_size",
    "base",
    "reference",
    "method",
    "parameters",
    "zip",
    "trials",
    "output",
    "tune",
    "cluster",
    "version",
];

pub(super) fn read(source: &str, file: &str) -> Result<Spec, TomlError> {
    let mut text = Text::new(source);
    let document = text.document();
    let spec = document.and_then(|document| document_of(&mut text, document.get_ref()));
    text.finish(file, spec).map_err(|error| error.with_lines(source))
}

/// `None` only with a problem.
fn document_of(text: &mut Text<'_>, table: &DeTable<'_>) -> Option<Spec> {
    text.known_keys(table, "", &KEYS);
    if let Some(value) = table.get("version") {
        text.whole(value, "version", (1, 1));
    }
    let name = match table.get("name") {
        Some(value) => text.string(value, "name").and_then(|name| checked_name(text, value, name)),
        None => {
            text.problem(0..0, "", "`name` is missing: say what the experiment is called");
            None
        }
    };
    let string =
        |text: &mut Text<'_>, key: &str| table.get(key).and_then(|value| text.string(value, key));
    let (description, model) = (string(text, "description"), string(text, "model"));
    let dtype: Option<ComputeDtype> =
        named(text, table, "dtype", "f32, bf16, int8, int8-all or fp8");
    let device: Option<DeviceChoice> = named(text, table, "device", "cpu, cuda:0 or metal");
    let rng = table.get("rng").and_then(|value| text.parsed::<Rng>(value, "rng"));
    let sigma_size =
        table.get("sigma_size").and_then(|value| text.parsed::<Size>(value, "sigma_size"));
    let method = method(text, table);
    let axes = method.map(|method| axes_of(text, table, method)).unwrap_or_default();
    let swept = |path: &Path| {
        axes.iter().any(|axis| axis.columns.iter().any(|column| column.path == *path))
    };
    let prompts = prompts(text, table, swept(&Path::Prompt));
    let seeds = seeds(text, table, swept(&Path::Seed));
    let sizes = sizes(text, table, swept(&Path::Size));
    let base = match table.get("base") {
        Some(value) => settings(text, value, "base"),
        None => Settings::default(),
    };
    let reference = table.get("reference").map(|value| settings(text, value, "reference"));
    let sought = table.get("tune").and_then(|value| tune::tune(text, value));
    check_search(text, table, method, reference.is_some());
    if let (Some(reference), Some(value)) = (&reference, table.get("reference")) {
        let of_sampler = |path: &Path| matches!(path, Path::Sampler | Path::SamplerParam(_));
        if reference.changes.iter().any(|(path, _)| of_sampler(path)) {
            let message = "a reference run uses Euler, and no other sampler";
            text.problem(value.span(), "reference", message);
        }
        if reference.changes.iter().any(|(path, _)| *path == Path::FirstBlockCache) {
            let message = "a reference run has no first-block cache: it is what its error is of";
            text.problem(value.span(), "reference", message);
        }
    }
    let cached = base.changes.iter().any(|(path, _)| *path == Path::FirstBlockCache);
    if let (true, Some(Method::Tune), Some(value)) = (cached, method, table.get("base")) {
        let message = "a tune has no first-block cache: its candidates are judged by all blocks";
        text.problem(value.span(), "base", message);
    }
    let output = output(text, table);
    let spec = Spec {
        name: name?,
        description,
        model,
        dtype,
        device,
        rng: rng.unwrap_or(Rng::TorchCpu),
        prompts: prompts?,
        seeds: seeds?,
        sizes: sizes?,
        sigma_size,
        base,
        reference,
        method: method?,
        axes,
        output,
        tune: sought,
    };
    check_count(text, table, &spec);
    Some(spec)
}

/// A name that a folder can have.
fn checked_name(text: &mut Text<'_>, value: &Node<'_>, name: String) -> Option<String> {
    if let Some(problem) = name::problem(&name) {
        text.problem(value.span(), "name", format!("it {problem}"));
        return None;
    }
    Some(name)
}

/// A value that a recipe writes as a text.
fn named<'de, T: Deserialize<'de>>(
    text: &mut Text<'_>,
    table: &DeTable<'_>,
    key: &str,
    expected: &str,
) -> Option<T> {
    let value = table.get(key)?;
    let written = text.string(value, key)?;
    let parsed = T::deserialize(IntoDeserializer::<PlainError>::into_deserializer(written.clone()));
    if parsed.is_err() {
        text.problem(value.span(), key, format!("`{written}` is not known: write {expected}"));
    }
    parsed.ok()
}

fn axes_of(text: &mut Text<'_>, table: &DeTable<'_>, method: Method) -> Vec<Axis> {
    let (parameters, zips, trials) =
        (table.get("parameters"), table.get("zip"), table.get("trials"));
    let mut misplaced = |value: Option<&Node<'_>>, key: &str, why: &str| {
        if let Some(value) = value {
            text.problem(value.span(), key, why);
        }
    };
    match method {
        Method::List => {
            misplaced(parameters, "parameters", "the method `list` has its values in [[trials]]");
            misplaced(zips, "zip", "the method `list` has its values in [[trials]]");
        }
        _ => misplaced(trials, "trials", "rows of values belong to method = \"list\""),
    }
    if method == Method::Zip {
        misplaced(zips, "zip", "the method `zip` walks all of [parameters] together already");
    }
    let axes = match method {
        Method::List => match trials {
            Some(value) => axes::rows(text, value).into_iter().collect(),
            None => {
                text.problem(0..0, "", "the method `list` needs its rows in [[trials]]");
                Vec::new()
            }
        },
        Method::Zip => {
            let table = parameters.and_then(|value| text.table(value, "parameters", "a table"));
            table.and_then(|table| axes::zipped(text, table)).into_iter().collect()
        }
        Method::Grid | Method::Random { .. } | Method::Sobol { .. } | Method::Search(_) => {
            axes::axes(text, parameters, zips, method)
        }
        Method::Tune => {
            for (value, key) in [(parameters, "parameters"), (zips, "zip")] {
                if let Some(value) = value {
                    let message = "a tune finds its own schedules: say what to look for in [tune]";
                    text.problem(value.span(), key, message);
                }
            }
            Vec::new()
        }
    };
    let mut seen: Vec<&Path> = Vec::new();
    for path in axes.iter().flat_map(|axis| &axis.columns).map(|column| &column.path) {
        if seen.contains(&path) {
            let message = format!("`{path}` is swept twice: keep one of them");
            let at = zips.map_or(0..0, Node::span);
            text.problem(at, &path.to_string(), message);
        }
        seen.push(path);
    }
    if matches!(method, Method::Sobol { .. }) && axes.len() > SOBOL_DIMENSIONS {
        let at = parameters.map_or(0..0, Node::span);
        let message = format!("a Sobol sequence has at most {SOBOL_DIMENSIONS} parameters");
        text.problem(at, "parameters", message);
    }
    axes
}

fn settings(text: &mut Text<'_>, value: &Node<'_>, path: &str) -> Settings {
    let mut settings = Settings::default();
    let Some(table) = text.table(value, path, "a table") else { return settings };
    for entry in entries(table) {
        let key = format!("{path}.{}", entry.key);
        if entry.key == "preset" {
            settings.preset = text.string(entry.value, &key);
            continue;
        }
        let Some(parameter) = axes::parameter(text, &entry, &key) else { continue };
        if matches!(parameter, Path::Seed | Path::Prompt | Path::Size) {
            let message = format!("`{parameter}` has its own place: `{parameter}s` of the file");
            text.problem(entry.span, &key, message);
            continue;
        }
        if let Some(value) = axes::single(text, entry.value, &key, &parameter) {
            settings.changes.push((parameter, value));
        }
    }
    settings
}

fn output(text: &mut Text<'_>, table: &DeTable<'_>) -> Output {
    let mut output = Output { images: true, latents: false, decode: true };
    let Some(table) = table.get("output").and_then(|value| text.table(value, "output", "a table"))
    else {
        return output;
    };
    text.known_keys(table, "output", &["images", "latents", "decode"]);
    let mut flag = |name: &str, default: bool| {
        let found = table.get(name);
        found.and_then(|value| text.boolean(value, &format!("output.{name}"))).unwrap_or(default)
    };
    output.decode = flag("decode", true);
    output.images = flag("images", output.decode);
    output.latents = flag("latents", false);
    output
}

/// What a method that learns needs beside its own options.
fn check_search(text: &mut Text<'_>, table: &DeTable<'_>, method: Option<Method>, reference: bool) {
    let at = table.get("method").map_or(0..0, Node::span);
    let Some(method) = method else { return };
    if method.is_search() && !reference {
        let message = "this method minimises the distance to a reference run: name its preset in \
                       [reference]";
        text.problem(at.clone(), "method", message);
    }
    let tune = table.get("tune");
    match (method == Method::Tune, tune) {
        (true, None) => {
            text.problem(at, "method", "a tune needs the table [tune], with at least `steps`");
        }
        (false, Some(value)) => {
            text.problem(value.span(), "tune", "only method = \"tune\" has this table");
        }
        _ => {}
    }
}

fn check_count(text: &mut Text<'_>, table: &DeTable<'_>, spec: &Spec) {
    let or_one = |len: usize| len.max(1);
    let prompts = match &spec.prompts {
        PromptSource::Inline(prompts) => or_one(prompts.len()),
        PromptSource::File(_) => 1,
    };
    let trials = [prompts, or_one(spec.seeds.len()), or_one(spec.sizes.len())]
        .into_iter()
        .fold(spec.points(), usize::saturating_mul);
    if trials > MOST_TRIALS {
        let at = table.get("parameters").map_or(0..0, Node::span);
        let message = format!(
            "{trials} trials are more than {MOST_TRIALS}: give fewer values, or draw some of them \
             with method \"random\" or \"sobol\""
        );
        text.problem(at, "", message);
    }
}

#[cfg(test)]
mod tests;
