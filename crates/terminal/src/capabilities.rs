//! What is known of the terminal: at first from the environment, then more with every answer to
//! the probe. Nothing waits for an answer; what never comes stays unknown.

use super::brand::Brand as TerminalBrand;
use super::colours::ColourDepth;
use super::input::Reply;
use std::time::{Duration, Instant};

pub use super::brand::Brand;

/// The kitty image id that the probe asks about.
pub(super) const PROBE_IMAGE: u32 = 31;
/// After this time an unanswered probe is taken to stay so.
const PATIENCE: Duration = Duration::from_secs(5);

/// A size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CellPixels {
    /// Pixels, at least 1.
    pub width: u16,
    /// Pixels, at least 1.
    pub height: u16,
}

impl CellPixels {
    /// What is assumed where nothing is known: only the ratio matters there.
    pub const DEFAULT: CellPixels = CellPixels { width: 10, height: 20 };

    /// `None` where a side is 0.
    #[must_use]
    pub fn new(width: u16, height: u16) -> Option<Self> {
        (width > 0 && height > 0).then_some(CellPixels { width, height })
    }
}

/// Whether the background is dark or light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Light text on dark.
    Dark,
    /// Dark text on light.
    Light,
}

/// How the size of a cell is known, from the least trusted on. tmux, for one, answers for the
/// screen with width and height exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CellSource {
    /// Divided from answers about the screen, or not known.
    Screen,
    /// Divided from what the operating system says.
    System,
    /// Answered.
    Cell,
}

/// What is known of the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    pub brand: Option<Brand>,
    /// It said that it takes kitty's graphics. Some that do know no placeholders: see `brand`.
    pub kitty_graphics: bool,
    /// It lists sixel among its attributes.
    pub sixel: bool,
    /// It knows synchronized updates (mode 2026).
    pub synchronized: bool,
    /// It knows kitty's keyboard protocol.
    pub keyboard: bool,
    pub colours: ColourDepth,
    /// Its background, where it said so or the environment does.
    pub background: Option<Background>,
    pub cell_pixels: Option<CellPixels>,
    /// Somebody asked for images to be passed through tmux.
    pub tmux_passthrough: bool,
    /// Pixels of the screen and its columns and rows, as answered.
    screen_pixels: Option<(u16, u16)>,
    screen_cells: Option<(u16, u16)>,
    /// How the size of a cell is known.
    cell_source: CellSource,
    /// The last question was answered.
    complete: bool,
}

impl Capabilities {
    #[must_use]
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        Capabilities {
            brand: TerminalBrand::from_environment(variable),
            kitty_graphics: false,
            sixel: false,
            synchronized: false,
            keyboard: false,
            colours: ColourDepth::from_environment(variable),
            background: background_of(variable),
            cell_pixels: None,
            tmux_passthrough: false,
            screen_pixels: None,
            screen_cells: None,
            cell_source: CellSource::Screen,
            complete: false,
        }
    }

    /// What the environment of this process says.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self::from_environment(&|name| std::env::var(name).ok())
    }

    /// Learns from an answer; whether anything changed.
    pub fn learn(&mut self, reply: &Reply) -> bool {
        let before = self.clone();
        match reply {
            Reply::Version(version) => {
                if let Some(brand) = Brand::from_version(version) {
                    self.brand = Some(brand);
                    self.colours = self.colours.at_least_of(brand);
                }
            }
            Reply::Attributes(attributes) => {
                self.sixel = attributes.iter().skip(1).any(|&attribute| attribute == 4);
                // The last question, and one that every terminal answers.
                self.complete = true;
            }
            Reply::Kitty { id: PROBE_IMAGE, ok } => self.kitty_graphics = *ok,
            Reply::Mode { mode: 2026, available } => self.synchronized = *available,
            Reply::KeyboardFlags(_) => self.keyboard = true,
            Reply::Background(colour) => self.background = Some(shade(*colour)),
            Reply::CellPixels { width, height } => {
                if let Some(cell) = CellPixels::new(*width, *height) {
                    self.cell_pixels = Some(cell);
                    self.cell_source = CellSource::Cell;
                }
            }
            Reply::ScreenPixels { width, height } => {
                self.screen_pixels = Some((*width, *height));
                self.divide();
            }
            Reply::ScreenCells { columns, rows } => {
                self.screen_cells = Some((*columns, *rows));
                self.divide();
            }
            Reply::Kitty { .. } | Reply::Mode { .. } | Reply::Ready | Reply::Other => {}
        }
        *self != before
    }

    /// The size of the screen as the operating system tells it: pixels (0 where unknown) and
    /// cells. What the terminal answered about a cell counts for more, unless the two are so far
    /// apart that the font has changed since.
    pub fn measured(&mut self, pixels: (u16, u16), cells: (u16, u16)) {
        let Some(quotient) = quotient(pixels, cells) else { return };
        // Margins make the quotient a pixel too large.
        let near = |cell: CellPixels| {
            cell.width.abs_diff(quotient.width) <= 1 && cell.height.abs_diff(quotient.height) <= 1
        };
        if self.cell_source == CellSource::Cell && self.cell_pixels.is_some_and(near) {
            return;
        }
        self.cell_pixels = Some(quotient);
        self.cell_source = CellSource::System;
    }

    /// Whether the probe is answered, or asked so long ago that it will not be.
    #[must_use]
    pub fn settled(&self, asked: Instant, now: Instant) -> bool {
        self.complete || now.saturating_duration_since(asked) > PATIENCE
    }

    /// The size of a cell from answers about the screen, where nothing better is known.
    fn divide(&mut self) {
        if self.cell_source > CellSource::Screen {
            return;
        }
        if let (Some(pixels), Some(cells)) = (self.screen_pixels, self.screen_cells) {
            self.cell_pixels = quotient(pixels, cells).or(self.cell_pixels);
        }
    }
}

/// The size of a cell from those of the screen; `None` where one is 0.
fn quotient(pixels: (u16, u16), cells: (u16, u16)) -> Option<CellPixels> {
    CellPixels::new(pixels.0.checked_div(cells.0)?, pixels.1.checked_div(cells.1)?)
}

/// Dark or light, by the luminance of BT.709 without its gamma.
fn shade([red, green, blue]: [u8; 3]) -> Background {
    let luminance = 2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue);
    if luminance > 10_000 * 127 { Background::Light } else { Background::Dark }
}

/// `COLORFGBG`, which rxvt and Konsole set: the colour numbers of text and background.
fn background_of(variable: &dyn Fn(&str) -> Option<String>) -> Option<Background> {
    let value = variable("COLORFGBG")?;
    let number: u8 = value.rsplit(';').next()?.parse().ok()?;
    Some(if matches!(number, 7 | 9..=15) { Background::Light } else { Background::Dark })
}

#[cfg(test)]
#[path = "capabilities_tests.rs"]
mod tests;
