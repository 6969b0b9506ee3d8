//! From flags, and perhaps an earlier recipe, to the request of one run.

use super::progress::Progress;
use super::{Generate, wording};
use crate::cli::failure::Failure;
use crate::cli::samplers::samplers_for;
use crate::cli::text_input::{self, Origin};
use crate::cli::{devices, model_flags, prompt};
use sigmalab_compute::DeviceChoice;
use sigmalab_engine::image_file::{RecipeFileError, read_noise, read_recipe, read_recipe_json};
use sigmalab_engine::noise::{self, NoiseSource, Rng};
use sigmalab_engine::recipe::{self, ModelRef, Recipe, RecipeError, SamplerRef};
use sigmalab_engine::request::RunRequest;
use sigmalab_model::source::{NamedBy, lasting_name};
use sigmalab_sampler::Samplers;
use sigmalab_schedule::free::FREE;
use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::size::Size;
use std::path::{Path, PathBuf};

/// A run that is fit to start.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) run: RunRequest,
    /// The samplers among which the recipe's is.
    pub(super) samplers: Samplers,
    /// What may not be as meant.
    pub(super) warnings: Vec<String>,
}

/// Checks that flags are there which others need.
pub(super) fn check_presence(arguments: &Generate) -> Result<(), Failure> {
    if arguments.any_checkpoint && arguments.recipe.is_none() {
        return Err(Failure::bad_input(
            "--any-checkpoint needs --recipe: it says that the recipe may run on a checkpoint \
             that is not its own",
        )
        .way_out("--recipe FILE.png"));
    }
    if arguments.prompt.is_none() && arguments.prompt_file.is_none() && arguments.recipe.is_none() {
        return Err(Failure::bad_input("there is nothing to draw: no prompt and no recipe")
            .way_out("--prompt TEXT")
            .way_out("--prompt-file FILE, or - for standard input")
            .way_out("--recipe FILE.png to draw an earlier image again"));
    }
    let stdin = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
    let prompt = stdin(&arguments.prompt_file) || arguments.prompt.as_deref() == Some("-");
    if prompt && stdin(&arguments.recipe) {
        return Err(Failure::bad_input(
            "--recipe and the prompt cannot both come from standard input: put one in a file",
        ));
    }
    Ok(())
}

/// Checks everything that was asked, the cheap things first, and puts it into a request. A flag
/// beats the recipe, and the recipe beats the preset and every default.
pub(super) fn resolve(arguments: &Generate, progress: &mut Progress) -> Result<Resolved, Failure> {
    let base = match &arguments.recipe {
        Some(path) => Some(
            read_base(path)
                .map_err(|error| Failure::bad_input(format_args!("--recipe: {error}")))?,
        ),
        None => None,
    };
    let base = base.as_ref();
    let mut warnings = Vec::new();
    let steps = steps(arguments, base, &mut warnings)?;
    let (sampler, samplers) = sampler(arguments, base)?;
    // A recipe may be anybody's: what it names is not downloaded.
    let (model_name, named) = match (arguments.model.given(), base) {
        (None, Some(base)) => (base.model.name.clone(), NamedBy::File),
        _ => (arguments.model.name()?, NamedBy::User),
    };
    let prompt = wording::resolve(
        prompt_text(arguments, base)?,
        arguments.wrap_caption,
        arguments.strict_caption,
        &model_name,
        &mut warnings,
    )?;
    let device = device(arguments, base)?;

    let checkpoint = model_flags::open(&model_name, &named, &mut |loading| {
        progress.loading(&loading);
    });
    progress.finish();
    let checkpoint = checkpoint?;
    let fingerprint = checkpoint.fingerprint();
    let expected = base.and_then(|base| base.model.fingerprint.as_ref());
    if let Some(expected) = expected
        && *expected != fingerprint
        && !arguments.any_checkpoint
    {
        return Err(Failure::bad_input(format_args!(
            "the recipe was made with checkpoint {expected}, and `{model_name}` is checkpoint \
             {fingerprint}: the image would be different"
        ))
        .way_out("--model with the folder or repository of the recipe's checkpoint")
        .way_out("--any-checkpoint to run it on this one"));
    }

    let size = arguments.size.resolve(match base {
        Some(base) => base.size,
        None if arguments.sampler_preset.as_deref() == Some(FREE) => Size::SQUARE,
        None => model_flags::default_size(&model_name, &checkpoint)?,
    })?;
    let (source, noise) = noise(arguments, base, device, size, &mut warnings)?;
    let label = steps.name != FREE;
    let recipe = Recipe {
        version: recipe::VERSION,
        model: ModelRef { name: lasting_name(&model_name), fingerprint: Some(fingerprint) },
        prompt,
        size,
        sigma_size: arguments
            .sigma_size
            .or(base.and_then(|base| base.sigma_size))
            .filter(|sigma_size| *sigma_size != size),
        noise: source,
        preset: label.then_some(steps.name),
        steps: steps.steps.0,
        terminal: steps.terminal,
        sampler,
        dtype: match (arguments.dtype, base) {
            (Some(flag), _) => flag.into(),
            (None, Some(base)) => base.dtype,
            (None, None) => device.usual_dtype(),
        },
        device,
        first_block_cache: match arguments.first_block_cache {
            Some(threshold) => (threshold != 0.0).then_some(threshold),
            None => base.and_then(|base| base.first_block_cache),
        },
        card: None,
    };
    recipe.check(&samplers).map_err(|error| {
        // No step is at fault where number format and device do not go together.
        let of_steps = !matches!(error, RecipeError::Options(_));
        let failure = Failure::bad_input(error);
        // What is wrong in a recipe is said by no flag.
        if base.is_some() || !of_steps {
            return failure;
        }
        failure.way_out("sigmalab schedule with the same flags, which marks the steps")
    })?;
    let run = RunRequest { noise, ..RunRequest::of(recipe) };
    Ok(Resolved { run, samplers, warnings })
}

