//! Lines of text in parts that fit a width.

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
    fn long_lines_are_cut_at_spaces_or_where_they_have_to_be() {
        assert_eq!(wrapped("a red circle", 8), ["a red", "circle"]);
        assert_eq!(wrapped("aaaaaaaaaa", 4), ["aaaa", "aaaa", "aa"]);
        assert_eq!(wrapped("σσσσ", 4), ["σσσσ"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("abc", 0), ["a", "b", "c"]);
    }
}
