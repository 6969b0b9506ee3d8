//! From an experiment file to an experiment with everything it names.

use super::budget;
use super::measuring::Measuring;
use super::prompts_file;
use super::run_directory;
use crate::cli::devices;
use crate::cli::failure::Failure;
use crate::cli::model_flags::{self, ModelFlags};
use crate::cli::preset_flags::PresetFlags;
use crate::cli::print::{self, counted};
use crate::cli::samplers::every_sampler;
use crate::cli::text_input::{self, Origin};
use crate::cli::values::device;
use clap::Args;
use sigmalab_compute::DeviceChoice;
use sigmalab_engine::recipe::SamplerRef;
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_experiment::inputs::{FrozenPreset, FrozenSampler, FrozenTune, Inputs, VERSION};
use sigmalab_experiment::search::tune::Setting;
use sigmalab_experiment::spec::tune::{Budget, DEFAULT_SAMPLERS, TuneSpec};
use sigmalab_experiment::spec::{Named, Prompt, PromptSource, Settings, Spec};
use sigmalab_experiment::trial::Experiment;
use sigmalab_experiment::{built_in, openings, prompts};
use sigmalab_files::planted::planted_link;
use sigmalab_files::target::TargetError;
use sigmalab_model::source::{NamedBy, lasting_name};
use sigmalab_sampler::Samplers;
use sigmalab_schedule::nearest::nearest;
use sigmalab_text::text_file::TextError;
use std::cell::RefCell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Most bytes of an experiment or a prompts file that are read.
const LIMIT: u64 = 64 << 20;

/// The flags that say what an experiment runs on.
#[derive(Debug, Clone, Args)]
pub(crate) struct LoadFlags {
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    #[command(flatten)]
    pub(crate) presets: PresetFlags,
    /// Where the networks run: cpu, cuda, cuda:N or metal [default: the file's, else cpu]
    #[arg(long, value_name = "DEVICE", value_parser = device, help_heading = "Model")]
    device: Option<DeviceChoice>,
}

impl LoadFlags {
    /// The same on a device.
    pub(super) fn on(&self, device: DeviceChoice) -> Self {
        Self { device: Some(device), ..self.clone() }
    }
}

/// An experiment file and what it names.
pub(crate) struct Loaded {
    /// The text of the file.
    pub(crate) text: String,
    pub(crate) experiment: Experiment,
    /// Where it is run.
    pub(crate) directory: RunDirectory,
    /// The prompts file that was read.
    pub(crate) prompts_file: Option<PathBuf>,
}

impl Loaded {
    /// Which file its prompts come from, where it is not the experiment's own.
    pub(super) fn prompts_note(&self) -> Option<String> {
        let file = self.prompts_file.as_ref()?;
        let prompts = counted(self.experiment.inputs.prompts.len(), "prompt");
        Some(format!("{prompts} from `{}`", file.display()))
    }
}

/// Reads an experiment file, which is run in `dir` or its usual place. A flag beats the file. What
/// it says in minutes is measured, where it may be.
pub(super) fn load(
    path: &Path,
    dir: Option<&PathBuf>,
    flags: &LoadFlags,
    measuring: Option<&Measuring<'_>>,
) -> Result<Loaded, Failure> {
    let text = match built_in(path) {
        Some(text) => text.to_owned(),
        None => read(path, Origin::Named, &beginnings(path))?,
    };
    of_text(text, path, dir, flags, measuring)
}

