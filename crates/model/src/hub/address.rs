//! Web addresses: where one leads, which of them may see the token, and how names become parts
//! of one. Makes no request.

use ureq::http::Uri;

/// Scheme, host and port: what a token must not leave.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an absolute http(s) address.
    pub(super) fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        Some(Self { scheme, host, port: uri.port_u16().unwrap_or(default_port) })
    }

    /// The host for messages, with its port where that is not the scheme's.
    pub(super) fn host(&self) -> String {
        match (self.scheme.as_str(), self.port) {
            ("https", 443) | ("http", 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// Whether nobody on the way can read what is sent.
    pub(super) fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether it is a server on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost"
            || address.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    }
}

/// The absolute address of a `Location`.
pub(super) fn join(url: &str, origin: &Origin, location: &str) -> String {
    let (scheme, host) = (&origin.scheme, origin.host());
    if location.contains("://") && Origin::of(location).is_some() {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{host}{location}")
    } else {
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let folder = path.rfind('/').map_or(path, |end| &path[..end]);
        format!("{folder}/{location}")
    }
}

/// `text` as one part of a URL's path.
pub(super) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn origin(url: &str) -> Origin {
        Origin::of(url).unwrap()
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://HuggingFace.co/a"), origin("https://huggingface.co:443/b"));
        assert_ne!(origin("https://huggingface.co"), origin("http://huggingface.co"));
        assert_ne!(origin("https://huggingface.co"), origin("https://huggingface.co.evil.com"));
        assert_ne!(origin("https://huggingface.co"), origin("https://huggingface.co@evil.com"));
        assert_ne!(origin("http://127.0.0.1:1"), origin("http://127.0.0.1:2"));
        assert_eq!(Origin::of("file:///etc/passwd"), None);
        assert_eq!(Origin::of("huggingface.co"), None);
    }

    #[test]
    fn only_addresses_of_this_machine_go_round_the_proxy() {
        for url in ["http://127.0.0.1:80", "http://localhost:1", "http://[::1]:1"] {
            assert!(origin(url).is_loopback(), "{url}");
        }
        for url in ["https://huggingface.co", "http://10.0.0.1", "http://127.0.0.1.evil.com"] {
            assert!(!origin(url).is_loopback(), "{url}");
        }
    }

    #[test]
    fn a_location_may_be_absolute_or_relative() {
        let url = "https://hub.co/a/resolve/main/x?y=/z";
        let join = |location| super::join(url, &origin(url), location);
        assert_eq!(join("https://cdn.co/f?s=1"), "https://cdn.co/f?s=1");
        assert_eq!(join("//cdn.co/f"), "https://cdn.co/f");
        assert_eq!(join("/b/x"), "https://hub.co/b/x");
        assert_eq!(join("/b/x?back=https://hub.co"), "https://hub.co/b/x?back=https://hub.co");
        assert_eq!(join("w"), "https://hub.co/a/resolve/main/w");
    }

    #[test]
    fn a_revision_becomes_one_part_of_the_address() {
        assert_eq!(percent_encode("refs/pr/3"), "refs%2Fpr%2F3");
        assert_eq!(percent_encode("v1.0-a_b~c"), "v1.0-a_b~c");
        assert_eq!(percent_encode("ä#%"), "%C3%A4%23%25");
    }

    proptest! {
        #[test]
        fn no_address_makes_the_parsers_fail(url in "\\PC*", location in "\\PC*") {
            let _ = Origin::of(&url);
            let base = "http://hub.co/a";
            prop_assert!(join(base, &origin(base), &location).len() >= location.len());
        }
    }
}
