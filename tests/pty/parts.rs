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

/// The bytes of every whole picture, in order: a kitty picture's chunks together.
pub(crate) fn pictures(bytes: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut open = 0;
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == 0x1b) {
        rest = &rest[at..];
        let Some(length) = picture(rest).filter(|_| !rest.starts_with(QUESTION)) else {
            rest = &rest[1..];
            continue;
        };
        let (sequence, after) = rest.split_at(length);
        rest = after;
        let head = String::from_utf8_lossy(&sequence[..sequence.len().min(80)]).into_owned();
        match head.strip_prefix("\x1b_G") {
            Some(head) => {
                let head = head.split(';').next().unwrap_or_default();
                // Deletions, placements and questions carry no picture.
                if !head.split(',').any(|part| matches!(part, "m=0" | "m=1")) {
                    continue;
                }
                open += sequence.len();
                if head.ends_with("m=0") {
                    found.push(std::mem::take(&mut open));
                }
            }
            None => found.push(sequence.len()),
        }
    }
    found
}

/// The length of what stands at the start, where it belongs to a picture.
fn picture(bytes: &[u8]) -> Option<usize> {
    let until = |end: &[u8]| {
        let found = bytes.windows(end.len()).position(|window| window == end);
        Some(found.map_or(bytes.len(), |at| at + end.len()))
    };
    match bytes {
        [0x1b, b'_', b'G', ..] | [0x1b, b'P', b'0'..=b'9', b';', ..] => until(b"\x1b\\"),
        [0x1b, b']', b'1', b'3', b'3', b'7', ..] => until(b"\x07"),
        _ if bytes.starts_with(QUESTION) => Some(QUESTION.len()),
        _ => None,
    }
}
