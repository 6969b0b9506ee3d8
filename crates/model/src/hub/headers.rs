//! What the headers of an answer say. They are text from a server: every reader takes any.

use ureq::http::HeaderMap;

const LONGEST_ETAG: usize = 200;

/// An ETag without its quotes and its mark of weakness.
pub(super) fn normalise_etag(etag: &str) -> &str {
    let etag = etag.trim();
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"')
}

/// Whether an ETag can be a file's name as it is.
pub(super) fn is_blob_name(etag: &str) -> bool {
    (1..=LONGEST_ETAG).contains(&etag.len())
        && !etag.starts_with('.')
        && etag.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// First offset and whole length of `bytes 5-9/10`.
pub(super) fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// A server's words, fit for a terminal and for one line.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_etag_loses_its_quotes_and_its_weakness() {
        assert_eq!(normalise_etag("\"abc\""), "abc");
        assert_eq!(normalise_etag("W/\"abc\""), "abc");
        assert_eq!(normalise_etag("abc"), "abc");
    }

    #[test]
    fn an_etag_that_would_leave_the_blobs_folder_is_no_blob_name() {
        for etag in ["", ".", "..", "../x", "/x", "a/b", "a\\b", "a b", "a\0"] {
            assert!(!is_blob_name(etag), "{etag:?}");
        }
        assert!(is_blob_name("10c66461e4c109db5a2196bff4bb59be30396ed8"));
    }

    #[test]
    fn a_content_range_gives_first_offset_and_length() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        assert_eq!(content_range("bytes */10"), None);
        assert_eq!(content_range("5-9/10"), None);
    }

    #[test]
    fn a_servers_words_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\nc"), "a[2Jbc");
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parsers_fail(value in "\\PC*") {
            let _ = content_range(&value);
            let _ = is_blob_name(normalise_etag(&value));
        }
    }
}
