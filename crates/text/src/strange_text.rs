//! Text from strangers: which of its characters do something instead of standing for themselves, and
//! how it is shown so that none does. Knows nothing of where the text comes from and where it is shown.

use std::borrow::Cow;

/// Whether the character turns the direction of the text around it, or ends such a turn: what
/// stands on a line is then not what it seems to say.
pub fn turns_round(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Whether the character ends a line or a paragraph, as some programs see it.
fn parts_lines(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether nothing is seen of the character, or a blank that is none: two texts with and without it
/// look the same. What chooses between forms of the one before it (as in emoji) is not among them.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The first character that no name has: it ends a line, steers a terminal, or turns text round.
pub fn wild(name: &str) -> Option<char> {
    name.chars().find(|c| c.is_control() || turns_round(*c) || parts_lines(*c))
}

/// The text on one line and as it is: what ends a line, steers a terminal, turns text round or is not
/// seen is written out, as in `\n` and `\u{200b}`. A tab is a blank.
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    written_out(text, |c| c.is_control() || turns_round(c) || parts_lines(c) || is_unseen(c))
}

/// The text with its lines, and what steers a terminal or turns text round written out. Marks that
/// join letters stay: whole texts are in scripts that need them.
pub fn in_its_lines(text: &str) -> Cow<'_, str> {
    let wild = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    written_out(text, move |c| wild(c) || turns_round(c) || parts_lines(c))
}

fn written_out(text: &str, is_wild: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_wild) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => shown.push(if is_wild('\t') { ' ' } else { '\t' }),
            c if is_wild(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_in_any_script_are_names_and_what_steers_is_not() {
        for name in ["", "ideogram-ai/ideogram-4-fp8", "/home/ä/模型", "דגם", "a b"] {
            assert_eq!(wild(name), None, "{name}");
            assert_eq!(on_one_line(name), name);
        }
        for name in ["a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{2066}", "a\u{2028}b", "\u{85}"] {
            assert!(wild(name).is_some(), "{name:?}");
        }
    }

    #[test]
    fn what_does_something_is_written_out() {
        assert_eq!(on_one_line("a\nb\tc\x1b"), "a\\nb c\\u{1b}");
        assert_eq!(
            on_one_line("\u{200b}try:\u{2060}\u{ad}\u{e0001}"),
            "\\u{200b}try:\\u{2060}\\u{ad}\\u{e0001}"
        );
        assert_eq!(on_one_line("❤\u{fe0f}"), "❤\u{fe0f}");
        assert_eq!(in_its_lines("a\n\tb é"), "a\n\tb é");
        assert_eq!(
            in_its_lines("\x1b[31mred\r\u{9b}\u{202e}"),
            "\\u{1b}[31mred\\r\\u{9b}\\u{202e}"
        );
        assert_eq!(in_its_lines("می\u{200c}خواهم"), "می\u{200c}خواهم");
    }

    proptest! {
        #[test]
        fn one_line_is_one_line_that_does_nothing(
            text in "(try:|error:|[a-c]|\n|\r|\t|\u{1b}\\[2J|\u{85}|\u{202e}|\u{2028}|\u{200b}|\u{2060}|\u{e0001}|\\PC){0,20}",
        ) {
            let shown = on_one_line(&text);
            prop_assert_eq!(wild(&shown), None);
            prop_assert!(!shown.contains(is_unseen), "{shown:?}");
            prop_assert_eq!(shown.lines().count().max(1), 1);
            prop_assert_eq!(on_one_line(&shown), shown.as_ref());
            prop_assert!(wild(&in_its_lines(&text).replace(['\n', '\t'], "")).is_none());
        }
    }
}
