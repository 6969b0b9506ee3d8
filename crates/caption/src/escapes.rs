//! Escapes of letters that JSON allows to stand as they are. The model saw captions with their
//! letters in UTF-8, so `caf\u00e9` is six tokens it does not know, not one it does.

/// Escapes `\uXXXX` of characters above ASCII in JSON text, each once, in the order of the text.
///
/// Empty where the text also has such a character as it is: then the escapes are taken to be
/// meant, as the reference's verifier takes them. Like it, this looks at the text alone, so a
/// backslash that is itself escaped counts too.
pub(super) fn escaped_letters(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    if !text.is_ascii() {
        return found;
    }
    for (at, _) in text.match_indices("\\u") {
        let Some(escape) = text.get(at..at + 6) else { continue };
        let digits = &escape[2..];
        let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let above_ascii = u32::from_str_radix(digits, 16).is_ok_and(|code| code >= 0x80);
        if is_hex && above_ascii && !found.contains(&escape) {
            found.push(escape);
            // Enough for a message; a hostile text could make this quadratic.
            if found.len() == MOST_FOUND {
                break;
            }
        }
    }
    found
}

/// The most escapes that [`escaped_letters`] gives.
pub(super) const MOST_FOUND: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_above_ascii_are_found_each_once() {
        assert_eq!(
            escaped_letters(r"caf\u00e9 \u00E9 caf\u00e9 \u4e2d"),
            ["\\u00e9", "\\u00E9", "\\u4e2d"]
        );
        assert_eq!(escaped_letters(r"\u0080 \uFFFF"), ["\\u0080", "\\uFFFF"]);
    }

    #[test]
    fn escapes_of_ascii_and_broken_ones_are_not() {
        assert!(escaped_letters(r"\u0000 \u001f \u007F \n \u00 \u+0e9 \U00e9 \u").is_empty());
    }

    #[test]
    fn beside_a_letter_as_it_is_they_are_taken_to_be_meant() {
        assert!(escaped_letters(r"é \u00e9").is_empty());
    }
}
