//! What an experiment file names and does not hold: prompts of a file, presets, the checkpoint.
//! Frozen beside the file, so that a sweep goes on as it began whatever changes around it.

use super::spec::Prompt;
use serde::{Deserialize, Serialize};
use sigmalab_compute::{ComputeDtype, DeviceChoice};
use sigmalab_engine::recipe::SamplerRef;
use sigmalab_sampler::Samplers;
use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::{Preset, Step};
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;

/// The version this build writes.
pub const VERSION: u32 = 1;

/// Everything that trials depend on beside the experiment file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    pub version: u32,
    /// The checkpoint's name, as recipes hold it.
    pub model: String,
    pub fingerprint: String,
    /// Its own size.
    pub default_size: Size,
    pub dtype: ComputeDtype,
    pub device: DeviceChoice,
    pub prompts: Vec<Prompt>,
    /// The preset that trials start from.
    pub base: FrozenPreset,
    /// The preset of reference runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<FrozenPreset>,
    /// What a tune depends on beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tune: Option<FrozenTune>,
    /// The samplers that it names, with the hashes of plugins' files; `None` where a build froze it
    /// that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samplers: Option<Vec<FrozenSampler>>,
}

/// A sampler as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenSampler {
    pub id: String,
    pub version: String,
    /// The hash of its file, where it is a plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_hash: Option<String>,
}

impl FrozenSampler {
    /// The sampler of that name; `None` where there is none.
    pub fn of(id: &str, samplers: &Samplers) -> Option<Self> {
        let chosen = samplers.choose(id, &Default::default()).ok()?;
        Some(FrozenSampler {
            id: id.to_owned(),
            version: chosen.info.version.to_string(),
            file_hash: chosen.file.map(|file| file.hash.to_string()),
        })
    }
}

/// What a tune depends on beside its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenTune {
    /// Most evaluations of both networks.
    pub budget: u64,
    /// How often prompts of these were opened for a judgement before.
    pub opened: u64,
    /// The samplers that are tried.
    pub samplers: Vec<SamplerRef>,
    /// The presets that what is found is judged against.
    pub against: Vec<FrozenPreset>,
}

/// A preset as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenPreset {
    pub name: String,
    /// Its steps, sampling order.
    pub steps: Vec<Step>,
    /// Where the last step ends.
    pub terminal: Terminal,
}

impl From<&Preset> for FrozenPreset {
    fn from(preset: &Preset) -> Self {
        FrozenPreset {
            name: preset.name.clone(),
            steps: preset.steps.0.clone(),
            terminal: preset.terminal,
        }
    }
}

impl FrozenPreset {
    pub(super) fn preset(&self) -> Preset {
        Preset {
            name: self.name.clone(),
            description: None,
            steps: SamplingOrder(self.steps.clone()),
            terminal: self.terminal,
        }
    }
}

impl Inputs {
    /// What differs from `earlier`, in words; `None` where nothing does.
    pub fn difference(&self, earlier: &Inputs) -> Option<String> {
        let mut changed = Vec::new();
        let mut compare = |what: &str, differs: bool| {
            if differs {
                changed.push(what.to_owned());
            }
        };
        compare("the checkpoint's name", self.model != earlier.model);
        compare("the checkpoint's contents", self.fingerprint != earlier.fingerprint);
        compare("the checkpoint's own size", self.default_size != earlier.default_size);
        compare("the number format", self.dtype != earlier.dtype);
        compare("the device", self.device != earlier.device);
        compare("the prompts", self.prompts != earlier.prompts);
        compare(&format!("preset `{}`", self.base.name), self.base != earlier.base);
        compare("the reference preset", self.reference != earlier.reference);
        let tune = |inputs: &Inputs| inputs.tune.clone();
        let samplers = |inputs: &Inputs| tune(inputs).map(|tune| tune.samplers);
        let against = |inputs: &Inputs| tune(inputs).map(|tune| tune.against);
        let rest = |inputs: &Inputs| tune(inputs).map(|tune| (tune.budget, tune.opened));
        compare("the samplers to try", samplers(self) != samplers(earlier));
        compare("a preset that is judged against", against(self) != against(earlier));
        compare("the budget or the held-out prompts", rest(self) != rest(earlier));
        // Earlier builds did not say: nothing is known to differ.
        if let (Some(now), Some(before)) = (&self.samplers, &earlier.samplers) {
            let same = |sampler: &&FrozenSampler| {
                before.iter().all(|known| known.id != sampler.id || known == *sampler)
            };
            if let Some(sampler) = now.iter().find(|sampler| !same(sampler)) {
                compare(&format!("sampler `{}`", sampler.id), true);
            }
        }
        (!changed.is_empty()).then(|| changed.join(", "))
    }
}
