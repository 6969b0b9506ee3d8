//! One input at the start of a run of bytes. Sources: ECMA-48 (control functions), xterm's
//! "XTerm Control Sequences", and kitty's keyboard and graphics protocol pages.

use super::{Input, Key, Mouse, MouseAction, MouseButton, Reply};
use crate::key::{KeyCode, Modifiers};

/// What stands at the start of some bytes, and how many of them it is.
#[derive(Debug)]
pub(super) enum Found {
    Input(Input, usize),
    /// A bracketed paste begins.
    PasteStart(usize),
    /// Something that is no input.
    Nothing(usize),
    /// The start of something.
    Incomplete,
}

/// What stands at the start of `bytes`, which is not empty. `answers` says whether the terminal may
/// still answer in a string; where it may not, no escape begins one.
pub(super) fn parse(bytes: &[u8], answers: bool) -> Found {
    match *bytes {
        [] => Found::Incomplete,
        [0x1b] => Found::Incomplete,
        [0x1b, b'[', ..] => csi(bytes),
        [0x1b, b'O', ..] => ss3(bytes),
        [0x1b, b']' | b'P' | b'_', ..] if answers => string(bytes),
        // The escape key twice, or once and then a sequence, which must stay whole. Alt with the
        // escape key looks the same, and means no more.
        [0x1b, 0x1b, ..] => key(KeyCode::Esc, 0, 1),
        [0x1b, ..] => match character(&bytes[1..]) {
            Found::Input(Input::Key(inner), used) => {
                let modifiers = inner.modifiers.with(Modifiers::ALT);
                Found::Input(Input::Key(Key::new(inner.code, modifiers)), used + 1)
            }
            Found::Nothing(used) => Found::Nothing(used + 1),
            other => other,
        },
        _ => character(bytes),
    }
}

/// A key with the modifiers of `bits`.
fn key(code: KeyCode, bits: u8, used: usize) -> Found {
    Found::Input(Input::Key(Key::new(code, Modifiers::from_bits(bits))), used)
}

/// A character or a C0 control that stands for a key.
fn character(bytes: &[u8]) -> Found {
    const CTRL: u8 = 4;
    let Some(&first) = bytes.first() else { return Found::Incomplete };
    match first {
        b'\r' => key(KeyCode::Enter, 0, 1),
        b'\t' => key(KeyCode::Tab, 0, 1),
        0x7f => key(KeyCode::Backspace, 0, 1),
        0x00 => key(KeyCode::Char(' '), CTRL, 1),
        // ctrl-a … ctrl-z; ctrl-h is what some terminals send for backspace, and ctrl-j is
        // how a line feed arrives: kept apart from enter so that both can be bound.
        0x01..=0x1a => key(KeyCode::Char(char::from(first - 1 + b'a')), CTRL, 1),
        0x1c => key(KeyCode::Char('\\'), CTRL, 1),
        0x1d => key(KeyCode::Char(']'), CTRL, 1),
        0x1e => key(KeyCode::Char('^'), CTRL, 1),
        0x1f => key(KeyCode::Char('_'), CTRL, 1),
        0x20..=0x7e => key(KeyCode::Char(char::from(first)), 0, 1),
        _ => utf8(bytes, first),
    }
}

/// A character beyond ASCII.
fn utf8(bytes: &[u8], first: u8) -> Found {
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Found::Nothing(1),
    };
    let have = &bytes[..bytes.len().min(length)];
    match std::str::from_utf8(have) {
        Ok(text) => match text.chars().next() {
            Some(character) if !character.is_control() => key(KeyCode::Char(character), 0, length),
            _ => Found::Nothing(length),
        },
        Err(error) if error.error_len().is_none() && bytes.len() < length => Found::Incomplete,
        Err(error) => Found::Nothing(error.error_len().unwrap_or(1)),
    }
}

/// `ESC O x`: arrows and F1 to F4 in application mode, the keypad.
fn ss3(bytes: &[u8]) -> Found {
    let Some(&last) = bytes.get(2) else { return Found::Incomplete };
    let code = match last {
        0x1b => return key(KeyCode::Char('O'), 2, 2),
        b'M' => KeyCode::Enter,
        b'j'..=b'y' => KeyCode::Char(char::from(last - b'j' + b'*')),
        _ => match letter(last) {
            Some(code) => code,
            None => return Found::Nothing(3),
        },
    };
    key(code, 0, 3)
}