/// The same from the text of one; `path` is where it would lie.
pub(crate) fn of_text(
    text: String,
    path: &Path,
    dir: Option<&PathBuf>,
    flags: &LoadFlags,
    measuring: Option<&Measuring<'_>>,
) -> Result<Loaded, Failure> {
    let name = path.display().to_string();
    let spec = Spec::parse(&text, &name).map_err(Failure::bad_input_in_lines)?;
    let samplers = every_sampler();
    let sampled = check_names(&text, &name, &flags.presets, &samplers)?;
    let directory = run_directory::of_spec(dir, &spec);
    refuse_from_nowhere(directory.path())?;
    if let Some(link) = planted_link(directory.path()) {
        return Err(Failure::bad_input(TargetError::PlantedLink {
            path: directory.path().to_owned(),
            link,
        }));
    }
    let (prompts, prompts_file) = match &spec.prompts {
        PromptSource::Inline(prompts) => (prompts.clone(), None),
        PromptSource::File(file) => {
            let file = prompts_file::found(path, file)?;
            (prompts_in(&file, Origin::Found, prompts_file::FORM)?, Some(file))
        }
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
    let names = spec.tune.iter().flat_map(|tune| &tune.against);
    let against = names.map(|name| {
        preset(&Settings { preset: Some(name.clone()), ..Settings::default() }, "tune")
    });
    let against: Vec<FrozenPreset> = against.collect::<Result<_, _>>()?;
    warnings.iter().for_each(print::warning);
    let device = flags.device.or(spec.device).unwrap_or_default();
    // What is only planned, or handed to other machines, needs no device here.
    if measuring.is_some() {
        devices::check(device)?;
    }
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
    let mut inputs = Inputs {
        version: VERSION,
        model: lasting_name(&model),
        fingerprint: checkpoint.fingerprint(),
        default_size: model_flags::default_size(&model, &checkpoint)?,
        dtype: spec.dtype.unwrap_or_else(|| device.usual_dtype()),
        device,
        prompts,
        base,
        reference,
        tune: None,
        samplers: Some(sampled),
    };
    if let Some(tune) = &spec.tune {
        inputs.tune =
            Some(frozen(tune, &spec, &inputs, against, &samplers, &directory, measuring)?);
    }
    let experiment = Experiment { spec, inputs, samplers };
    if experiment.spec.tune.is_some() {
        // Whatever makes it impossible is told before anything is written.
        Setting::of(&experiment).map_err(Failure::bad_input)?;
    }
    Ok(Loaded { text, experiment, directory, prompts_file })
}

/// The text of the built-in experiment of that name, where no file has it.
fn built_in(path: &Path) -> Option<&'static str> {
    if path.exists() { None } else { built_in::text(path.to_str()?) }
}

/// Refuses samplers and presets that there are not, at their places: trials would each say so.
/// Gives the samplers as they are here.
fn check_names(
    text: &str,
    file: &str,
    presets: &PresetFlags,
    samplers: &Samplers,
) -> Result<Vec<FrozenSampler>, Failure> {
    // A presets file that cannot be read is told of by whoever needs it.
    let presets = presets.load().ok();
    let found: RefCell<Vec<FrozenSampler>> = RefCell::default();
    let problem = |named: Named, name: &str| match named {
        Named::Sampler => match samplers.info(name) {
            Err(error) => Some(error.to_string()),
            Ok(_) => {
                let mut found = found.borrow_mut();
                if found.iter().all(|known| known.id != name) {
                    found.extend(FrozenSampler::of(name, samplers));
                }
                None
            }
        },
        Named::Preset => presets.as_ref()?.problem(name),
    };
    Spec::check_names(text, file, &problem).map_err(Failure::bad_input_in_lines)?;
    Ok(found.into_inner())
}

