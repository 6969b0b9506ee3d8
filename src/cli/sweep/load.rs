//! From an experiment file to an experiment with everything it names.

use crate::cli::failure::Failure;
use crate::cli::model_flags::{self, ModelFlags};
use crate::cli::preset_flags::PresetFlags;
use crate::cli::print;
use crate::cli::samplers::every_sampler;
use crate::cli::values::device;
use clap::Args;
use sigmalab_compute::DeviceChoice;
use sigmalab_experiment::directory::{DirectoryError, RunDirectory};
use sigmalab_experiment::inputs::{FrozenPreset, Inputs, VERSION};
use sigmalab_experiment::spec::{Named, Prompt, PromptSource, Settings, Spec};
use sigmalab_experiment::sweep::{Sweep, SweepError};
use sigmalab_experiment::trial::Experiment;
use sigmalab_experiment::{built_in, prompts};
use sigmalab_model::source::{NamedBy, lasting_name};
use sigmalab_sampler::Samplers;
use sigmalab_text::text_file::{self, TextError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Most bytes of an experiment or a prompts file that are read.
const LIMIT: u64 = 64 << 20;

/// The flags that say what an experiment runs on.
#[derive(Debug, Args)]
pub(super) struct LoadFlags {
    #[command(flatten)]
    model: ModelFlags,
    #[command(flatten)]
    presets: PresetFlags,
    /// Where the networks run: cpu, cuda, cuda:N or metal [default: the file's, else cpu]
    #[arg(long, value_name = "DEVICE", value_parser = device, help_heading = "Model")]
    device: Option<DeviceChoice>,
}

/// An experiment file and what it names.
pub(super) struct Loaded {
    /// The text of the file.
    pub(super) text: String,
    pub(super) experiment: Experiment,
}

/// Reads an experiment file. A flag beats the file.
pub(super) fn load(path: &Path, flags: &LoadFlags) -> Result<Loaded, Failure> {
    let name = path.display().to_string();
    let text = match built_in(path) {
        Some(text) => text.to_owned(),
        None => read(path)?,
    };
    let spec = Spec::parse(&text, &name).map_err(Failure::bad_input)?;
    let samplers = every_sampler();
    check_names(&text, &name, &flags.presets, &samplers)?;
    let prompts = match &spec.prompts {
        PromptSource::Inline(prompts) => prompts.clone(),
        PromptSource::File(file) => prompts_of(path, file)?,
    };
    let mut warnings = Vec::new();
    let mut preset = |settings: &Settings, table: &str| -> Result<FrozenPreset, Failure> {
        let use_it = |name: &str| format!("preset = \"{name}\" below [{table}]");
        let name = settings.preset.as_deref();
        let found = flags.presets.find(name, use_it, &mut warnings)?;
        Ok(FrozenPreset::from(&found))
    };
    let base = preset(&spec.base, "base")?;
    let reference = spec.reference.as_ref().map(|settings| preset(settings, "reference"));
    let reference = reference.transpose()?;
    warnings.iter().for_each(print::warning);
    // An experiment file may be anybody's: what it names is not downloaded.
    let (model, named) = match (flags.model.given(), &spec.model) {
        (None, Some(model)) => (model.clone(), NamedBy::File),
        _ => (flags.model.name()?, NamedBy::User),
    };
    let mut progress = crate::cli::generate::progress::Progress::new(true);
    let checkpoint = model_flags::open(&model, &named, &mut |loading| {
        progress.loading(&loading);
    });
    progress.finish();
    let checkpoint = checkpoint?;
    let inputs = Inputs {
        version: VERSION,
        model: lasting_name(&model),
        fingerprint: checkpoint.fingerprint(),
        default_size: model_flags::default_size(&model, &checkpoint)?,
        dtype: spec.dtype.unwrap_or_default(),
        device: flags.device.or(spec.device).unwrap_or_default(),
        prompts,
        base,
        reference,
    };
    Ok(Loaded { text, experiment: Experiment { spec, inputs, samplers } })
}

/// The text of the built-in experiment of that name, where no file has it.
fn built_in(path: &Path) -> Option<&'static str> {
    if path.exists() { None } else { built_in::text(path.to_str()?) }
}

