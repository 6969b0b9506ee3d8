//! What a worker keeps between runs, a loaded model, encoded prompts and the trajectory cache,
//! and the way of one request through it: recipe → schedule → model → loop → image. It knows
//! nothing of processes and pipes.

mod error;

pub use error::SessionError;

use super::denoise::{DenoiseError, Denoised, Denoising, Progress, denoise};
use super::event::Event;
use super::first_block::FirstBlockCached;
use super::memory::{self, MemoryBudget};
use super::memory_size::MemorySize;
use super::network::{CHANNELS, grid};
use super::noise::{self, NoiseSource};
use super::preview::{self, Fit, FitStore, LatentRgb, Pace};
use super::recipe::{ModelRef, Recipe, RecipeError, SamplerRef};
use super::request::{RunGram, RunOutput, RunRequest, Timings};
use super::solver::{self, solver};
use super::state_key::StateKey;
use super::trajectory::TrajectoryCache;
use super::weigh::weigh;
use sigmalab_compute::{CancelToken, ModelOptions};
use sigmalab_image::RgbImage;
use sigmalab_model::source::{NamedBy, open_unless};
use sigmalab_model::{Decoded, DeviceRoom, Model, ModelError, PromptFeatures, profile};
use sigmalab_sampler::Choice;
use sigmalab_sampler::plugin::Watch;
use sigmalab_schedule::sigmas::Schedule;
use sigmalab_schedule::size::{SHORTEST_SIDE, Size};
use sigmalab_tune::gram::{Basis, Gram};
use sigmalab_tune::weights::{Stencil, Weights};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Encoded prompts kept, newest last. A prompt of 300 tokens takes about 6 MB.
const PROMPTS_KEPT: usize = 16;

/// A worker's memory.
pub struct Session {
    loaded: Option<Loaded>,
    cache: TrajectoryCache,
    fits: FitStore,
    watch: Watch,
    memory: MemoryBudget,
}

struct Loaded {
    name: String,
    options: ModelOptions,
    fingerprint: String,
    model: Model,
    prompts: Vec<(String, Arc<PromptFeatures>)>,
    /// What drafts are made with; read from disk with the first run that asks for drafts.
    fit: Option<Fit>,
    /// The file of a fit that came with the checkpoint.
    own_fit: Option<Vec<u8>>,
}

impl Session {
    /// An empty session that takes so much memory, which keeps what drafts are made with in
    /// `fits`, and whose plugins `watch` watches.
    pub fn new(memory: MemoryBudget, fits: FitStore, watch: Watch) -> Self {
        Session { loaded: None, cache: TrajectoryCache::new(memory.cache), fits, watch, memory }
    }