/// The recipe to begin with: of a file, or JSON from standard input or a pipe that somebody named.
fn read_base(path: &Path) -> Result<Recipe, RecipeFileError> {
    if path == Path::new("-") {
        return read_recipe_json(std::io::stdin().lock(), Path::new("standard input"));
    }
    let is_pipe = |meta: std::fs::Metadata| !meta.is_file() && !meta.is_dir();
    if !path.metadata().is_ok_and(is_pipe) {
        return read_recipe(path);
    }
    let io = |source| RecipeFileError::Io { path: path.to_owned(), source };
    read_recipe_json(text_input::open(path, Origin::Named).map_err(io)?, path)
}

/// The steps, as a preset. Its name is `none` where no name fits them.
fn steps(
    arguments: &Generate,
    base: Option<&Recipe>,
    warnings: &mut Vec<String>,
) -> Result<Preset, Failure> {
    let preset = match (base, &arguments.sampler_preset) {
        (Some(base), None) => Preset {
            name: base.preset.clone().unwrap_or_else(|| FREE.to_owned()),
            description: None,
            steps: SamplingOrder(base.steps.clone()),
            terminal: base.terminal,
        },
        (_, name) => {
            let use_it = |name: &str| format!("--sampler-preset {name}");
            arguments.presets.find(name.as_deref(), use_it, warnings)?
        }
    };
    let mut changed = arguments.schedule.over(&preset)?;
    // The name is a label for people: it must not stand over other steps.
    if changed.steps != preset.steps || changed.terminal != preset.terminal {
        changed.name = FREE.to_owned();
    }
    Ok(changed)
}

/// The sampler, known to exist with these parameters, and the ones that were looked at. Naming
/// one takes it as it is today.
fn sampler(arguments: &Generate, base: Option<&Recipe>) -> Result<(SamplerRef, Samplers), Failure> {
    let mut asked = match (&arguments.sampler, base) {
        (None, Some(base)) => base.sampler.clone(),
        (name, _) => SamplerRef::named(name.as_deref().unwrap_or("euler")),
    };
    let samplers = samplers_for(&asked.id);
    let lists = |failure: Failure| failure.way_out("sigmalab plugins list shows what there is");
    for (key, text) in &arguments.sampler_param {
        let value = samplers.read_value(&asked.id, key, text).map_err(Failure::bad_input)?;
        asked.params.insert(key.clone(), value);
    }
    let chosen = samplers
        .choose(&asked.id, &asked.params)
        .map_err(|error| lists(Failure::bad_input(error)))?;
    let today = format!("--sampler {} to use it as it is now", asked.id);
    let version = &chosen.info.version;
    if let Some(then) = asked.version.as_ref().filter(|then| *then != version) {
        return Err(Failure::bad_input(format_args!(
            "the recipe was made with version {then} of sampler `{}`, and this is version \
             {version}: the image would be different",
            asked.id
        ))
        .way_out(today));
    }
    let file = chosen.file.as_ref();
    let hash = file.map(|file| file.hash.as_str());
    if let Some(then) = asked.file_hash.as_deref().filter(|then| Some(*then) != hash) {
        let now = match file {
            Some(file) => format!("`{}` has {}", file.path.display(), file.hash),
            None => "it is built in now".to_owned(),
        };
        return Err(Failure::bad_input(format_args!(
            "the recipe was made with a plugin `{}` whose file has hash {then}, and {now}: the \
             image may be different",
            asked.id
        ))
        .way_out(today));
    }
    Ok((asked, samplers))
}

