//! The recipe: everything an image depends on, as one versioned JSON type, the same in PNG
//! files, histories, journals and tables.

use super::noise::NoiseSource;
use serde::{Deserialize, Serialize};
use sigmalab_compute::{ComputeDtype, DeviceChoice, ModelOptions};
use sigmalab_sampler::plugin::PluginFile;
use sigmalab_sampler::{Chosen, SamplerChoiceError, SamplerInfo, Samplers};
use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::sigmas::{Schedule, ScheduleError, Terminal};
use sigmalab_schedule::size::Size;
use std::collections::BTreeMap;

/// The version this build writes.
pub const VERSION: u32 = 1;

/// Everything an image depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub version: u32,
    pub model: ModelRef,
    /// The text passed to the text encoder, as it is.
    pub prompt: String,
    pub size: Size,
    /// The size whose resolution shift σ gets, where it is not `size`: a run at a small size with
    /// the noise levels of a larger one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma_size: Option<Size>,
    pub noise: NoiseSource,
    /// Name of the preset the steps came from; a label, not part of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Every step, sampling order.
    pub steps: Vec<Step>,
    /// Where the last step ends.
    pub terminal: Terminal,
    /// The sampler and its parameters.
    pub sampler: SamplerRef,
    pub dtype: ComputeDtype,
    pub device: DeviceChoice,
    /// How little what a network's first block adds may have changed, mean magnitude against mean
    /// magnitude, for its other blocks to be left out; absent where all are always computed. Above 0
    /// and at most 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_block_cache: Option<f64>,
    /// The GPU that they ran on and the version of its kernels, filled in by the run; a note, not
    /// part of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
}

/// A checkpoint by name and by content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRef {
    /// What `--model` says: `demo`, a folder, or a repository id.
    pub name: String,
    /// `Checkpoint::fingerprint`; absent in a request, filled in by the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// A sampler by name, version, file and parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplerRef {
    pub id: String,
    /// Version of its arithmetic; absent in a request, filled in by the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// BLAKE3 of the plugin's file, hexadecimal, where it is a plugin; absent in a request, filled
    /// in by the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_hash: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, f64>,
}

impl SamplerRef {
    /// The sampler `id` as it is today, with its defaults.
    pub fn named(id: impl Into<String>) -> Self {
        SamplerRef { id: id.into(), version: None, file_hash: None, params: BTreeMap::new() }
    }
}

/// Why a recipe cannot be run as it says.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecipeError {
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The sampler or a parameter does not exist.
    #[error(transparent)]
    Sampler(#[from] SamplerChoiceError),
    #[error(
        "the recipe has version {found}, and this build reads up to {VERSION}: update sigmalab"
    )]
    Version { found: u32 },
    #[error(
        "the recipe was made with checkpoint {expected} and `{name}` is checkpoint {found}: name \
         the right one with --model, or remove `fingerprint` from the recipe to try this one"
    )]
    Fingerprint { name: String, expected: String, found: String },
    #[error(
        "the recipe was made with version {expected} of sampler `{id}` and this is version \
         {found}: remove `version` from the recipe to try this one"
    )]
    SamplerVersion { id: String, expected: String, found: String },
    #[error(
        "the recipe was made with a plugin `{id}` whose file has hash {expected}, and {found}: \
         remove `file_hash` from the recipe to try this one"
    )]
    SamplerFile { id: String, expected: String, found: String },
    #[error(
        "sampler `{id}` cannot step to σ = 0: end the schedule at the reference's terminal σ, or \
         choose another sampler"
    )]
    SigmaZero { id: String },
    #[error(
        "the threshold of the first-block cache is {threshold:?}: it is above 0 and at most 1; 0.05 to \
         0.2 are usual"
    )]
    FirstBlockCache { threshold: f64 },
    /// Number format and device do not go together.
    #[error("{0}")]
    Options(String),
    #[error("the recipe's noise comes from a file: give it with --initial-noise")]
    NoiseMissing,
    #[error("the initial noise given is not the recipe's: its hash is {found}, not {expected}")]
    NoiseDiffers { expected: String, found: String },
    #[error(
        "the initial noise has {found} values and size {size} needs {expected}: give noise of \
         that size, or the size of the noise"
    )]
    NoiseLength { size: Size, expected: usize, found: usize },
    #[error("the initial noise contains values that are not finite, the first at {index}")]
    NoiseNotFinite { index: usize },
}

