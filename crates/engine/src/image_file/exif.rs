//! The texts of a picture as EXIF, for the formats that have no chunks of text. A TIFF of two
//! directories (EXIF 2.3, JEITA CP-3451C): the prompt and the program in the first; the parameters as
//! `UserComment`, where AUTOMATIC1111's web UI has them, and the recipe as `MakerNote`, which belongs
//! to whoever made the picture, in the second. Knows no recipe and no picture.

#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'t> {
    pub(super) recipe: Option<&'t str>,
    pub(super) description: Option<&'t str>,
    pub(super) comment: Option<&'t str>,
    pub(super) software: &'t str,
}

/// What stands before the recipe, so that no camera's note is taken for one.
const RECIPE_MARK: &[u8] = b"sigmalab-recipe\0";

/// What some programs put before the TIFF.
const HEADER: &[u8] = b"Exif\0\0";

/// Bytes of the TIFF's own header.
const TIFF_HEADER: usize = 8;

/// Bytes of an entry of a directory.
const ENTRY: usize = 12;

const IMAGE_DESCRIPTION: u16 = 0x010e;
const SOFTWARE: u16 = 0x0131;
const EXIF_DIRECTORY: u16 = 0x8769;
const MAKER_NOTE: u16 = 0x927c;
const USER_COMMENT: u16 = 0x9286;

const ASCII: u16 = 2;
const LONG: u16 = 4;
const UNDEFINED: u16 = 7;

/// An entry before it has a place.
type Entry = (u16, u16, Vec<u8>);

/// The texts as a TIFF, without the header that a JPEG wants before it.
pub(super) fn write(texts: &Texts<'_>) -> Vec<u8> {
    let text = |text: &str| text.bytes().chain([0]).collect::<Vec<u8>>();
    let first: Vec<Entry> = texts
        .description
        .map(|description| (IMAGE_DESCRIPTION, ASCII, text(description)))
        .into_iter()
        .chain([(SOFTWARE, ASCII, text(texts.software))])
        .collect();
    let recipe = texts
        .recipe
        .map(|recipe| (MAKER_NOTE, UNDEFINED, [RECIPE_MARK, recipe.as_bytes()].concat()));
    let comment = texts.comment.map(|comment| {
        let wide = comment.encode_utf16().flat_map(u16::to_be_bytes);
        (USER_COMMENT, UNDEFINED, b"UNICODE\0".iter().copied().chain(wide).collect())
    });
    let second: Vec<Entry> = recipe.into_iter().chain(comment).collect();
    let mut out = b"MM\0*".to_vec();
    out.extend((TIFF_HEADER as u32).to_be_bytes());
    // The second directory lies behind the first one and its values, whose size is known.
    let pointer = |at: u32| (EXIF_DIRECTORY, LONG, at.to_be_bytes().to_vec());
    let with = |at: u32| first.iter().cloned().chain([pointer(at)]).collect::<Vec<Entry>>();
    let size = directory(&with(0), TIFF_HEADER).len();
    out.extend(directory(&with((TIFF_HEADER + size) as u32), TIFF_HEADER));
    out.extend(directory(&second, TIFF_HEADER + size));
    out
}

/// A directory that begins at byte `at`, with its values behind it.
fn directory(entries: &[Entry], at: usize) -> Vec<u8> {
    let mut out = (entries.len() as u16).to_be_bytes().to_vec();
    let mut values: Vec<u8> = Vec::new();
    let behind = at + 2 + entries.len() * ENTRY + 4;
    for (tag, kind, value) in entries {
        let count = if *kind == LONG { value.len() / 4 } else { value.len() };
        out.extend(tag.to_be_bytes());
        out.extend(kind.to_be_bytes());
        out.extend((count as u32).to_be_bytes());
        if value.len() <= 4 {
            let mut short = value.clone();
            short.resize(4, 0);
            out.extend(short);
        } else {
            out.extend(((behind + values.len()) as u32).to_be_bytes());
            values.extend(value);
            // Values begin at even bytes.
            values.resize(values.len().next_multiple_of(2), 0);
        }
    }
    // No directory after this one.
    out.extend([0; 4]);
    out.extend(values);
    out
}