    /// Makes one image. Its sampler is the plugin in the file `plugin`, where one is given.
    /// `named` says who named its checkpoint. `on_event` is told of everything on the way.
    pub fn run(
        &mut self,
        request: &RunRequest,
        plugin: Option<&Path>,
        named: &NamedBy,
        cancel: &CancelToken,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<RunOutput, SessionError> {
        memory::forget_peak();
        // Everything cheap is checked before anything heavy starts.
        let recipe = &request.recipe;
        let (schedule, sampler) = solver(recipe, plugin, &self.watch)?;
        check_nodes(request)?;
        let noise = initial_noise(request)?;

        let mut timings = Timings::default();
        let started = Instant::now();
        let fits = self.fits.clone();
        let budget = self.memory;
        let (loaded, cache) = self.load(recipe, named, cancel, on_event)?;
        check_memory(budget, &loaded.model, recipe)?;
        timings.load_ms = milliseconds(started);
        on_event(Event::Loaded { ms: timings.load_ms });
        let recipe = loaded.filled_in(recipe, &sampler)?;
        if cancel.is_cancelled() {
            return Err(SessionError::Cancelled);
        }

        let started = Instant::now();
        let (prompt, cached) = loaded.encode(&recipe.prompt)?;
        timings.encode_ms = milliseconds(started);
        let tokens = prompt.tokens();
        on_event(Event::Encoded { tokens, ms: timings.encode_ms, cached });

        if request.previews && loaded.fit.is_none() {
            loaded.fit = Some(loaded.first_fit(&fits));
        }
        let started = Instant::now();
        let (weights, hash) = (loaded.weights(&recipe), noise::fingerprint(&noise));
        let keys = StateKey::of_recipe(&recipe, (&sampler).into(), &schedule, &weights, &hash);
        let task = Denoising {
            network: &loaded.model,
            prompt: prompt.as_ref(),
            size: recipe.size,
            schedule: &schedule,
            sampler: &sampler,
            noise: &noise,
            seed: recipe.noise.sampler_seed(),
            keys: &keys,
            noise_key: StateKey::of_noise(&recipe, &schedule, &weights, &hash),
            whole: request.wanted.gram.is_some(),
        };
        let mut drafts = Drafts {
            map: loaded.fit.as_ref().filter(|_| request.previews).and_then(Fit::solve),
            size: recipe.size,
            started,
            pace: Pace::default(),
        };
        let mut on_progress = |progress: Progress<'_>| match progress {
            Progress::Step(report) => on_event(Event::Step(report)),
            Progress::Estimate { step, steps, clean } => {
                drafts.estimate(step, step + 1 == steps, clean, on_event);
            }
        };
        let threshold = recipe.first_block_cache;
        let denoised = denoise_by(task, threshold, cache, cancel, &mut on_progress)?;
        timings.denoise_ms = milliseconds(started);
        if cancel.is_cancelled() {
            return Err(SessionError::Cancelled);
        }

        let gram = request.wanted.gram.and_then(|every| run_gram(&denoised, &schedule, every));

        let started = Instant::now();
        let Decoded { image, clip_fraction } =
            loaded.decode(request, &denoised.latents, recipe.size)?;
        timings.decode_ms = if request.wanted.picture { milliseconds(started) } else { 0.0 };
        on_event(Event::Decoded {
            ms: timings.decode_ms,
            profile: profile::take(),
            peak_device_bytes: loaded.model.take_peak_device_bytes(),
        });
        if request.previews && request.wanted.picture {
            loaded.learn(&denoised.latents, recipe.size, &image, &fits);
        }

        let (latents, nfe) = (denoised.latents.to_vec(), denoised.nfe);
        let peak_memory = memory::peak_bytes();
        Ok(RunOutput {
            recipe,
            image,
            noise,
            latents,
            nfe,
            timings,
            clip_fraction,
            peak_memory,
            gram,
        })
    }

    /// The weights of a solver's steps, see `weigh.rs`.
    pub fn weigh(
        &mut self,
        wanted: &SamplerRef,
        plugin: Option<&Path>,
        stencils: &[Stencil],
    ) -> Result<Option<Vec<Weights>>, SessionError> {
        let choice = solver::sampler(wanted, plugin, &self.watch)?;
        weigh(&choice, stencils)
            .map_err(|error| SessionError::Weigh { id: wanted.id.clone(), error })
    }

