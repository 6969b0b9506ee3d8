//! Why a repository could not be had, each in one sentence that names it and says what to do.
//! Knows nothing of how the failure was met.

use std::path::PathBuf;

/// Why a repository could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    #[error(
        "`{id}` is neither a folder nor a Hugging Face repository id ({reason}): give an \
         existing folder, `owner/name` or `owner/name@revision`"
    )]
    InvalidId { id: String, reason: &'static str },

    #[error(
        "there is no place to keep `{repository}`: set HF_HUB_CACHE to a folder, because no home \
         folder is known"
    )]
    NoCacheFolder { repository: String },

    #[error("the download of `{repository}` was cancelled; the next one goes on where it stopped")]
    Cancelled { repository: String },

    #[error("cannot ask the hub for `{repository}`: {variable} {reason}")]
    Setting {
        repository: String,
        /// The environment variable to change.
        variable: &'static str,
        /// What is wrong with it and what it should be.
        reason: String,
    },

    #[error(
        "`{repository}` was not asked for: HF_ENDPOINT is `{endpoint}`, and everybody on the way \
         could read the token: use https, set HF_HUB_DISABLE_IMPLICIT_TOKEN=1 to send none, or \
         SIGMALAB_TOKEN_OVER_HTTP=1 if this is meant"
    )]
    TokenInTheOpen { repository: String, endpoint: String },

    /// Nobody named it but a recipe, an experiment or a run directory.
    #[error(
        "`{repository}` is not on this machine, and it was not you who named it: it would be \
         downloaded from {endpoint} {whose}; `sigmalab model inspect --model {repository}` fetches \
         it, if this is meant"
    )]
    NotAsked { repository: String, endpoint: String, whose: &'static str },

    #[error(
        "`{repository}` is not in the cache {} and HF_HUB_OFFLINE forbids a download: unset it \
         once, or give a folder that holds the checkpoint", cache.display()
    )]
    OfflineNotCached {
        repository: String,
        /// The cache that was searched.
        cache: PathBuf,
    },

    #[error(
        "`{repository}` is incomplete in the cache {}, `{file}` is missing, and HF_HUB_OFFLINE \
         forbids a download: unset it once to fetch the rest", cache.display()
    )]
    OfflineIncomplete {
        repository: String,
        /// The first file that is missing.
        file: String,
        /// The cache that was searched.
        cache: PathBuf,
    },

    #[error("`{repository}` is gated: open {page}, accept its licence, and {then}")]
    Gated {
        repository: String,
        /// Where the licence is accepted.
        page: String,
        /// What to do then: set a token, or use the one of the account that has access.
        then: &'static str,
    },

    #[error(
        "the hub forbids `{repository}` ({message}): open {page} to see what it asks for, and set \
         HF_TOKEN to a token of an account that has access"
    )]
    Forbidden { repository: String, page: String, message: String },

    #[error(
        "the hub refused the token when asked for `{repository}`: set HF_TOKEN to a valid token \
         from {endpoint}/settings/tokens, or unset it where the repository is public"
    )]
    TokenRefused { repository: String, endpoint: String },

    #[error(
        "there is no repository `{repository}` on {endpoint}, or it is private, and no folder of \
         that name either: check the spelling{hint}"
    )]
    RepositoryNotFound {
        repository: String,
        endpoint: String,
        /// What else to do, where there is more.
        hint: &'static str,
    },

    #[error(
        "`{repository}` has no such revision: its branches and tags are listed at {page}/tree/main"
    )]
    RevisionNotFound {
        /// The repository with its revision.
        repository: String,
        page: String,
    },

    #[error("the hub listed `{file}` in `{repository}` and then did not find it: run it again")]
    FileNotFound { repository: String, file: String },

    #[error(
        "`{repository}` holds no Ideogram 4 checkpoint (no `transformer/*.safetensors`): give a \
         repository in the diffusers layout or the reference's, such as ideogram-ai/ideogram-4-fp8"
    )]
    NotACheckpoint { repository: String },

    #[error(
        "cannot reach {host} for `{repository}` ({cause}): check the connection (HTTPS_PROXY, \
         SSL_CERT_FILE and HF_ENDPOINT are honoured) and run it again, what has come so far is kept"
    )]
    Network { repository: String, host: String, cause: String },

    #[error(
        "{host} answered {status} for `{repository}`: wait a while and run it again, what has \
         come so far is kept"
    )]
    Busy { repository: String, host: String, status: u16 },

    #[error(
        "{host} gave an answer for `{repository}` that cannot be used ({reason}): check that \
         HF_ENDPOINT is a Hugging Face hub and that no proxy changes its answers"
    )]
    BadAnswer { repository: String, host: String, reason: String },

    #[error(
        "`{file}` of `{repository}` arrived damaged ({reason}) and was discarded: run it again, \
         and check for a proxy that changes downloads if it stays so"
    )]
    Damaged { repository: String, file: String, reason: String },

    #[error(
        "the disk of {} has no room for `{repository}` ({need}): free some space or set \
         HF_HUB_CACHE to a folder on a larger disk, what has come so far is kept",
        cache.display()
    )]
    DiskFull {
        repository: String,
        cache: PathBuf,
        /// How much is needed, in words.
        need: String,
    },

    #[error(
        "cannot {action} {} for `{repository}` ({source}): make the folder writable, or set \
         HF_HUB_CACHE to another one", path.display()
    )]
    Cache {
        repository: String,
        /// What was tried: `read`, `write`, `create`, `lock` or `link`.
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

impl HubError {
    /// Whether another name, setting or token would help, not another try.
    pub fn is_bad_input(&self) -> bool {
        !matches!(
            self,
            HubError::Network { .. }
                | HubError::Busy { .. }
                | HubError::BadAnswer { .. }
                | HubError::Damaged { .. }
                | HubError::DiskFull { .. }
                | HubError::Cancelled { .. }
        )
    }
}