impl Recipe {
    /// Hash of everything that the image was asked to depend on: the identity of a trial. The preset's
    /// name is a label and does not count, nor does the card that the run was given.
    pub fn identity(&self) -> Result<String, serde_json::Error> {
        // The image's own size is what σ gets without being told.
        let sigma_size = self.sigma_size.filter(|size| *size != self.size);
        let mut anonymous = Recipe { preset: None, card: None, sigma_size, ..self.clone() };
        // −0 computes what 0 computes, and is the same text.
        let plain = |number: &mut f64| *number += 0.0;
        for step in &mut anonymous.steps {
            [&mut step.gw, &mut step.mu, &mut step.std].into_iter().for_each(plain);
        }
        anonymous.sampler.params.values_mut().for_each(plain);
        // Fields are written in declaration order and maps sorted, so equal recipes are equal
        // text.
        let text = serde_json::to_vec(&anonymous)?;
        Ok(blake3::hash(&text).to_hex().to_string())
    }

    /// Whether other runs may begin where this one has been, and it where they have: not with a
    /// first-block cache, whose velocities depend on all that were evaluated before them.
    pub fn shares_states(&self) -> bool {
        self.first_block_cache.is_none()
    }

    /// The size that shifts σ.
    pub fn schedule_size(&self) -> Size {
        self.sigma_size.unwrap_or(self.size)
    }

    /// What the recipe says of its own account, without a checkpoint: the schedule, fit to be
    /// run, and the sampler, one of `samplers`, with its parameters.
    pub fn check(&self, samplers: &Samplers) -> Result<(Schedule, Chosen), RecipeError> {
        if self.version > VERSION {
            return Err(RecipeError::Version { found: self.version });
        }
        let options = ModelOptions { dtype: self.dtype, device: self.device };
        if let Some(problem) = options.refusal() {
            return Err(RecipeError::Options(problem));
        }
        if let Some(threshold) = self.first_block_cache.filter(|of| !(*of > 0.0 && *of <= 1.0)) {
            return Err(RecipeError::FirstBlockCache { threshold });
        }
        let steps = SamplingOrder(self.steps.clone());
        let schedule = Schedule::new(steps, self.schedule_size(), self.terminal);
        schedule.check()?;
        let chosen = self.sampler.choose(samplers)?;
        if self.terminal == Terminal::Zero && !chosen.info.sigma_zero {
            return Err(RecipeError::SigmaZero { id: self.sampler.id.clone() });
        }
        Ok((schedule, chosen))
    }
}

impl SamplerRef {
    /// The sampler of `samplers` that is meant, with its parameters.
    pub fn choose(&self, samplers: &Samplers) -> Result<Chosen, RecipeError> {
        let chosen = samplers.choose(&self.id, &self.params)?;
        self.check(&chosen)?;
        Ok(chosen)
    }

    /// A sampler as recipes name it, with its version and every parameter.
    pub fn of(info: &SamplerInfo, params: &[f64], file: Option<&PluginFile>) -> Self {
        let params = info.params.iter().zip(params);
        SamplerRef {
            id: info.id.to_string(),
            version: Some(info.version.to_string()),
            file_hash: file.map(|file| file.hash.to_string()),
            params: params.map(|(param, value)| (param.key.to_string(), *value)).collect(),
        }
    }