/// The key that a final letter of CSI or SS3 stands for.
fn letter(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P' => KeyCode::F(1),
        b'Q' => KeyCode::F(2),
        b'R' => KeyCode::F(3),
        b'S' => KeyCode::F(4),
        _ => return None,
    })
}

/// `ESC [ parameters final`.
fn csi(bytes: &[u8]) -> Found {
    // The Linux console's F1 to F5.
    if let [_, _, b'[', rest @ ..] = bytes {
        return match rest {
            [] => Found::Incomplete,
            [last @ b'A'..=b'E', ..] => key(KeyCode::F(last - b'A' + 1), 0, 4),
            _ => Found::Nothing(3),
        };
    }
    let body = &bytes[2..];
    let Some(end) = body.iter().position(|byte| !matches!(byte, 0x20..=0x3f)) else {
        return Found::Incomplete;
    };
    let used = end + 3;
    if !matches!(body[end], 0x40..=0x7e) {
        // Cut short by another control or by text, which then stands for itself.
        return Found::Nothing(used - 1);
    }
    let (parameters, last) = (&body[..end], body[end]);
    // X10's mouse report: three bytes follow. Never asked for, but must not become keys.
    if parameters.is_empty() && last == b'M' {
        return if bytes.len() < 6 { Found::Incomplete } else { Found::Nothing(6) };
    }
    if parameters == b"200" && last == b'~' {
        return Found::PasteStart(used);
    }
    let (prefix, numbers) = match parameters.first() {
        Some(&prefix @ b'<'..=b'?') => (prefix, &parameters[1..]),
        _ => (0, parameters),
    };
    match control(prefix, &Numbers::read(numbers), numbers, last) {
        Some(input) => Found::Input(input, used),
        None => Found::Nothing(used),
    }
}

/// The parameters of a control sequence: numbers, each with sub-parameters after colons.
#[derive(Debug)]
struct Numbers(Vec<(u32, Option<u32>)>);

impl Numbers {
    fn read(bytes: &[u8]) -> Self {
        let number = |part: &[u8]| {
            part.iter().filter(|byte| byte.is_ascii_digit()).fold(0u32, |value, byte| {
                value.saturating_mul(10).saturating_add(u32::from(byte - b'0'))
            })
        };
        let read = |field: &[u8]| {
            let mut parts = field.split(|&byte| byte == b':');
            let first = parts.next().map_or(0, number);
            (first, parts.next().map(number))
        };
        Numbers(bytes.split(|&byte| byte == b';').map(read).collect())
    }

    /// Number `index`, 0 where absent.
    fn get(&self, index: usize) -> u32 {
        self.0.get(index).map_or(0, |(number, _)| *number)
    }

    /// Number `index` as a size or a position.
    fn size(&self, index: usize) -> u16 {
        u16::try_from(self.get(index)).unwrap_or(u16::MAX)
    }

    /// The modifiers at `index`, and whether this is the release of a key.
    fn modifiers(&self, index: usize) -> (Modifiers, bool) {
        let (value, kind) = self.0.get(index).copied().unwrap_or((1, None));
        let bits = value.saturating_sub(1).min(255);
        (Modifiers::from_bits(bits.to_le_bytes()[0]), kind == Some(3))
    }
}

