//! `sigmalab model`: what a checkpoint holds.

use super::failure::Failure;
use super::generate::progress::Progress;
use super::interrupt::Interrupt;
use super::model_flags::{self, ModelFlags};
use super::print;
use clap::{Args, Subcommand};
use serde::Serialize;
use sigmalab::model::checkpoint::{CheckpointSummary, ComponentSummary};
use std::fmt::Write as _;

/// The arguments of `model`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab model inspect
  sigmalab model inspect --model ~/models/ideogram-4-fp8 --json")]
pub(crate) struct ModelCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Layout, number formats, bytes, dimensions and fingerprint; reads headers only
    Inspect {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        model: ModelFlags,
    },
}

/// Inspects.
pub(crate) fn run(arguments: &ModelCommand) -> Result<(), Failure> {
    let Action::Inspect { json, model } = &arguments.action;
    let name = model.name()?;
    let _interrupt = Interrupt::install()?;
    let mut progress = Progress::new(false);
    let checkpoint = model_flags::open(&name, &mut |loading| progress.loading(&loading))?;
    progress.finish();
    let summary = checkpoint.summary();
    if *json {
        #[derive(Serialize)]
        struct Document<'a> {
            model: &'a str,
            #[serde(flatten)]
            summary: &'a CheckpointSummary,
        }
        return print::json(&Document { model: &name, summary: &summary });
    }
    print::result(&text(&name, &summary))
}

fn text(name: &str, summary: &CheckpointSummary) -> String {
    let size = match summary.default_size {
        Some((width, height)) => format!("{width}×{height}"),
        None => "1024×1024 (it names none)".to_owned(),
    };
    let bytes: u64 = summary.components.iter().map(|component| component.bytes).sum();
    let mut text = format!(
        "{name}\n  fingerprint   {}\n  default size  {size}\n  weights       {}\n",
        summary.fingerprint,
        in_bytes(bytes)
    );
    for component in &summary.components {
        text.push_str(&component_text(component));
    }
    text
}

fn component_text(component: &ComponentSummary) -> String {
    let formats: Vec<_> = component
        .formats
        .iter()
        .map(|format| {
            format!("{} {} in {} tensors", in_bytes(format.bytes), format.format, format.tensors)
        })
        .collect();
    let dimensions: Vec<_> = component
        .dimensions
        .iter()
        .map(|dimension| format!("{} {}", dimension.name, dimension.value))
        .collect();
    let mut text = format!(
        "\n{}\n  layout        {}\n  files         {}\n  parameters    {}\n  stored        {}\n  formats       {}\n",
        component.component.folder(),
        component.layout,
        component.files,
        in_thousands(component.parameters),
        in_bytes(component.bytes),
        formats.join(", "),
    );
    if !dimensions.is_empty() {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  dimensions    {}", dimensions.join(", "));
    }
    if component.unused_bytes > 0 {
        let _ = writeln!(text, "  not read      {}", in_bytes(component.unused_bytes));
    }
    text
}

fn in_bytes(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.2} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

fn in_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(in_thousands(0), "0");
        assert_eq!(in_thousands(999), "999");
        assert_eq!(in_thousands(1_234_567), "1,234,567");
        assert_eq!(in_bytes(999), "999 B");
        assert_eq!(in_bytes(27_400_000_000), "27.40 GB");
    }
}
