//! Text files, by who says that they are read. One that somebody typed may be a pipe, as in `<(…)` and
//! `/dev/stdin`: they fill it. One that only lies there, or that another file names, is anybody's: it is
//! not waited for. Knows nothing of what the text means.

use super::failure::Failure;
use sigmalab_files::shared_folder::open_plain;
use sigmalab_text::text_file::{self, TextError};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Who says that a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Somebody typed its name.
    Named,
    /// It lies where such files are looked for, or another file names it.
    Found,
}

/// Opens a file to read.
///
/// # Errors
/// The system refuses, or nobody typed its name and it is no plain file.
pub(crate) fn open(path: &Path, origin: Origin) -> io::Result<File> {
    match origin {
        Origin::Named => File::open(path),
        Origin::Found => open_plain(path),
    }
}

/// The text of a file of at most `most` bytes.
///
/// # Errors
/// Where it cannot be opened or read, is longer, or is no UTF-8.
pub(crate) fn read(path: &Path, origin: Origin, most: u64) -> Result<String, TextError> {
    text_file::read(open(path, origin)?, most)
}

/// What there is to read where a path is given that may be `-`, standard input; and its name.
pub(crate) fn open_or_stdin(path: &Path) -> Result<(Box<dyn Read>, String), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), "standard input".to_owned()));
    }
    let name = format!("`{}`", path.display());
    let file = open(path, Origin::Named);
    let file =
        file.map_err(|error| Failure::bad_input(format_args!("cannot read {name}: {error}")))?;
    Ok((Box::new(file), name))
}
