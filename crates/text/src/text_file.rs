//! Text as other programs write it: a byte-order mark at its beginning, line ends of Windows. One
//! rule for all text that is read: the mark is passed over. Knows nothing of what the text means.

use std::io::{self, Read};

/// The byte-order mark, as some editors begin a file of UTF-8 with.
const MARK: char = '\u{feff}';

/// The same as bytes.
const MARK_BYTES: &[u8] = b"\xef\xbb\xbf";

/// Why something cannot be read as text.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is larger than {} MiB", .0 >> 20)]
    TooLarge(u64),
    #[error("it is UTF-16 text: save it as UTF-8")]
    Utf16,
    #[error("it is UTF-32 text: save it as UTF-8")]
    Utf32,
    #[error("line {line} is not UTF-8 text")]
    NotUtf8 {
        /// The first line that is none, counted from 1.
        line: usize,
    },
}

/// Reads UTF-8 text of at most `most` bytes, without its byte-order mark.
///
/// # Errors
/// Where it cannot be read, is longer, or is no UTF-8.
pub fn read(source: impl Read, most: u64) -> Result<String, TextError> {
    let mut bytes = Vec::new();
    source.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(TextError::TooLarge(most));
    }
    decode(bytes)
}

/// The text of bytes, without its byte-order mark.
///
/// # Errors
/// Where they are no UTF-8.
pub fn decode(bytes: Vec<u8>) -> Result<String, TextError> {
    let text = decode_marked(bytes)?;
    Ok(match text.strip_prefix(MARK) {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// The text of bytes as it is, with its byte-order mark: for files that are written again.
///
/// # Errors
/// Where they are no UTF-8.
pub fn decode_marked(bytes: Vec<u8>) -> Result<String, TextError> {
    if let Some(other) = other_encoding(&bytes) {
        return Err(other);
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        TextError::NotUtf8 { line: valid.iter().filter(|byte| **byte == b'\n').count() + 1 }
    })
}

/// The encoding that is not UTF-8, by its mark; without one, by the zeros between Latin letters, which
/// no UTF-8 text has in every second place.
fn other_encoding(bytes: &[u8]) -> Option<TextError> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some(TextError::Utf32),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some(TextError::Utf16),
        _ => {}
    }
    // The beginning tells; half of it must be zeros, and all of them on one side.
    let (pairs, _) = bytes.get(..bytes.len().min(64)).unwrap_or_default().as_chunks::<2>();
    let first = pairs.iter().filter(|[first, _]| *first == 0).count();
    let second = pairs.iter().filter(|[_, second]| *second == 0).count();
    let one_side =
        |zeros: usize, others: usize| others == 0 && zeros > 0 && 4 * zeros > 3 * pairs.len();
    (one_side(first, second) || one_side(second, first)).then_some(TextError::Utf16)
}

/// The text without its byte-order mark and with plain line ends: what [`in_the_form_of`] takes.
pub fn plain(text: &str) -> String {
    without_mark(text).replace("\r\n", "\n")
}

/// A changed text as the file was written that it was made from: `after`, which is plain, with the
/// mark, the line ends and the missing final line end of `before`. Lines that are the same at the
/// beginning and at the end keep even line ends that differ from those of their neighbours, and so does
/// a line that takes another's place; those that are more get the end that most lines have.
pub fn in_the_form_of(before: &str, after: &str) -> String {
    let mark = if before.starts_with(MARK) { "\u{feff}" } else { "" };
    let old: Vec<&str> = without_mark(before).split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let same = |(old, new): &(&&str, &&str)| bare(old) == bare(new);
    let head = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(same).count();
    let windows = old.iter().filter(|line| line.ends_with("\r\n")).count();
    let end = if 2 * windows > old.len() { "\r\n" } else { "\n" };
    let mut text = mark.to_owned();
    let middle = new.get(head..new.len() - tail).unwrap_or_default();
    let kept = |lines: Option<&[&str]>| lines.unwrap_or_default().concat();
    text.push_str(&kept(old.get(..head)));
    let places = old.get(head..old.len() - tail).unwrap_or_default();
    for (at, line) in middle.iter().enumerate() {
        close_line(&mut text, mark, end);
        text.push_str(bare(line));
        text.push_str(match places.get(at) {
            Some(place) if place.ends_with("\r\n") => "\r\n",
            Some(place) if place.ends_with('\n') => "\n",
            _ => end,
        });
    }
    if tail > 0 {
        close_line(&mut text, mark, end);
        text.push_str(&kept(old.get(old.len() - tail..)));
    }
    // The final line end is the file's own matter, too.
    let ended = |text: &str| text.is_empty() || text.ends_with('\n');
    match (ended(without_mark(before)), ended(without_mark(&text))) {
        (true, false) => text.push_str(end),
        (false, true) => text.truncate(bare(&text).len()),
        _ => {}
    }
    text
}

