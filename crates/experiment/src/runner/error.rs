//! Why a sweep stops.

use crate::control::ControlError;
use crate::directory::DirectoryError;
use crate::journal::JournalError;
use crate::sweep::SweepError;
use sigmalab_files::target::TargetError;
use std::io;
use std::path::PathBuf;

/// Why a sweep stops. Everything recorded is safe.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Sweep(#[from] SweepError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the leases of `{}`: {source}", path.display())]
    Lease { path: PathBuf, source: io::Error },
    /// A picture or latents cannot be written.
    #[error(transparent)]
    Write(#[from] TargetError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Control(#[from] ControlError),
    /// No worker could be started.
    #[error("{0}")]
    NoWorker(String),
    /// This machine cannot run the trials of the sweep, and another may: no trial was recorded as
    /// failed because of it.
    #[error("{0}")]
    Machine(String),
}

impl RunError {
    /// Whether the disk is at fault, or the network to it: the same may go well later.
    pub fn is_of_storage(&self) -> bool {
        match self {
            RunError::Journal(JournalError::Io { .. })
            | RunError::Lease { .. }
            | RunError::Write(_)
            | RunError::Directory(DirectoryError::Io { .. } | DirectoryError::Write(_))
            | RunError::Control(ControlError::Io { .. } | ControlError::Write(_)) => true,
            RunError::Sweep(error) => error.is_of_storage(),
            _ => false,
        }
    }
}
