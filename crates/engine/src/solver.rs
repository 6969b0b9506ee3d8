//! The sampler of a run, ready to take its steps: built in, or a plugin opened in this process.
//! For processes that may die of a plugin; what others know of plugins is in
//! [`sigmalab_sampler::Samplers`].

use super::recipe::{Recipe, RecipeError, SamplerRef};
use sigmalab_sampler::plugin::{Listing, Plugin, PluginSampler, Watch};
use sigmalab_sampler::{Choice, Chosen, Sampler as _, Samplers};
use sigmalab_schedule::sigmas::Schedule;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a run has no sampler.
#[derive(Debug, thiserror::Error)]
pub enum SolverError {
    /// The recipe asks for what there is not.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error("sampler `{id}` cannot be used: `{}`: {problem}", path.display())]
    Plugin {
        /// The sampler that was asked for.
        id: String,
        path: PathBuf,
        problem: String,
    },
    #[error("sampler `{id}` does not take these parameters: {problem}")]
    Params { id: String, problem: String },
}

/// A sampler alone, without a run: the plugin in the file `plugin` where one is given, as that file
/// is now.
pub(super) fn sampler(
    wanted: &SamplerRef,
    plugin: Option<&Path>,
    watch: &Watch,
) -> Result<Choice, SolverError> {
    let source = Source::open(wanted, plugin, watch)?;
    let chosen = wanted.choose(&source.samplers)?;
    source.take(chosen)
}

/// The schedule of a recipe, fit to be run, and its sampler, found as by [`sampler`].
pub(super) fn solver(
    recipe: &Recipe,
    plugin: Option<&Path>,
    watch: &Watch,
) -> Result<(Schedule, Choice), SolverError> {
    let source = Source::open(&recipe.sampler, plugin, watch)?;
    let (schedule, chosen) = recipe.check(&source.samplers)?;
    Ok((schedule, source.take(chosen)?))
}

/// Where a sampler is looked for.
struct Source {
    id: String,
    samplers: Samplers,
    /// The plugin, where it is one.
    opened: Option<PluginSampler>,
}

impl Source {
    fn open(
        wanted: &SamplerRef,
        plugin: Option<&Path>,
        watch: &Watch,
    ) -> Result<Self, SolverError> {
        let id = wanted.id.clone();
        let Some(path) = plugin else {
            return Ok(Source { id, samplers: Samplers::built_in(), opened: None });
        };
        let unusable = |problem: String| SolverError::Plugin {
            id: id.clone(),
            path: path.to_owned(),
            problem,
        };
        let opened = PluginSampler::open(path, watch.clone())
            .map_err(|fault| unusable(fault.to_string()))?;
        let info = opened.info().clone();
        if info.id != id {
            return Err(unusable(format!("it holds sampler `{}` now", info.id)));
        }
        let plugins = vec![Plugin { info, file: opened.file(path) }];
        let samplers = Samplers::with(Listing { plugins, ..Listing::default() });
        Ok(Source { id, samplers, opened: Some(opened) })
    }

    /// The sampler that was chosen, if it takes its parameters together.
    fn take(self, chosen: Chosen) -> Result<Choice, SolverError> {
        let Source { id, opened, .. } = self;
        let choice = match opened {
            Some(opened) => chosen.taken_by(Arc::new(opened)),
            None => chosen.built_in().ok_or_else(|| SolverError::Plugin {
                id: id.clone(),
                path: PathBuf::new(),
                problem: "it is not built in".to_owned(),
            })?,
        };
        let takes = choice.sampler.check(&choice.params);
        takes.map_err(|problem| SolverError::Params { id, problem })?;
        Ok(choice)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sampler_alone_is_checked_as_that_of_a_run_is() {
        let alone = |wanted: &SamplerRef| sampler(wanted, None, &Watch::none());
        let euler = SamplerRef::named("euler");
        assert!(alone(&euler).is_ok());
        let other = SamplerRef { version: Some("0".to_owned()), ..euler.clone() };
        let told = alone(&other).err().unwrap().to_string();
        assert!(told.contains("version 0 of sampler `euler`"), "{told}");
        let params = [("eta".to_owned(), 1.0)].into();
        let told = alone(&SamplerRef { params, ..euler }).err().unwrap().to_string();
        assert!(told.contains("has no parameter `eta`"), "{told}");
    }
}
