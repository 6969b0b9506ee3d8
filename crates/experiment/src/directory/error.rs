//! Why a run directory cannot be used.

use super::FROZEN;
use sigmalab_files::target::TargetError;
use sigmalab_schedule::toml_text::TomlError;
use std::io;
use std::path::PathBuf;

/// Why a run directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error(
        "`{}` was begun with another version of the experiment:\n{difference}", path.display()
    )]
    Changed { path: PathBuf, difference: String },
    #[error(
        "processes are running `{}`: stop them with `sigmalab sweep cancel`, then extend it; if none \
         does, delete `{}`, which one that is lost has left", path.display(), lease.display()
    )]
    Running { path: PathBuf, lease: PathBuf },
    #[error("`{}` is not a run directory: it has no {FROZEN}", .0.display())]
    NotOne(PathBuf),
    #[error("`{}` is neither empty nor a run directory: name another with --dir", .0.display())]
    Occupied(PathBuf),
    #[error(
        "`{}` is a link to `{}`, which is not there: make that folder, or name another with --dir",
        path.display(), target.display()
    )]
    Dangling { path: PathBuf, target: PathBuf },
    /// The frozen copy is damaged.
    #[error("`{}`: {problem}", path.display())]
    Damaged { path: PathBuf, problem: String },
    /// The frozen experiment is none for this build.
    #[error(transparent)]
    Spec(#[from] TomlError),
    /// The system refused.
    #[error("`{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Write(#[from] TargetError),
}