/// A line, or a text, without its line end.
fn bare(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// Ends the text's last line, if it has no end.
fn close_line(text: &mut String, mark: &str, end: &str) {
    if text.len() > mark.len() && !text.ends_with('\n') {
        text.push_str(end);
    }
}

/// The text without its byte-order mark.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// The bytes of a text without its byte-order mark.
pub fn bytes_without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK_BYTES).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mark_at_the_beginning_is_passed_over_and_no_other() {
        assert_eq!(read(&b"\xef\xbb\xbfa\xef\xbb\xbfb"[..], 99).unwrap(), "a\u{feff}b");
        assert_eq!(read(&b"\xef\xbb\xbf"[..], 99).unwrap(), "");
        assert_eq!(without_mark("\u{feff}{}"), "{}");
        assert_eq!(bytes_without_mark(b"\xef\xbb\xbf{}"), b"{}");
    }

    #[test]
    fn a_changed_text_keeps_the_form_of_its_file() {
        for (before, after, written) in [
            ("a\r\nb\r\nc\r\n", "a\nB\nc\n", "a\r\nB\r\nc\r\n"),
            ("\u{feff}a\r\nb", "x\na\nb", "\u{feff}x\na\r\nb"),
            ("a\nb\r\nc\n", "a\nb\nC\n", "a\nb\r\nC\n"),
            ("a\nb", "a\nb\nc\n", "a\nb\nc"),
            // Whose line end is another's keeps it when it is changed.
            ("a\r\nb\nc\nd\n", "A\nb\nc\nd\n", "A\r\nb\nc\nd\n"),
            ("a\nb\r\nc\nd\n", "a\nB\nX\nc\nd\n", "a\nB\r\nX\nc\nd\n"),
            ("a\r\nb\r\n", "a\n", "a\r\n"),
            ("\u{feff}", "a\n", "\u{feff}a\n"),
            ("\u{feff}", "", "\u{feff}"),
            ("a\r\n\r\nb\r\n", "a\n\n\nb\n", "a\r\n\r\n\r\nb\r\n"),
        ] {
            assert_eq!(in_the_form_of(before, after), written, "{before:?} {after:?}");
        }
    }

    proptest! {
        #[test]
        fn no_change_is_no_change(text in "\u{feff}?([ab]{0,2}\r?\n){0,6}[ab]?") {
            prop_assert_eq!(in_the_form_of(&text, &plain(&text)), text);
        }

        #[test]
        fn what_it_says_is_what_was_meant(
            before in "\u{feff}?([ab]{0,2}\r?\n){0,6}",
            after in "([abc]{0,2}\n){1,6}",
        ) {
            prop_assert_eq!(plain(&in_the_form_of(&before, &after)), after);
        }
    }

    #[test]
    fn other_encodings_are_named() {
        let told = |bytes: &[u8]| read(bytes, 99).unwrap_err().to_string();
        assert_eq!(told(b"\xff\xfea\0"), "it is UTF-16 text: save it as UTF-8");
        assert_eq!(told(b"\xfe\xff\0a"), "it is UTF-16 text: save it as UTF-8");
        // Without a mark the zeros tell.
        assert_eq!(told(b"{\0\"\0a\0\"\0"), "it is UTF-16 text: save it as UTF-8");
        assert_eq!(told(b"\0a\0 \0r"), "it is UTF-16 text: save it as UTF-8");
        assert_eq!(told(b"\xff\xfe\0\0a\0\0\0"), "it is UTF-32 text: save it as UTF-8");
        assert_eq!(told(b"a\nb\xe9\n"), "line 2 is not UTF-8 text");
        assert_eq!(read(&b"a\0b and more"[..], 99).unwrap(), "a\0b and more");
        assert!(matches!(read(&b"abc"[..], 2), Err(TextError::TooLarge(2))));
        assert_eq!(read(&b"abc"[..], 3).unwrap(), "abc");
    }
}
