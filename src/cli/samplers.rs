//! The samplers that commands may name: the built-in ones, and the plugins on the search path that the
//! environment gives.

use sigmalab::history::data_folder;
use sigmalab_engine::folders::cache_folder;
use sigmalab_sampler::plugin::{
    DEFAULT_SILENCE, Discovery, Effort, PATH_VARIABLE, SearchPath, TRUST_VARIABLE, Trust, discover,
};
use sigmalab_sampler::{Samplers, is_built_in};
use std::path::PathBuf;

/// Where and how plugins are found.
pub(crate) fn discovery() -> Discovery {
    let own = std::env::current_exe().unwrap_or_default();
    let mut search_path = SearchPath::default().beside(&own);
    if let Some(variable) = std::env::var_os(PATH_VARIABLE) {
        search_path = search_path.named(&variable);
    }
    if let Some(data) = data_folder() {
        search_path = search_path.in_data_folder(&data);
    }
    // Stays the running program even when its file was replaced by a newer build.
    let program = if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { own };
    let mut trust = Trust::default();
    if let Some(variable) = std::env::var_os(TRUST_VARIABLE) {
        trust = trust.meaning(&variable);
    }
    Discovery { search_path, trust, program, cache: cache_folder(), limit: DEFAULT_SILENCE }
}

/// The samplers among which `id` is to be found. Built-in ones need no look at files.
pub(crate) fn samplers_for(id: &str) -> Samplers {
    if is_built_in(id) { Samplers::built_in() } else { every_sampler() }
}

pub(crate) fn every_sampler() -> Samplers {
    Samplers::with(discover(&discovery(), Effort::Normal))
}
