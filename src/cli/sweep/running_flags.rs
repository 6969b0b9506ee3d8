//! The flags of everything that runs a sweep: how much of it, with how much of the machine, and what
//! is said meanwhile.

use super::load::openings_file;
use super::measuring::Measuring;
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::memory_flags::MemoryFlags;
use crate::cli::values::threads;
use clap::Args;
use sigmalab_experiment::runner::{RunOptions, Shard};

/// How a sweep is run.
#[derive(Debug, Args)]
pub(crate) struct RunningFlags {
    /// Take one of N equal shares, as in 1/4 … 4/4: for job arrays
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub(crate) shard: Option<Shard>,

    /// Compute threads, 1–1024, at most one per core is used [default: every core]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,

    #[command(flatten)]
    pub(crate) memory: MemoryFlags,

    /// MiB of trajectory cache [default: a quarter of the memory or an eighth of its limit,
    /// or what the plan needs]
    #[arg(long, value_name = "MIB")]
    pub(crate) cache: Option<u64>,

    /// No progress and no closing line; warnings and errors stay
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Write no contact sheet and no page at the end
    #[arg(long)]
    pub(crate) no_report: bool,

    /// Run it as a process of its own that outlives this terminal, and return at once; its output
    /// goes into run.log in the run directory
    #[arg(long)]
    pub(crate) detach: bool,

    /// This is that process
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
}

impl RunningFlags {
    /// What the runner is told of them.
    pub(super) fn options(&self) -> Result<RunOptions, Failure> {
        Ok(RunOptions {
            threads: self.threads,
            memory_limit: self.memory.limit()?,
            cache_bytes: self.cache.map(|mib| mib.saturating_mul(1 << 20)),
            shard: self.shard,
            openings: openings_file(),
            ..RunOptions::default()
        })
    }

    /// With what is measured, where something has to be before it runs.
    pub(crate) fn measuring<'a>(&self, interrupt: &'a Interrupt) -> Result<Measuring<'a>, Failure> {
        Ok(Measuring { threads: self.threads, memory_limit: self.memory.limit()?, interrupt })
    }
}

/// `I/N` with I from 1 to N.
fn shard(text: &str) -> Result<Shard, String> {
    let wrong = || "write it as I/N with I from 1 to N, as in 1/4".to_owned();
    let (index, count) = text.split_once('/').ok_or_else(wrong)?;
    let index: usize = index.trim().parse().map_err(|_| wrong())?;
    let count: usize = count.trim().parse().map_err(|_| wrong())?;
    if index == 0 || index > count {
        return Err(wrong());
    }
    Ok(Shard { index: index - 1, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!(shard("1/4"), Ok(Shard { index: 0, count: 4 }));
        for text in ["0/4", "5/4", "1", "a/b", "1/0", "-1/2"] {
            assert!(shard(text).is_err(), "{text}");
        }
    }
}
