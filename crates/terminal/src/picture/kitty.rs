//! kitty's graphics protocol: a PNG in chunks, a virtual placement, and the characters that stand
//! for its cells (<https://sw.kovidgoyal.net/kitty/graphics-protocol/>). Text may be drawn between
//! two chunks; other graphics commands may not.

use super::diacritics::{COUNT, diacritic};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ratatui::buffer::Cell;
use ratatui::style::Color;
use ratatui_image::picker::cap_parser::Parser;

/// The character of a cell of a picture.
pub(crate) const PLACEHOLDER: char = '\u{10eeee}';
/// Rows and columns that placeholders can number.
pub(super) const MOST_CELLS: u16 = COUNT;
/// Characters of base64 in a chunk; the protocol's limit, and a multiple of 4.
const CHUNK: usize = 4096;
/// Pictures kept in the terminal at most.
pub(super) const POOL: u8 = 32;

/// The first id of this process's pool. Ids are colours of the palette from 16 on, so that they
/// fit in a cell; processes that share a terminal (panes, a suspended one) mostly differ.
pub(super) fn first_id() -> u8 {
    // Below 7.
    16 + POOL * ((std::process::id() % 7) as u8)
}

/// Whether a file goes out in a single command.
pub(super) fn is_one_piece(file: &[u8]) -> bool {
    file.len().div_ceil(3) * 4 <= CHUNK
}

/// How commands reach the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Direct,
    /// Through tmux, which passes on what is wrapped.
    Tmux,
}

impl Route {
    /// Straight to the terminal, or through tmux to the one around it.
    pub(crate) fn to(through_tmux: bool) -> Self {
        if through_tmux { Route::Tmux } else { Route::Direct }
    }

    /// A graphics command.
    pub(crate) fn command(self, control: &str, payload: &str) -> String {
        let payload = if payload.is_empty() { String::new() } else { format!(";{payload}") };
        let (start, escape, end) = Parser::tmux_start_escape_end(self == Route::Tmux);
        format!("{start}{escape}_G{control}{payload}{escape}\\{end}")
    }

    /// The commands that send a PNG and place it in cells, to be written in order.
    pub(super) fn transmit(self, id: u8, png: &[u8], columns: u16, rows: u16) -> Vec<String> {
        self.send(&format!("a=T,U=1,f=100,t=d,i={id},p=1,c={columns},r={rows}"), png)
    }

    /// The commands that send a PNG and show it at the cursor, which stays. The terminal keeps it
    /// without a name.
    pub(super) fn show(self, png: &[u8], columns: u16, rows: u16) -> String {
        self.send(&format!("a=T,f=100,C=1,c={columns},r={rows}"), png).concat()
    }

    /// A file in chunks; the first says what it is for.
    fn send(self, control: &str, png: &[u8]) -> Vec<String> {
        let text = STANDARD.encode(png);
        // Base64 is ASCII, so it can be cut anywhere.
        let chunks: Vec<&str> = text
            .as_bytes()
            .chunks(CHUNK)
            .filter_map(|chunk| std::str::from_utf8(chunk).ok())
            .collect();
        let last = chunks.len().saturating_sub(1);
        let command = |(number, chunk): (usize, &&str)| {
            let more = u8::from(number < last);
            let control = if number == 0 { format!("{control},") } else { String::new() };
            self.command(&format!("{control}q=2,m={more}"), chunk)
        };
        chunks.iter().enumerate().map(command).collect()
    }

    /// Places a picture that the terminal has in other cells.
    pub(super) fn place(self, id: u8, columns: u16, rows: u16) -> String {
        self.command(&format!("a=p,U=1,i={id},p=1,c={columns},r={rows},q=2"), "")
    }

    /// Ends a transmission that is not complete; the terminal then drops it.
    pub(super) fn abandon(self, id: u8) -> String {
        self.command("q=2,m=0", "") + &self.delete(id)
    }

    /// Deletes a picture and its data.
    pub(super) fn delete(self, id: u8) -> String {
        self.command(&format!("a=d,d=I,i={id},q=2"), "")
    }
}

/// Makes a cell show its part of a picture. Row and column are written in every cell, because a
/// popup may cover the neighbour that they could be taken from.
pub(super) fn draw(id: u8, column: u16, row: u16, cell: &mut Cell) {
    let symbol: String = [PLACEHOLDER, diacritic(row), diacritic(column)].iter().collect();
    cell.set_symbol(&symbol).set_fg(Color::Indexed(id)).set_bg(Color::Reset);
}

/// What deletes every picture that this process may have sent, for when nothing else is known.
pub(crate) fn kitty_farewell() -> Vec<u8> {
    let first = first_id();
    (first..first + POOL).map(|id| Route::Direct.delete(id)).collect::<String>().into_bytes()
}
