//! What is written to the terminal: modes when it is taken and given back, frames through
//! ratatui in one write each, and other bytes between them, all counted. Writes to any
//! [`Write`]; raw mode is the business of [`super::tty`].

mod cells;

use super::colours::ColourDepth;
use super::meter::{ByteMeter, Purpose};
use cells::Cells;
pub(crate) use cells::sgr_colour;
use ratatui::layout::Size;
use ratatui::{Frame, Terminal};
use std::io::{self, Write};

/// Alternate screen, bracketed paste, focus.
const ENTER: &str = "\x1b[?1049h\x1b[?2004h\x1b[?1004h";
/// Mouse buttons and drags in SGR form.
const MOUSE_ON: &str = "\x1b[?1000;1002;1006h";
const MOUSE_OFF: &str = "\x1b[?1006;1002;1000l";
/// The reverse, in reverse, with the cursor shown.
pub(super) const LEAVE: &str =
    "\x1b[?2026l\x1b[m\x1b[?1006;1002;1000l\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[?1049l";
/// kitty's keyboard protocol, "disambiguate escape codes"; the stack belongs to the alternate
/// screen.
const KEYBOARD_ON: &str = "\x1b[>1u";
pub(super) const KEYBOARD_OFF: &str = "\x1b[<u";
const CLEAR: &str = "\x1b[H\x1b[2J";
/// Begin and end of a synchronized update (mode 2026).
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// The terminal's screen.
#[derive(Debug)]
pub struct Screen<W: Write> {
    terminal: Terminal<Cells>,
    out: W,
    meter: ByteMeter,
    synchronized: bool,
    keyboard: bool,
    mouse: bool,
    entered: bool,
}

impl<W: Write> Screen<W> {
    /// A screen of this size, not yet taken: nothing is written. `out` should write at once; a
    /// line buffer would tear frames.
    pub fn new(out: W, size: Size, colours: ColourDepth) -> io::Result<Self> {
        let terminal = Terminal::new(Cells::new(size, colours))?;
        let meter = ByteMeter::default();
        Ok(Screen {
            terminal,
            out,
            meter,
            synchronized: false,
            keyboard: false,
            mouse: true,
            entered: false,
        })
    }

    /// Takes the terminal, asks `questions` (see [`super::probe`]) and clears the screen, in this
    /// order: a terminal that prints what it does not understand prints it before the clearing.
    pub fn enter(&mut self, questions: &[u8]) -> io::Result<()> {
        let mut bytes = ENTER.as_bytes().to_vec();
        if self.mouse {
            bytes.extend_from_slice(MOUSE_ON.as_bytes());
        }
        bytes.extend_from_slice(questions);
        bytes.extend_from_slice(CLEAR.as_bytes());
        if self.keyboard {
            bytes.extend_from_slice(KEYBOARD_ON.as_bytes());
        }
        self.entered = true;
        self.send(Purpose::Control, &bytes)?;
        self.redraw()
    }

    /// Gives the terminal back as it was. `farewell` comes first: what removes the pictures, see
    /// [`super::picture::Pictures::leave`]. Does nothing where the terminal is not taken.
    pub fn leave(&mut self, farewell: &[u8]) -> io::Result<()> {
        if !std::mem::take(&mut self.entered) {
            return Ok(());
        }
        let mut bytes = farewell.to_vec();
        if self.keyboard {
            bytes.extend_from_slice(KEYBOARD_OFF.as_bytes());
        }
        bytes.extend_from_slice(LEAVE.as_bytes());
        self.send(Purpose::Control, &bytes)
    }

    /// Whether frames are written as synchronized updates, once it is known that the terminal
    /// knows them.
    pub fn set_synchronized(&mut self, synchronized: bool) {
        self.synchronized = synchronized;
    }

    /// Turns kitty's keyboard protocol on, once it is known that the terminal knows it: then
    /// every key has its own bytes.
    pub fn set_keyboard(&mut self, keyboard: bool) -> io::Result<()> {
        if self.keyboard == keyboard {
            return Ok(());
        }
        self.keyboard = keyboard;
        if !self.entered {
            return Ok(());
        }
        let bytes = if keyboard { KEYBOARD_ON } else { KEYBOARD_OFF };
        self.send(Purpose::Control, bytes.as_bytes())
    }

    /// Takes the mouse, which is how a screen begins, or leaves it to the terminal, where it
    /// selects text.
    pub fn set_mouse(&mut self, mouse: bool) -> io::Result<()> {
        if std::mem::replace(&mut self.mouse, mouse) == mouse || !self.entered {
            return Ok(());
        }
        let bytes = if mouse { MOUSE_ON } else { MOUSE_OFF };
        self.send(Purpose::Control, bytes.as_bytes())
    }

    /// Colours are fitted to these from the next frame on, which is drawn whole.
    pub fn set_colours(&mut self, colours: ColourDepth) -> io::Result<()> {
        if self.terminal.backend().colours == colours {
            return Ok(());
        }
        self.terminal.backend_mut().colours = colours;
        self.redraw()
    }

    /// The terminal has another size; the next frame is drawn whole.
    pub fn resize(&mut self, size: Size) -> io::Result<()> {
        self.terminal.backend_mut().size = size;
        // Also where it is what it was: it had another size in between, which cut the screen, and
        // ratatui only knows the sizes of its frames.
        self.redraw()
    }

    /// The size in cells.
    #[must_use]
    pub fn size(&self) -> Size {
        self.terminal.backend().size
    }

    /// The next frame is drawn whole, on a cleared screen. Pictures that are not made of cells
    /// are gone then: see [`super::picture::Pictures::forget_all`].
    pub fn redraw(&mut self) -> io::Result<()> {
        self.terminal.backend_mut().forget();
        // Erasing takes the present background colour.
        self.terminal.backend_mut().bytes.extend_from_slice(b"\x1b[m");
        self.terminal.clear()
    }

    /// Draws a frame: what differs from the last one, in one write, and nothing where nothing
    /// does. Returns the bytes written.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<usize> {
        self.terminal.draw(draw)?;
        let mut bytes = std::mem::take(&mut self.terminal.backend_mut().bytes);
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.synchronized {
            bytes.splice(0..0, BEGIN.iter().copied());
            bytes.extend_from_slice(END);
        }
        let written = bytes.len();
        self.send(Purpose::Frame, &bytes)?;
        // The allocation serves the next frame.
        bytes.clear();
        self.terminal.backend_mut().bytes = bytes;
        Ok(written)
    }

    /// Writes bytes between two frames. They must leave the cursor and the style as they were.
    pub fn write(&mut self, purpose: Purpose, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() { Ok(()) } else { self.send(purpose, bytes) }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn meter(&self) -> &ByteMeter {
        &self.meter
    }

    /// What is written to.
    #[must_use]
    pub fn out(&self) -> &W {
        &self.out
    }

    /// One write.
    fn send(&mut self, purpose: Purpose, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()?;
        self.meter.count(purpose, bytes.len());
        Ok(())
    }
}

impl<W: Write> Drop for Screen<W> {
    /// The terminal is given back whichever way the screen goes, but by a panic: then it was
    /// before the report ([`super::tty::restore_on_panic`]), which leaving again would overwrite.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // Nobody is left to tell.
            let _ = self.leave(b"");
        }
    }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
