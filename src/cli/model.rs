//! `sigmalab model`: what a checkpoint holds, and random ones to measure with.

use super::failure::Failure;
use super::generate::progress::Progress;
use super::interrupt::Interrupt;
use super::model_flags::{self, ModelFlags};
use super::print;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use sigmalab_model::checkpoint::{CheckpointSummary, ComponentSummary};
use sigmalab_model::source::NamedBy;
use sigmalab_model::synth::{self, SynthFormat, SynthShape};
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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
    /// Write a checkpoint of random weights, to measure time and memory with; it draws noise
    Synth {
        /// The folder to write; it must not exist, and appears once it is complete
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// real: Ideogram 4's own sizes. slice: its width, two layers, hardly a text encoder
        #[arg(long, value_enum, default_value_t = SynthSize::Slice)]
        size: SynthSize,
        /// How linear layers are stored
        #[arg(long, value_enum, default_value_t = SynthFormatFlag::Fp8)]
        format: SynthFormatFlag,
        /// Seed of the weights
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
    },
}

/// `--size` of `synth`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SynthSize {
    Real,
    Slice,
    Tiny,
}

/// `--format` of `synth`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SynthFormatFlag {
    F32,
    Bf16,
    Fp8,
    Nf4,
}

/// Inspects or writes.
pub(crate) fn run(arguments: &ModelCommand) -> Result<(), Failure> {
    match &arguments.action {
        Action::Inspect { json, model } => inspect(*json, model),
        Action::Synth { folder, size, format, seed } => synth(folder, *size, *format, *seed),
    }
}

fn synth(
    folder: &Path,
    size: SynthSize,
    format: SynthFormatFlag,
    seed: u64,
) -> Result<(), Failure> {
    let shape = match size {
        SynthSize::Real => SynthShape::real(),
        SynthSize::Slice => SynthShape::slice(2),
        SynthSize::Tiny => SynthShape::tiny(),
    };
    let format = match format {
        SynthFormatFlag::F32 => SynthFormat::F32,
        SynthFormatFlag::Bf16 => SynthFormat::Bf16,
        SynthFormatFlag::Fp8 => SynthFormat::Fp8,
        SynthFormatFlag::Nf4 => SynthFormat::Nf4,
    };
    let interrupt = Interrupt::install()?;
    // Every piece asks whether to stop; ending at once would leave the pieces behind.
    interrupt.become_patient();
    let mut written = 0;
    let result = synth::write(folder, &shape, format, seed, &mut |done, _| {
        written = done;
        !interrupt.requested()
    });
    match result {
        Ok(()) => print::result(&format!("{}: {}\n", folder.display(), in_bytes(written))),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(Failure::bad_input(format_args!("`{}`: {error}", folder.display()))
                .way_out("name a folder that does not exist yet"))
        }
        Err(_) if interrupt.requested() => Err(Failure::interrupted()),
        Err(error) => Err(Failure::failed(format_args!("`{}`: {error}", folder.display()))),
    }
}

fn inspect(json: bool, model: &ModelFlags) -> Result<(), Failure> {
    let name = model.name()?;
    let _interrupt = Interrupt::install()?;
    let mut progress = Progress::new(false);
    let checkpoint = model_flags::open(&name, &NamedBy::User, &mut |loading| {
        progress.loading(&loading);
    })?;
    progress.finish();
    let summary = checkpoint.summary();
    if json {
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
        component.single_file.clone().unwrap_or_else(|| component.files.to_string()),
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
