//! What comes in from the terminal, as values. Bytes become [`Input`]s in [`Parser`]; nothing
//! here reads a file or knows what an input means.

mod escape;
mod parser;

pub use super::key::{Key, KeyCode, Modifiers};
pub use parser::Parser;

/// One thing that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Key(Key),
    /// Text was pasted (bracketed paste), line ends as `\n`.
    Paste(String),
    Mouse(Mouse),
    /// The terminal got (`true`) or lost the focus.
    Focus(bool),
    /// The terminal has another size: columns, rows.
    Resize(u16, u16),
    /// The terminal answered a query, see [`super::probe`].
    Reply(Reply),
}

/// Something the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    pub action: MouseAction,
    /// Column, from 0.
    pub column: u16,
    /// Row, from 0.
    pub row: u16,
    pub modifiers: super::key::Modifiers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseAction {
    Press(MouseButton),
    Release(MouseButton),
    /// It moved with a button down.
    Drag(MouseButton),
    Move,
    /// The wheel, away from the user.
    ScrollUp,
    /// The wheel, towards the user.
    ScrollDown,
    /// The wheel tilted, or a horizontal gesture.
    ScrollLeft,
    /// The wheel tilted, or a horizontal gesture.
    ScrollRight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseButton {
    Left,
    Middle,
    Right,
}

/// An answer of the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Name and version (XTVERSION), such as `kitty(0.36.4)`.
    Version(String),
    /// Primary device attributes (DA1); 4 is sixel.
    Attributes(Vec<u16>),
    /// The kitty graphics protocol about an image.
    Kitty {
        id: u32,
        /// Whether it said `OK`.
        ok: bool,
    },
    /// Size of a cell in pixels (`CSI 16 t`).
    CellPixels {
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
    },
    /// Size of the text area in pixels (`CSI 14 t`).
    ScreenPixels {
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
    },
    /// Size of the text area in cells (`CSI 18 t`).
    ScreenCells { columns: u16, rows: u16 },
    /// State of a private mode (DECRPM).
    Mode {
        /// Its number, such as 2026 for synchronized updates.
        mode: u16,
        /// Whether the terminal has it and lets it be changed.
        available: bool,
    },
    /// The background colour (OSC 11).
    Background([u8; 3]),
    /// Flags of the kitty keyboard protocol: the terminal has it.
    KeyboardFlags(u16),
    /// The terminal has worked through all that was written before the question (`CSI 5 n`).
    Ready,
    /// An answer that nobody here asked for.
    Other,
}