    fn load(
        &mut self,
        recipe: &Recipe,
        named: &NamedBy,
        cancel: &CancelToken,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(&mut Loaded, &mut TrajectoryCache), SessionError> {
        let options = ModelOptions { dtype: recipe.dtype, device: recipe.device };
        let kept = self
            .loaded
            .take()
            .filter(|loaded| loaded.name == recipe.model.name && loaded.options == options)
            .filter(|loaded| loaded.model.has_room_for(grid(recipe.size)));
        let loaded = match kept {
            Some(loaded) => loaded,
            None => {
                let mut progress = |progress| on_event(Event::Loading(progress));
                let checkpoint = open_unless(cancel, &recipe.model.name, named, &mut progress)?;
                if cancel.is_cancelled() {
                    return Err(SessionError::Cancelled);
                }
                // Before it is said which weights stay: this reads a little of all.
                let fingerprint = checkpoint.fingerprint();
                let own_fit = checkpoint.latent_rgb();
                let limit = self.memory.limit.map(|limit| limit.0);
                let room = DeviceRoom { limit, grid: Some(grid(recipe.size)) };
                let mut model = Model::load_within(&checkpoint, options, room, &mut progress)?;
                if let Some(bytes) = self.memory.model {
                    model.set_memory_limit(bytes);
                }
                Loaded {
                    name: recipe.model.name.clone(),
                    options,
                    fingerprint,
                    model,
                    prompts: Vec::new(),
                    fit: None,
                    own_fit,
                }
            }
        };
        Ok((self.loaded.insert(loaded), &mut self.cache))
    }
}

/// Denoises with the first-block cache of that threshold, where there is one.
fn denoise_by(
    task: Denoising<'_, Model>,
    threshold: Option<f64>,
    cache: &mut TrajectoryCache,
    cancel: &CancelToken,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Denoised, DenoiseError<ModelError>> {
    let Some(threshold) = threshold else { return denoise(&task, cache, cancel, on_progress) };
    // From the noise on, and for no other run: see `Recipe::shares_states`.
    let network = FirstBlockCached::new(task.network, threshold);
    let unshared = &mut TrajectoryCache::new(0);
    denoise(&task.over(&network), unshared, cancel, on_progress)
}

/// Refuses a limit that cannot be held while an image is made.
fn check_memory(budget: MemoryBudget, model: &Model, recipe: &Recipe) -> Result<(), SessionError> {
    let Some(limit) = budget.limit else { return Ok(()) };
    let (size, cached) = (recipe.size, recipe.first_block_cache.is_some());
    let least = model.least_memory(grid(size), cached).saturating_add(budget.cache);
    let least = MemorySize(least);
    let cache = MemorySize(budget.cache);
    if least <= limit {
        return Ok(());
    }
    Err(SessionError::MemoryLimit { limit, size, least, cache })
}

impl Loaded {
    /// The fit kept of this checkpoint, else its own, else a first one: noise decoded once, at the
    /// smallest size.
    fn first_fit(&self, fits: &FitStore) -> Fit {
        let own = || self.own_fit.as_deref().and_then(Fit::parse);
        if let Some(fit) = fits.load(&self.fingerprint).or_else(own) {
            return fit;
        }
        let mut fit = Fit::default();
        let Ok(size) = Size::new(SHORTEST_SIDE, SHORTEST_SIDE) else { return fit };
        let latents = preview::noise(size);
        // A decoder that fails here fails at the end of the run too, and says why there.
        if let Ok(image) = self.model.decode(&latents, grid(size)) {
            fit.add(&latents, size, &image);
        }
        fit
    }

    /// A recipe with what it is run by: this checkpoint, a sampler and a card.
    fn filled_in(&self, recipe: &Recipe, sampler: &Choice) -> Result<Recipe, RecipeError> {
        Ok(Recipe {
            model: resolve_model(&recipe.model, &self.fingerprint)?,
            sampler: SamplerRef::of(sampler.sampler.info(), &sampler.params, sampler.file.as_ref()),
            card: self.model.card(),
            ..recipe.clone()
        })
    }

    /// What a run takes for these weights: on another card, or by other kernels, the same ones give
    /// other bits.
    fn weights(&self, recipe: &Recipe) -> String {
        match &recipe.card {
            Some(card) => format!("{} {card}", self.fingerprint),
            None => self.fingerprint.clone(),
        }
    }

    /// The picture, empty where none is wanted.
    fn decode(
        &self,
        request: &RunRequest,
        latents: &[f32],
        size: Size,
    ) -> Result<Decoded, ModelError> {
        if request.wanted.picture {
            return self.model.decode_measured(latents, grid(size));
        }
        let image = RgbImage { width: 0, height: 0, pixels: Vec::new() };
        Ok(Decoded { image, clip_fraction: 0.0 })
    }

    /// Drafts become better with each picture, until there are enough of them.
    fn learn(&mut self, latents: &[f32], size: Size, image: &RgbImage, fits: &FitStore) {
        if let Some(fit) = self.fit.as_mut().filter(|fit| !fit.is_enough()) {
            fit.add(latents, size, image);
            // Without the file the next worker starts anew: no reason to lose an image.
            let _ = fits.save(&self.fingerprint, fit);
        }
    }

    /// The features of a prompt, and whether they were known.
    fn encode(&mut self, prompt: &str) -> Result<(Arc<PromptFeatures>, bool), ModelError> {
        if let Some(index) = self.prompts.iter().position(|(text, _)| text == prompt) {
            let known = self.prompts.remove(index);
            let features = known.1.clone();
            self.prompts.push(known);
            return Ok((features, true));
        }
        let features = Arc::new(self.model.encode(prompt)?);
        if self.prompts.len() == PROMPTS_KEPT {
            self.prompts.remove(0);
        }
        self.prompts.push((prompt.to_owned(), features.clone()));
        Ok((features, false))
    }
}

/// The drafts of one run.
struct Drafts {
    /// `None` where nobody wants them.
    map: Option<LatentRgb>,
    size: Size,
    started: Instant,
    pace: Pace,
}

impl Drafts {
    /// Sends a draft of the estimate `clean` of the clean latents, if one is due.
    fn estimate(
        &mut self,
        step: usize,
        last_step: bool,
        clean: &[f32],
        on_event: &mut dyn FnMut(Event),
    ) {
        let started = self.started.elapsed();
        let Some(map) = self.map.as_ref().filter(|_| self.pace.is_due(started, last_step)) else {
            return;
        };
        on_event(Event::Preview { step, image: map.draft(clean, self.size) });
        self.pace.drafted(started, self.started.elapsed());
    }
}

fn milliseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

fn resolve_model(wanted: &ModelRef, fingerprint: &str) -> Result<ModelRef, RecipeError> {
    match &wanted.fingerprint {
        Some(expected) if expected != fingerprint => Err(RecipeError::Fingerprint {
            name: wanted.name.clone(),
            expected: expected.clone(),
            found: fingerprint.to_owned(),
        }),
        _ => Ok(ModelRef { fingerprint: Some(fingerprint.to_owned()), ..wanted.clone() }),
    }
}

fn initial_noise(request: &RunRequest) -> Result<Vec<f32>, RecipeError> {
    let size = request.recipe.size;
    let len = size.tokens() * CHANNELS;
    match &request.recipe.noise {
        NoiseSource::Seed { seed, rng } => Ok(rng.standard_normal(*seed, len)),
        NoiseSource::File { blake3 } => {
            let noise = request.noise.as_ref().ok_or(RecipeError::NoiseMissing)?;
            if noise.len() != len {
                let found = noise.len();
                return Err(RecipeError::NoiseLength { size, expected: len, found });
            }
            if let Some(index) = noise.iter().position(|value| !value.is_finite()) {
                return Err(RecipeError::NoiseNotFinite { index });
            }
            let found = noise::fingerprint(noise);
            if found != *blake3 {
                return Err(RecipeError::NoiseDiffers { expected: blake3.clone(), found });
            }
            Ok(noise.clone())
        }
    }
}

/// Nodes of a Gram matrix are a whole number of steps apart.
fn check_nodes(request: &RunRequest) -> Result<(), SessionError> {
    let steps = request.recipe.steps.len();
    let refused = |every: &usize| *every == 0 || !steps.is_multiple_of(*every);
    match request.wanted.gram.filter(refused) {
        Some(every) => Err(SessionError::Nodes { steps, every }),
        None => Ok(()),
    }
}

/// The Gram matrix of a run at every so many of its steps. At every one of them the states are
/// sums of the velocities, and one is enough.
fn run_gram(denoised: &Denoised, schedule: &Schedule, every: usize) -> Option<RunGram> {
    let nodes: Vec<_> = denoised.nodes.iter().step_by(every).collect();
    let sigmas: Vec<f64> = schedule.sigmas().iter().step_by(every).map(|sigma| sigma.0).collect();
    let gw: Vec<f64> = schedule.steps().iter().step_by(every).map(|step| step.gw).collect();
    let absent = vec![0.0; denoised.latents.len()];
    let states = nodes.iter().map(|node| node.x.as_ref()).chain([denoised.latents.as_ref()]);
    let (basis, kept) =
        if every == 1 { (Basis::Velocities, 1) } else { (Basis::States, nodes.len() + 1) };
    let vectors: Vec<&[f32]> = states
        .take(kept)
        .chain(nodes.iter().map(|node| node.v_cond.as_ref()))
        .chain(nodes.iter().map(|node| node.v_uncond.as_deref().unwrap_or(&absent)))
        .collect();
    let fits = nodes.len() == gw.len() && sigmas.len() == gw.len() + 1;
    fits.then(|| RunGram { basis, sigmas, gw, gram: Gram::of(&vectors) })
}
