//! Names that stay in the folder they are looked for in.

use std::ffi::OsStr;
use std::io::{Error, ErrorKind, Result};

/// A name of one part that does not lead elsewhere.
pub(super) fn checked(name: &OsStr) -> Result<&OsStr> {
    let bytes = name.as_encoded_bytes();
    if bytes.is_empty() || name == "." || name == ".." || bytes.iter().any(|b| b"/\0".contains(b)) {
        let problem = format!("`{}` is no name of a file", name.display());
        return Err(Error::new(ErrorKind::InvalidInput, problem));
    }
    Ok(name)
}

/// Whether a path that a file or a server names, with `/` between its parts, stays below the folder
/// that it is joined to.
pub fn stays_below(path: &str) -> bool {
    !path.contains('\\')
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_ways_out_do_not_stay_below() {
        for path in ["", ".", "..", "/a", "a/", "a//b", "a/../b", "./a", "a\\b", "a\0", "a\nb"] {
            assert!(!stays_below(path), "{path:?}");
        }
        for path in ["a", "a/b", "..a/.b", "ä b/c..d"] {
            assert!(stays_below(path), "{path:?}");
        }
    }

    #[test]
    fn only_names_of_one_part_stay_in_their_folder() {
        for name in ["", ".", "..", "a/b", "/a", "a/", "a\0"] {
            assert!(checked(OsStr::new(name)).is_err(), "{name:?}");
        }
        for name in ["a", "..a", ".a", "ä b"] {
            assert!(checked(OsStr::new(name)).is_ok(), "{name:?}");
        }
    }
}
