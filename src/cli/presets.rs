//! `sigmalab presets`: list them, show one, check a file; compare two, exchange them with other
//! programs; name the default.

mod diff;
mod exchange;
mod set_default;

use super::failure::Failure;
use super::preset_flags::{self, PresetFlags};
use super::print;
use clap::{Args, Subcommand};
use serde::Serialize;
use sigmalab_schedule::preset::{Preset, Step};
use sigmalab_schedule::preset_file::writer::preset_text;
use sigmalab_schedule::runs::{gw_runs, runs};
use sigmalab_schedule::size::usual_sizes;
use sigmalab_schedule::terminal::Terminal;
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab presets list
  sigmalab presets show V4_DEFAULT_20 > mine.toml
  sigmalab presets check mine.toml
  sigmalab presets diff V4_DEFAULT_20 V4_TURBO_12
  sigmalab presets set-default V4_DEFAULT_20
  sigmalab presets export V4_DEFAULT_20 --to diffusers
  sigmalab presets export V4_DEFAULT_20 --to comfyui --size landscape > workflow.json
  sigmalab presets import call.py --from diffusers --name MINE >> presets.toml")]
pub(crate) struct PresetsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Every preset that can be named: those of the file that counts, and the built-in ones
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        presets: PresetFlags,
    },
    /// One preset, as a presets file writes it
    Show {
        /// Its name
        name: String,
        /// Print JSON, every step in sampling order
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        presets: PresetFlags,
    },
    /// Reads a file and tries every preset's schedule at the smallest, the largest and every
    /// named size; prints every problem
    Check {
        /// The presets file, `-` for standard input [default: the one that counts]
        file: Option<PathBuf>,
        #[command(flatten)]
        presets: PresetFlags,
    },
    /// The steps that two presets have differently
    Diff(diff::Diff),
    /// A preset as another program takes it
    Export(exchange::Export),
    /// A schedule of another program, as a presets file writes it
    Import(exchange::Import),
    /// Says in the presets file which preset to use when none is named
    SetDefault(set_default::SetDefault),
}

/// Does what was asked.
pub(crate) fn run(arguments: &PresetsCommand) -> Result<(), Failure> {
    match &arguments.action {
        Action::List { json, presets } => list(*json, presets),
        Action::Show { name, json, presets } => show(name, *json, presets),
        Action::Check { file, presets } => check(file.as_ref(), presets),
        Action::Diff(arguments) => diff::run(arguments),
        Action::Export(arguments) => exchange::export(arguments),
        Action::Import(arguments) => exchange::import(arguments),
        Action::SetDefault(arguments) => set_default::run(arguments),
    }
}

/// A preset as JSON.
#[derive(Debug, Serialize)]
struct Document<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// There beside those of the file that counts; absent for these.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    built_in: bool,
    terminal: Terminal,
    /// gw as `VALUExSTEPS`, sampling order.
    gw: String,
    /// Sampling order.
    steps: &'a [Step],
}

impl<'a> From<&'a Preset> for Document<'a> {
    fn from(preset: &'a Preset) -> Self {
        Document {
            name: &preset.name,
            description: preset.description.as_deref(),
            built_in: false,
            terminal: preset.terminal,
            gw: gw_runs(preset.steps.as_slice()),
            steps: preset.steps.as_slice(),
        }
    }
}

