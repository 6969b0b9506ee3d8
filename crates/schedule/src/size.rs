//! Image sizes: what the model accepts, and names for the usual ones.

use super::nearest::nearest;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Pixels a latent token covers along each side.
pub const PIXELS_PER_TOKEN: u32 = 16;

/// The shortest side in pixels.
pub const SHORTEST_SIDE: u32 = 256;

/// The longest side in pixels.
pub const LONGEST_SIDE: u32 = 2048;

/// The longer side is at most this many times the shorter one.
pub const LARGEST_ASPECT: u32 = 6;

/// An image size in pixels, width × height: both sides multiples of 16 in 256–2048, aspect
/// ratio at most 6:1 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "WrittenSize")]
pub struct Size {
    width: u32,
    height: u32,
}

/// A size as a file holds it, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "Size")]
struct WrittenSize {
    width: u32,
    height: u32,
}

impl TryFrom<WrittenSize> for Size {
    type Error = SizeError;

    fn try_from(written: WrittenSize) -> Result<Self, SizeError> {
        Size::new(written.width, written.height)
    }
}

/// A size that people call by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedSize {
    /// The name, as it is shown.
    pub name: &'static str,
    pub size: Size,
}

pub const NAMED_SIZES: [NamedSize; 7] = [
    NamedSize { name: "Square", size: Size { width: 1024, height: 1024 } },
    NamedSize { name: "Landscape", size: Size { width: 1536, height: 1024 } },
    NamedSize { name: "Portrait", size: Size { width: 1024, height: 1536 } },
    NamedSize { name: "Widescreen", size: Size { width: 1920, height: 1088 } },
    NamedSize { name: "Ultrawide", size: Size { width: 2048, height: 768 } },
    NamedSize { name: "Phone wallpaper", size: Size { width: 1024, height: 1792 } },
    NamedSize { name: "Social banner", size: Size { width: 1600, height: 400 } },
];

/// The sizes that a preset is tried at before it counts as fit to run: the smallest, the largest
/// and every named one.
pub fn usual_sizes() -> Vec<Size> {
    let extremes = [SHORTEST_SIDE, LONGEST_SIDE].map(|side| Size { width: side, height: side });
    extremes.into_iter().chain(NAMED_SIZES.map(|named| named.size)).collect()
}

/// Why a size is refused, with the nearest valid one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("size {width}×{height} is not possible: {reason}; the nearest valid size is {nearest}")]
pub struct SizeError {
    /// Asked-for width in pixels.
    pub width: u32,
    /// Asked-for height in pixels.
    pub height: u32,
    pub reason: &'static str,
    pub nearest: Size,
}

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseSizeError {
    /// It is a size, but not one the model can draw.
    #[error(transparent)]
    Invalid(#[from] SizeError),
    #[error(
        "`{text}` is not a size{}: write WIDTHxHEIGHT such as 1024x768, or a name: {}",
        nearest.as_ref().map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default(),
        NAMED_SIZES.map(|named| named.typed()).join(", ")
    )]
    Form {
        text: String,
        /// The size it looks like, as it is typed.
        nearest: Option<String>,
    },
}

impl NamedSize {
    /// The name as it is typed on a command line: `phone-wallpaper`.
    pub fn typed(&self) -> String {
        self.name.to_lowercase().replace(' ', "-")
    }
}

impl Size {
    /// The size of the reference's call when none is given: 1024×1024.
    pub const SQUARE: Size = Size { width: 1024, height: 1024 };

    /// A size, if the model can draw it.
    pub fn new(width: u32, height: u32) -> Result<Self, SizeError> {
        match broken_rule(width, height) {
            None => Ok(Size { width, height }),
            Some(reason) => {
                Err(SizeError { width, height, reason, nearest: nearest_valid(width, height) })
            }
        }
    }

    /// The size of that name; case, spaces, hyphens and underscores do not count.
    pub fn named(name: &str) -> Option<Self> {
        let wanted = plain(name);
        NAMED_SIZES.iter().find(|named| plain(named.name) == wanted).map(|named| named.size)
    }

