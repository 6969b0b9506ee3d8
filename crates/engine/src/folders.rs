//! Where the engine keeps what outlives it: the platform's folders, or those that the
//! environment names. Creates nothing.

use etcetera::BaseStrategy as _;
use std::path::PathBuf;

/// Names the cache folder.
pub const CACHE_VARIABLE: &str = "SIGMALAB_CACHE";

/// What can be made again: `SIGMALAB_CACHE`, else `sigmalab` in the user's cache folder; `None`
/// where no home folder is known.
pub fn cache_folder() -> Option<PathBuf> {
    named(CACHE_VARIABLE)
        .or_else(|| Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("sigmalab")))
}

fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}
