//! The sampler of a run, ready to take its steps: built in, or a plugin opened in this process.
//! For processes that may die of a plugin; what others know of plugins is in
//! [`sigmalab_sampler::Samplers`].

use super::recipe::{Recipe, RecipeError, SamplerRef};
use sigmalab_sampler::plugin::{Listing, Plugin, PluginSampler, Watch};
use sigmalab_sampler::{Choice, Sampler as _, Samplers};
use sigmalab_schedule::sigmas::Schedule;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a run has no sampler.
#[derive(Debug, thiserror::Error)]
pub enum SolverError {
    /// The recipe asks for what there is not.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The plugin cannot be used.
    #[error("sampler `{id}` cannot be used: `{}`: {problem}", path.display())]
    Plugin {
        /// The sampler that was asked for.
        id: String,
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The plugin does not take its parameters together.
    #[error("sampler `{id}` does not take these parameters: {problem}")]
    Params {
        /// The sampler.
        id: String,
        /// Why.
        problem: String,
    },
}

/// A sampler alone, without a run: see [`solver`].
pub(super) fn sampler(
    asked: &SamplerRef,
    plugin: Option<&Path>,
    watch: &Watch,
) -> Result<Choice, SolverError> {
    let unusable = |problem: String| SolverError::Plugin {
        id: asked.id.clone(),
        path: plugin.map(Path::to_owned).unwrap_or_default(),
        problem,
    };
    let wrong = |error| SolverError::Recipe(RecipeError::Sampler(error));
    let Some(path) = plugin else {
        let chosen = Samplers::built_in().choose(&asked.id, &asked.params).map_err(wrong)?;
        return chosen.built_in().ok_or_else(|| unusable("it is not built in".to_owned()));
    };
    let opened =
        PluginSampler::open(path, watch.clone()).map_err(|fault| unusable(fault.to_string()))?;
    let plugins = vec![Plugin { info: opened.info().clone(), file: opened.file(path) }];
    let samplers = Samplers::with(Listing { plugins, ..Listing::default() });
    let chosen = samplers.choose(&asked.id, &asked.params).map_err(wrong)?;
    opened.check(&chosen.params).map_err(unusable)?;
    Ok(chosen.taken_by(Arc::new(opened)))
}

/// The schedule of a recipe, fit to be run, and its sampler: the plugin in the file `plugin` where
/// one is given, as that file is now.
pub(super) fn solver(
    recipe: &Recipe,
    plugin: Option<&Path>,
    watch: &Watch,
) -> Result<(Schedule, Choice), SolverError> {
    let id = || recipe.sampler.id.clone();
    let Some(path) = plugin else {
        let (schedule, chosen) = recipe.check(&Samplers::built_in())?;
        let choice = chosen.built_in().ok_or_else(|| SolverError::Plugin {
            id: id(),
            path: PathBuf::new(),
            problem: "it is not built in".to_owned(),
        })?;
        let takes = choice.sampler.check(&choice.params);
        takes.map_err(|problem| SolverError::Params { id: id(), problem })?;
        return Ok((schedule, choice));
    };
    let unusable =
        |problem: String| SolverError::Plugin { id: id(), path: path.to_owned(), problem };
    let sampler =
        PluginSampler::open(path, watch.clone()).map_err(|fault| unusable(fault.to_string()))?;
    let info = sampler.info().clone();
    if info.id != recipe.sampler.id {
        return Err(unusable(format!("it holds sampler `{}` now", info.id)));
    }
    let plugins = vec![Plugin { info, file: sampler.file(path) }];
    let samplers = Samplers::with(Listing { plugins, ..Listing::default() });
    let (schedule, chosen) = recipe.check(&samplers)?;
    sampler.check(&chosen.params).map_err(|problem| SolverError::Params { id: id(), problem })?;
    Ok((schedule, chosen.taken_by(Arc::new(sampler))))
}