    /// Its name, if it has one.
    pub fn name(self) -> Option<&'static str> {
        NAMED_SIZES.iter().find(|named| named.size == self).map(|named| named.name)
    }

    /// Width in pixels.
    pub fn width(self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(self) -> u32 {
        self.height
    }

    /// Rows of latent tokens.
    pub fn rows(self) -> usize {
        (self.height / PIXELS_PER_TOKEN) as usize
    }

    /// Columns of latent tokens.
    pub fn columns(self) -> usize {
        (self.width / PIXELS_PER_TOKEN) as usize
    }

    /// Latent tokens in all.
    pub fn tokens(self) -> usize {
        self.rows() * self.columns()
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

/// `WIDTHxHEIGHT` (with `x`, `X` or `×`) or a name.
impl FromStr for Size {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Self, ParseSizeError> {
        if let Some((width, height)) = two_numbers(text) {
            return Ok(Size::new(width, height)?);
        }
        Size::named(text)
            .ok_or_else(|| ParseSizeError::Form { text: text.to_owned(), nearest: meant(text) })
    }
}

/// The size that was meant: the square of a single number, or a name that is spelled alike.
fn meant(text: &str) -> Option<String> {
    if let Some((side, _)) = two_numbers(&format!("{text}x0")) {
        let square = Size::new(side, side).unwrap_or_else(|error| error.nearest);
        return Some(format!("{}x{}", square.width, square.height));
    }
    let names = NAMED_SIZES.map(|named| named.typed());
    nearest(text, names.iter().map(String::as_str)).first().map(|name| (*name).to_owned())
}

/// The first rule that a width and a height break.
fn broken_rule(width: u32, height: u32) -> Option<&'static str> {
    let sides = [width, height];
    if sides.iter().any(|side| !(SHORTEST_SIDE..=LONGEST_SIDE).contains(side)) {
        return Some("both sides must be between 256 and 2048 pixels");
    }
    if sides.iter().any(|side| side % PIXELS_PER_TOKEN != 0) {
        return Some("both sides must be multiples of 16");
    }
    let (short, long) = (width.min(height), width.max(height));
    (long > LARGEST_ASPECT * short).then_some("the longer side must be at most 6 times the shorter")
}

/// The valid size at the smallest distance √(Δwidth² + Δheight²); the larger one of two equals.
fn nearest_valid(width: u32, height: u32) -> Size {
    let sides = || (SHORTEST_SIDE..=LONGEST_SIDE).rev().filter(|side| side % PIXELS_PER_TOKEN == 0);
    let square = |a: u32, b: u32| u128::from(a.abs_diff(b)).pow(2);
    sides()
        .flat_map(|w| sides().map(move |h| Size { width: w, height: h }))
        .filter(|size| broken_rule(size.width, size.height).is_none())
        .min_by_key(|size| square(size.width, width) + square(size.height, height))
        .unwrap_or(Size::SQUARE)
}

/// A name without case and separators.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Reads `1024x768`; numbers beyond `u32` are as wrong as any other that is too large.
fn two_numbers(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let digits = text.trim();
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (width, height) = text.split_once(['x', 'X', '×'])?;
    Some((number(width)?, number(height)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn named_sizes_are_valid_and_found_however_they_are_written() {
        for named in NAMED_SIZES {
            assert_eq!(Size::new(named.size.width, named.size.height).unwrap(), named.size);
            assert_eq!(named.size.name(), Some(named.name));
            for written in [
                named.name.to_owned(),
                named.name.to_uppercase(),
                named.name.to_lowercase().replace(' ', "-"),
                named.name.replace(' ', "_"),
            ] {
                assert_eq!(written.parse::<Size>().unwrap(), named.size, "{written}");
            }
        }
        assert_eq!(Size::named("phone-wallpaper").unwrap().to_string(), "1024×1792");
    }

    #[test]
    fn the_limits_themselves_are_valid_and_one_beyond_is_not() {
        for (width, height) in [(256, 256), (2048, 2048), (1536, 256), (256, 1536), (2048, 352)] {
            assert!(Size::new(width, height).is_ok(), "{width}×{height}");
        }
        for (width, height, nearest) in [
            (240, 256, "256×256"),
            (2064, 2048, "2048×2048"),
            (1000, 1024, "1008×1024"),
            (1024, 1025, "1024×1024"),
            (1552, 256, "1552×272"),
            (256, 2048, "336×2016"),
            (0, 0, "256×256"),
            (u32::MAX, u32::MAX, "2048×2048"),
        ] {
            let error = Size::new(width, height).unwrap_err();
            assert_eq!(error.nearest.to_string(), nearest, "{error}");
        }
    }

    #[test]
    fn a_refusal_names_the_rule_and_the_way_out() {
        assert_eq!(
            Size::new(1000, 1024).unwrap_err().to_string(),
            "size 1000×1024 is not possible: both sides must be multiples of 16; \
             the nearest valid size is 1008×1024"
        );
    }

    #[test]
    fn a_file_cannot_hold_an_invalid_size() {
        let read = |json: &str| serde_json::from_str::<Size>(json);
        assert_eq!(read(r#"{"width":512,"height":256}"#).unwrap().to_string(), "512×256");
        let message = read(r#"{"width":500,"height":256}"#).unwrap_err().to_string();
        assert!(message.contains("the nearest valid size is 496×256"), "{message}");
        assert!(read(r#"{"width":512,"height":256,"depth":3}"#).is_err());
        assert!(read(r#"{"width":-512,"height":256}"#).is_err());
    }

    #[test]
    fn text_that_is_no_size_is_refused_with_the_form_to_use() {
        for text in
            ["", "x", "1024", "1024x", "x768", "-512x512", "+512x512", "512x512x512", "1e3x512"]
        {
            let message = text.parse::<Size>().unwrap_err().to_string();
            assert!(message.contains("WIDTHxHEIGHT"), "{text}: {message}");
        }
        let message = "portrat".parse::<Size>().unwrap_err().to_string();
        assert!(message.contains("did you mean `portrait`?"), "{message}");
        let message = "512".parse::<Size>().unwrap_err().to_string();
        assert!(message.contains("did you mean `512x512`?"), "{message}");
        assert!(message.contains("phone-wallpaper"), "{message}");
        let message = "99999999999999999999x512".parse::<Size>().unwrap_err().to_string();
        assert!(message.contains("between 256 and 2048"), "{message}");
    }

    proptest! {
        #[test]
        fn the_nearest_size_is_valid_and_no_valid_size_is_nearer(
            width in 0u32..4000, height in 0u32..4000, w in 16u32..=128, h in 16u32..=128,
        ) {
            let near = match Size::new(width, height) { Ok(size) => size, Err(e) => e.nearest };
            prop_assert_eq!(Size::new(near.width, near.height), Ok(near));
            if let Ok(other) = Size::new(w * 16, h * 16) {
                let distance = |s: Size| {
                    f64::from(s.width.abs_diff(width)).hypot(f64::from(s.height.abs_diff(height)))
                };
                prop_assert!(distance(near) <= distance(other) + 1e-9);
            }
        }

        #[test]
        fn a_valid_size_survives_text_and_json(w in 16u32..=128, h in 16u32..=128, sep in "[xX×]") {
            if let Ok(size) = Size::new(w * 16, h * 16) {
                prop_assert_eq!(format!("{} {sep} {}", w * 16, h * 16).parse::<Size>(), Ok(size));
                prop_assert_eq!(size.to_string().parse::<Size>(), Ok(size));
                let json = serde_json::to_string(&size).unwrap();
                prop_assert_eq!(serde_json::from_str::<Size>(&json).unwrap(), size);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            let _ = text.parse::<Size>();
        }
    }
}
