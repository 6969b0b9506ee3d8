//! How a picture is shown: which protocol, from what is known of the terminal, and the names of
//! the protocols, which are ratatui-image's.
//!
//! Its `Picker` is not asked: it reads the terminal's answers itself, up to two seconds long and
//! before the first frame, and in tmux it turns `allow-passthrough` on, unasked.

use crate::capabilities::{Brand, Capabilities};
use ratatui_image::picker::ProtocolType;

/// The protocols with their names on the command line and in the configuration.
pub(crate) const PROTOCOLS: [(ProtocolType, &str); 4] = [
    (ProtocolType::Kitty, "kitty"),
    (ProtocolType::Sixel, "sixel"),
    (ProtocolType::Iterm2, "iterm2"),
    (ProtocolType::Halfblocks, "half-blocks"),
];

/// The name of a protocol on the command line and in the configuration.
#[must_use]
pub fn protocol_name(protocol: ProtocolType) -> &'static str {
    PROTOCOLS.into_iter().find(|(named, _)| *named == protocol).map_or("", |(_, name)| name)
}

/// A text that names no protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an image protocol: use half-blocks, kitty, sixel or iterm2")]
pub struct ProtocolError(pub String);

/// The protocol of a name.
///
/// # Errors
/// There is none of that name.
pub fn protocol_named(text: &str) -> Result<ProtocolType, ProtocolError> {
    let known = PROTOCOLS.into_iter().find(|(_, name)| *name == text).map(|(protocol, _)| protocol);
    known.ok_or_else(|| ProtocolError(text.to_owned()))
}

/// The protocol for a terminal: `wanted` where somebody asked for one, else the best that is
/// known to work. Until the probe is answered, that is what the environment says, or half-blocks.
#[must_use]
pub fn choose(capabilities: &Capabilities, wanted: Option<ProtocolType>) -> ProtocolType {
    if let Some(protocol) = wanted {
        return protocol;
    }
    let sixel_or = |other| {
        if capabilities.sixel && capabilities.cell_pixels.is_some() {
            ProtocolType::Sixel
        } else {
            other
        }
    };
    match capabilities.brand {
        Some(Brand::Kitty | Brand::Ghostty) => ProtocolType::Kitty,
        Some(Brand::Iterm2 | Brand::WezTerm | Brand::Rio | Brand::Mintty) => ProtocolType::Iterm2,
        // These answer kitty's query or take its images but know no placeholders, or only pass
        // on what they know themselves.
        Some(Brand::Konsole | Brand::Tmux | Brand::Screen | Brand::Warp) => {
            if capabilities.tmux_passthrough && capabilities.kitty_graphics {
                return ProtocolType::Kitty;
            }
            sixel_or(ProtocolType::Halfblocks)
        }
        Some(
            Brand::Foot
            | Brand::XTerm
            | Brand::Contour
            | Brand::Mlterm
            | Brand::VsCode
            | Brand::Alacritty
            | Brand::Apple,
        ) => sixel_or(ProtocolType::Halfblocks),
        None if capabilities.kitty_graphics => sixel_or(ProtocolType::Kitty),
        None => sixel_or(ProtocolType::Halfblocks),
    }
}
