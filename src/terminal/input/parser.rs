//! Bytes to inputs. The events depend on the bytes alone, however they are split into reads; only
//! a lone escape needs a clock, to tell the key from the start of a sequence.

use super::escape::{self, Found};
use super::{Input, Key};
use crate::terminal::key::{KeyCode, Modifiers};
use std::time::{Duration, Instant};

const ESCAPE: u8 = 0x1b;
const PASTE_END: &[u8] = b"\x1b[201~";
/// How long an escape waits for the rest of a sequence. Over SSH the rest may come one packet
/// later; OpenSSH sends keystrokes on ticks of 20 ms.
const ESCAPE_WAIT: Duration = Duration::from_millis(50);
/// The same while answers to a probe are under way, so that none is taken apart.
const ESCAPE_WAIT_PROBING: Duration = Duration::from_millis(300);
/// A sequence longer than this is not one: no answer asked for is nearly as long.
const LONGEST_SEQUENCE: usize = 64 * 1024;

/// Reads the terminal's input. Feed it what was read; call [`Parser::flush`] when
/// [`Parser::timeout`] has passed without more.
#[derive(Debug, Default)]
pub struct Parser {
    /// Bytes that may be the start of something.
    pending: Vec<u8>,
    /// The text of a paste under way.
    paste: Option<Vec<u8>>,
    /// When the last bytes came.
    last: Option<Instant>,
    /// Until when answers to a probe are awaited.
    probing_until: Option<Instant>,
    /// An escape key was just reported; what follows may be its sequence, come too late.
    escaped: bool,
}

impl Parser {
    /// A parser at rest.
    #[must_use]
    pub fn new() -> Self {
        Parser::default()
    }

    /// Answers may come until then: a lone escape waits longer for its sequence.
    pub fn expect_replies(&mut self, until: Instant) {
        self.probing_until = Some(until);
    }

    /// The inputs that `bytes`, read at `now`, complete.
    pub fn feed(&mut self, bytes: &[u8], now: Instant) -> Vec<Input> {
        if bytes.is_empty() {
            return Vec::new();
        }
        self.last = Some(now);
        // A person's next key comes alone; two bytes at once that continue an escape are the rest
        // of a late sequence.
        if std::mem::take(&mut self.escaped)
            && bytes.len() > 1
            && matches!(bytes[0], b'[' | b']' | b'P' | b'_' | b'O')
        {
            self.pending.push(ESCAPE);
        }
        self.pending.extend_from_slice(bytes);
        let mut inputs = Vec::new();
        let mut at = 0;
        while at < self.pending.len() {
            let Some(used) = self.step(at, &mut inputs) else { break };
            at += used;
        }
        self.pending.drain(..at);
        inputs
    }

    /// How long to wait for more before [`Parser::flush`]; `None` where nothing waits.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        let waits = self.paste.is_none() && self.flushable().is_some();
        waits.then(|| {
            let probing = match (self.probing_until, self.last) {
                (Some(until), Some(last)) => last < until,
                _ => false,
            };
            if probing { ESCAPE_WAIT_PROBING } else { ESCAPE_WAIT }
        })
    }

    /// Nothing more came until `now`: a lone escape is the key. Does nothing where the wait of
    /// [`Parser::timeout`] is not over.
    pub fn flush(&mut self, now: Instant) -> Vec<Input> {
        let (Some(wait), Some(last)) = (self.timeout(), self.last) else { return Vec::new() };
        if now.saturating_duration_since(last) < wait {
            return Vec::new();
        }
        let Some(key) = self.flushable() else { return Vec::new() };
        self.pending.clear();
        self.escaped = key.code == KeyCode::Esc;
        vec![Input::Key(key)]
    }

    /// The key that the pending bytes are if nothing follows. A longer start of a sequence is
    /// none: its rest is late, and no part of it may become keys.
    fn flushable(&self) -> Option<Key> {
        match self.pending.as_slice() {
            [ESCAPE] => Some(Key::plain(KeyCode::Esc)),
            [ESCAPE, ESCAPE] => Some(Key::new(KeyCode::Esc, Modifiers::ALT)),
            [ESCAPE, byte @ (b'[' | b']' | b'P' | b'_' | b'O' | b'^' | b'X')] => {
                Some(Key::new(KeyCode::Char(char::from(*byte)), Modifiers::ALT))
            }
            _ => None,
        }
    }

    /// Takes one thing from `pending[at..]` and says how many bytes it was; `None` where it is
    /// not complete.
    fn step(&mut self, at: usize, inputs: &mut Vec<Input>) -> Option<usize> {
        let bytes = &self.pending[at..];
        if let Some(text) = &mut self.paste {
            return match find(bytes, PASTE_END) {
                Some(end) => {
                    text.extend_from_slice(&bytes[..end]);
                    let text = self.paste.take().unwrap_or_default();
                    inputs.push(Input::Paste(pasted(&text)));
                    Some(end + PASTE_END.len())
                }
                None => {
                    // Keep back what may be the start of the end.
                    let kept = (1..PASTE_END.len())
                        .rev()
                        .find(|&n| bytes.ends_with(&PASTE_END[..n]))
                        .unwrap_or(0);
                    let used = bytes.len() - kept;
                    text.extend_from_slice(&bytes[..used]);
                    (used > 0).then_some(used)
                }
            };
        }
        match escape::parse(bytes) {
            Found::Incomplete if bytes.len() > LONGEST_SEQUENCE => Some(bytes.len()),
            Found::Incomplete => None,
            Found::Nothing(used) => Some(used),
            Found::Input(input, used) => {
                inputs.push(input);
                Some(used)
            }
            Found::PasteStart(used) => {
                self.paste = Some(Vec::new());
                Some(used)
            }
        }
    }
}

/// Where `needle` begins in `bytes`.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// The text of a paste: terminals send line ends as `\r`, some as `\r\n`.
fn pasted(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
