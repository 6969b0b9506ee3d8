//! What the file of a lease says: who took the part, its signs of life, and what became of it. It
//! knows bytes and no folders.

use super::Left;
use crate::process::Process;
use serde::{Deserialize, Serialize};

/// What is written at a beat: all is well, or the worker has said nothing for long.
pub(super) const ALIVE: u8 = b'.';
pub(super) const SILENT: u8 = b'?';

/// How the line begins with which a part is given back.
const LEFT: &str = "left ";

/// How the line begins with which a part is taken from a holder that is lost.
const TAKEN: &str = "taken ";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    #[serde(flatten)]
    process: Process,
    /// Tells this lease from any other of the same name.
    #[serde(default)]
    nonce: String,
}

/// The first line of a lease.
pub(super) fn head(process: &Process, nonce: &str) -> String {
    let head = Head { process: process.clone(), nonce: nonce.to_owned() };
    serde_json::to_string(&head).unwrap_or_default() + "\n"
}

/// The last line of a lease that is given back: how far the journals of its holder went.
pub(super) fn left(journals: &[Left]) -> String {
    format!("\n{LEFT}{}\n", serde_json::to_string(journals).unwrap_or_default())
}

/// The last line of a lease that another process took.
pub(super) fn taken(nonce: &str) -> String {
    format!("\n{TAKEN}{nonce}\n")
}

/// A lease as it was read.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// Its holder, where the file says that.
    pub(super) process: Option<Process>,
    nonce: String,
    /// Its length: it grows while its holder lives.
    pub(super) length: usize,
    /// Beats at its end that tell of a silent worker.
    pub(super) silent: usize,
    /// What became of it, where it is held no more.
    pub(super) end: Option<End>,
}

/// What became of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Its holder gave it back, and what it recorded is in these journals.
    Left(Vec<Left>),
    /// It was taken from its holder.
    Taken,
}

impl Text {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let length = bytes.len();
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let Ok(Head { process, nonce }) = serde_json::from_slice(line) else {
            return Text { length, ..Text::default() };
        };
        let rest = bytes.get(line.len() + 1..).unwrap_or_default();
        let beats = rest.iter().take_while(|byte| matches!(**byte, ALIVE | SILENT)).count();
        let (beats, end) = rest.split_at(beats);
        let silent = beats.iter().rev().take_while(|beat| **beat == SILENT).count();
        let end = (!end.is_empty()).then(|| end_of(end));
        Text { process: Some(process), nonce, length, silent, end }
    }

    /// Whether the process that took it with this nonce holds it still.
    pub(super) fn is_of(&self, nonce: &str) -> bool {
        self.process.is_some() && self.nonce == nonce && self.end.is_none()
    }
}

/// What stands behind the beats. Where both wrote, what the holder left is the more to be known;
/// what makes no sense was written by two over each other, and nobody holds it.
fn end_of(bytes: &[u8]) -> End {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let left = lines.find_map(|line| serde_json::from_str(line.strip_prefix(LEFT)?).ok());
    left.map_or(End::Taken, End::Left)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lease_says_who_holds_it_and_what_became_of_it() {
        let process = Process::this();
        let begun = head(&process, "n");
        let read = |more: &str| Text::of(format!("{begun}{more}").as_bytes());
        assert!(read("").is_of("n") && read("..?.").is_of("n") && !read("").is_of("m"));
        assert_eq!(["..", "..??", "?."].map(|beats| read(beats).silent), [0, 2, 0]);
        let journals = vec![Left { journal: "a.jsonl".to_owned(), length: 7 }];
        assert_eq!(read(&format!("..{}", left(&journals))).end, Some(End::Left(journals.clone())));
        assert_eq!(read(&format!("..{}", taken("m"))).end, Some(End::Taken));
        let both = format!("..{}{}", taken("m"), left(&journals));
        assert_eq!(read(&both).end, Some(End::Left(journals)));
        // A beat that lies over the word of another process.
        assert!(!read("...taken m\n").is_of("n") && !read(".\n.aken m\n").is_of("n"));
        let former = serde_json::to_string(&process).unwrap();
        let former = Text::of(format!("{former}\n..").as_bytes());
        assert!(former.process == Some(process) && former.end.is_none() && former.silent == 0);
        assert!(Text::of(b"").process.is_none() && Text::of(b"\0\0\0\0").process.is_none());
    }

    #[test]
    fn no_damaged_lease_panics() {
        let journals = vec![Left { journal: "a.jsonl".to_owned(), length: 7 }];
        let whole = head(&Process::this(), "n") + "..?" + &left(&journals);
        for damaged in sigmalab_mutations::Mutations::of(whole.as_bytes(), 20).take(2000) {
            let _ = Text::of(&damaged);
        }
    }
}