fn prompt_text(arguments: &Generate, base: Option<&Recipe>) -> Result<String, Failure> {
    match (&arguments.prompt, &arguments.prompt_file, base) {
        (Some(text), _, _) if text == "-" => prompt::from_stdin(),
        (Some(text), _, _) => Ok(text.clone()),
        (None, Some(file), _) => prompt::from_file(file),
        (None, None, Some(base)) => Ok(base.prompt.clone()),
        (None, None, None) => {
            Err(Failure::bad_input("there is no prompt").way_out("--prompt TEXT"))
        }
    }
}

/// The device, which can be used; one from a recipe may be missing here.
fn device(arguments: &Generate, base: Option<&Recipe>) -> Result<DeviceChoice, Failure> {
    if let Some(given) = arguments.device {
        devices::check(given)?;
        return Ok(given);
    }
    let Some(base) = base else { return Ok(DeviceChoice::default()) };
    let name = base.device.to_string();
    let read = crate::cli::values::device(&name).map_err(Failure::bad_input);
    read.and_then(|device| devices::check(device).map(|()| device)).map_err(|failure| {
        let message = failure.message;
        Failure::bad_input(format_args!("the recipe's device is {name}: {message}"))
            .way_out("--device cpu; the last bits of the image may differ")
    })
}

/// The generator that a flag asks for: of a GPU that is not described, the one that is used.
fn rng(arguments: &Generate, device: DeviceChoice) -> Result<Option<Rng>, Failure> {
    let Some(asked) = arguments.rng else { return Ok(None) };
    let card = if asked.is_open { devices::card(device)? } else { None };
    Ok(Some(asked.on(card.as_ref())))
}

/// Where the noise comes from, and its values where that is a file.
fn noise(
    arguments: &Generate,
    base: Option<&Recipe>,
    device: DeviceChoice,
    size: Size,
    warnings: &mut Vec<String>,
) -> Result<(NoiseSource, Option<Vec<f32>>), Failure> {
    let before = base.map(|base| &base.noise);
    let asked = rng(arguments, device)?;
    if let Some(path) = &arguments.initial_noise {
        let values = read_noise(path, size.tokens())
            .map_err(|error| Failure::bad_input(format_args!("--initial-noise: {error}")))?;
        let blake3 = noise::fingerprint(&values);
        if let Some(NoiseSource::File { blake3: expected }) = before
            && *expected != blake3
        {
            warnings.push(format!(
                "`{}` is not the recipe's noise (hash {blake3}, not {expected}): the image will \
                 be different",
                path.display()
            ));
        }
        return Ok((NoiseSource::File { blake3 }, Some(values)));
    }
    let seeded = |seed, rng| Ok((NoiseSource::Seed { seed, rng }, None));
    match before {
        Some(NoiseSource::Seed { seed, rng }) => {
            seeded(arguments.seed.unwrap_or(*seed), asked.unwrap_or(*rng))
        }
        Some(NoiseSource::File { blake3 }) if arguments.seed.is_none() => {
            Err(Failure::bad_input(format_args!(
                "the recipe's initial noise came from a file, which is needed again (hash {blake3})"
            ))
            .way_out("--initial-noise FILE.safetensors")
            .way_out("--seed N for another image with the recipe's other settings"))
        }
        _ => seeded(
            arguments.seed.unwrap_or_else(noise::random_seed),
            asked.unwrap_or(Rng::TorchCpu),
        ),
    }
}
