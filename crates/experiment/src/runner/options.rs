//! How a sweep is run, as its caller wants it.

use sigmalab_engine::memory_size::MemorySize;
use std::path::PathBuf;

/// How a sweep is run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// The program of the worker; this program when `None`.
    pub program: Option<PathBuf>,
    /// Compute threads; every core when `None`.
    pub threads: Option<usize>,
    /// Memory a worker may take; most of the machine's when `None`.
    pub memory_limit: Option<MemorySize>,
    /// Bytes of the trajectory cache; the usual share of the memory, or what the plan needs
    /// where that is more, when `None`.
    pub cache_bytes: Option<u64>,
    /// Which share of the sweep is this process's.
    pub shard: Option<Shard>,
    /// Whether trials that have failed before are run once more.
    pub retry_failed: bool,
    /// Whether this process is one of many that somebody else starts and ends: it leaves where
    /// nothing can be taken, and what this machine is at fault for is no trial's result.
    pub is_worker: bool,
    /// File in which it is noted that held-out prompts of a tune were opened.
    pub openings: Option<PathBuf>,
}

/// One of several equal shares of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 0.
    pub index: usize,
    /// How many there are, at least 1.
    pub count: usize,
}
