//! What somebody meant who typed a name that does not exist. Knows nothing of what is named.

use std::fmt;

/// The `names` close to `typed`, the closest first, at most three; case does not count.
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // Longer text is no slip of a finger, and the distance costs the product of both lengths.
    const LONGEST: usize = 64;
    if typed.chars().nth(LONGEST).is_some() {
        return Vec::new();
    }
    let typed = typed.to_lowercase();
    let mut close: Vec<(usize, &str)> = names
        .into_iter()
        .filter(|name| name.chars().nth(LONGEST).is_none())
        .map(|name| (strsim::damerau_levenshtein(&typed, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.chars().count().div_ceil(3).max(1))
        .collect();
    close.sort_by_key(|(distance, _)| *distance);
    close.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Writes `names` as `` `a`, `b` ``, at most `most` of them.
pub fn list<T: AsRef<str>>(names: &[T], most: usize) -> impl fmt::Display {
    let mut text =
        names.iter().take(most).map(|n| format!("`{}`", n.as_ref())).collect::<Vec<_>>().join(", ");
    if names.len() > most {
        text.push_str(&format!(" and {} more", names.len() - most));
    }
    text
}

/// What ends a message about a name that does not exist: the close ones, where there are some.
pub fn meant<T: AsRef<str>>(nearest: &[T]) -> String {
    if nearest.is_empty() { String::new() } else { format!(": did you mean {}?", list(nearest, 3)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_a_finger_finds_the_name() {
        let names = ["V4_QUALITY_48", "V4_DEFAULT_20", "V4_TURBO_12"];
        assert_eq!(nearest("v4_qualty_48", names), ["V4_QUALITY_48"]);
        assert_eq!(nearest("V4_TURBO_21", names), ["V4_TURBO_12"]);
    }

    #[test]
    fn a_different_word_finds_nothing() {
        assert!(nearest("banana", ["V4_QUALITY_48"]).is_empty());
        assert!(nearest(&"V".repeat(100_000), ["V4_QUALITY_48"]).is_empty());
    }

    #[test]
    fn a_long_list_is_cut() {
        assert_eq!(list(&["a", "b", "c"], 2).to_string(), "`a`, `b` and 1 more");
    }
}