/// A control sequence as an input; `None` where it is none.
fn control(prefix: u8, numbers: &Numbers, raw: &[u8], last: u8) -> Option<Input> {
    let reply = |reply| Some(Input::Reply(reply));
    match (prefix, last) {
        (b'<', b'M' | b'm') => mouse(numbers, last == b'm').map(Input::Mouse),
        (b'?', b'c') => {
            reply(Reply::Attributes((0..numbers.0.len()).map(|i| numbers.size(i)).collect()))
        }
        (b'?', b'u') => reply(Reply::KeyboardFlags(numbers.size(0))),
        (b'?', b'y') if raw.ends_with(b"$") => {
            reply(Reply::Mode { mode: numbers.size(0), available: matches!(numbers.get(1), 1 | 2) })
        }
        (b'<'..=b'?', _) => reply(Reply::Other),
        (_, b't') => reply(match numbers.get(0) {
            4 => Reply::ScreenPixels { height: numbers.size(1), width: numbers.size(2) },
            6 => Reply::CellPixels { height: numbers.size(1), width: numbers.size(2) },
            8 => Reply::ScreenCells { rows: numbers.size(1), columns: numbers.size(2) },
            _ => Reply::Other,
        }),
        (_, b'n') => reply(if numbers.get(0) == 0 { Reply::Ready } else { Reply::Other }),
        (_, b'c' | b'x' | b'y') => reply(Reply::Other),
        // A cursor position looks like a modified F3, but in its first row with a column of a
        // modifier; nobody here asks for one.
        (_, b'R') if numbers.0.len() > 1 && (numbers.get(0) != 1 || numbers.get(1) > 16) => {
            reply(Reply::Other)
        }
        (_, b'I') => Some(Input::Focus(true)),
        (_, b'O') => Some(Input::Focus(false)),
        (_, b'Z') => Some(Input::Key(Key::new(KeyCode::Tab, Modifiers::SHIFT))),
        (_, b'~') if numbers.get(0) == 27 => {
            // xterm's modifyOtherKeys: 27 ; modifiers ; code ~
            keyed(code_point(numbers.get(2))?, numbers.modifiers(1))
        }
        (_, b'~') => keyed(tilde(numbers.get(0))?, numbers.modifiers(1)),
        (_, b'u') => keyed(code_point(numbers.get(0))?, numbers.modifiers(1)),
        (_, last) => keyed(letter(last)?, numbers.modifiers(1)),
    }
}

/// A key that went down or repeats; `None` for one that went up.
fn keyed(code: KeyCode, (modifiers, released): (Modifiers, bool)) -> Option<Input> {
    (!released).then(|| Input::Key(Key::new(code, modifiers)))
}

/// The keys of `CSI number ~`.
fn tilde(number: u32) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F((number - 10) as u8),
        17..=21 => KeyCode::F((number - 11) as u8),
        23..=26 => KeyCode::F((number - 12) as u8),
        28 | 29 => KeyCode::F((number - 13) as u8),
        31..=34 => KeyCode::F((number - 14) as u8),
        _ => return None,
    })
}

/// The key of a code point, as the kitty keyboard protocol numbers them.
fn code_point(number: u32) -> Option<KeyCode> {
    Some(match number {
        27 => KeyCode::Esc,
        13 | 57414 => KeyCode::Enter,
        9 => KeyCode::Tab,
        8 | 127 => KeyCode::Backspace,
        57376..=57387 => KeyCode::F((number - 57376 + 13) as u8),
        57399..=57408 => KeyCode::Char(char::from((number - 57399) as u8 + b'0')),
        57409 => KeyCode::Char('.'),
        57410 => KeyCode::Char('/'),
        57411 => KeyCode::Char('*'),
        57412 => KeyCode::Char('-'),
        57413 => KeyCode::Char('+'),
        57417 => KeyCode::Left,
        57418 => KeyCode::Right,
        57419 => KeyCode::Up,
        57420 => KeyCode::Down,
        57421 => KeyCode::PageUp,
        57422 => KeyCode::PageDown,
        57423 => KeyCode::Home,
        57424 => KeyCode::End,
        57425 => KeyCode::Insert,
        57426 => KeyCode::Delete,
        // Locks, media keys and modifiers by themselves stand in the private use area.
        0xe000..=0xf8ff => return None,
        _ => {
            let character = char::from_u32(number)?;
            if character.is_control() {
                return None;
            }
            KeyCode::Char(character)
        }
    })
}

