//! Everything the command line says: results on standard output, the rest on standard error.
//! A closed pipe is no error: whoever read it had enough.

use super::failure::Failure;
use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

/// Writes a result to standard output.
pub(crate) fn result(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let text = if out.is_terminal() { harmless(text) } else { Cow::Borrowed(text) };
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

/// A number of things: `1 step`, `3 steps`.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Tells how a command ended: `error: …`, then `  try: …` lines.
pub(crate) fn failure(failure: &Failure) {
    if !failure.message.is_empty() {
        labelled("error", "\x1b[1;31m", &failure.message);
    }
    for way in &failure.ways_out {
        let way = harmless(&bounded(way)).into_owned();
        to_stderr(&format!("  {} {way}\n", paint("try:", "\x1b[32m")));
    }
}

/// Tells of something that may not be as meant.
pub(crate) fn warning(message: impl Display) {
    labelled("warning", "\x1b[1;33m", &message.to_string());
}

/// Tells what is about to happen.
pub(crate) fn note(message: impl Display) {
    to_stderr(&format!("{}\n", harmless(&bounded(&message.to_string()))));
}

fn labelled(label: &str, colour: &str, message: &str) {
    let message = harmless(&bounded(message)).into_owned();
    to_stderr(&format!("{} {message}\n", paint(&format!("{label}:"), colour)));
}

fn paint(text: &str, colour: &str) -> String {
    if colours() { format!("{colour}{text}\x1b[0m") } else { text.to_owned() }
}

/// `text` with control characters written out. Names come from files of strangers, and a terminal
/// obeys what it is sent.
fn harmless(text: &str) -> Cow<'_, str> {
    let wild = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(wild) {
        return Cow::Borrowed(text);
    }
    let write_out = |c: char| if wild(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(write_out).collect())
}

/// Most characters of one message: a name of a megabyte must not push the rest off the screen.
const LONGEST: usize = 8000;

/// The beginning and the end of a message that is too long.
fn bounded(text: &str) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= LONGEST {
        return Cow::Borrowed(text);
    }
    let half = LONGEST / 2;
    let start: String = text.chars().take(half).collect();
    let end: String = text.chars().skip(length - half).collect();
    Cow::Owned(format!("{start} … ({} characters left out) … {end}", length - 2 * half))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out_and_lines_stay_lines() {
        assert_eq!(harmless("a\n\tb é"), "a\n\tb é");
        assert_eq!(harmless("\x1b[31mred\r\u{9b}"), "\\u{1b}[31mred\\r\\u{9b}");
    }

    #[test]
    fn a_message_that_is_far_too_long_keeps_its_ends() {
        let name = "é".repeat(1_000_000);
        let text = format!("start {name} end");
        let short = bounded(&text);
        assert!(short.starts_with("start é") && short.ends_with("é end"));
        assert!(short.contains("992010 characters left out"), "{}", short.len());
        assert_eq!(bounded("short"), "short");
    }
}
