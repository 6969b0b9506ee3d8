//! A key as the keymap writes it: `ctrl-r`, `shift-tab`, `g`, `F5`, `+`. Knows nothing of what a
//! key does, nor of the bytes it came as.

use std::fmt;
use std::str::FromStr;

/// A key with its modifiers, in one canonical form: a shifted character is the character itself
/// (`G`, not `shift-g`) unless ctrl is held too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub code: KeyCode,
    pub modifiers: Modifiers,
}

/// What was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyCode {
    /// A character, as the keyboard layout gives it; space is `Char(' ')`.
    Char(char),
    /// Function key 1 to 24.
    F(u8),
    Esc,
    /// Enter or Return.
    Enter,
    /// Tab; shift-tab has [`Modifiers::SHIFT`].
    Tab,
    /// The key that deletes to the left.
    Backspace,
    /// The key that deletes to the right.
    Delete,
    Insert,
    Home,
    End,
    PageUp,
    PageDown,
    Up,
    Down,
    Left,
    Right,
}

/// Which of shift, alt and ctrl were held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Modifiers(u8);

impl Modifiers {
    /// None held.
    pub const NONE: Modifiers = Modifiers(0);
    pub const SHIFT: Modifiers = Modifiers(1);
    /// Alt, also called meta or option.
    pub const ALT: Modifiers = Modifiers(2);
    /// Control.
    pub const CTRL: Modifiers = Modifiers(4);

    /// From the xterm parameter less one: bit 0 shift, 1 alt, 2 ctrl; other bits (super, hyper,
    /// locks) are ignored.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Modifiers(bits & 7)
    }

    /// Whether all of `other` are held.
    #[must_use]
    pub const fn contains(self, other: Modifiers) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether none is held.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These and `other`.
    #[must_use]
    pub const fn with(self, other: Modifiers) -> Modifiers {
        Modifiers(self.0 | other.0)
    }

    /// These but not `other`.
    #[must_use]
    pub const fn without(self, other: Modifiers) -> Modifiers {
        Modifiers(self.0 & !other.0)
    }
}

/// The names of keys that are no character, as written and read.
const NAMES: [(KeyCode, &str); 15] = [
    (KeyCode::Char(' '), "space"),
    (KeyCode::Esc, "esc"),
    (KeyCode::Enter, "enter"),
    (KeyCode::Tab, "tab"),
    (KeyCode::Backspace, "backspace"),
    (KeyCode::Delete, "delete"),
    (KeyCode::Insert, "insert"),
    (KeyCode::Home, "home"),
    (KeyCode::End, "end"),
    (KeyCode::PageUp, "pageup"),
    (KeyCode::PageDown, "pagedown"),
    (KeyCode::Up, "up"),
    (KeyCode::Down, "down"),
    (KeyCode::Left, "left"),
    (KeyCode::Right, "right"),
];

/// The modifiers' names, in the order they are written.
const MODIFIERS: [(Modifiers, &str); 3] =
    [(Modifiers::CTRL, "ctrl-"), (Modifiers::ALT, "alt-"), (Modifiers::SHIFT, "shift-")];

impl Key {
    /// The key in canonical form, see [`Key`].
    #[must_use]
    pub fn new(code: KeyCode, modifiers: Modifiers) -> Self {
        let KeyCode::Char(character) = code else { return Key { code, modifiers } };
        let ctrl = modifiers.contains(Modifiers::CTRL);
        if ctrl && character.is_ascii_uppercase() {
            let code = KeyCode::Char(character.to_ascii_lowercase());
            return Key { code, modifiers: modifiers.with(Modifiers::SHIFT) };
        }
        if ctrl || character == ' ' || !modifiers.contains(Modifiers::SHIFT) {
            return Key { code, modifiers };
        }
        // A letter whose capital is one character; other shifted characters come as themselves.
        let mut upper = character.to_uppercase();
        let code = match (upper.next(), upper.next()) {
            (Some(capital), None) => KeyCode::Char(capital),
            _ => code,
        };
        Key { code, modifiers: modifiers.without(Modifiers::SHIFT) }
    }

    #[must_use]
    pub fn plain(code: KeyCode) -> Self {
        Key::new(code, Modifiers::NONE)
    }

    /// The character this key types, if it types one: no ctrl and no alt held.
    #[must_use]
    pub fn text(self) -> Option<char> {
        match self.code {
            KeyCode::Char(character)
                if !self.modifiers.contains(Modifiers::CTRL)
                    && !self.modifiers.contains(Modifiers::ALT) =>
            {
                Some(character)
            }
            _ => None,
        }
    }
}

