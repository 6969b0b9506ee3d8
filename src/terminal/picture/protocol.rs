//! How a picture is shown: which protocol, from what is known of the terminal.

use crate::terminal::capabilities::{Brand, Capabilities};
use std::fmt;
use std::str::FromStr;

/// A way to show a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// kitty's graphics protocol with unicode placeholders; PNG in paced chunks.
    Kitty,
    /// Sixel, 64 colours.
    Sixel,
    /// iTerm2's inline images; JPEG.
    Iterm2,
    /// Half-block characters: works everywhere.
    HalfBlocks,
}

impl Protocol {
    /// All, in the order in which [`Protocol::next`] walks them.
    pub const ALL: [Protocol; 4] =
        [Protocol::Kitty, Protocol::Sixel, Protocol::Iterm2, Protocol::HalfBlocks];

    /// The name on the command line and in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Kitty => "kitty",
            Protocol::Sixel => "sixel",
            Protocol::Iterm2 => "iterm2",
            Protocol::HalfBlocks => "half-blocks",
        }
    }

    /// The one after it, in a circle.
    #[must_use]
    pub const fn next(self) -> Protocol {
        match self {
            Protocol::Kitty => Protocol::Sixel,
            Protocol::Sixel => Protocol::Iterm2,
            Protocol::Iterm2 => Protocol::HalfBlocks,
            Protocol::HalfBlocks => Protocol::Kitty,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an image protocol: use kitty, sixel, iterm2 or half-blocks")]
pub struct ProtocolError(pub String);

impl FromStr for Protocol {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let known = Protocol::ALL.into_iter().find(|protocol| protocol.name() == text);
        known.ok_or_else(|| ProtocolError(text.to_owned()))
    }
}

/// The protocol for a terminal: `wanted` where somebody asked for one, else the best that is
/// known to work. Until the probe is answered, that is what the environment says, or half-blocks.
#[must_use]
pub fn choose(capabilities: &Capabilities, wanted: Option<Protocol>) -> Protocol {
    if let Some(protocol) = wanted {
        return protocol;
    }
    let sixel_or = |other| {
        if capabilities.sixel && capabilities.cell_pixels.is_some() {
            Protocol::Sixel
        } else {
            other
        }
    };
    match capabilities.brand {
        Some(Brand::Kitty | Brand::Ghostty) => Protocol::Kitty,
        Some(Brand::Iterm2 | Brand::WezTerm | Brand::Rio | Brand::Mintty) => Protocol::Iterm2,
        // These answer kitty's query or take its images but know no placeholders, or only pass
        // on what they know themselves.
        Some(Brand::Konsole | Brand::Tmux | Brand::Screen | Brand::Warp) => {
            if capabilities.tmux_passthrough && capabilities.kitty_graphics {
                return Protocol::Kitty;
            }
            sixel_or(Protocol::HalfBlocks)
        }
        Some(
            Brand::Foot
            | Brand::XTerm
            | Brand::Contour
            | Brand::Mlterm
            | Brand::VsCode
            | Brand::Alacritty
            | Brand::Apple,
        ) => sixel_or(Protocol::HalfBlocks),
        None if capabilities.kitty_graphics => sixel_or(Protocol::Kitty),
        None => sixel_or(Protocol::HalfBlocks),
    }
}
