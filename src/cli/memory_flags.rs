//! `--memory-limit` and `SIGMALAB_MEMORY_LIMIT`.

use super::failure::Failure;
use clap::Args;
use sigmalab_engine::memory_size::{MemorySize, MemorySizeError};

/// The environment variable behind `--memory-limit`.
const VARIABLE: &str = "SIGMALAB_MEMORY_LIMIT";

/// The flag that limits a worker's memory.
#[derive(Debug, Args)]
pub(crate) struct MemoryFlags {
    /// Memory that model and cache may take, such as 12GiB or 900M: of a larger checkpoint, layers
    /// are read from the disk when it is their turn [default: $SIGMALAB_MEMORY_LIMIT, else seven
    /// eighths of the memory]
    #[arg(long, value_name = "SIZE", value_parser = checked, help_heading = "Model")]
    memory_limit: Option<String>,
}

fn checked(text: &str) -> Result<String, MemorySizeError> {
    text.parse::<MemorySize>().map(|_| text.to_owned())
}

impl MemoryFlags {
    /// What the flag says, as it was written.
    pub(crate) fn given(&self) -> Option<&str> {
        self.memory_limit.as_deref()
    }

    /// The limit: the flag's, else the environment's.
    pub(crate) fn limit(&self) -> Result<Option<MemorySize>, Failure> {
        let of_environment = || std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
        let Some(text) = self.memory_limit.clone().or_else(of_environment) else { return Ok(None) };
        let parsed: Result<MemorySize, MemorySizeError> = text.parse();
        parsed
            .map(Some)
            .map_err(|error| Failure::bad_input(format_args!("the variable {VARIABLE}: {error}")))
    }
}