/// Refuses samplers and presets that there are not, at their places: trials would each say so.
fn check_names(
    text: &str,
    file: &str,
    presets: &PresetFlags,
    samplers: &Samplers,
) -> Result<(), Failure> {
    // A presets file that cannot be read is told of by whoever needs it.
    let presets = presets.load().ok();
    let problem = |named: Named, name: &str| match named {
        Named::Sampler => samplers.info(name).err().map(|error| error.to_string()),
        Named::Preset => presets.as_ref()?.problem(name),
    };
    Spec::check_names(text, file, &problem).map_err(Failure::bad_input)
}

/// Opens the sweep in a run directory. People name the experiment's file, too, or one of the run
/// directory's: where it is clear which directory they mean, it is that.
pub(super) fn open(path: &Path) -> Result<Sweep, Failure> {
    let directory = match std::fs::metadata(path) {
        Ok(meta) if !meta.is_dir() => meant_by(path)?,
        _ => RunDirectory::at(path),
    };
    Sweep::open(&directory, every_sampler()).map_err(|error| {
        let failure = match &error {
            SweepError::Directory(DirectoryError::Io { .. }) => Failure::failed(&error),
            SweepError::Directory(_) | SweepError::Experiment(_) => Failure::bad_input(&error),
            SweepError::Journal(_) | SweepError::Tables(_) => Failure::failed(&error),
        };
        match error {
            SweepError::Directory(DirectoryError::NotOne(_)) => {
                failure.way_out("sigmalab sweep run FILE.toml, which makes one")
            }
            _ => failure,
        }
    })
}

/// The run directory that somebody means who named a file.
fn meant_by(file: &Path) -> Result<RunDirectory, Failure> {
    let shown = file.display();
    let around = RunDirectory::at(file.parent().unwrap_or(Path::new("")));
    if around.has_begun() {
        return Ok(around);
    }
    let no_directory = format!("`{shown}` is a file, and a run directory is needed");
    let toml = file.extension().is_some_and(|extension| extension == "toml");
    let spec = match read(file) {
        Ok(text) if toml => Spec::parse(&text, &shown.to_string()).ok(),
        _ => None,
    };
    let Some(spec) = spec else {
        return Err(Failure::bad_input(no_directory)
            .way_out("runs/NAME, which `sigmalab sweep run FILE.toml` makes"));
    };
    let usual = directory_of(None, &spec);
    if !usual.has_begun() {
        return Err(Failure::bad_input(format_args!(
            "{no_directory}: `{}`, where that experiment goes, has no sweep",
            usual.path().display()
        ))
        .way_out(format_args!("sigmalab sweep run {shown}"))
        .way_out("the directory that --dir named, in place of the file"));
    }
    Ok(usual)
}

/// The run directory of an experiment: `--dir`, else `runs/NAME`.
pub(super) fn directory_of(dir: Option<&PathBuf>, spec: &Spec) -> RunDirectory {
    let usual = || Path::new("runs").join(&spec.name);
    RunDirectory::at(&dir.cloned().unwrap_or_else(usual))
}

fn prompts_of(experiment: &Path, file: &str) -> Result<Vec<Prompt>, Failure> {
    let path = experiment.parent().unwrap_or(Path::new("")).join(file);
    prompts::parse(&read(&path)?, &path.display().to_string()).map_err(Failure::bad_input)
}

fn read(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let text = std::fs::File::open(path).map_err(TextError::from);
    text.and_then(|file| text_file::read(file, LIMIT)).map_err(|error| match error {
        TextError::TooLarge(_) => {
            Failure::bad_input(format_args!("`{name}` is too large for a text file"))
        }
        TextError::Io(error) if error.kind() == ErrorKind::NotFound => {
            Failure::bad_input(format_args!("cannot read `{name}`: {error}"))
                .way_out("sigmalab sweep run quickstart, which is built in")
                .way_out("sigmalab sweep new NAME for a file to begin with")
        }
        error => Failure::bad_input(format_args!("cannot read `{name}`: {error}")),
    })
}
