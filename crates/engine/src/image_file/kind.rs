//! What a file is by its first bytes, in words, for messages about files that are something else
//! than what is wanted.

/// Most bytes of recipe text that are read: a long prompt and a thousand steps need a tenth.
pub(super) const LIMIT: u64 = 4 << 20;

/// A picture that may hold a recipe in its EXIF.
pub(super) const JPEG: &str = "a JPEG picture";
/// See [`JPEG`].
pub(super) const WEBP: &str = "a WebP picture";

/// First bytes and what begins with them.
const KINDS: [(&[u8], &str); 14] = [
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"qoif", "a QOI picture"),
    (b"\0\0\x01\0", "an icon"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"GGUF", "a GGUF checkpoint"),
    (b"\x7fELF", "a program"),
    (b"<svg", "an SVG picture"),
];

/// What a file that begins so is; `None` where it may be text or is not known.
pub fn kind_of(start: &[u8]) -> Option<&'static str> {
    match start {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(WEBP),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => Some("an AVIF picture"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'h', b'e', ..] => Some("a HEIC picture"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("a video"),
        // Two letters alone may begin a text, too.
        [b'B', b'M', rest @ ..] if !rest.contains(&0) => None,
        _ => KINDS.iter().find(|(begin, _)| start.starts_with(begin)).map(|(_, kind)| *kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_beginning() {
        assert_eq!(kind_of(b"\xff\xd8\xff\xe0"), Some("a JPEG picture"));
        assert_eq!(kind_of(b"RIFF\x24\0\0\0WEBPVP8 "), Some("a WebP picture"));
        assert_eq!(kind_of(b"\0\0\0\x20ftypavif"), Some("an AVIF picture"));
        assert_eq!(kind_of(b"BM\x36\0\0\0"), Some("a BMP picture"));
        assert_eq!(kind_of(b"BMW on a road"), None);
        assert_eq!(kind_of(b"{\"version\": 1}"), None);
        assert_eq!(kind_of(b""), None);
    }
}
