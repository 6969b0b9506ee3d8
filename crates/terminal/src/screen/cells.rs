//! ratatui's backend: cells to as few bytes as will do, into memory. An unchanged frame is no
//! bytes at all.

use crate::colours::ColourDepth;
use crate::picture::PLACEHOLDER;
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::{Cell, CellWidth};
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use sigmalab_text::strange_text::turns_round;
use std::io::{self, Write};

/// Cells as escape sequences.
#[derive(Debug)]
pub(super) struct Cells {
    /// Bytes not yet written.
    pub(super) bytes: Vec<u8>,
    /// The size of the screen.
    pub(super) size: Size,
    /// Colours that the terminal shows.
    pub(super) colours: ColourDepth,
    /// Where the terminal's cursor is; `None` where it is not known.
    pub(super) cursor: Option<Position>,
    /// Whether the cursor is shown; `None` where it is not known.
    pub(super) cursor_shown: Option<bool>,
    style: Drawn,
}

/// How the terminal draws at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Drawn {
    fg: Color,
    bg: Color,
    underline: Color,
    modifier: Modifier,
}

const PLAIN: Drawn = Drawn {
    fg: Color::Reset,
    bg: Color::Reset,
    underline: Color::Reset,
    modifier: Modifier::empty(),
};

/// Attributes with the SGR numbers that turn them on and off.
const ATTRIBUTES: [(Modifier, u8, u8); 9] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::RAPID_BLINK, 6, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

impl Cells {
    pub(super) fn new(size: Size, colours: ColourDepth) -> Self {
        let (cursor, cursor_shown) = (None, None);
        Cells { bytes: Vec::new(), size, colours, cursor, cursor_shown, style: PLAIN }
    }

    /// The terminal's cursor and style are as after a reset.
    pub(super) fn forget(&mut self) {
        self.cursor = None;
        self.cursor_shown = None;
        self.style = PLAIN;
    }

    fn put(&mut self, text: impl std::fmt::Display) {
        // Writing to memory cannot fail.
        let _ = write!(self.bytes, "{text}");
    }

    /// Moves the terminal's cursor, by the shorter of two ways.
    fn go_to(&mut self, to: Position) {
        match self.cursor {
            Some(at) if at == to => {}
            Some(at) if at.y == to.y && at.x < to.x => match to.x - at.x {
                1 => self.put("\x1b[C"),
                columns => self.put(format_args!("\x1b[{columns}C")),
            },
            _ if to == Position::ORIGIN => self.put("\x1b[H"),
            _ => self.put(format_args!("\x1b[{};{}H", to.y + 1, to.x + 1)),
        }
        self.cursor = Some(to);
    }

    /// Makes the terminal draw as `next`.
    fn take_style(&mut self, next: Drawn) {
        let now = self.style;
        if now == next {
            return;
        }
        if next == PLAIN {
            self.put("\x1b[m");
        } else {
            let change = codes(now, next);
            // Turning all off and the rest on again may be shorter.
            let anew = format!(";{}", codes(PLAIN, next));
            let shorter = if anew.len() < change.len() { anew } else { change };
            self.put(format_args!("\x1b[{shorter}m"));
        }
        self.style = next;
    }

    /// How a cell is to be drawn on this terminal.
    fn drawn(&self, cell: &Cell) -> Drawn {
        let fit = |colour| self.colours.fit(colour);
        // The colour of a placeholder is the number of its picture.
        let fg = if cell.symbol().starts_with(PLACEHOLDER) { cell.fg } else { fit(cell.fg) };
        let (bg, underline) = (fit(cell.bg), fit(cell.underline_color));
        Drawn { fg, bg, underline, modifier: cell.modifier }
    }
}

