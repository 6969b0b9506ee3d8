//! From an experiment and a number to a trial: a stateless function, so that any trial can be
//! made anywhere. A trial's identity is the hash of its resolved recipe, not its number.

mod error;
mod point;
mod reference;

pub use error::{ExperimentError, TrialError};
pub(super) use point::uniform;
pub use reference::Reference;
pub(super) use reference::{VERY_MANY, very_many};

use super::directory::{COPY, DirectoryError, RunDirectory};
use super::generation::{Candidate, Instance, Proposal};
use super::inputs::{FrozenPreset, FrozenSampler, Inputs};
use super::resolve::{Resolved, resolve};
use super::spec::{MOST_TRIALS, Path, PathError, Prompt, Spec, Value};
use sigmalab_engine::noise::NoiseSource;
use sigmalab_engine::recipe::{self, ModelRef, Recipe, SamplerRef};
use sigmalab_sampler::Samplers;
use sigmalab_schedule::free::FREE;
use sigmalab_schedule::size::Size;
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
    /// Its reference run, by index in [`Trials::references`].
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
                let index = instance / self.seeds() % self.sizes();
                self.spec.sizes.get(index).copied().unwrap_or(self.inputs.default_size)
            }
        };
        let prompt = match swept(&Path::Prompt) {
            Some((_, value)) => self.prompt_named(&value.to_string()),
            None => {
                let index = instance / self.seeds() / self.sizes();
                self.inputs.prompts.get(index).cloned().unwrap_or_else(|| unnamed(""))
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
            let instance = (trial.recipe.prompt.clone(), trial.seed, trial.recipe.size);
            trial.reference = match references.get(&instance) {
                Some(index) => Some(*index),
                None => match self.reference(&trial).map_err(ExperimentError::Reference)? {
                    Some(reference) => {
                        found.references.push(reference);
                        references.insert(instance, found.references.len() - 1);
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

#[cfg(test)]
pub(crate) mod tests;
