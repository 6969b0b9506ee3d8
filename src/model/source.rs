//! What `--model` may say, and the checkpoint it stands for: the embedded demo, a folder, or a
//! repository of the Hugging Face hub.

use super::cancel::CancelToken;
use super::checkpoint::{Checkpoint, CheckpointError};
use super::hub::{self, HubError, HubSettings};
use super::options::LoadProgress;
use super::transfer_rate::TransferRate;
use std::path::Path;
use std::time::Instant;

/// The name of the checkpoint that ships with the program.
pub const DEMO: &str = "demo";

/// Why there is no checkpoint of that name.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The files are at fault.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The repository could not be had.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// Neither a folder nor a repository.
    #[error(
        "there is no checkpoint `{0}`: it is no folder, and no repository id such as \
         `ideogram-ai/ideogram-4-fp8`; without --model the demo checkpoint is used"
    )]
    Unknown(String),
}

impl SourceError {
    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, SourceError::Hub(HubError::Cancelled { .. }))
    }

    /// Whether the name or the files are at fault, not the network.
    pub fn is_bad_input(&self) -> bool {
        match self {
            SourceError::Checkpoint(_) | SourceError::Unknown(_) => true,
            SourceError::Hub(error) => error.is_bad_input(),
        }
    }
}

/// Opens the checkpoint `name`. A folder of that name wins over the hub; `./demo` is a folder.
pub fn open(name: &str, progress: &mut dyn FnMut(LoadProgress)) -> Result<Checkpoint, SourceError> {
    open_unless(&CancelToken::default(), name, progress)
}

/// The same, given up when `cancel` says so; what was downloaded until then is kept.
pub fn open_unless(
    cancel: &CancelToken,
    name: &str,
    progress: &mut dyn FnMut(LoadProgress),
) -> Result<Checkpoint, SourceError> {
    if name == DEMO {
        return Ok(Checkpoint::embedded(sigmalab_demo::FILES)?);
    }
    let folder = Path::new(name);
    if folder.exists() {
        return Ok(Checkpoint::open(folder)?);
    }
    if !hub::looks_like_repository(name) {
        return Err(SourceError::Unknown(name.to_owned()));
    }
    let settings = HubSettings { cancel: cancel.clone(), ..HubSettings::from_env() };
    let (started, mut rate) = (Instant::now(), TransferRate::default());
    let folder = hub::resolve(name, &settings, &mut |download| {
        progress(LoadProgress {
            stage: format!("downloading {}", download.file),
            bytes_done: download.bytes_done,
            bytes_total: download.bytes_total,
            bytes_per_second: rate.at(started.elapsed(), download.bytes_done),
        });
    })?;
    Ok(Checkpoint::open(&folder)?)
}