/// What a tune depends on beside its file. One that was begun keeps its budget and its held-out
/// prompts.
fn frozen(
    tune: &TuneSpec,
    spec: &Spec,
    inputs: &Inputs,
    against: Vec<FrozenPreset>,
    samplers: &Samplers,
    directory: &RunDirectory,
    measuring: Option<&Measuring<'_>>,
) -> Result<FrozenTune, Failure> {
    let there = |id: &String| samplers.info(id).is_ok();
    let usual = || DEFAULT_SAMPLERS.map(str::to_owned).into_iter().filter(there).collect();
    let ids: Vec<String> = tune.samplers.clone().unwrap_or_else(usual);
    let mut tried = Vec::new();
    for id in ids {
        let chosen = samplers.choose(&id, &Default::default()).map_err(Failure::bad_input)?;
        if chosen.info.stochastic || chosen.info.evaluations_per_step != 1 {
            return Err(Failure::bad_input(format_args!(
                "sampler `{id}` cannot be tuned: only those without noise and with one evaluation \
                 a step can"
            )));
        }
        tried.push(SamplerRef {
            version: Some(chosen.info.version.to_string()),
            file_hash: chosen.file.map(|file| file.hash.to_string()),
            ..SamplerRef::named(id)
        });
    }
    let begun = match directory.has_begun() {
        true => directory.experiment(samplers.clone()).ok().and_then(|begun| begun.inputs.tune),
        false => None,
    };
    let of_begun = begun.as_ref().filter(|_| matches!(tune.budget, Budget::Minutes(_)));
    let budget = match of_begun {
        Some(begun) => begun.budget,
        None => budget::evaluations(tune, spec, inputs, samplers, measuring)?,
    };
    let opened = match (&begun, openings_file()) {
        (Some(begun), _) => begun.opened,
        (None, None) => 0,
        (None, Some(file)) => {
            openings::count(&file, &inputs.fingerprint, &inputs.prompts, directory.path())
        }
    };
    Ok(FrozenTune { budget, opened, samplers: tried, against })
}

/// Where openings of held-out prompts are noted.
pub(super) fn openings_file() -> Option<PathBuf> {
    sigmalab::history::data_folder().map(|data| data.join(openings::FILE))
}

/// Where somebody may begin who named an experiment's file that is not there.
fn beginnings(path: &Path) -> Vec<String> {
    let names = built_in::EXPERIMENTS.map(|(name, _)| name);
    let near = path.to_str().map(|typed| nearest(typed, names)).unwrap_or_default();
    let name = near.first().copied().unwrap_or("quickstart");
    // `sweep new NAME` writes NAME.toml.
    let beside = path.with_added_extension("toml");
    if beside.is_file() {
        return vec![format!("sigmalab sweep run {}", print::quoted(&beside))];
    }
    vec![
        format!("sigmalab sweep run {name}, which is built in"),
        "sigmalab sweep new NAME for a file to begin with".to_owned(),
    ]
}

/// Refuses to write to a path in a current folder that was deleted.
pub(super) fn refuse_from_nowhere(path: &Path) -> Result<(), Failure> {
    let gone = || std::env::current_dir().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if path.is_relative() && gone() {
        return Err(Failure::bad_input(format_args!(
            "cannot write `{}`: the current folder was deleted",
            path.display()
        ))
        .way_out("cd to another folder"));
    }
    Ok(())
}

/// The prompts in a file; the way out where it is not there.
pub(crate) fn prompts_in(
    path: &Path,
    origin: Origin,
    way_out: &str,
) -> Result<Vec<Prompt>, Failure> {
    let text = read(path, origin, &[way_out.to_owned()])?;
    prompts::parse(&text, &path.display().to_string()).map_err(Failure::bad_input)
}

/// The text of a file, and ways out where it is not there.
pub(super) fn read(path: &Path, origin: Origin, ways_out: &[String]) -> Result<String, Failure> {
    let name = path.display();
    text_input::read(path, origin, LIMIT).map_err(|error| match error {
        TextError::TooLarge(_) => {
            Failure::bad_input(format_args!("`{name}` is too large for a text file"))
        }
        TextError::Io(error) if error.kind() == ErrorKind::NotFound => {
            let failure = Failure::bad_input(format_args!("cannot read `{name}`: {error}"));
            ways_out.iter().fold(failure, Failure::way_out)
        }
        error => Failure::bad_input(format_args!("cannot read `{name}`: {error}")),
    })
}
