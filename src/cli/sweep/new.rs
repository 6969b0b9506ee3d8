//! `sigmalab sweep new`: an experiment file to begin with, from the schedule at hand.

use super::load;
use crate::cli::failure::Failure;
use crate::cli::preset_flags::PresetFlags;
use crate::cli::print;
use crate::cli::values::seed;
use clap::Args;
use sigmalab_experiment::spec::name;
use sigmalab_experiment::template;
use sigmalab_files::target::{OnCollision, Target, TargetError};
use std::path::Path;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab sweep new mine
  sigmalab sweep new mine --sampler-preset V4_TURBO_12 --prompt 'a green star'")]
pub(super) struct NewCommand {
    /// The experiment's name; the file is NAME.toml in the current folder
    #[arg(value_name = "NAME")]
    name: String,

    /// Preset that trials start from [default: the presets file's own]
    #[arg(long, value_name = "NAME")]
    sampler_preset: Option<String>,

    /// What is drawn
    #[arg(long, value_name = "TEXT", default_value = "a red circle on a blue background")]
    prompt: String,

    /// Seed of the noise
    #[arg(long, value_name = "N", value_parser = seed, default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    presets: PresetFlags,
}

/// Writes the file.
pub(super) fn run(arguments: &NewCommand) -> Result<(), Failure> {
    let name = arguments.name.strip_suffix(".toml").unwrap_or(&arguments.name);
    if let Some(problem) = name::problem(name) {
        return Err(Failure::bad_input(format_args!("`{name}` {problem}")));
    }
    let mut warnings = Vec::new();
    let use_it = |name: &str| format!("--sampler-preset {name}");
    let preset =
        arguments.presets.find(arguments.sampler_preset.as_deref(), use_it, &mut warnings)?;
    warnings.iter().for_each(print::warning);
    let text = template::text(name, &preset, &arguments.prompt, arguments.seed);
    let file = format!("{name}.toml");
    load::refuse_from_nowhere(Path::new(&file))?;
    let written = Target::check(Path::new(&file)).and_then(|target| {
        if target.path().exists() {
            return Err(TargetError::Exists { path: target.path().to_owned() });
        }
        target.draft(|out| out.write_all(text.as_bytes()))?.commit(OnCollision::Refuse)
    });
    written.map_err(|error| match error {
        TargetError::Exists { .. } => {
            Failure::bad_input(error).way_out("another name: no experiment is overwritten")
        }
        TargetError::Io { .. } => Failure::failed(error),
        error => Failure::bad_input(error),
    })?;
    print::result(&format!("{file}\n  sigmalab sweep plan {file}\n  sigmalab sweep run {file}\n"))
}
