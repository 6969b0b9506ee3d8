//! Opening a file that is read from more than one place in it. Knows nothing of what it holds.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// Opens a regular file. A pipe could only be read once, and opening one waits for its writer,
/// which may never come; a device may never end.
pub(super) fn open_file(path: &Path) -> Result<File> {
    let meta = std::fs::metadata(path)?;
    if meta.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !meta.is_file() {
        let what = "it is a device or a pipe: save its contents in a file first";
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    File::open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn devices_and_folders_are_refused() {
        let error = open_file(Path::new("/dev/null")).unwrap_err();
        assert!(error.to_string().contains("a device or a pipe"), "{error}");
        assert_eq!(open_file(Path::new("/")).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(open_file(Path::new("/no/file")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
