//! Hugging Face repository ids to local folders: the hub cache first, else a download into it.
//! Knows HTTP and the cache's layout and nothing of what the files hold.
//!
//! It is a client of its own on `ureq` because the `hf-hub` crate brings an asynchronous
//! runtime and a second HTTP stack that nothing else in this program needs.
//!
//! What is followed:
//!
//! - the hub's protocol: `GET /api/models/{id}/revision/{revision}` for the commit and the file
//!   names, `HEAD` and `GET /{id}/resolve/{commit}/{file}` with the headers `X-Repo-Commit`,
//!   `X-Linked-Etag`, `X-Linked-Size` and `X-Error-Code`;
//! - the cache's layout (<https://huggingface.co/docs/hub/local-cache>): what `huggingface_hub`
//!   downloaded is found here, and what is downloaded here is found by it;
//! - the environment variables of `huggingface_hub` (see [`HubSettings::from_env`]).
//!
//! A revision whose files are all in the cache is used without a request, also where the hub has
//! a newer commit of that branch by now: results stay reproducible and a start needs no network.
//! `owner/name@COMMIT` asks for another one.

mod address;
mod cache;
mod client;
mod download;
mod error;
mod files;
mod headers;
mod repository;
mod retry;
mod settings;

use cache::Cache;
use client::Client;
use download::Download;
pub use error::HubError;
use repository::Repository;
pub use settings::{HubSettings, PLAIN_HTTP_VARIABLE, problem_of_plain_http};
use std::path::{Path, PathBuf};

/// How far a download has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadProgress {
    /// File being read, as named in the repository.
    pub file: String,
    /// Bytes of all files so far.
    pub bytes_done: u64,
    pub bytes_total: u64,
}

/// Whether `text`, given as a model, names a repository (`owner/name`, `owner/name@revision`).
/// A path that exists always wins.
pub fn looks_like_repository(text: &str) -> bool {
    Repository::parse(text).is_ok() && !Path::new(text).exists()
}

/// The local folder of `repository` (`owner/name`, or `owner/name@revision`; the revision is a
/// branch, a tag or a commit, `main` by default).
///
/// `progress` is called about ten times a second while files are downloaded, and not at all
/// when everything is in the cache. An interrupted download goes on where it stopped when this
/// is called again.
pub fn resolve(
    repository: &str,
    settings: &HubSettings,
    progress: &mut dyn FnMut(DownloadProgress),
) -> Result<PathBuf, HubError> {
    let repository = Repository::parse(repository)?;
    let cache = Cache::of(&repository, settings)?;

    // Only model_index.json says whether there is an unconditional transformer. A snapshot that
    // lacks just this file is asked about, and used where the hub cannot be asked.
    let mut usable = None;
    let mut first_missing = None;
    if let Some(snapshot) = cache.snapshot() {
        let missing = files::missing(&snapshot.folder, |file| snapshot.known_absent(file));
        if missing.is_empty() {
            return Ok(snapshot.folder);
        }
        match missing.into_iter().find(|file| file != files::MODEL_INDEX) {
            None => usable = Some(snapshot.folder),
            file => first_missing = file,
        }
    }

    if settings.offline {
        let (repository, cache) = (repository.to_string(), settings.cache.clone());
        return match (usable, first_missing) {
            (Some(folder), _) => Ok(folder),
            (None, Some(file)) => Err(HubError::OfflineIncomplete { repository, file, cache }),
            (None, None) => Err(HubError::OfflineNotCached { repository, cache }),
        };
    }

    if !settings.asked {
        let (repository, endpoint) = (repository.to_string(), settings.endpoint.clone());
        let whose = match settings.token {
            Some(_) => "with your token",
            None => "without a token",
        };
        return usable.ok_or(HubError::NotAsked { repository, endpoint, whose });
    }

    let client = Client::new(&repository, settings)?;
    match (Download::new(&client, &cache).run(progress), usable) {
        (Err(HubError::Network { .. } | HubError::Busy { .. }), Some(folder)) => Ok(folder),
        (result, _) => result,
    }
}
