//! From an experiment and a number to a trial: a stateless function, so that any trial can be
//! made anywhere. A trial's identity is the hash of its resolved recipe, not its number.

mod error;

pub use error::{ExperimentError, TrialError};

use super::directory::{COPY, DirectoryError, RunDirectory};
use super::generation::{Candidate, Instance, Proposal};
use super::inputs::{FrozenPreset, FrozenSampler, Inputs};
use super::resolve::{ResolveError, Resolved, resolve};
use super::spec::tune::Target;
use super::spec::{MOST_TRIALS, Method, Path, PathError, Prompt, Spec, Value};
use sigmalab_engine::noise::NoiseSource;
use sigmalab_engine::recipe::{self, ModelRef, Recipe, SamplerRef};
use sigmalab_sampler::Samplers;
use sigmalab_schedule::free::{FREE, Overrides};
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;
use sigmalab_tune::gram::gw_at;
use sigmalab_tune::grid::levels_of;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// An experiment with everything it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    pub spec: Spec,
    /// What it names.
    pub inputs: Inputs,
    /// The samplers that it may name.
    pub samplers: Samplers,
}

/// One run of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its number in the experiment, from 0.
    pub number: usize,
    /// Hash of its recipe.
    pub id: TrialId,
    pub point: Vec<(Path, Value)>,
    pub prompt_id: String,
    pub seed: u64,
    /// Everything it depends on.
    pub recipe: Arc<Recipe>,
    /// Its reference run, by place in [`Trials::references`].
    pub reference: Option<usize>,
    pub decode: bool,
}

/// Identity of a trial or a reference run: the hash of its recipe, hexadecimal.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct TrialId(pub String);

impl TrialId {
    /// Whether it is a hash as this program writes it, which leads nowhere as a part of a path.
    pub fn is_hash(&self) -> bool {
        self.0.len() == 64 && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// As much in half the room, to find it by.
    pub(super) fn hash(&self) -> [u8; 32] {
        *blake3::hash(self.0.as_bytes()).as_bytes()
    }

    /// The beginning, which names files and rows.
    pub fn short(&self) -> &str {
        self.0.get(..16).unwrap_or(&self.0)
    }
}

/// A reference run: what trials of one prompt, seed and size are measured against.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Hash of its recipe.
    pub id: TrialId,
    pub prompt_id: String,
    pub seed: u64,
    /// Everything it depends on.
    pub recipe: Arc<Recipe>,
    pub decode: bool,
    /// Steps between the nodes of its Gram matrix, where that is kept.
    pub gram: Option<usize>,
}

/// Every trial of an experiment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trials {
    /// The samplers that their recipes name.
    pub samplers: Samplers,
    /// The trials, by number; of equal recipes the first.
    pub trials: Vec<Trial>,
    /// The reference runs that they need, each once.
    pub references: Vec<Reference>,
    /// How many more trials there are that have the recipe of an earlier one.
    pub duplicates: usize,
}

/// A text that names no trial, or several.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrialNameError {
    #[error("there is no trial `{0}`: give its number, or the beginning of its identity")]
    None(String),
    #[error("`{0}` begins the identity of several trials: give more digits")]
    Several(String),
}

impl Trials {
    /// The trial of a number in the experiment, or whose identity begins so. Digits are a number
    /// where there are fewer than the 16 of an identity.
    pub fn named(&self, name: &str) -> Result<&Trial, TrialNameError> {
        let name = name.trim();
        let none = || TrialNameError::None(name.to_owned());
        if name.len() < 16
            && let Ok(number) = name.parse::<usize>()
        {
            return self.trials.iter().find(|trial| trial.number == number).ok_or_else(none);
        }
        let mut found = self.trials.iter().filter(|trial| trial.id.0.starts_with(name));
        match (found.next().filter(|_| !name.is_empty()), found.next()) {
            (None, _) => Err(none()),
            (Some(trial), None) => Ok(trial),
            (Some(_), Some(_)) => Err(TrialNameError::Several(name.to_owned())),
        }
    }
}

impl RunDirectory {
    /// The experiment that the directory was begun with, its samplers among `samplers`.
    pub fn experiment(&self, samplers: Samplers) -> Result<Experiment, DirectoryError> {
        let frozen =
            self.frozen()?.ok_or_else(|| DirectoryError::NotOne(self.path().to_owned()))?;
        let name = self.path().join(COPY).display().to_string();
        let spec = Spec::parse(&frozen.experiment, &name)?;
        Ok(Experiment { spec, inputs: frozen.inputs, samplers })
    }
}

