//! Everything the command line says: results on standard output, the rest on standard error.
//! A closed pipe is no error: whoever read it had enough.

use super::failure::Failure;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

/// Writes a result to standard output.
pub(crate) fn result(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::failed(format_args!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a value as indented JSON to standard output.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::failed(format_args!("the result is no JSON: {error}")))?;
    result(&(text + "\n"))
}

/// Tells how a command ended: `error: …`, then `  try: …` lines.
pub(crate) fn failure(failure: &Failure) {
    if !failure.message.is_empty() {
        labelled("error", "\x1b[1;31m", &failure.message);
    }
    for way in &failure.ways_out {
        to_stderr(&format!("  {} {way}\n", paint("try:", "\x1b[32m")));
    }
}

/// Tells of something that may not be as meant.
pub(crate) fn warning(message: impl Display) {
    labelled("warning", "\x1b[1;33m", &message.to_string());
}

fn labelled(label: &str, colour: &str, message: &str) {
    to_stderr(&format!("{} {message}\n", paint(&format!("{label}:"), colour)));
}

fn paint(text: &str, colour: &str) -> String {
    if colours() { format!("{colour}{text}\x1b[0m") } else { text.to_owned() }
}

/// Colours are for people at a terminal who did not ask for none (<https://no-color.org>).
fn colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stderr().is_terminal() && !refused
}

fn to_stderr(text: &str) {
    // Nowhere is left to complain to where this fails.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
