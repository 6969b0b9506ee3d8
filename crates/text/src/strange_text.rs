//! Text from strangers: which of its characters do something instead of standing for themselves.
//! Knows nothing of where the text comes from and where it is shown.

/// Whether the character turns the direction of the text around it, or ends such a turn: what
/// stands on a line is then not what it seems to say.
pub fn turns_round(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// The first character that no name has: it ends a line, steers a terminal, or turns text round.
pub fn wild(name: &str) -> Option<char> {
    name.chars().find(|c| c.is_control() || turns_round(*c) || matches!(c, '\u{2028}' | '\u{2029}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_script_are_names_and_what_steers_is_not() {
        for name in ["", "ideogram-ai/ideogram-4-fp8", "/home/ä/模型", "דגם", "a b"] {
            assert_eq!(wild(name), None, "{name}");
        }
        for name in ["a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{2066}", "a\u{2028}b", "\u{85}"] {
            assert!(wild(name).is_some(), "{name:?}");
        }
    }
}