impl From<KeyCode> for Key {
    fn from(code: KeyCode) -> Self {
        Key::plain(code)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in MODIFIERS {
            if self.modifiers.contains(modifier) {
                f.write_str(name)?;
            }
        }
        if let Some((_, name)) = NAMES.iter().find(|(code, _)| *code == self.code) {
            return f.write_str(name);
        }
        match self.code {
            KeyCode::Char(character) => write!(f, "{character}"),
            KeyCode::F(number) => write!(f, "F{number}"),
            // Every other code has a name above.
            _ => Ok(()),
        }
    }
}

/// A text that names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a key: write a character, F1 to F24, or one of space, esc, enter, tab, backspace, \
     delete, insert, home, end, pageup, pagedown, up, down, left, right; before it ctrl-, alt- or \
     shift- as in ctrl-r"
)]
pub struct KeyError(pub String);

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut modifiers = Modifiers::NONE;
        let mut rest = text;
        'prefixes: loop {
            for (modifier, name) in MODIFIERS {
                // `get` also refuses an index within a character.
                let prefix = rest.get(..name.len());
                if rest.len() > name.len() && prefix.is_some_and(|p| p.eq_ignore_ascii_case(name)) {
                    modifiers = modifiers.with(modifier);
                    rest = &rest[name.len()..];
                    continue 'prefixes;
                }
            }
            break;
        }
        let mut characters = rest.chars();
        let code = match (characters.next(), characters.next()) {
            (Some(character), None) if character != ' ' && !character.is_control() => {
                KeyCode::Char(character)
            }
            _ => named(rest).ok_or_else(|| KeyError(text.to_owned()))?,
        };
        Ok(Key::new(code, modifiers))
    }
}

fn named(name: &str) -> Option<KeyCode> {
    if let Some((code, _)) = NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)) {
        return Some(*code);
    }
    let number = name.strip_prefix(['F', 'f'])?.parse().ok()?;
    (1..=24).contains(&number).then_some(KeyCode::F(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_read_as_the_keymap_writes_them() -> Result<(), KeyError> {
        for (text, code, modifiers) in [
            ("ctrl-r", KeyCode::Char('r'), Modifiers::CTRL),
            ("shift-tab", KeyCode::Tab, Modifiers::SHIFT),
            ("g", KeyCode::Char('g'), Modifiers::NONE),
            ("G", KeyCode::Char('G'), Modifiers::NONE),
            ("F5", KeyCode::F(5), Modifiers::NONE),
            ("space", KeyCode::Char(' '), Modifiers::NONE),
            ("esc", KeyCode::Esc, Modifiers::NONE),
            ("alt-x", KeyCode::Char('x'), Modifiers::ALT),
            ("+", KeyCode::Char('+'), Modifiers::NONE),
            ("-", KeyCode::Char('-'), Modifiers::NONE),
            ("ctrl--", KeyCode::Char('-'), Modifiers::CTRL),
            ("ctrl-alt-shift-pagedown", KeyCode::PageDown, Modifiers::from_bits(7)),
        ] {
            let key: Key = text.parse()?;
            assert_eq!((key.code, key.modifiers), (code, modifiers), "{text}");
            assert_eq!(key.to_string(), text);
        }
        Ok(())
    }

    #[test]
    fn spellings_of_one_key_are_equal() -> Result<(), KeyError> {
        assert_eq!("shift-g".parse::<Key>()?, "G".parse()?);
        assert_eq!("ctrl-G".parse::<Key>()?, "shift-ctrl-g".parse()?);
        assert_eq!("Ctrl-Enter".parse::<Key>()?, "ctrl-enter".parse()?);
        Ok(())
    }

    #[test]
    fn what_is_no_key_is_refused_by_name() {
        for text in ["", "ctrl-", "F0", "F25", "hyper-x", "gg", " ", "\u{7}"] {
            assert_eq!(text.parse::<Key>(), Err(KeyError(text.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn every_key_reads_back_as_it_is_written(
            character in any::<char>(), bits in 0u8..8, named in 0usize..40,
        ) {
            let code = match named {
                n if n < NAMES.len() => NAMES[n].0,
                n if n < 39 => KeyCode::F((n - NAMES.len() + 1) as u8),
                _ if character.is_control() => KeyCode::Esc,
                _ => KeyCode::Char(character),
            };
            let key = Key::new(code, Modifiers::from_bits(bits));
            prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
        }
    }
}
