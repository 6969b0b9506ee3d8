//! Lines of text in parts that fit a width, and those that are cut where they do not.

use ratatui::text::Span;

/// A text, or where it takes more columns than that its beginning and `mark`.
pub(super) fn cut(text: &str, columns: usize, mark: &str) -> String {
    let width = |text: &str| Span::raw(text).width();
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(width(mark)) else { return String::new() };
    let mut taken = 0;
    let fits = |(at, c): &(usize, char)| {
        taken += width(text.get(*at..*at + c.len_utf8()).unwrap_or_default());
        taken <= room
    };
    let kept = text.char_indices().take_while(fits).map(|(_, c)| c);
    kept.chain(mark.chars()).collect()
}

/// A line in parts of that many characters, at spaces where there are some; at least one part.
pub(super) fn wrapped(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let Some((end, _)) = rest.char_indices().nth(width) else {
            parts.push(rest.to_owned());
            return parts;
        };
        let (head, _) = rest.split_at(end);
        // A space near the end; text without any, such as a workflow, is cut.
        let at = head.rfind(' ').filter(|at| *at > end / 2).map_or(end, |at| at + 1);
        let (part, next) = rest.split_at(at);
        parts.push(part.trim_end().to_owned());
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_says_so_within_its_columns() {
        assert_eq!(cut("a red circle", 12, "…"), "a red circle");
        assert_eq!(cut("a red circle", 11, "…"), "a red circ…");
        assert_eq!(cut("字字字", 5, "…"), "字字…");
        assert_eq!(cut("a red circle", 8, " … F6"), "a r … F6");
        assert_eq!(cut("abc", 0, "…"), "");
        assert_eq!(cut("7x45 3x3", 8, "…"), "7x45 3x3");
        assert_eq!(cut("7x45 3x3", 7, "…"), "7x45 3…");
        assert_eq!(cut("7x45", 1, "…"), "…");
    }

    #[test]
    fn long_lines_are_cut_at_spaces_or_where_they_have_to_be() {
        assert_eq!(wrapped("a red circle", 8), ["a red", "circle"]);
        assert_eq!(wrapped("aaaaaaaaaa", 4), ["aaaa", "aaaa", "aa"]);
        assert_eq!(wrapped("σσσσ", 4), ["σσσσ"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("abc", 0), ["a", "b", "c"]);
    }
}