impl Experiment {
    /// Why the samplers of this machine are not those that the sweep was begun with, in words.
    pub fn sampler_problem(&self) -> Option<String> {
        let frozen = self.inputs.samplers.iter().flatten();
        frozen.clone().find_map(|frozen| {
            let here = FrozenSampler::of(&frozen.id, &self.samplers);
            if here.as_ref() == Some(frozen) {
                return None;
            }
            let words = |sampler: &FrozenSampler| {
                let hash = sampler.file_hash.as_deref().and_then(|hash| hash.get(..16));
                let file = hash.map(|hash| format!(", file {hash}")).unwrap_or_default();
                format!("version {}{file}", sampler.version)
            };
            let found = here.map_or("there is none".to_owned(), |here| words(&here));
            Some(format!(
                "sampler `{}` is another one on this machine than the sweep was begun with: {} \
                 there, {found} here; install the same plugin",
                frozen.id,
                words(frozen)
            ))
        })
    }

    fn prompts(&self) -> usize {
        self.inputs.prompts.len().max(1)
    }

    fn seeds(&self) -> usize {
        self.spec.seeds.len().max(1)
    }

    fn sizes(&self) -> usize {
        self.spec.sizes.len().max(1)
    }

    /// How many prompts count: one where the prompt is swept, for the parameter chooses it.
    fn instances(&self) -> usize {
        let swept = self.spec.swept().any(|path| *path == Path::Prompt);
        (if swept { 1 } else { self.prompts() }) * self.seeds() * self.sizes()
    }

