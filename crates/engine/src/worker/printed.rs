//! What libraries and plugins print in a worker that has no log: passed on to standard error line
//! by line, without what a terminal would obey, and not without end. Knows nothing of what it is
//! about.

use sigmalab_text::strange_text::on_one_line;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// Lines that are passed on at once.
const FIRST: usize = 20;

/// Lines that are kept for the end where there are more.
const LAST: usize = 20;

/// Most bytes of a line.
const LONGEST: u64 = 400;

/// How long the end is waited for: a process that the worker left behind may hold the pipe.
const PATIENCE: Duration = Duration::from_millis(500);

/// Follows what a worker prints until it ends.
#[derive(Debug)]
pub(super) struct Printed(Receiver<()>);

impl Printed {
    /// Follows `pipe`.
    pub(super) fn follow(pipe: impl Read + Send + 'static) -> Self {
        let (over, end) = mpsc::channel();
        thread::spawn(move || {
            // Nowhere is left to complain to where standard error cannot be written.
            let _ = pass_on(BufReader::new(pipe), &mut |line| {
                io::stderr().lock().write_all(format!("worker: {line}\n").as_bytes())
            });
            drop(over);
        });
        Printed(end)
    }

    /// Waits until everything is passed on.
    pub(super) fn finish(&self) {
        let _ = self.0.recv_timeout(PATIENCE);
    }
}

fn pass_on(mut pipe: impl BufRead, tell: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let (mut lines, mut last) = (0_u64, VecDeque::new());
    while let Some(line) = next_line(&mut pipe)? {
        lines += 1;
        if lines <= FIRST as u64 {
            tell(&line)?;
            continue;
        }
        if last.len() == LAST {
            last.pop_front();
        }
        last.push_back(line);
    }
    let left_out = lines.saturating_sub((FIRST + last.len()) as u64);
    if left_out > 0 {
        tell(&format!("({left_out} lines left out)"))?;
    }
    last.iter().try_for_each(|line| tell(line))
}

/// The beginning of the next line, harmless to a terminal; `None` at the end.
fn next_line(pipe: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if pipe.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let whole = bytes.last() == Some(&b'\n');
    let text = String::from_utf8_lossy(&bytes);
    let mut line = on_one_line(text.trim_end_matches(['\n', '\r'])).into_owned();
    if !whole && !pipe.fill_buf()?.is_empty() {
        line.push('…');
        skip_line(pipe)?;
    }
    Ok(Some(line))
}

fn skip_line(pipe: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = pipe.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        pipe.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn told(text: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        pass_on(text, &mut |line| {
            lines.push(line.to_owned());
            Ok(())
        })
        .unwrap();
        lines
    }

    #[test]
    fn a_flood_keeps_its_ends_and_escape_sequences_are_written_out() {
        let flood: String = (0..60_000).map(|n| format!("\x1b[31mline {n}\x07\n")).collect();
        let lines = told(flood.as_bytes());
        assert_eq!(lines.len(), FIRST + 1 + LAST);
        assert_eq!(lines[0], "\\u{1b}[31mline 0\\u{7}");
        assert_eq!(lines[FIRST], "(59960 lines left out)");
        assert_eq!(lines[FIRST + LAST], "\\u{1b}[31mline 59999\\u{7}");
        assert!(!lines.concat().contains(char::is_control));
    }

    #[test]
    fn lines_without_an_end_and_without_measure_are_cut() {
        assert_eq!(told(b"one\ntwo"), ["one", "two"]);
        let lines = told(&[[b'x'; 1 << 20].as_slice(), b"\nnext\n"].concat());
        assert_eq!(lines.len(), 2);
        assert!(lines[0].len() < 500 && lines[0].ends_with('…'), "{}", lines[0].len());
        assert_eq!(lines[1], "next");
        assert!(told(b"").is_empty());
        assert_eq!(told(b"\xff\xfe\n"), ["\u{fffd}\u{fffd}"]);
    }
}