/// The SGR numbers from one style to another, between semicolons.
fn codes(now: Drawn, next: Drawn) -> String {
    let mut codes: Vec<String> = Vec::new();
    let removed = now.modifier.difference(next.modifier);
    let mut added = next.modifier.difference(now.modifier);
    for (attribute, _, off) in ATTRIBUTES {
        if removed.contains(attribute) {
            let off_code = off.to_string();
            if !codes.contains(&off_code) {
                codes.push(off_code);
            }
            // 22 ends bold and dim, 25 both blinks: what is to stay is turned on again.
            for (other, _, other_off) in ATTRIBUTES {
                if other_off == off && next.modifier.contains(other) {
                    added.insert(other);
                }
            }
        }
    }
    for (attribute, on, _) in ATTRIBUTES {
        if added.contains(attribute) {
            codes.push(on.to_string());
        }
    }
    if now.fg != next.fg {
        codes.push(sgr_colour(next.fg, 30));
    }
    if now.bg != next.bg {
        codes.push(sgr_colour(next.bg, 40));
    }
    if now.underline != next.underline {
        codes.push(match next.underline {
            Color::Reset => "59".to_owned(),
            Color::Rgb(red, green, blue) => format!("58;2;{red};{green};{blue}"),
            Color::Indexed(index) => format!("58;5;{index}"),
            named => format!("58;5;{}", ordinal(named).unwrap_or(7)),
        });
    }
    codes.join(";")
}

/// Whether every terminal draws this as wide as ratatui counts it: ASCII, box drawing, blocks,
/// braille, and the placeholders of pictures.
fn has_sure_width(symbol: &str) -> bool {
    symbol.starts_with(PLACEHOLDER)
        || symbol.chars().all(|character| {
            matches!(character, ' '..='~' | '\u{2500}'..='\u{259f}' | '\u{2800}'..='\u{28ff}')
        })
}

/// The number of one of the 16 colours.
fn ordinal(colour: Color) -> Option<u8> {
    Some(match colour {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        Color::Reset | Color::Rgb(..) | Color::Indexed(_) => return None,
    })
}

/// The SGR numbers of a colour; `base` is 30 for text and 40 for background.
pub(crate) fn sgr_colour(colour: Color, base: u8) -> String {
    match colour {
        Color::Reset => (base + 9).to_string(),
        Color::Rgb(red, green, blue) => format!("{};2;{red};{green};{blue}", base + 8),
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        named => match ordinal(named).unwrap_or(7) {
            bright @ 8.. => (base + 52 + bright).to_string(),
            normal => (base + normal).to_string(),
        },
    }
}

impl Backend for Cells {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        for (x, y, cell) in content {
            self.go_to(Position { x, y });
            let drawn = self.drawn(cell);
            self.take_style(drawn);
            // A mark of direction in a name would turn the whole line round.
            match cell.symbol().contains(turns_round) {
                true => self.put(cell.symbol().replace(turns_round, "")),
                false => self.bytes.extend_from_slice(cell.symbol().as_bytes()),
            }
            let next = x.saturating_add(cell.cell_width().max(1));
            // Past the last column, and after characters whose width terminals do not agree on,
            // where the cursor is is not known.
            let known = next < self.size.width && has_sure_width(cell.symbol());
            self.cursor = known.then_some(Position { x: next, y });
        }
        self.take_style(PLAIN);
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor_shown != Some(false) {
            self.put("\x1b[?25l");
            self.cursor_shown = Some(false);
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.cursor_shown != Some(true) {
            self.put("\x1b[?25h");
            self.cursor_shown = Some(true);
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor.unwrap_or(Position::ORIGIN))
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.go_to(position.into());
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.put(match region {
            ClearType::All => "\x1b[2J",
            ClearType::AfterCursor => "\x1b[J",
            ClearType::BeforeCursor => "\x1b[1J",
            ClearType::CurrentLine => "\x1b[2K",
            ClearType::UntilNewLine => "\x1b[K",
        });
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::ZERO })
    }

    /// The bytes leave with the frame, see [`super::Screen::draw`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
