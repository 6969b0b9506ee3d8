//! Where the hub and its cache are, read from the variables that `huggingface_hub` reads. Makes
//! no request and creates nothing.

use sigmalab_compute::CancelToken;
use sigmalab_files::shared_folder::read_plain;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Says that the token may be sent without encryption to an endpoint on another machine.
pub const PLAIN_HTTP_VARIABLE: &str = "SIGMALAB_TOKEN_OVER_HTTP";

/// Most bytes of a token's file that are read.
const TOKEN_LIMIT: u64 = 64 << 10;

/// Where the hub and its cache are, read from the environment.
#[derive(Clone)]
pub struct HubSettings {
    /// `HF_ENDPOINT`, else `https://huggingface.co`; no slash at its end.
    pub endpoint: String,
    /// `HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`. Empty where no home
    /// folder is known.
    pub cache: PathBuf,
    /// `HF_TOKEN`, else the file `HF_HOME/token`. Sent to the endpoint and to no other host.
    pub token: Option<String>,
    /// `SIGMALAB_TOKEN_OVER_HTTP`: the token may go to another machine without encryption.
    pub token_over_http: bool,
    /// Whether somebody named the repository, and not only a file that came from elsewhere: what
    /// is not in the cache is downloaded then.
    pub asked: bool,
    /// `HF_HUB_OFFLINE`.
    pub offline: bool,
    /// `SSL_CERT_FILE`: certificate authorities in PEM to trust instead of Mozilla's list.
    pub certificates: Option<PathBuf>,
    /// A transfer in which no byte arrives for this long is broken off and resumed.
    pub stall_timeout: Duration,
    /// How often a request is made before it counts as failed; bytes that arrive start the count
    /// again.
    pub attempts: u32,
    /// The wait before the second attempt; each further one doubles it.
    pub retry_delay: Duration,
    /// Gives a download up; what is here by then is kept.
    pub cancel: CancelToken,
}

impl HubSettings {
    /// Reads the environment of this process.
    ///
    /// | what | first of |
    /// | --- | --- |
    /// | endpoint | `HF_ENDPOINT`, `https://huggingface.co` |
    /// | home | `HF_HOME`, `$XDG_CACHE_HOME/huggingface`, `~/.cache/huggingface` |
    /// | cache | `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `hub` in the home |
    /// | token | `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, the file `HF_TOKEN_PATH`, the file `token` in the home; none if `HF_HUB_DISABLE_IMPLICIT_TOKEN` |
    /// | offline | `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE`: 1, ON, YES or TRUE in any case |
    /// | certificates | `SSL_CERT_FILE` |
    ///
    /// A variable that is empty counts as unset, and a leading `~` is the home folder (other
    /// variables inside a value are not expanded). `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are
    /// read by the HTTP client itself.
    pub fn from_env() -> Self {
        Self::from_variables(|name| match name {
            "HOME" => std::env::home_dir().map(OsString::from),
            _ => std::env::var_os(name),
        })
    }

    /// Reads the variables through `variable`. Only the token's file is read from disk.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        let user = set("HOME").map(PathBuf::from);
        let path =
            |name: &str| set(name).map(|value| expand(PathBuf::from(value), user.as_deref()));
        let is_true = |name: &str| text(name).is_some_and(|value| is_true(&value));

        let home = path("HF_HOME").or_else(|| {
            let caches = path("XDG_CACHE_HOME").or_else(|| Some(user.as_ref()?.join(".cache")))?;
            Some(caches.join("huggingface"))
        });
        let cache = path("HF_HUB_CACHE")
            .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| Some(home.as_ref()?.join("hub")))
            .unwrap_or_default();
        let token = text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN")).or_else(|| {
            let file = path("HF_TOKEN_PATH").or_else(|| Some(home.as_ref()?.join("token")))?;
            String::from_utf8(read_plain(&file, TOKEN_LIMIT).ok()?).ok()
        });
        let token = token
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty() && !is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN"));
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());

        Self {
            endpoint: endpoint.trim().trim_end_matches('/').to_owned(),
            cache,
            token,
            token_over_http: is_true(PLAIN_HTTP_VARIABLE),
            asked: true,
            // The newer name decides where both are set, also when it says no.
            offline: match text("HF_HUB_OFFLINE") {
                Some(value) => self::is_true(&value),
                None => is_true("TRANSFORMERS_OFFLINE"),
            },
            certificates: path("SSL_CERT_FILE"),
            stall_timeout: Duration::from_secs(30),
            attempts: 5,
            retry_delay: Duration::from_millis(500),
            cancel: CancelToken::default(),
        }
    }
}

