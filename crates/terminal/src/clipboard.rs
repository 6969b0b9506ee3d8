//! Text into the clipboard of whoever sits at the terminal, also over SSH: OSC 52.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Some terminals drop a longer sequence whole (xterm's limit is about this in base64).
const LONGEST_TEXT: usize = 74_994;

/// Text too long for the clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{bytes} bytes are too many for the terminal's clipboard, which takes {LONGEST_TEXT}: select less"
)]
pub struct TooLong {
    pub bytes: usize,
}

/// What to write so that the clipboard holds `text`.
pub fn copy(text: &str) -> Result<Vec<u8>, TooLong> {
    if text.len() > LONGEST_TEXT {
        return Err(TooLong { bytes: text.len() });
    }
    Ok(format!("\x1b]52;c;{}\x1b\\", STANDARD.encode(text)).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_out_as_base64() {
        assert_eq!(copy("hi\t1\n"), Ok(b"\x1b]52;c;aGkJMQo=\x1b\\".to_vec()));
    }

    #[test]
    fn a_text_that_terminals_drop_is_refused() {
        let text = "x".repeat(LONGEST_TEXT + 1);
        assert_eq!(copy(&text), Err(TooLong { bytes: text.len() }));
    }
}
