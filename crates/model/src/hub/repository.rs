//! The name of a repository on the hub, checked before it becomes a URL or a path. Knows nothing
//! of where either leads.

use super::HubError;
use std::fmt;

/// The revision that a bare `owner/name` stands for.
const DEFAULT_REVISION: &str = "main";

/// A model repository and its revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repository {
    /// `owner/name`.
    pub(super) id: String,
    /// A branch, a tag, a commit or a ref such as `refs/pr/3`.
    pub(super) revision: String,
}

impl Repository {
    /// Reads `owner/name` or `owner/name@revision`, by the hub's rules for names: letters,
    /// digits, `-`, `_` and `.`, at most 96 characters, no `--` or `..`, neither beginning nor
    /// ending with `-` or `.`, and not ending in `.git`.
    pub(super) fn parse(text: &str) -> Result<Self, HubError> {
        let refuse = |reason| Err(HubError::InvalidId { id: text.to_owned(), reason });
        let (id, revision) = text.split_once('@').unwrap_or((text, DEFAULT_REVISION));
        let Some((owner, name)) = id.split_once('/') else {
            return refuse("it has no `/` between an owner and a name");
        };
        if name.contains('/') {
            return refuse("it has more than one `/`");
        }
        for part in [owner, name] {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if part.is_empty() || !part.chars().all(plain) {
                return refuse("owner and name are made of letters, digits, `-`, `_` and `.`");
            }
            if part.starts_with(['-', '.']) || part.ends_with(['-', '.']) {
                return refuse("owner and name neither begin nor end with `-` or `.`");
            }
        }
        if id.contains("--") || id.contains("..") {
            return refuse("it contains `--` or `..`");
        }
        if id.len() > 96 {
            return refuse("it is longer than 96 characters");
        }
        if name.ends_with(".git") {
            return refuse("the name ends in `.git`");
        }
        if !is_revision(revision) {
            return refuse("what follows `@` is not a branch, tag or commit");
        }
        Ok(Self { id: id.to_owned(), revision: revision.to_owned() })
    }

    /// The page where a person reads about the repository and accepts its licence.
    pub(super) fn page(&self, endpoint: &str) -> String {
        format!("{endpoint}/{}", self.id)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if self.revision != DEFAULT_REVISION {
            write!(f, "@{}", self.revision)?;
        }
        Ok(())
    }
}

/// Whether git could have such a ref and a path of its parts stays inside its folder.
fn is_revision(text: &str) -> bool {
    text.len() <= 200
        && text.chars().all(|c| c.is_ascii_graphic() && !"\\:?*[~^".contains(c))
        && text.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
        && !text.contains("..")
}

/// Whether `text` is a full commit hash, as the cache names its snapshots.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn owner_and_name_stand_for_the_main_branch() {
        let repository = Repository::parse("ideogram-ai/ideogram-4-fp8").unwrap();
        assert_eq!(repository.id, "ideogram-ai/ideogram-4-fp8");
        assert_eq!(repository.revision, "main");
        assert_eq!(repository.to_string(), "ideogram-ai/ideogram-4-fp8");
    }

    #[test]
    fn a_revision_follows_an_at_sign() {
        let repository = Repository::parse("fal/v4_instant@refs/pr/3").unwrap();
        assert_eq!(repository.id, "fal/v4_instant");
        assert_eq!(repository.revision, "refs/pr/3");
        assert_eq!(repository.to_string(), "fal/v4_instant@refs/pr/3");
    }

    #[test]
    fn names_that_the_hub_does_not_allow_are_refused() {
        for text in [
            "",
            "name",
            "/name",
            "owner/",
            "owner/name/more",
            "../name",
            "owner/..",
            "./name",
            "owner/na me",
            "owner/na--me",
            "owner/-name",
            "owner/name.",
            "owner/name.git",
            "owner/naïve",
            "~/name",
            "https://huggingface.co/owner/name",
            "owner/name@",
            "owner/name@../../etc",
            "owner/name@/etc",
            "owner/name@a//b",
            "owner/name@.hidden",
            "owner/name@a b",
        ] {
            assert!(Repository::parse(text).is_err(), "{text:?} was accepted");
        }
        assert!(Repository::parse(&format!("owner/{}", "n".repeat(91))).is_err());
    }

    #[test]
    fn a_commit_is_forty_lowercase_hexadecimal_digits() {
        assert!(is_commit("607a30d783dfa663caf39e06633721c8d4cfcd7e"));
        assert!(!is_commit("607a30d"));
        assert!(!is_commit("607A30D783DFA663CAF39E06633721C8D4CFCD7E"));
        assert!(!is_commit("../a30d783dfa663caf39e06633721c8d4cfcd7e"));
    }

    proptest! {
        #[test]
        fn no_text_leads_out_of_the_cache_folder(text in "[a-z./@~-]{0,24}") {
            if let Ok(repository) = Repository::parse(&text) {
                for part in repository.id.split('/').chain(repository.revision.split('/')) {
                    prop_assert!(!part.is_empty() && part != "." && part != "..");
                }
            }
        }
    }
}
