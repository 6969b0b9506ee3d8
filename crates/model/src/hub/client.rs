//! The hub's protocol: which files a revision has, what each of them is, and their bytes from an
//! offset on. Knows nothing of the disk.

use super::address::{Origin, join, percent_encode};
use super::headers::{content_range, is_blob_name, normalise_etag, printable, text};
use super::repository::{Repository, is_commit};
use super::retry::{AttemptError, RetryPolicy};
use super::{HubError, HubSettings};
use sigmalab_files::shared_folder::{read_plain, stays_below};
use std::io::Read;
use std::time::Duration;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// The hub's own limit is far lower; a listing of 50 000 files has about 5 MB.
const LISTING_LIMIT: u64 = 64 << 20;
const MAX_REDIRECTS: usize = 10;
/// Most bytes of certificates that are read; a whole system's have 300 kB.
const PEM_LIMIT: u64 = 64 << 20;
/// The commit that a revision stands at, and the names of its files.
pub(super) struct Listing {
    /// The full commit hash.
    pub(super) commit: String,
    /// Names as the repository has them, with `/` between folders.
    pub(super) files: Vec<String>,
}

/// What the hub says of a file before it is downloaded.
#[derive(Debug, Clone)]
pub(super) struct RemoteFile {
    /// The name in the repository.
    pub(super) name: String,
    /// The ETag, without quotes and `W/`: the name of its blob.
    pub(super) etag: String,
    /// Bytes, where the hub says.
    pub(super) size: Option<u64>,
    /// SHA-256 of the content in hexadecimal, for files in large file storage.
    pub(super) sha256: Option<String>,
}

/// An answer with a file's bytes.
pub(super) struct Opened {
    /// The offset of the first byte: the one asked for, or 0 from a server without ranges.
    pub(super) start: u64,
    /// The whole file's length, where the answer says.
    pub(super) total: Option<u64>,
    /// The bytes from `start` on.
    pub(super) bytes: Box<dyn Read>,
}

/// Speaks with one hub about one repository.
pub(super) struct Client<'a> {
    agent: Agent,
    repository: &'a Repository,
    settings: &'a HubSettings,
    origin: Origin,
    authorization: Option<String>,
}