/// Leaves the token out, so that it never reaches a log.
impl fmt::Debug for HubSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSettings")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("token", &self.token.as_ref().map(|_| "(set)"))
            .field("token_over_http", &self.token_over_http)
            .field("asked", &self.asked)
            .field("offline", &self.offline)
            .field("certificates", &self.certificates)
            .field("stall_timeout", &self.stall_timeout)
            .field("attempts", &self.attempts)
            .field("retry_delay", &self.retry_delay)
            .finish()
    }
}

/// What is wrong with the variable that lets the token out, where it is neither yes nor no: whoever set
/// it meant something.
pub fn problem_of_plain_http() -> Option<String> {
    let value = std::env::var_os(PLAIN_HTTP_VARIABLE).filter(|value| !value.is_empty())?;
    let text = value.to_string_lossy();
    let is_no = ["0", "OFF", "NO", "FALSE"].iter().any(|no| text.eq_ignore_ascii_case(no));
    (!is_true(&text) && !is_no)
        .then(|| format!("{PLAIN_HTTP_VARIABLE} is `{text}`: expected 1 or 0"))
}

fn is_true(value: &str) -> bool {
    ["1", "ON", "YES", "TRUE"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

fn expand(path: PathBuf, user: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), user) {
        (Ok(rest), Some(user)) => user.join(rest),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        HubSettings::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn a_bare_environment_means_the_public_hub_and_the_cache_in_the_home_folder() {
        let settings = settings(&[("HOME", "/home/ada")]);
        assert_eq!(settings.endpoint, "https://huggingface.co");
        assert_eq!(settings.cache, Path::new("/home/ada/.cache/huggingface/hub"));
        assert_eq!(settings.token, None);
        assert!(!settings.offline);
    }

    #[test]
    fn the_cache_is_the_first_that_is_set_of_its_variables() {
        let all = [
            ("HF_HUB_CACHE", "/first"),
            ("HUGGINGFACE_HUB_CACHE", "/second"),
            ("HF_HOME", "/third"),
            ("XDG_CACHE_HOME", "/fourth"),
            ("HOME", "/fifth"),
        ];
        let expected = [
            "/first",
            "/second",
            "/third/hub",
            "/fourth/huggingface/hub",
            "/fifth/.cache/huggingface/hub",
            "",
        ];
        for (from, expected) in expected.iter().enumerate() {
            assert_eq!(settings(&all[from..]).cache, Path::new(expected));
        }
    }

    #[test]
    fn an_empty_variable_counts_as_unset_and_a_tilde_is_the_home_folder() {
        let settings =
            settings(&[("HF_HUB_CACHE", ""), ("HF_HOME", "~/models"), ("HOME", "/home/ada")]);
        assert_eq!(settings.cache, Path::new("/home/ada/models/hub"));
    }

    #[test]
    fn the_endpoint_loses_the_slash_at_its_end() {
        assert_eq!(settings(&[("HF_ENDPOINT", "http://mirror:80/")]).endpoint, "http://mirror:80");
    }

    #[test]
    fn the_token_is_the_variable_else_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join("token"), "hf_from_home\n").unwrap();
        let elsewhere = folder.path().join("elsewhere");
        std::fs::write(&elsewhere, "hf_from_path\n").unwrap();
        let elsewhere = elsewhere.to_str().unwrap();

        let token = |variables: &[(&str, &str)]| settings(variables).token;
        assert_eq!(token(&[("HF_HOME", home)]).unwrap(), "hf_from_home");
        assert_eq!(
            token(&[("HF_HOME", home), ("HF_TOKEN_PATH", elsewhere)]).unwrap(),
            "hf_from_path"
        );
        assert_eq!(
            token(&[("HF_HOME", home), ("HUGGING_FACE_HUB_TOKEN", "hf_old")]).unwrap(),
            "hf_old"
        );
        assert_eq!(
            token(&[("HUGGING_FACE_HUB_TOKEN", "hf_old"), ("HF_TOKEN", " hf_new\r\n")]).unwrap(),
            "hf_new"
        );
        assert_eq!(token(&[("HF_HOME", home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
    }

    #[test]
    fn offline_is_said_with_one_on_yes_or_true() {
        for value in ["1", "on", "Yes", "TRUE"] {
            assert!(settings(&[("HF_HUB_OFFLINE", value)]).offline, "{value}");
            assert!(settings(&[("TRANSFORMERS_OFFLINE", value)]).offline, "{value}");
        }
        for value in ["0", "", "off", "2"] {
            assert!(!settings(&[("HF_HUB_OFFLINE", value)]).offline, "{value}");
        }
        assert!(!settings(&[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")]).offline);
    }

    #[test]
    fn the_debug_form_keeps_the_token_to_itself() {
        let text = format!("{:?}", settings(&[("HF_TOKEN", "hf_secret")]));
        assert!(!text.contains("hf_secret"), "{text}");
    }
}
