//! Bytes to inputs. The events depend on the bytes alone, however they are split into reads; only
//! an escape needs a clock, to tell the key from the start of a sequence. Whatever begins like a
//! sequence and is none in the end was typed, and becomes keys: nothing waits without end but a
//! paste, whose end only the terminal can say.

use super::escape::{self, Found};
use super::{Input, Key, Reply};
use crate::key::{KeyCode, Modifiers};
use std::time::{Duration, Instant};

const ESCAPE: u8 = 0x1b;
const PASTE_END: &[u8] = b"\x1b[201~";
/// How long an escape waits for the rest of a sequence. Over SSH the rest may come one packet
/// later; OpenSSH sends keystrokes on ticks of 20 ms.
const ESCAPE_WAIT: Duration = Duration::from_millis(50);
/// The same while answers to a probe are under way, so that none is taken apart.
const ESCAPE_WAIT_PROBING: Duration = Duration::from_millis(300);
/// How long a string that has begun waits for more of it. An answer comes in one piece, or in
/// pieces close to each other.
const STRING_WAIT: Duration = Duration::from_secs(1);
/// How long a control sequence that has begun waits for more of it: a report of the mouse may be
/// split by a packet that was lost, and no part of it may become keys.
const SEQUENCE_WAIT: Duration = Duration::from_secs(2);
/// How long after an escape was taken for the key the rest of its sequence still counts as that.
const LATE: Duration = Duration::from_secs(10);
/// A sequence longer than this is not one: no answer asked for is nearly as long.
const LONGEST_SEQUENCE: usize = 64 * 1024;

/// Reads the terminal's input. Feed it what was read; call [`Parser::flush`] whenever nothing more
/// is there to read, and at the latest after [`Parser::wait`].
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
    /// The terminal has not yet answered the last of the questions, and every terminal that
    /// answers anything answers that one.
    unanswered: bool,
    /// When an escape was taken for the key; what follows may be its sequence, come too late.
    escaped: Option<Instant>,
}

impl Parser {
    /// A parser at rest.
    #[must_use]
    pub fn new() -> Self {
        Parser::default()
    }

    /// Answers in control sequences may come until then: a lone escape waits longer for its
    /// sequence.
    pub fn expect_replies(&mut self, until: Instant) {
        self.probing_until = Some(until);
    }

    /// The whole probe was asked, which is also answered in strings: until then, or until its
    /// last question is answered where that takes longer.
    pub fn expect_answers(&mut self, until: Instant) {
        self.expect_replies(until);
        self.unanswered = true;
    }

    fn is_probing(&self, now: Instant) -> bool {
        self.probing_until.is_some_and(|until| now < until)
    }

    /// Whether the terminal may still answer in a string.
    fn answers(&self, now: Instant) -> bool {
        self.unanswered || self.is_probing(now)
    }

    /// The inputs that `bytes`, read at `now`, complete.
    pub fn feed(&mut self, bytes: &[u8], now: Instant) -> Vec<Input> {
        if bytes.is_empty() {
            return Vec::new();
        }
        // What had waited long enough when these were read does not belong to them, however late
        // anybody looks.
        let mut inputs = self.flush(now);
        self.last = Some(now);
        if let Some(since) = self.escaped.take()
            && now.saturating_duration_since(since) < LATE
            && self.is_rest_of_a_sequence(bytes, now)
        {
            self.pending.push(ESCAPE);
        }
        self.pending.extend_from_slice(bytes);
        self.work(now, &mut inputs);
        inputs
    }

    /// Whether bytes that were read at once continue an escape that came long before. A person's
    /// next key comes alone.
    fn is_rest_of_a_sequence(&self, bytes: &[u8], now: Instant) -> bool {
        if bytes.len() < 2 || !matches!(bytes[0], b'[' | b']' | b'P' | b'_' | b'O') {
            return false;
        }
        let whole: Vec<u8> = std::iter::once(ESCAPE).chain(bytes.iter().copied()).collect();
        match escape::parse(&whole, self.answers(now)) {
            // One key, and it is not alt with the first of them.
            Found::Input(_, used) => used > 2,
            Found::PasteStart(_) => true,
            Found::Incomplete => self.answers(now),
            Found::Nothing(_) => false,
        }
    }

    /// Takes everything that is complete.
    fn work(&mut self, now: Instant, inputs: &mut Vec<Input>) {
        let mut at = 0;
        while at < self.pending.len() {
            let Some(used) = self.step(at, now, inputs) else { break };
            at += used;
        }
        self.pending.drain(..at);
    }

    /// How long from `now` until [`Parser::flush`] has something to do, if nothing more comes;
    /// `None` where nothing waits.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let (wait, last) = (self.timeout()?, self.last?);
        Some((last + wait).saturating_duration_since(now))
    }

    /// How long what has come waits for more.
    fn timeout(&self) -> Option<Duration> {
        let last = self.last.filter(|_| self.paste.is_none())?;
        match self.pending.as_slice() {
            [ESCAPE] if self.is_probing(last) => Some(ESCAPE_WAIT_PROBING),
            // Nobody types two keys at once by chance.
            [ESCAPE, _] if self.answers(last) => Some(ESCAPE_WAIT_PROBING),
            [ESCAPE] | [ESCAPE, _] => Some(ESCAPE_WAIT),
            [ESCAPE, b'[', ..] => Some(SEQUENCE_WAIT),
            [ESCAPE, ..] => Some(STRING_WAIT),
            _ => None,
        }
    }

    /// Nothing more came until `now`: a lone escape is the key, and what began a sequence was
    /// typed. Does nothing before that has waited long enough.
    pub fn flush(&mut self, now: Instant) -> Vec<Input> {
        let (Some(wait), Some(last)) = (self.timeout(), self.last) else { return Vec::new() };
        if now.saturating_duration_since(last) < wait {
            return Vec::new();
        }
        let (key, used) = match *self.pending.as_slice() {
            [ESCAPE] => (Key::plain(KeyCode::Esc), 1),
            [ESCAPE, ESCAPE] => (Key::new(KeyCode::Esc, Modifiers::ALT), 2),
            // The start of a character of several bytes, which may still come whole.
            [ESCAPE, byte, ..] if !byte.is_ascii() => (Key::plain(KeyCode::Esc), 1),
            [ESCAPE, byte, ..] => (Key::new(KeyCode::Char(char::from(byte)), Modifiers::ALT), 2),
            _ => return Vec::new(),
        };
        self.pending.drain(..used);
        self.escaped = (used == 1).then_some(now);
        let mut inputs = vec![Input::Key(key)];
        self.work(now, &mut inputs);
        inputs
    }

    /// Takes one thing from `pending[at..]` and says how many bytes it was; `None` where it is
    /// not complete.
    fn step(&mut self, at: usize, now: Instant, inputs: &mut Vec<Input>) -> Option<usize> {
        let answers = self.answers(now);
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
        match escape::parse(bytes, answers) {
            Found::Incomplete if bytes.len() > LONGEST_SEQUENCE => Some(bytes.len()),
            Found::Incomplete => None,
            Found::Nothing(used) => Some(used),
            Found::Input(input, used) => {
                // Terminals answer in the order of the questions, and this one was the last.
                if matches!(input, Input::Reply(Reply::Attributes(_))) {
                    self.unanswered = false;
                }
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
