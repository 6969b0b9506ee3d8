//! Which samplers there are, and choosing one with its parameters by name. It knows plugins by
//! what was found out about their files; it opens none.

use super::euler::Euler;
use super::info::{SamplerInfo, ValueError};
use super::plugin::{Listing, PluginFile, PluginSampler};
use super::solver::Sampler;
use sigmalab_schedule::nearest::nearest;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// A sampler that can take steps, with the values of its parameters.
#[derive(Clone)]
pub struct Choice {
    pub sampler: Arc<dyn Sampler>,
    /// Values in the order of its parameters.
    pub params: Vec<f64>,
    /// The plugin's file; `None` where it is built in.
    pub file: Option<PluginFile>,
}

/// A sampler by what is known of it, with the values of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    pub info: SamplerInfo,
    /// Values in the order of its parameters.
    pub params: Vec<f64>,
    /// The plugin's file; `None` where it is built in.
    pub file: Option<PluginFile>,
}

impl Chosen {
    /// The sampler itself, where it is built in.
    pub fn built_in(&self) -> Option<Choice> {
        let sampler = BUILT_IN.iter().find(|(info, _)| *info == self.info && self.file.is_none());
        sampler.map(|(_, sampler)| self.taken_by(Arc::clone(sampler)))
    }

    /// The choice, its steps to be taken by `sampler`.
    pub fn taken_by(&self, sampler: Arc<dyn Sampler>) -> Choice {
        Choice { sampler, params: self.params.clone(), file: self.file.clone() }
    }
}

/// Why a sampler or a parameter is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SamplerChoiceError {
    #[error("there is no sampler `{name}`{}; the samplers are {available}", meant(.nearest))]
    Unknown { name: String, nearest: Option<String>, available: String },
    #[error("sampler `{name}` cannot be used: {problem}")]
    Unusable { name: String, problem: String },
    #[error("sampler `{sampler}` has no parameter `{key}`; it has {available}")]
    UnknownParam { sampler: String, key: String, available: String },
    /// The parameter does not take the value.
    #[error("`{key}` of sampler `{sampler}` {problem}")]
    Value { sampler: String, key: String, problem: ValueError },
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(": did you mean `{name}`?")).unwrap_or_default()
}

/// The samplers that are part of the program.
static BUILT_IN: LazyLock<Vec<(SamplerInfo, Arc<dyn Sampler>)>> = LazyLock::new(|| {
    let euler: Arc<dyn Sampler> = Arc::new(Euler);
    let shipped = PluginSampler::built_in().map(|sampler| Arc::new(sampler) as Arc<dyn Sampler>);
    std::iter::once(euler).chain(shipped).map(|sampler| (sampler.info().clone(), sampler)).collect()
});

/// Whether a sampler of that id is part of the program.
pub fn is_built_in(id: &str) -> bool {
    built_in(id).is_some()
}

/// What the sampler of that id is which is part of the program.
pub(super) fn built_in(id: &str) -> Option<&'static SamplerInfo> {
    BUILT_IN.iter().map(|(info, _)| info).find(|info| info.id == id)
}

/// Every sampler that can be named: the built-in ones and the plugins that were found. Cheap to
/// clone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samplers {
    plugins: Arc<Listing>,
}

impl Samplers {
    pub fn built_in() -> Self {
        Samplers::default()
    }

    /// The built-in ones and these plugins.
    pub fn with(plugins: Listing) -> Self {
        Samplers { plugins: Arc::new(plugins) }
    }

    /// The plugins, and the files that are none or cannot be used.
    pub fn plugins(&self) -> &Listing {
        &self.plugins
    }

    /// What every sampler is, and the file of those that are plugins: built-in ones first,
    /// plugins by id.
    pub fn all(&self) -> impl Iterator<Item = (&SamplerInfo, Option<&PluginFile>)> {
        let built_in = BUILT_IN.iter().map(|(info, _)| (info, None));
        built_in.chain(self.plugins.plugins.iter().map(|plugin| (&plugin.info, Some(&plugin.file))))
    }

    /// What the sampler `id` is.
    pub fn info(&self, id: &str) -> Result<&SamplerInfo, SamplerChoiceError> {
        self.find(id).map(|(info, _)| info)
    }

    fn find(&self, id: &str) -> Result<(&SamplerInfo, Option<&PluginFile>), SamplerChoiceError> {
        let name = || id.to_owned();
        if let Some(found) = self.all().find(|(info, _)| info.id == id) {
            return Ok(found);
        }
        let problem =
            self.plugins.problems.iter().find(|problem| problem.id.as_deref() == Some(id));
        if let Some(problem) = problem {
            return Err(SamplerChoiceError::Unusable {
                name: name(),
                problem: problem.to_string(),
            });
        }
        let ids = || self.all().map(|(info, _)| info.id.as_ref());
        Err(SamplerChoiceError::Unknown {
            name: name(),
            nearest: nearest(id, ids()).first().map(|&id| id.to_owned()),
            available: list(ids()),
        })
    }

    /// The sampler `id` with `params`, defaults filled in.
    pub fn choose(
        &self,
        id: &str,
        params: &BTreeMap<String, f64>,
    ) -> Result<Chosen, SamplerChoiceError> {
        let (info, file) = self.find(id)?;
        for (key, &value) in params {
            let param = param(info, key)?;
            param.check(value).map_err(|problem| wrong_value(info, key, problem))?;
        }
        let value = |key: &str, default| params.get(key).copied().unwrap_or(default);
        let params = info.params.iter().map(|param| value(&param.key, param.default)).collect();
        Ok(Chosen { info: info.clone(), params, file: file.cloned() })
    }

    /// The value of parameter `key` of sampler `id` that `text` writes: a number, the name of a
    /// choice, `on` or `off`.
    pub fn read_value(&self, id: &str, key: &str, text: &str) -> Result<f64, SamplerChoiceError> {
        let info = self.info(id)?;
        param(info, key)?.parse(text).map_err(|problem| wrong_value(info, key, problem))
    }
}

fn param<'a>(info: &'a SamplerInfo, key: &str) -> Result<&'a super::Param, SamplerChoiceError> {
    info.params.iter().find(|param| param.key == key).ok_or_else(|| {
        SamplerChoiceError::UnknownParam {
            sampler: info.id.to_string(),
            key: key.to_owned(),
            available: list(info.params.iter().map(|param| param.key.as_ref())),
        }
    })
}

fn wrong_value(info: &SamplerInfo, key: &str, problem: ValueError) -> SamplerChoiceError {
    SamplerChoiceError::Value { sampler: info.id.to_string(), key: key.to_owned(), problem }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_sampler_that_ships_is_part_of_the_program_under_its_id() {
        let ids: Vec<&str> = BUILT_IN.iter().map(|(info, _)| info.id.as_ref()).collect();
        let shipped = sigmalab_samplers::ENTRIES.iter().map(|(id, _)| *id);
        assert_eq!(ids, std::iter::once("euler").chain(shipped).collect::<Vec<_>>());
        for id in ids {
            let chosen = Samplers::built_in().choose(id, &BTreeMap::new()).unwrap();
            assert_eq!(chosen.built_in().unwrap().sampler.info().id, id);
        }
    }
}
