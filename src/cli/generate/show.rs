//! `--show`: the picture on the terminal as well, beneath the closing line.

use sigmalab_image::RgbImage;
use sigmalab_terminal::capabilities::{Capabilities, CellPixels};
use sigmalab_terminal::picture::{ProtocolType, Rgb8, choose, inline, protocol_named};
use sigmalab_terminal::tty::{self, Measured};
use std::io::{IsTerminal as _, Write as _};

/// Most rows of a picture: what was said before it stays in sight.
const ROWS: u16 = 24;

/// Whether a picture is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// Where the terminal is known to show pictures.
    Auto,
    /// Not at all.
    Never,
    /// In this way.
    As(ProtocolType),
}

impl std::str::FromStr for Show {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Show::Auto),
            "never" => Ok(Show::Never),
            name => protocol_named(name)
                .map(Show::As)
                .map_err(|error| format!("{error}; or auto, or never")),
        }
    }
}

/// Shows a picture on standard output, where that is a terminal. What cannot be shown is not: the
/// file is there.
pub(crate) fn picture(show: Show, image: &RgbImage) {
    let mut out = std::io::stdout().lock();
    if !out.is_terminal() {
        return;
    }
    let mut known = Capabilities::of_this_process();
    let Ok(Measured { cells, pixels }) = tty::measure() else { return };
    known.measured((pixels.width, pixels.height), (cells.width, cells.height));
    let protocol = match show {
        Show::Never => return,
        Show::As(protocol) => protocol,
        // Nobody asked for blocks; and nothing is asked of the terminal, whose answers could be
        // taken for what somebody types.
        Show::Auto => match choose(&known, None) {
            ProtocolType::Halfblocks => return,
            protocol => protocol,
        },
    };
    let room = (cells.width, cells.height.saturating_sub(2).min(ROWS));
    let cell = known.cell_pixels.unwrap_or(CellPixels::DEFAULT);
    let picture = Rgb8::new(image.width, image.height, image.pixels.clone());
    if let Some(bytes) = picture.and_then(|p| inline(&p, protocol, room, cell, known.colours)) {
        // The result was told; a terminal that is gone needs no picture.
        let _ = out.write_all(&bytes).and_then(|()| out.flush());
    }
}