/// The recipe's text, if there is one. Programs that change other entries write the whole anew, in
/// either order of bytes.
pub(super) fn recipe(bytes: &[u8]) -> Option<String> {
    let tiff = bytes.strip_prefix(HEADER).unwrap_or(bytes);
    let little_endian = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let tiff = Tiff { bytes: tiff, little_endian };
    let (_, exif) = tiff.entry(tiff.long(4)?, EXIF_DIRECTORY)?;
    let (count, start) = tiff.entry(exif, MAKER_NOTE)?;
    let note = tiff.bytes.get(start..start.checked_add(count)?)?;
    String::from_utf8(note.strip_prefix(RECIPE_MARK)?.to_vec()).ok()
}

/// Numbers of a TIFF in its order of bytes.
struct Tiff<'b> {
    bytes: &'b [u8],
    little_endian: bool,
}

impl Tiff<'_> {
    fn short(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..)?.first_chunk().copied()?;
        Some(if self.little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..)?.first_chunk().copied()?;
        let long =
            if self.little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
        usize::try_from(long).ok()
    }

    /// Count and place (or value, where it is short) of a directory's entry.
    fn entry(&self, directory: usize, tag: u16) -> Option<(usize, usize)> {
        let entries = usize::from(self.short(directory)?);
        let places = (0..entries).map(|number| directory + 2 + number * ENTRY);
        let at = places.into_iter().find(|at| self.short(*at) == Some(tag))?;
        Some((self.long(at + 4)?, self.long(at + 8)?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn whole(recipe: &str) -> Vec<u8> {
        write(&Texts {
            recipe: Some(recipe),
            description: Some("x"),
            comment: Some("ein Kreis — 円"),
            software: "sigmalab",
        })
    }

    #[test]
    fn a_recipe_reads_back_in_either_order_of_bytes_and_behind_a_header() {
        let bytes = whole("{\"a\": 1}");
        assert_eq!(recipe(&bytes).unwrap(), "{\"a\": 1}");
        assert_eq!(recipe(&[HEADER, &bytes].concat()).unwrap(), "{\"a\": 1}");
        // By hand, with the numbers turned: one entry that leads to one entry.
        let note = b"sigmalab-recipe\0{}";
        let entry = |tag: u16, count: u32, value: u32| {
            let mut out = 1u16.to_le_bytes().to_vec();
            out.extend(tag.to_le_bytes());
            out.extend(7u16.to_le_bytes());
            out.extend(count.to_le_bytes());
            out.extend(value.to_le_bytes());
            out.extend([0; 4]);
            out
        };
        let little = [
            &b"II*\0\x08\0\0\0"[..],
            &entry(EXIF_DIRECTORY, 1, 26),
            &entry(MAKER_NOTE, note.len() as u32, 44),
            note,
        ];
        assert_eq!(recipe(&little.concat()).unwrap(), "{}");
    }

    #[test]
    fn the_comment_is_in_the_order_of_the_file() {
        let bytes = whole("{}");
        let comment: Vec<u8> = "ein Kreis — 円".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let comment = [b"UNICODE\0", comment.as_slice()].concat();
        assert!(bytes.windows(comment.len()).any(|part| part == comment));
    }

    #[test]
    fn a_cameras_note_is_no_recipe() {
        let mut bytes = whole("{}");
        let at = bytes.windows(8).position(|part| part == b"sigmalab").unwrap();
        let note = bytes.windows(9).position(|part| part == b"sigmalab-").unwrap();
        assert!(at < note);
        bytes[note] = b'S';
        assert_eq!(recipe(&bytes), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            changes in prop::collection::vec((0..200usize, any::<u8>()), 0..6), cut in 0..200usize,
        ) {
            let mut bytes = whole("{}");
            for (at, byte) in changes {
                if let Some(there) = bytes.get_mut(at) {
                    *there = byte;
                }
            }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = recipe(&bytes);
        }

        #[test]
        fn any_text_reads_back(text in "\\PC{0,300}") {
            prop_assert_eq!(recipe(&whole(&text)), Some(text));
        }
    }
}