/// A mouse report in SGR form (1006).
fn mouse(numbers: &Numbers, released: bool) -> Option<Mouse> {
    let bits = numbers.get(0);
    let button = match bits & 3 {
        0 => Some(MouseButton::Left),
        1 => Some(MouseButton::Middle),
        2 => Some(MouseButton::Right),
        _ => None,
    };
    let action = match (bits & 0b1100_0000, bits & 32 != 0, button) {
        (64, _, _) => match bits & 3 {
            0 => MouseAction::ScrollUp,
            1 => MouseAction::ScrollDown,
            2 => MouseAction::ScrollLeft,
            _ => MouseAction::ScrollRight,
        },
        (0, true, Some(button)) => MouseAction::Drag(button),
        (0, true, None) => MouseAction::Move,
        (0, false, Some(button)) if released => MouseAction::Release(button),
        (0, false, Some(button)) => MouseAction::Press(button),
        // Buttons 8 and more.
        _ => return None,
    };
    let position = |index| numbers.size(index).saturating_sub(1);
    // Bits 2, 3, 4 are shift, alt, ctrl.
    let modifiers = Modifiers::from_bits(((bits >> 2) & 7) as u8);
    Some(Mouse { action, column: position(1), row: position(2), modifiers })
}

/// `ESC ] … ST`, `ESC P … ST`, `ESC _ … ST`: answers that carry text. OSC may also end with BEL.
/// What does not begin as an answer does, or has a control within it, was typed: the opener is then
/// alt with that character, and the rest stands for itself.
fn string(bytes: &[u8]) -> Found {
    let kind = bytes[1];
    let body = &bytes[2..];
    let typed = || key(KeyCode::Char(char::from(kind)), 2, 2);
    if !begins_an_answer(kind, body) {
        return typed();
    }
    let Some(stop) = body.iter().position(|byte| matches!(byte, 0x00..=0x1f | 0x7f)) else {
        return Found::Incomplete;
    };
    let used = match (body[stop], body.get(stop + 1)) {
        (0x07, _) if kind == b']' => stop + 3,
        (0x1b, None) => return Found::Incomplete,
        (0x1b, Some(b'\\')) => stop + 4,
        _ => return typed(),
    };
    Found::Input(Input::Reply(answer(kind, &body[..stop])), used)
}

/// Whether a string may become an answer: `>|` (XTVERSION) or digits with `$r` and `+r` after DCS,
/// `G` (kitty graphics) after APC, a number after OSC.
fn begins_an_answer(kind: u8, body: &[u8]) -> bool {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match (kind, body) {
        (_, []) => true,
        (b'P', [b'>', rest @ ..]) => matches!(rest, [] | [b'|', ..]),
        (b'P', _) => {
            digits == 1 && matches!(body[1..], [] | [b'$' | b'+'] | [b'$' | b'+', b'r', ..])
        }
        (b'_', _) => body[0] == b'G',
        _ => (1..=4).contains(&digits) && matches!(body.get(digits), None | Some(b';')),
    }
}

/// An answer that carries text.
fn answer(kind: u8, body: &[u8]) -> Reply {
    let body = String::from_utf8_lossy(body);
    match kind {
        b'P' => match body.strip_prefix(">|") {
            Some(version) => Reply::Version(version.to_owned()),
            None => Reply::Other,
        },
        b'_' => body.strip_prefix('G').and_then(kitty).unwrap_or(Reply::Other),
        b']' => body.strip_prefix("11;rgb:").and_then(rgb).map_or(Reply::Other, Reply::Background),
        _ => Reply::Other,
    }
}

/// `i=31,…;OK`, or another message.
fn kitty(body: &str) -> Option<Reply> {
    let (keys, message) = body.split_once(';')?;
    let id = keys.split(',').find_map(|key| key.strip_prefix("i="))?.parse().ok()?;
    Some(Reply::Kitty { id, ok: message == "OK" })
}

/// `ffff/ffff/ffff`, one to four hexadecimal digits a channel (XParseColor).
fn rgb(text: &str) -> Option<[u8; 3]> {
    let mut channels = text.split('/').map(|digits| {
        let most = match digits.len() {
            1..=4 => (1u32 << (4 * digits.len())) - 1,
            _ => return None,
        };
        let value = u32::from_str_radix(digits, 16).ok()?;
        u8::try_from(value * 255 / most).ok()
    });
    let colour = [channels.next()??, channels.next()??, channels.next()??];
    channels.next().is_none().then_some(colour)
}
