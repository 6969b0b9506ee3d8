//! One line of text being typed: a cursor, the usual editing keys, paste. Knows nothing of what
//! the text is for.

use sigmalab_terminal::key::{Key, KeyCode, Modifiers};

/// Text with a cursor in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    text: Vec<char>,
    /// Place of the cursor, 0 to the length.
    at: usize,
}

impl Line {
    /// A line that begins as `text`, the cursor behind it.
    pub fn new(text: &str) -> Self {
        let text: Vec<char> = text.chars().collect();
        Line { at: text.len(), text }
    }

    pub fn text(&self) -> String {
        self.text.iter().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text before the cursor, and from it on.
    pub fn split(&self) -> (String, String) {
        let (before, after) = self.text.split_at(self.at.min(self.text.len()));
        (before.iter().collect(), after.iter().collect())
    }

    /// Inserts text at the cursor; line breaks become spaces, other control characters are left
    /// out.
    pub fn insert(&mut self, text: &str) {
        for c in text.trim_end_matches(['\n', '\r']).chars() {
            let c = if matches!(c, '\n' | '\t') { ' ' } else { c };
            if !c.is_control() {
                self.text.insert(self.at, c);
                self.at += 1;
            }
        }
    }

    /// Whether a key with alt edits.
    pub fn knows(key: &Key) -> bool {
        matches!(key.code, KeyCode::Char('b' | 'f' | 'd'))
    }

    /// Takes an editing key. `false` where the key is none.
    pub fn key(&mut self, key: &Key) -> bool {
        let ctrl = key.modifiers.contains(Modifiers::CTRL);
        let alt = key.modifiers.contains(Modifiers::ALT);
        match key.code {
            KeyCode::Char(c) if !ctrl && !alt => self.insert(&c.to_string()),
            KeyCode::Char('a') if ctrl => self.at = 0,
            KeyCode::Char('e') if ctrl => self.at = self.text.len(),
            KeyCode::Char('u') if ctrl => {
                self.text.drain(..self.at);
                self.at = 0;
            }
            KeyCode::Char('k') if ctrl => self.text.truncate(self.at),
            KeyCode::Char('w') if ctrl => {
                let start = self.word_start();
                self.text.drain(start..self.at);
                self.at = start;
            }
            KeyCode::Char('b') if alt => self.at = self.word_start(),
            KeyCode::Char('f') if alt => self.at = self.word_end(),
            KeyCode::Char('d') if alt => {
                let end = self.word_end();
                self.text.drain(self.at..end);
            }
            KeyCode::Backspace => {
                if self.at > 0 {
                    self.at -= 1;
                    self.text.remove(self.at);
                }
            }
            KeyCode::Delete => {
                if self.at < self.text.len() {
                    self.text.remove(self.at);
                }
            }
            KeyCode::Left if ctrl => self.at = self.word_start(),
            KeyCode::Right if ctrl => self.at = self.word_end(),
            KeyCode::Left => self.at = self.at.saturating_sub(1),
            KeyCode::Right => self.at = (self.at + 1).min(self.text.len()),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = self.text.len(),
            _ => return false,
        }
        true
    }

    fn word_end(&self) -> usize {
        let after = self.text.get(self.at..).unwrap_or_default();
        let blank = after.iter().take_while(|c| c.is_whitespace()).count();
        let word = after.iter().skip(blank).take_while(|c| !c.is_whitespace()).count();
        self.at + blank + word
    }

    fn word_start(&self) -> usize {
        let before = self.text.get(..self.at).unwrap_or_default();
        let blank = before.iter().rev().take_while(|c| c.is_whitespace()).count();
        let word = before.iter().rev().skip(blank).take_while(|c| !c.is_whitespace()).count();
        self.at - blank - word
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn typed(start: &str, keys: &str) -> (String, String) {
        let mut line = Line::new(start);
        for key in keys.split(' ') {
            line.key(&key.parse().unwrap());
        }
        line.split()
    }

    #[test]
    fn keys_edit_at_the_cursor() {
        for (start, keys, before, after) in [
            ("", "a b c", "abc", ""),
            ("abc", "left left x", "ax", "bc"),
            ("abc", "home delete", "", "bc"),
            ("a red circle", "ctrl-w", "a red ", ""),
            ("a red  ", "ctrl-w", "a ", ""),
            ("abc", "left ctrl-u", "", "c"),
            ("abc", "left ctrl-k", "ab", ""),
            ("", "backspace delete left alt-d", "", ""),
            ("a red circle", "alt-b alt-b alt-d", "a ", " circle"),
            ("a red circle", "home alt-f ctrl-right x", "a redx", " circle"),
        ] {
            assert_eq!(typed(start, keys), (before.to_owned(), after.to_owned()), "{keys}");
        }
    }

    #[test]
    fn pasted_lines_become_one_line() {
        let mut line = Line::default();
        line.insert("a red\ncircle\u{1b}[31m\n");
        assert_eq!(line.text(), "a red circle[31m");
    }
}
