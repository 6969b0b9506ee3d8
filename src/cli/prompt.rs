//! Prompt text from a file or from standard input, of a size that a prompt can have.

use super::failure::Failure;
use super::text_input::open_or_stdin;
use sigmalab_text::text_file::{self, TextError};
use std::io::Read;
use std::path::Path;

/// Most bytes of prompt that are read: far more than the 2048 tokens that the model reads.
const LIMIT: u64 = 1 << 20;

/// The text of `file`; `-` is standard input. One newline at the end is the file's, not the
/// prompt's, and neither is a byte-order mark at the beginning.
pub(crate) fn from_file(file: &Path) -> Result<String, Failure> {
    let (from, name) = open_or_stdin(file)?;
    read(from, &name)
}

/// The text on standard input.
pub(crate) fn from_stdin() -> Result<String, Failure> {
    read(std::io::stdin().lock(), "standard input")
}

fn read(from: impl Read, name: &str) -> Result<String, Failure> {
    let text = text_file::read(from, LIMIT).map_err(|error| match error {
        TextError::TooLarge(_) => {
            Failure::bad_input(format_args!("{name} is too large for a prompt"))
        }
        error => unreadable(name, error),
    })?;
    let without = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n'));
    Ok(without.map(str::to_owned).unwrap_or(text))
}

pub(super) fn unreadable(name: &str, error: impl std::fmt::Display) -> Failure {
    Failure::bad_input(format_args!("cannot read {name}: {error}"))
}
