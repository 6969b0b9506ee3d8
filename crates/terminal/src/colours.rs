//! How many colours the terminal shows, and the nearest of those to a colour.

use super::brand::Brand;
use ratatui::style::Color;
use std::fmt;

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColourDepth {
    /// None: `NO_COLOR` is set, or the terminal has none. Bold, reverse and the like remain.
    None,
    /// The 16 of ECMA-48 and its bright ones.
    Sixteen,
    /// xterm's 256.
    Indexed,
    /// 24 bits.
    True,
}

impl ColourDepth {
    /// From `NO_COLOR` (<https://no-color.org>), `COLORTERM` and `TERM`.
    #[must_use]
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let value = |name| variable(name).unwrap_or_default();
        let term = value("TERM");
        if !value("NO_COLOR").is_empty() || term == "dumb" || term.starts_with("vt") {
            return ColourDepth::None;
        }
        let brand = Brand::from_environment(variable);
        if matches!(value("COLORTERM").as_str(), "truecolor" | "24bit") || term.ends_with("-direct")
        {
            return ColourDepth::True;
        }
        let depth = if term.contains("256") {
            ColourDepth::Indexed
        } else if term == "linux" || term.ends_with("-16color") || term.is_empty() {
            ColourDepth::Sixteen
        } else {
            ColourDepth::Indexed
        };
        brand.map_or(depth, |brand| depth.at_least_of(brand))
    }

    /// This, or what every version of a terminal shows; no colour stays none.
    #[must_use]
    pub fn at_least_of(self, brand: Brand) -> Self {
        let known = match brand {
            Brand::Kitty
            | Brand::Ghostty
            | Brand::WezTerm
            | Brand::Konsole
            | Brand::Iterm2
            | Brand::Foot
            | Brand::Contour
            | Brand::Mintty
            | Brand::Rio
            | Brand::VsCode
            | Brand::Alacritty => ColourDepth::True,
            _ => ColourDepth::Indexed,
        };
        if self == ColourDepth::None { self } else { self.max(known) }
    }

    /// The nearest colour that the terminal shows.
    #[must_use]
    pub fn fit(self, colour: Color) -> Color {
        match (self, colour) {
            (ColourDepth::None, _) => Color::Reset,
            (ColourDepth::Sixteen, Color::Rgb(red, green, blue)) => sixteen([red, green, blue]),
            (ColourDepth::Sixteen, Color::Indexed(index @ 16..)) => sixteen(rgb_of_index(index)),
            (ColourDepth::Indexed, Color::Rgb(red, green, blue)) => {
                Color::Indexed(index_of_rgb([red, green, blue]))
            }
            _ => colour,
        }
    }
}

impl fmt::Display for ColourDepth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ColourDepth::None => "none",
            ColourDepth::Sixteen => "16",
            ColourDepth::Indexed => "256",
            ColourDepth::True => "true",
        })
    }
}

/// The levels of xterm's 6×6×6 cube.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The nearest of xterm's colours 16 to 255: the cube and the greys. The first 16 are left out,
/// because users change them.
#[must_use]
pub fn index_of_rgb(colour: [u8; 3]) -> u8 {
    let nearest = |value: u8| -> u8 {
        match value {
            0..=47 => 0,
            48..=114 => 1,
            // Above, the levels are 40 apart.
            _ => (value - 35) / 40,
        }
    };
    let [red, green, blue] = colour.map(nearest);
    let cube = 16 + 36 * red + 6 * green + blue;
    let mean = colour.iter().map(|&value| u32::from(value)).sum::<u32>() / 3;
    // Greys are 8, 18 … 238.
    let grey = 232 + (mean.saturating_sub(3) / 10).min(23) as u8;
    if distance(rgb_of_index(grey), colour) < distance(rgb_of_index(cube), colour) {
        grey
    } else {
        cube
    }
}

/// The colour of an index; of the first 16 what xterm has.
#[must_use]
pub fn rgb_of_index(index: u8) -> [u8; 3] {
    match index {
        0..=15 => SIXTEEN[usize::from(index)].1,
        16..=231 => {
            let cube = index - 16;
            [cube / 36, cube / 6 % 6, cube % 6].map(|level| LEVELS[usize::from(level)])
        }
        232.. => [8 + 10 * (index - 232); 3],
    }
}

/// The 16 colours as xterm has them.
const SIXTEEN: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 0, 0]),
    (Color::Green, [0, 205, 0]),
    (Color::Yellow, [205, 205, 0]),
    (Color::Blue, [0, 0, 238]),
    (Color::Magenta, [205, 0, 205]),
    (Color::Cyan, [0, 205, 205]),
    (Color::Gray, [229, 229, 229]),
    (Color::DarkGray, [127, 127, 127]),
    (Color::LightRed, [255, 0, 0]),
    (Color::LightGreen, [0, 255, 0]),
    (Color::LightYellow, [255, 255, 0]),
    (Color::LightBlue, [92, 92, 255]),
    (Color::LightMagenta, [255, 0, 255]),
    (Color::LightCyan, [0, 255, 255]),
    (Color::White, [255, 255, 255]),
];

/// The nearest of the 16.
fn sixteen(colour: [u8; 3]) -> Color {
    let near = SIXTEEN.iter().min_by_key(|(_, known)| distance(*known, colour));
    near.map_or(Color::Reset, |(name, _)| *name)
}

/// Squared distance of two colours.
fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn depth(variables: &[(&str, &str)]) -> ColourDepth {
        ColourDepth::from_environment(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_says_how_many_colours() {
        assert_eq!(depth(&[("TERM", "xterm-256color")]), ColourDepth::Indexed);
        assert_eq!(depth(&[("TERM", "linux")]), ColourDepth::Sixteen);
        assert_eq!(depth(&[("TERM", "xterm-kitty")]), ColourDepth::True);
        assert_eq!(depth(&[("TERM", "xterm"), ("COLORTERM", "truecolor")]), ColourDepth::True);
        assert_eq!(depth(&[("TERM", "xterm-kitty"), ("NO_COLOR", "1")]), ColourDepth::None);
    }

    #[test]
    fn no_colour_stays_none_whatever_the_terminal_says() {
        assert_eq!(ColourDepth::None.at_least_of(Brand::Kitty), ColourDepth::None);
        assert_eq!(ColourDepth::None.fit(Color::Red), Color::Reset);
    }

    #[test]
    fn colours_are_fitted_to_what_is_shown() {
        assert_eq!(ColourDepth::Sixteen.fit(Color::Rgb(250, 10, 5)), Color::LightRed);
        assert_eq!(ColourDepth::Indexed.fit(Color::Rgb(128, 128, 128)), Color::Indexed(244));
        assert_eq!(ColourDepth::True.fit(Color::Rgb(1, 2, 3)), Color::Rgb(1, 2, 3));
    }

    proptest! {
        #[test]
        fn the_index_of_a_colour_is_the_nearest(colour in any::<[u8; 3]>()) {
            let found = distance(rgb_of_index(index_of_rgb(colour)), colour);
            let least = (16..=255).map(|index| distance(rgb_of_index(index), colour)).min();
            // The nearest level per channel is nearest in the cube; among the greys the one
            // nearest to the mean is.
            prop_assert_eq!(Some(found), least);
        }
    }
}
