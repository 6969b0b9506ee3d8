//! Names that stay in the folder they are looked for in.

use std::ffi::OsStr;
use std::io::{Error, ErrorKind, Result};

/// A name of one part that does not lead elsewhere.
pub(super) fn checked(name: &OsStr) -> Result<&OsStr> {
    let bytes = name.as_encoded_bytes();
    if bytes.is_empty() || name == "." || name == ".." || bytes.iter().any(|b| b"/\0".contains(b)) {
        let problem = format!("`{}` is not a file name", name.display());
        return Err(Error::new(ErrorKind::InvalidInput, problem));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

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