impl<'a> Client<'a> {
    /// Checks the settings; makes no request.
    pub(super) fn new(
        repository: &'a Repository,
        settings: &'a HubSettings,
    ) -> Result<Self, HubError> {
        let bad_setting = |variable, reason| HubError::Setting {
            repository: repository.to_string(),
            variable,
            reason,
        };
        let origin = Origin::of(&settings.endpoint).ok_or_else(|| {
            let endpoint = &settings.endpoint;
            bad_setting("HF_ENDPOINT", format!("is `{endpoint}` and should be an http(s) address"))
        })?;
        if settings.token.is_some()
            && !origin.is_encrypted()
            && !origin.is_loopback()
            && !settings.token_over_http
        {
            return Err(HubError::TokenInTheOpen {
                repository: repository.to_string(),
                endpoint: settings.endpoint.clone(),
            });
        }
        let authorization = settings.token.as_ref().map(|token| format!("Bearer {token}"));
        if authorization.as_ref().is_some_and(|a| !a.bytes().all(|b| (b' '..=b'~').contains(&b))) {
            let reason = "holds characters that no token has: set it again".to_owned();
            return Err(bad_setting("HF_TOKEN", reason));
        }
        let mut config = Agent::config_builder()
            .user_agent(concat!("sigmalab/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_resolve(Some(Duration::from_secs(10)))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_per_read(Some(settings.stall_timeout))
            .timeout_per_write(Some(settings.stall_timeout));
        if let Some(path) = &settings.certificates {
            let roots = read_certificates(path).map_err(|reason| {
                bad_setting("SSL_CERT_FILE", format!("names {}, {reason}", path.display()))
            })?;
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Ok(Self { agent: config.build().into(), repository, settings, origin, authorization })
    }

    /// The repository that is asked for.
    pub(super) fn repository(&self) -> &Repository {
        self.repository
    }

    /// An error where the download was cancelled.
    pub(super) fn check_cancelled(&self) -> Result<(), HubError> {
        match self.settings.cancel.is_cancelled() {
            true => Err(HubError::Cancelled { repository: self.repository.to_string() }),
            false => Ok(()),
        }
    }

    /// The retries that the settings ask for.
    pub(super) fn retry_policy(&self) -> RetryPolicy {
        let HubSettings { attempts, retry_delay: delay, .. } = *self.settings;
        RetryPolicy::new(attempts, delay)
    }

    /// The revision's commit and files. Names that lead out of a folder are refused.
    pub(super) fn listing(&self) -> Result<Listing, HubError> {
        let url = format!(
            "{}/api/models/{}/revision/{}",
            self.settings.endpoint,
            self.repository.id,
            percent_encode(&self.repository.revision)
        );
        // Where there is no network, this is the request that finds out: fewer attempts.
        let mut retries = self.retry_policy().at_most(3);
        let json = loop {
            let read = self.follow(Method::Get(0), &url, "").and_then(|answer| {
                let Answer { host, response, .. } = answer;
                let body = response.into_body().into_with_config().limit(LISTING_LIMIT);
                let bytes = body.read_to_vec().map_err(|e| self.unreachable(&host, e))?;
                serde_json::from_slice::<serde_json::Value>(&bytes)
                    .map_err(|_| AttemptError::Permanent(self.bad_answer(&host, "it is not JSON")))
            });
            match read {
                Ok(json) => break json,
                Err(failed) => retries.wait(failed)?,
            }
        };
        let unusable = |reason: &str| self.bad_answer(&self.origin.host(), reason);
        let commit = json.get("sha").and_then(|sha| sha.as_str()).filter(|sha| is_commit(sha));
        let commit = commit.ok_or_else(|| unusable("its `sha` is not a commit"))?;
        let siblings = json.get("siblings").and_then(|siblings| siblings.as_array());
        let siblings = siblings.ok_or_else(|| unusable("it lists no files (`siblings`)"))?;
        let mut files = Vec::with_capacity(siblings.len());
        for sibling in siblings {
            let name = sibling.get("rfilename").and_then(|name| name.as_str());
            let name = name.ok_or_else(|| unusable("a file in it has no name (`rfilename`)"))?;
            if !stays_below(name) {
                return Err(unusable(&format!("it lists {name:?}, which leads out of its folder")));
            }
            files.push(name.to_owned());
        }
        Ok(Listing { commit: commit.to_owned(), files })
    }

    /// What the hub says of a file at a commit.
    pub(super) fn describe(&self, commit: &str, name: &str) -> Result<RemoteFile, HubError> {
        let url = self.file_url(commit, name);
        let mut retries = self.retry_policy();
        let answer = loop {
            match self.follow(Method::Head, &url, name) {
                Ok(answer) => break answer,
                Err(failed) => retries.wait(failed)?,
            }
        };
        let unusable = |reason| self.bad_answer(&answer.host, reason);
        if answer.commit.as_ref().is_some_and(|other| other != commit) {
            return Err(unusable("it is about another commit than was asked for"));
        }
        let headers = answer.response.headers();
        let linked = answer.linked_etag.as_deref().map(normalise_etag);
        let etag = match linked {
            Some(etag) => etag,
            None => normalise_etag(text(headers, "etag").unwrap_or_default()),
        };
        if !is_blob_name(etag) {
            return Err(unusable("it has no ETag that can name a file"));
        }
        let is_sha256 =
            |etag: &&str| etag.len() == 64 && etag.bytes().all(|b| b.is_ascii_hexdigit());
        // The length of a redirect's own body says nothing about the file.
        let own_length =
            answer.response.status().is_success().then(|| text(headers, "content-length"));
        let size = answer.linked_size.as_deref().or(own_length.flatten());
        Ok(RemoteFile {
            name: name.to_owned(),
            etag: etag.to_owned(),
            size: size.and_then(|size| size.trim().parse().ok()),
            sha256: linked.filter(is_sha256).map(str::to_ascii_lowercase),
        })
    }

    /// Asks once for a file's bytes from `offset` on. Every attempt begins at the hub, because
    /// the address that it redirects to expires.
    pub(super) fn open(
        &self,
        commit: &str,
        name: &str,
        offset: u64,
    ) -> Result<Opened, AttemptError> {
        let answer = self.follow(Method::Get(offset), &self.file_url(commit, name), name)?;
        let headers = answer.response.headers();
        let (start, total) = match answer.response.status().as_u16() {
            206 => match text(headers, "content-range").and_then(content_range) {
                Some((start, total)) if start == offset => (start, total),
                _ if offset > 0 => return self.open(commit, name, 0),
                _ => {
                    let reason = "its Content-Range is not what was asked for";
                    return Err(AttemptError::Permanent(self.bad_answer(&answer.host, reason)));
                }
            },
            // What is here is longer than the file: begin again.
            416 if offset > 0 => return self.open(commit, name, 0),
            416 => return Err(self.refused(&answer, name)),
            _ => (0, answer.response.body().content_length()),
        };
        Ok(Opened { start, total, bytes: Box::new(answer.response.into_body().into_reader()) })
    }

    /// A connection that broke within a body, as a failed attempt.
    pub(super) fn broken(&self, cause: String) -> AttemptError {
        let (repository, host) = (self.repository.to_string(), self.origin.host());
        AttemptError::Transient(HubError::Network { repository, host, cause }, None)
    }

    /// The error for bytes that cannot be those of the file.
    pub(super) fn unusable(&self, reason: &str) -> AttemptError {
        AttemptError::Permanent(self.bad_answer(&self.origin.host(), reason))
    }

    fn file_url(&self, commit: &str, name: &str) -> String {
        let name: Vec<String> = name.split('/').map(percent_encode).collect();
        let Self { settings, repository, .. } = self;
        format!("{}/{}/resolve/{commit}/{}", settings.endpoint, repository.id, name.join("/"))
    }

    /// Makes a request and follows redirects: a HEAD as far as the hub itself goes, a GET to the
    /// end. The token goes to the hub only. `file` is the one that it is about, or empty. An
    /// answer is a success, a redirect that was not
    /// followed, or 416.
    fn follow(&self, method: Method, url: &str, file: &str) -> Result<Answer, AttemptError> {
        let mut url = url.to_owned();
        let (mut linked_etag, mut linked_size, mut commit) = (None, None, None);
        for _ in 0..=MAX_REDIRECTS {
            let Some(origin) = Origin::of(&url) else {
                let reason = "it redirects to something that is not an http(s) address";
                return Err(AttemptError::Permanent(self.bad_answer(&self.origin.host(), reason)));
            };
            let at_hub = origin == self.origin;
            let host = origin.host();
            let response =
                self.send(method, &url, &origin).map_err(|e| self.unreachable(&host, e))?;
            let header = |name| text(response.headers(), name).map(str::to_owned);
            if at_hub {
                linked_etag = header("x-linked-etag").or(linked_etag);
                linked_size = header("x-linked-size").or(linked_size);
                commit = header("x-repo-commit").or(commit);
            }
            let status = response.status();
            let next = header("location").filter(|_| status.is_redirection());
            let next = next.map(|location| join(&url, &origin, &location));
            if let Some(next) = &next {
                let leaves_hub = Origin::of(next).as_ref() != Some(&self.origin);
                if !(matches!(method, Method::Head) && leaves_hub) {
                    url.clone_from(next);
                    continue;
                }
            }
            let answer = Answer { response, host, at_hub, linked_etag, linked_size, commit };
            return match status.as_u16() {
                200 | 206 | 416 => Ok(answer),
                _ if next.is_some() => Ok(answer),
                _ => Err(self.refused(&answer, file)),
            };
        }
        let reason = "it redirects in a circle";
        Err(AttemptError::Permanent(self.bad_answer(&self.origin.host(), reason)))
    }

    fn send(&self, method: Method, url: &str, to: &Origin) -> Result<Response<Body>, ureq::Error> {
        let mut request = match method {
            Method::Head => self.agent.head(url),
            Method::Get(_) => self.agent.get(url),
        };
        if to.is_loopback() {
            // A proxy cannot reach a server on this machine.
            request = request.config().proxy(None).build();
        }
        // Sizes, ranges and hashes are those of the stored bytes.
        request = request.header("accept-encoding", "identity");
        if let Method::Get(offset @ 1..) = method {
            request = request.header("range", format!("bytes={offset}-"));
        }
        match &self.authorization {
            Some(authorization) if *to == self.origin => {
                request.header("authorization", authorization).call()
            }
            _ => request.call(),
        }
    }

    /// What an answer that is no success means.
    fn refused(&self, answer: &Answer, file: &str) -> AttemptError {
        let repository = self.repository.to_string();
        let endpoint = self.settings.endpoint.clone();
        let page = self.repository.page(&endpoint);
        let headers = answer.response.headers();
        let status = answer.response.status().as_u16();
        let wait = text(headers, "retry-after").and_then(|seconds| seconds.parse().ok());
        let busy =
            HubError::Busy { repository: repository.clone(), host: answer.host.clone(), status };
        if !answer.at_hub {
            // Among others an address that expired: the next attempt gets a new one.
            return AttemptError::Transient(busy, wait.map(Duration::from_secs));
        }
        AttemptError::Permanent(match (text(headers, "x-error-code"), status) {
            (Some("GatedRepo"), _) => HubError::Gated {
                repository,
                page,
                then: match self.authorization {
                    None => "set HF_TOKEN to a token of the account that accepted it",
                    Some(_) => {
                        "check that the token in use (HF_TOKEN) is of the account that has access \
                         and may read gated repositories"
                    }
                },
            },
            (Some("RevisionNotFound"), _) => HubError::RevisionNotFound { repository, page },
            (Some("EntryNotFound"), _) => {
                HubError::FileNotFound { repository, file: file.to_owned() }
            }
            (None, 404) if !file.is_empty() => {
                HubError::FileNotFound { repository, file: file.to_owned() }
            }
            (Some("RepoNotFound"), _) | (None, 404) => HubError::RepositoryNotFound {
                repository,
                endpoint,
                hint: match self.authorization {
                    None => " (a private repository needs HF_TOKEN)",
                    Some(_) => " and that the token in use (HF_TOKEN) may read it",
                },
            },
            // Without a token this is also the hub's answer to a name that does not exist.
            (None, 401) if self.authorization.is_none() => HubError::RepositoryNotFound {
                repository,
                endpoint,
                hint: " (a private or gated repository needs HF_TOKEN)",
            },
            (None, 401) => HubError::TokenRefused { repository, endpoint },
            (_, 401 | 403) => {
                let message = text(headers, "x-error-message").unwrap_or("no reason given");
                HubError::Forbidden { repository, page, message: printable(message) }
            }
            (_, 408 | 429 | 500..=599) => {
                return AttemptError::Transient(busy, wait.map(Duration::from_secs));
            }
            _ => self.bad_answer(&answer.host, &format!("status {status}")),
        })
    }

    /// What a request that got no answer means.
    fn unreachable(&self, host: &str, error: ureq::Error) -> AttemptError {
        let (repository, host) = (self.repository.to_string(), host.to_owned());
        let cause = error.to_string();
        let unreachable =
            HubError::Network { repository, host: host.clone(), cause: cause.clone() };
        match error {
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
                AttemptError::Permanent(unreachable)
            }
            // How a certificate that is not trusted arrives.
            ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::InvalidData => {
                AttemptError::Permanent(unreachable)
            }
            ureq::Error::BadUri(_)
            | ureq::Error::Http(_)
            | ureq::Error::LargeResponseHeader(..)
            | ureq::Error::BodyExceedsLimit(_) => {
                AttemptError::Permanent(self.bad_answer(&host, &cause))
            }
            _ => AttemptError::Transient(unreachable, None),
        }
    }

    fn bad_answer(&self, host: &str, reason: &str) -> HubError {
        HubError::BadAnswer {
            repository: self.repository.to_string(),
            host: host.to_owned(),
            reason: printable(reason),
        }
    }
}

#[derive(Clone, Copy)]
enum Method {
    Head,
    /// From this offset on.
    Get(u64),
}

/// The last response of a chain of redirects, and what the hub said on the way.
struct Answer {
    response: Response<Body>,
    host: String,
    at_hub: bool,
    linked_etag: Option<String>,
    linked_size: Option<String>,
    commit: Option<String>,
}

fn read_certificates(path: &std::path::Path) -> Result<RootCerts, String> {
    let pem = read_plain(path, PEM_LIMIT).map_err(|e| format!("which cannot be read ({e})"))?;
    let certificates: Vec<Certificate<'static>> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    match certificates.is_empty() {
        true => Err("which contains no PEM certificate".to_owned()),
        false => Ok(RootCerts::new_with_certs(&certificates)),
    }
}