    /// How many trials there are, equal ones counted apart.
    pub fn len(&self) -> usize {
        self.spec.points().saturating_mul(self.instances())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The trial of a number below [`Experiment::len`]. Seeds run fastest, then sizes, then
    /// prompts, then the swept values; of those the last of the file runs fastest.
    pub fn trial(&self, number: usize) -> Result<Trial, TrialError> {
        let instance = number % self.instances();
        let point = self.point(number / self.instances());
        let swept = |path: &Path| point.iter().find(|(found, _)| found == path);
        let seed = match swept(&Path::Seed) {
            Some((_, Value::Whole(seed))) => *seed,
            _ => self.spec.seeds.get(instance % self.seeds()).copied().unwrap_or(0),
        };
        let size = match swept(&Path::Size) {
            Some((_, size)) => size.to_string().parse::<Size>()?,
            None => {
                let place = instance / self.seeds() % self.sizes();
                self.spec.sizes.get(place).copied().unwrap_or(self.inputs.default_size)
            }
        };
        let prompt = match swept(&Path::Prompt) {
            Some((_, value)) => self.prompt_named(&value.to_string()),
            None => {
                let place = instance / self.seeds() / self.sizes();
                self.inputs.prompts.get(place).cloned().unwrap_or_else(|| unnamed(""))
            }
        };
        self.pointed(number, point, prompt, seed, size)
    }

    /// The trial at a point.
    fn pointed(
        &self,
        number: usize,
        point: Vec<(Path, Value)>,
        prompt: Prompt,
        seed: u64,
        size: Size,
    ) -> Result<Trial, TrialError> {
        let resolved =
            resolve(&self.inputs.base.preset(), &self.spec.base.changes, &point, &self.samplers)?;
        let recipe = self.recipe(&self.inputs.base, resolved, prompt.text, seed, size)?;
        let id = identity(&recipe)?;
        let (prompt_id, decode) = (prompt.id, self.spec.output.decode);
        let recipe = Arc::new(recipe);
        Ok(Trial { number, id, point, prompt_id, seed, recipe, reference: None, decode })
    }

    /// The trial of a proposal on one of its instances.
    pub(super) fn proposed(
        &self,
        number: usize,
        proposal: &Proposal,
        instance: &Instance,
    ) -> Result<Trial, TrialError> {
        let prompt = self.inputs.prompts.get(instance.prompt).cloned();
        let prompt = prompt.unwrap_or_else(|| unnamed(""));
        let Instance { seed, size, .. } = *instance;
        let Some(candidate) = &proposal.candidate else {
            let point: Result<Vec<(Path, Value)>, PathError> = proposal
                .values
                .iter()
                .map(|(path, value)| Ok((path.parse::<Path>()?, value.clone())))
                .collect();
            return self.pointed(number, point?, prompt, seed, size);
        };
        let Candidate { steps, terminal, sampler, params } = candidate;
        let frozen = self.inputs.tune.iter().flat_map(|tune| &tune.samplers);
        let frozen = frozen.clone().find(|frozen| frozen.id == *sampler).cloned();
        let sampler =
            SamplerRef { params: params.clone(), ..frozen.unwrap_or(SamplerRef::named(sampler)) };
        let (steps, terminal) = (steps.clone(), *terminal);
        let resolved = Resolved { steps, terminal, sampler, first_block_cache: None };
        let mut recipe = self.recipe(&self.inputs.base, resolved, prompt.text, seed, size)?;
        recipe.preset = Some(proposal.name.clone());
        let id = identity(&recipe)?;
        let point = vec![(Path::Candidate, Value::Text(proposal.name.clone()))];
        let (prompt_id, decode) = (prompt.id, proposal.pictures);
        let recipe = Arc::new(recipe);
        Ok(Trial { number, id, point, prompt_id, seed, recipe, reference: None, decode })
    }

    /// The preset of reference runs, its changes made: of a tune towards the limit, in very many
    /// steps.
    pub(super) fn reference_preset(&self) -> Result<Option<FrozenPreset>, TrialError> {
        let (Some(settings), Some(preset)) = (&self.spec.reference, &self.inputs.reference) else {
            return Ok(None);
        };
        let resolved = resolve(&preset.preset(), &settings.changes, &[], &self.samplers)?;
        let (steps, terminal) = (resolved.steps, resolved.terminal);
        Ok(Some(FrozenPreset { name: preset.name.clone(), steps, terminal }))
    }

    fn is_towards_the_limit(&self) -> bool {
        self.spec.tune.as_ref().is_some_and(|tune| tune.target == Target::Exact)
    }

    /// The reference run of a trial, if the experiment has one.
    pub fn reference(&self, trial: &Trial) -> Result<Option<Reference>, TrialError> {
        let (Some(settings), Some(preset)) = (&self.spec.reference, &self.inputs.reference) else {
            return Ok(None);
        };
        let mut resolved = resolve(&preset.preset(), &settings.changes, &[], &self.samplers)?;
        let Recipe { prompt, size, .. } = trial.recipe.as_ref();
        let mut gram = None;
        if self.is_towards_the_limit() {
            let few = resolved.steps.len();
            resolved.steps = very_many(&resolved.steps, *size, resolved.terminal)?;
            gram = Some(resolved.steps.len() / few.max(1));
        }
        let gram = self.spec.tune.as_ref().map(|_| gram.unwrap_or(1));
        let recipe = self.recipe(preset, resolved, prompt.clone(), trial.seed, *size)?;
        let (id, seed) = (identity(&recipe)?, trial.seed);
        let (prompt_id, decode) = (trial.prompt_id.clone(), trial.decode);
        let recipe = Arc::new(recipe);
        Ok(Some(Reference { id, prompt_id, seed, recipe, decode, gram }))
    }

    /// Every trial, each recipe once, checked to be fit to run.
    pub fn trials(&self) -> Result<Trials, ExperimentError> {
        const MOST_BROKEN: usize = 5;
        if self.len() > MOST_TRIALS {
            return Err(ExperimentError::TooMany(self.len()));
        }
        let mut found = Trials { samplers: self.samplers.clone(), ..Trials::default() };
        let mut seen = HashSet::new();
        let mut references: HashMap<(String, u64, Size), usize> = HashMap::new();
        let (mut broken, mut more) = (Vec::new(), 0);
        for number in 0..self.len() {
            let mut trial = match self.trial(number) {
                Ok(trial) => trial,
                Err(_) if broken.len() == MOST_BROKEN => {
                    more += 1;
                    continue;
                }
                Err(error) => {
                    let point = in_words(&self.point(number / self.instances()));
                    broken.push((number, point, error));
                    continue;
                }
            };
            if !seen.insert(trial.id.hash()) {
                found.duplicates += 1;
                continue;
            }
            let place = (trial.recipe.prompt.clone(), trial.seed, trial.recipe.size);
            trial.reference = match references.get(&place) {
                Some(place) => Some(*place),
                None => match self.reference(&trial).map_err(ExperimentError::Reference)? {
                    Some(reference) => {
                        found.references.push(reference);
                        references.insert(place, found.references.len() - 1);
                        Some(found.references.len() - 1)
                    }
                    None => None,
                },
            };
            found.trials.push(trial);
        }
        // Room for as many again is a lot where there are very many.
        found.trials.shrink_to_fit();
        if broken.is_empty() { Ok(found) } else { Err(ExperimentError::Broken { broken, more }) }
    }

    /// The swept values at a point.
    fn point(&self, point: usize) -> Vec<(Path, Value)> {
        let axes = &self.spec.axes;
        let mut left = point;
        // The last axis runs fastest: its share of the number is taken first.
        let mut places: Vec<usize> = axes
            .iter()
            .rev()
            .map(|axis| {
                let place = left % axis.len().max(1);
                left /= axis.len().max(1);
                place
            })
            .collect();
        places.reverse();
        let values = axes.iter().zip(places).enumerate().map(|(dimension, (axis, place))| {
            let values = match self.spec.method {
                Method::Grid => axis.at(place),
                Method::List | Method::Zip => axis.at(point),
                Method::Random { seed, .. } => {
                    let path = axis.columns.first().map(|column| column.path.to_string());
                    axis.quantile(uniform(seed, point, &path.unwrap_or_default()))
                }
                // These have no points of their own: generations hold them.
                Method::Search(_) | Method::Tune => Vec::new(),
                Method::Sobol { seed, .. } => {
                    let (point, dimension) = (point as u32, dimension as u32);
                    axis.quantile(f64::from(sobol_burley::sample(point, dimension, seed)))
                }
            };
            axis.columns.iter().map(|column| column.path.clone()).zip(values)
        });
        let mut point: Vec<(Path, Value)> = values.flatten().collect();
        point.shrink_to_fit();
        point
    }

    /// The prompt of that id, or that text.
    fn prompt_named(&self, name: &str) -> Prompt {
        let known = self.inputs.prompts.iter().find(|prompt| prompt.id == name);
        known.cloned().unwrap_or_else(|| unnamed(name))
    }

    fn recipe(
        &self,
        preset: &FrozenPreset,
        resolved: Resolved,
        prompt: String,
        seed: u64,
        size: Size,
    ) -> Result<Recipe, TrialError> {
        let inputs = &self.inputs;
        let model =
            ModelRef { name: inputs.model.clone(), fingerprint: Some(inputs.fingerprint.clone()) };
        // The name is a label for people: it must not stand over other steps.
        let same = resolved.steps == preset.steps && resolved.terminal == preset.terminal;
        let label = (same && preset.name != FREE).then(|| preset.name.clone());
        let mut steps = resolved.steps;
        steps.shrink_to_fit();
        let mut recipe = Recipe {
            version: recipe::VERSION,
            model,
            prompt,
            size,
            sigma_size: self.spec.sigma_size.filter(|sigma_size| *sigma_size != size),
            noise: NoiseSource::Seed { seed, rng: self.spec.rng },
            preset: label,
            steps,
            terminal: resolved.terminal,
            sampler: resolved.sampler,
            dtype: inputs.dtype,
            device: inputs.device,
            first_block_cache: resolved.first_block_cache,
            card: None,
        };
        // The sampler with its version and every parameter, as the worker fills it in: the
        // identity is known before the run.
        let (_, chosen) = recipe.check(&self.samplers)?;
        recipe.sampler = SamplerRef::of(&chosen.info, &chosen.params, chosen.file.as_ref());
        Ok(recipe)
    }
}

/// Steps of a reference that stands for the limit.
pub(super) const VERY_MANY: usize = 192;

/// The least multiple of the steps of a schedule that is at least [`VERY_MANY`], with gw as a
/// function of σ.
pub(super) fn very_many(
    steps: &[Step],
    size: Size,
    terminal: Terminal,
) -> Result<Vec<Step>, TrialError> {
    let preset = FrozenPreset { name: FREE.to_owned(), steps: steps.to_vec(), terminal }.preset();
    let count = VERY_MANY.div_ceil(steps.len().max(1)) * steps.len();
    let overrides = Overrides { num_steps: Some(count), ..Overrides::default() };
    let many = preset.with_overrides(&overrides).map_err(ResolveError::from)?;
    let (few, gw) = (levels_of(steps, size, terminal), steps.iter().map(|step| step.gw));
    let gw: Vec<f64> = gw.collect();
    let levels = levels_of(&many.steps.0, size, terminal);
    let with_gw = |(step, level): (&Step, &f64)| Step { gw: gw_at(&few, &gw, *level), ..*step };
    Ok(many.steps.iter().zip(&levels).map(with_gw).collect())
}

/// The swept values, as messages name a trial.
pub fn in_words(point: &[(Path, Value)]) -> String {
    let pairs: Vec<String> = point.iter().map(|(path, value)| format!("{path} {value}")).collect();
    pairs.join(", ")
}

/// A prompt without an id, called by its hash.
fn unnamed(text: &str) -> Prompt {
    let hash = blake3::hash(text.as_bytes()).to_hex();
    Prompt { id: hash.chars().take(8).collect(), text: text.to_owned() }
}

pub(super) fn identity(recipe: &Recipe) -> Result<TrialId, TrialError> {
    recipe.identity().map(TrialId).map_err(|error| TrialError::Json(error.to_string()))
}

/// A number in 0…1, below 1, that depends on nothing but its arguments: a parameter's draws do
/// not change when others are added.
pub(super) fn uniform(seed: u64, point: usize, path: &str) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&(point as u64).to_le_bytes());
    hasher.update(path.as_bytes());
    let bytes = hasher.finalize();
    let bits =
        bytes.as_bytes().iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    // The 53 bits that an f64 holds.
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
pub(crate) mod tests;