    /// Whether `chosen` is what was meant, by version and by file.
    fn check(&self, chosen: &Chosen) -> Result<(), RecipeError> {
        let id = || self.id.clone();
        let found = &chosen.info.version;
        if let Some(expected) = self.version.as_ref().filter(|version| *version != found) {
            let (expected, found) = (expected.clone(), found.to_string());
            return Err(RecipeError::SamplerVersion { id: id(), expected, found });
        }
        let hash = chosen.file.as_ref().map(|file| file.hash.as_str());
        match &self.file_hash {
            // A sampler that was a plugin then and is built in now has the same arithmetic where
            // it has the same version.
            Some(_) if chosen.file.is_none() && self.version.is_some() => Ok(()),
            Some(expected) if hash != Some(expected) => {
                let found = match &chosen.file {
                    Some(file) => format!("`{}` has {}", file.path.display(), file.hash),
                    None => "it is built in now".to_owned(),
                };
                Err(RecipeError::SamplerFile { id: id(), expected: expected.clone(), found })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    fn recipe() -> Recipe {
        let text = r#"{"version":1,"model":{"name":"demo"},"prompt":"x",
            "size":{"width":256,"height":256},
            "noise":{"source":"seed","seed":7,"rng":"torch-cpu"},
            "steps":[{"gw":7.0,"mu":0.0,"std":1.75},{"gw":7.0,"mu":0.0,"std":1.75}],
            "terminal":"reference","sampler":{"id":"euler"},"dtype":"f32","device":"cpu"}"#;
        serde_json::from_str(text).unwrap()
    }

    fn at(sigma_size: Option<Size>) -> Recipe {
        Recipe { sigma_size, ..recipe() }
    }

    #[test]
    fn a_recipe_without_sigma_size_is_written_as_before_the_key_existed() {
        let text = serde_json::to_string(&recipe()).unwrap();
        assert!(!text.contains("sigma_size"), "{text}");
    }

    #[test]
    fn sigma_size_is_part_of_the_identity_unless_it_is_the_size() {
        let plain = recipe().identity().unwrap();
        assert_ne!(at(Some(Size::SQUARE)).identity().unwrap(), plain);
        assert_eq!(at(Some(recipe().size)).identity().unwrap(), plain);
    }

    #[test]
    fn bytes_on_an_accelerator_are_refused_before_anything_is_loaded() {
        let device = DeviceChoice::Cuda(0);
        let recipe = Recipe { dtype: ComputeDtype::Int8, device, ..recipe() };
        let error = recipe.check(&Samplers::built_in()).unwrap_err();
        assert!(error.to_string().contains("int8"), "{error}");
    }

    #[test]
    fn the_card_is_a_note_that_is_written_only_where_there_is_one() {
        assert!(!serde_json::to_string(&recipe()).unwrap().contains("card"));
        let noted = Recipe { card: Some("A card, kernels 1".to_owned()), ..recipe() };
        assert!(serde_json::to_string(&noted).unwrap().contains("A card, kernels 1"));
        assert_eq!(noted.identity().unwrap(), recipe().identity().unwrap());
    }

    #[test]
    fn a_first_block_cache_is_part_of_the_identity_and_written_only_where_there_is_one() {
        let with = |threshold| Recipe { first_block_cache: threshold, ..recipe() };
        assert!(!serde_json::to_string(&with(None)).unwrap().contains("first_block_cache"));
        let identities = [None, Some(0.05), Some(0.1)].map(|of| with(of).identity().unwrap());
        assert!(identities[0] != identities[1] && identities[1] != identities[2]);
        for threshold in [0.0, -0.1, 1.5, f64::NAN, f64::INFINITY] {
            let error = with(Some(threshold)).check(&Samplers::built_in()).unwrap_err().to_string();
            assert!(error.contains("above 0 and at most 1"), "{error}");
        }
        assert!(with(Some(1.0)).check(&Samplers::built_in()).is_ok());
    }

    #[test]
    fn a_zero_has_one_identity_whatever_its_sign() {
        let with = |zero: f64| {
            let mut recipe = recipe();
            recipe.steps[0] = Step { gw: zero, mu: zero, std: 1.0 };
            recipe.sampler.params.insert("eta".to_owned(), zero);
            recipe.identity().unwrap()
        };
        assert_eq!(with(0.0), with(-0.0));
        assert_ne!(with(0.0), with(0.5));
    }

    proptest! {
        #[test]
        fn a_small_run_has_the_sigmas_of_the_size_it_stands_for(
            columns in 16_u32..=128, rows in 32_u32..=96,
        ) {
            let target = Size::new(columns * 16, rows * 16);
            prop_assume!(target.is_ok());
            let target = target.unwrap();
            let proxy = at(Some(target));
            let large = Recipe { size: target, ..recipe() };
            let schedule = |recipe: Recipe| recipe.check(&Samplers::built_in()).unwrap().0;
            let (proxy, large) = (schedule(proxy), schedule(large));
            prop_assert_eq!(proxy.sigmas(), large.sigmas());
        }
    }
}
