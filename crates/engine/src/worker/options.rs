//! How workers are started.

use crate::memory_size::MemorySize;
use sigmalab_sampler::Samplers;
use std::path::PathBuf;
use std::time::Duration;

/// How workers are started.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// The program to start with the argument `worker`; this program when `None`.
    pub program: Option<PathBuf>,
    /// Compute threads, at most one a core; every core when `None`.
    pub threads: Option<usize>,
    /// Bytes the trajectory cache may hold; an eighth of the limit, else a quarter of the memory,
    /// when `None`.
    pub cache_bytes: Option<u64>,
    /// Memory the worker may take, the cache included: layers of a larger checkpoint are read
    /// from the disk when it is their turn. Most of the machine's when `None`.
    pub memory_limit: Option<MemorySize>,
    /// Cache folder of the worker, for what can be made again; the usual one when `None`.
    pub cache_folder: Option<PathBuf>,
    /// File to which what libraries print in the worker is appended; when `None` its beginning
    /// and end go to the caller's standard error, made harmless.
    pub log: Option<PathBuf>,
    /// The checkpoint that the user named: it is downloaded where it is not on this machine. Those
    /// that only recipes name are not.
    pub named_model: Option<String>,
    /// The samplers that recipes may name; the built-in ones by default.
    pub samplers: Samplers,
    /// How long code of a plugin may run in one step; [`DEFAULT_LIMIT`] when `None`.
    ///
    /// [`DEFAULT_LIMIT`]: sigmalab_sampler::plugin::DEFAULT_LIMIT
    pub plugin_limit: Option<Duration>,
}
