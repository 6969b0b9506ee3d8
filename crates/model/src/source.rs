//! What `--model` may say, and the checkpoint it stands for: the embedded demo, a folder, or a
//! repository of the Hugging Face hub.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::hub::{self, HubError, HubSettings};
use super::transfer_rate::TransferRate;
use sigmalab_compute::{CancelToken, LoadProgress, LoadStage};
use std::path::Path;
use std::time::Instant;

/// The name of the checkpoint that ships with the program.
pub const DEMO: &str = "demo";

/// Why there is no checkpoint of that name.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Hub(#[from] HubError),
    #[error(
        "there is no checkpoint `{0}`: no such folder; write its path from the current \
         folder, or in full"
    )]
    NoFolder(String),
    #[error(
        "there is no checkpoint `{0}`: it is neither a folder nor a repository id such as \
         `ideogram-ai/ideogram-4-fp8`; without --model the demo checkpoint is used"
    )]
    Unknown(String),
}

impl SourceError {
    pub fn is_cancelled(&self) -> bool {
        matches!(self, SourceError::Hub(HubError::Cancelled { .. }))
    }

    /// Whether the name or the files are at fault, not the network.
    pub fn is_bad_input(&self) -> bool {
        match self {
            SourceError::Checkpoint(_) | SourceError::NoFolder(_) | SourceError::Unknown(_) => true,
            SourceError::Hub(error) => error.is_bad_input(),
        }
    }
}

/// Who named a checkpoint.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum NamedBy {
    /// A file that may be anybody's: a recipe, an experiment, a run directory. Nothing is
    /// downloaded because of it.
    #[default]
    File,
    /// The user: it is downloaded where it is not here, with the token of the environment.
    User,
    /// The user, in another process, which has this token. Its own environment has none.
    UserWith {
        /// The token, if there is one.
        token: Option<String>,
    },
}

/// Leaves the token out, so that it never reaches a log.
impl std::fmt::Debug for NamedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NamedBy::File => "File",
            NamedBy::User => "User",
            NamedBy::UserWith { .. } => "UserWith(…)",
        })
    }
}

impl NamedBy {
    fn settings(&self) -> HubSettings {
        let own = HubSettings::from_env();
        match self {
            NamedBy::File => HubSettings { asked: false, ..own },
            NamedBy::User => own,
            NamedBy::UserWith { token } => HubSettings { token: token.clone(), ..own },
        }
    }
}

/// Opens the checkpoint `name`. A folder of that name wins over the hub; `./demo` is a folder.
pub fn open(
    name: &str,
    named: &NamedBy,
    progress: &mut dyn FnMut(LoadProgress),
) -> Result<Checkpoint, SourceError> {
    open_unless(&CancelToken::default(), name, named, progress)
}

/// Whether a checkpoint that a file names is on this machine, as far as its name tells.
///
/// # Errors
/// Why not: it would have to be downloaded.
pub fn is_here(name: &str) -> Result<(), SourceError> {
    if name != DEMO && !Path::new(name).exists() && hub::looks_like_repository(name) {
        hub::resolve(name, &NamedBy::File.settings(), &mut |_| {})?;
    }
    Ok(())
}

/// Opens it like [`open`], given up when `cancel` says so; what was downloaded until then is kept.
pub fn open_unless(
    cancel: &CancelToken,
    name: &str,
    named: &NamedBy,
    progress: &mut dyn FnMut(LoadProgress),
) -> Result<Checkpoint, SourceError> {
    if name == DEMO {
        return Ok(Checkpoint::embedded(sigmalab_demo::FILES)?);
    }
    let folder = Path::new(name);
    if folder.exists() {
        return Ok(Checkpoint::open(folder)?);
    }
    if looks_like_path(name) {
        return Err(SourceError::NoFolder(name.to_owned()));
    }
    if !hub::looks_like_repository(name) {
        return Err(SourceError::Unknown(name.to_owned()));
    }
    let settings = HubSettings { cancel: cancel.clone(), ..named.settings() };
    let (started, mut rate) = (Instant::now(), TransferRate::default());
    let folder = hub::resolve(name, &settings, &mut |download| {
        progress(LoadProgress {
            stage: LoadStage::Downloading { file: download.file.to_owned() },
            bytes_done: download.bytes_done,
            bytes_total: download.bytes_total,
            bytes_per_second: rate.at(started.elapsed(), download.bytes_done),
        });
    })?;
    Ok(Checkpoint::open(&folder)?)
}

/// The name under which a recipe keeps a checkpoint: a folder's whole path, which means the same
/// wherever the recipe is run from; any other name as it is.
///
/// A path that is no UTF-8 text stays as it was given, as JSON cannot hold it.
pub fn lasting_name(name: &str) -> String {
    if name == DEMO {
        return name.to_owned();
    }
    let whole =
        std::fs::canonicalize(name).ok().and_then(|path| path.into_os_string().into_string().ok());
    whole.unwrap_or_else(|| name.to_owned())
}

/// Whether `name` can only be meant as a path: such a name is never asked for on the hub.
fn looks_like_path(name: &str) -> bool {
    let id = name.split('@').next().unwrap_or_default();
    name.starts_with(['.', '/', '~']) || id.matches('/').count() > 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths_never_go_to_the_hub() {
        for name in ["./m/tiny", "../tiny", "/m", "~/m", "~", "models/ideogram/fp8", ".."] {
            assert!(looks_like_path(name), "{name}");
            let error = open(name, &NamedBy::User, &mut |_| {});
            let known = matches!(error, Err(SourceError::NoFolder(_) | SourceError::Checkpoint(_)));
            assert!(known, "{name}");
        }
        for name in ["owner/name", "owner/name@refs/pr/3", "demo"] {
            assert!(!looks_like_path(name), "{name}");
        }
    }

    #[test]
    fn a_folder_is_kept_by_its_whole_path_and_other_names_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        let detour = folder.path().join("a/../a");
        let whole = folder.path().canonicalize().unwrap().join("a");
        assert_eq!(lasting_name(detour.to_str().unwrap()), whole.to_str().unwrap());
        for name in [DEMO, "owner/name-that-is-no-folder"] {
            assert_eq!(lasting_name(name), name);
        }
    }
}