fn list(json: bool, presets: &PresetFlags) -> Result<(), Failure> {
    let presets = presets.load()?;
    let file = &presets.file;
    if json {
        #[derive(Serialize)]
        struct List<'a> {
            file: String,
            default: &'a str,
            presets: Vec<Document<'a>>,
        }
        let beside = presets
            .builtin_beside()
            .map(|preset| Document { built_in: true, ..Document::from(preset) });
        return print::json(&List {
            file: presets.origin(),
            default: &file.default_preset().name,
            presets: file.presets().iter().map(Document::from).chain(beside).collect(),
        });
    }
    let mut rows = vec![["name", "steps", "gw", "mu", "std", "terminal", ""].map(str::to_owned)];
    let own = file.presets().iter().map(|preset| (preset, false));
    let beside = presets.builtin_beside().map(|preset| (preset, true));
    for (preset, built_in) in own.chain(beside) {
        let is_default = !built_in && preset.name == file.default_preset().name;
        let range = |of: fn(&Step) -> f64| {
            let values = runs(preset.steps.iter().map(of));
            match values.as_slice() {
                [only] => only.value.to_string(),
                _ => "per step".to_owned(),
            }
        };
        rows.push([
            format!("{}{}", preset.name, if is_default { " *" } else { "" }),
            preset.steps.len().to_string(),
            gw_runs(preset.steps.as_slice()),
            range(|step| step.mu),
            range(|step| step.std),
            preset.terminal.to_string(),
            match (&preset.description, built_in) {
                (Some(description), true) => format!("(built-in) {description}"),
                (None, true) => "(built-in)".to_owned(),
                (description, false) => print::one_line(description.as_deref().unwrap_or_default()),
            },
        ]);
    }
    let mut text = columns(&rows);
    let _ = writeln!(
        text,
        "\n* used when none is named; gw is VALUExSTEPS, first step first; from {}",
        presets.origin()
    );
    print::result(&text)
}

/// Rows of cells, padded to columns.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn show(name: &str, json: bool, presets: &PresetFlags) -> Result<(), Failure> {
    let mut warnings = Vec::new();
    let use_it = |name: &str| format!("sigmalab presets show {name}");
    let preset = presets.find(Some(name), use_it, &mut warnings)?;
    warnings.iter().for_each(print::warning);
    if json { print::json(&Document::from(&preset)) } else { print::result(&preset_text(&preset)) }
}

fn check(file: Option<&PathBuf>, presets: &PresetFlags) -> Result<(), Failure> {
    let (file, name) = match file {
        Some(path) => preset_flags::read_named(path)?,
        None => {
            let presets = presets.load()?;
            let origin = presets.origin();
            (presets.file, origin)
        }
    };
    let sizes = usual_sizes();
    let mut problems = Vec::new();
    for preset in file.presets() {
        for &size in &sizes {
            if let Err(error) = preset.schedule(size).check() {
                problems.push(format!("{name}: `{}` at {size}: {error}", preset.name));
            }
        }
    }
    if !problems.is_empty() {
        return Err(Failure::bad_input_in_lines(problems.join("\n")).way_out(format_args!(
            "sigmalab schedule PRESET --presets {name} --size WxH, which marks the steps"
        )));
    }
    let presets = print::counted(file.presets().len(), "preset");
    print::result(&format!("{name}: {presets}, fit to run at each of {} sizes\n", sizes.len()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use sigmalab_schedule::order::SamplingOrder;
    use sigmalab_schedule::preset_file::PresetFile;

    proptest! {
        #[test]
        fn what_show_prints_reads_back_as_the_same_preset(
            name in "[A-Za-z][A-Za-z0-9_ .\"é-]{0,12}[A-Za-z0-9]",
            description in proptest::option::of("\\PC{0,20}"),
            rows in proptest::collection::vec(
                (-3..9i32, prop_oneof![Just(0.5), -2.0..2.0f64], prop_oneof![Just(1.75), 0.1..3.0f64]),
                1..20,
            ),
            zero in any::<bool>(),
        ) {
            prop_assume!(name != "none" && name != "default");
            let step = |&(gw, mu, std): &(i32, f64, f64)| Step { gw: f64::from(gw), mu, std };
            let preset = Preset {
                name,
                description,
                steps: SamplingOrder(rows.iter().map(step).collect()),
                terminal: if zero { Terminal::Zero } else { Terminal::Reference },
            };
            let text = preset_text(&preset);
            let file = PresetFile::parse(&text, "shown").unwrap();
            prop_assert_eq!(file.default_preset(), &preset);
        }
    }
}
