//! Which of a terminal's bytes are pictures, which are their cells, and which are text.

/// A picture's cell in kitty, in UTF-8.
const PLACEHOLDER: &[u8] = "\u{10eeee}".as_bytes();

/// Asks the terminal to say that it got here; written after every piece of a picture.
const QUESTION: &[u8] = b"\x1b[5n";

/// Bytes by what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Pictures in their protocol, with what paces them.
    pub(crate) pictures: usize,
    /// Cells that stand for a part of a picture in kitty.
    pub(crate) cells: usize,
    /// Everything else.
    pub(crate) text: usize,
}

impl Parts {
    /// Counts; whole sequences only.
    pub(crate) fn of(bytes: &[u8]) -> Parts {
        let mut parts = Parts::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (part, length) = if let Some(length) = picture(rest) {
                (&mut parts.pictures, length)
            } else if rest.starts_with(PLACEHOLDER) {
                // Row and column follow, each a combining character of two to four bytes.
                let text = String::from_utf8_lossy(rest.get(..16).unwrap_or(rest)).into_owned();
                (&mut parts.cells, text.chars().take(3).map(char::len_utf8).sum())
            } else {
                (&mut parts.text, 1)
            };
            *part += length;
            rest = rest.get(length..).unwrap_or_default();
        }
        parts
    }
}

/// The length of what stands at the start, where it belongs to a picture.
fn picture(bytes: &[u8]) -> Option<usize> {
    let until = |end: &[u8]| {
        let found = bytes.windows(end.len()).position(|window| window == end);
        Some(found.map_or(bytes.len(), |at| at + end.len()))
    };
    match bytes {
        [0x1b, b'_', b'G', ..] | [0x1b, b'P', b'0', b';', ..] => until(b"\x1b\\"),
        [0x1b, b']', b'1', b'3', b'3', b'7', ..] => until(b"\x07"),
        _ if bytes.starts_with(QUESTION) => Some(QUESTION.len()),
        _ => None,
    }
}
