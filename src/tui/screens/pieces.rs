//! A line made of pieces that a click does something about: drawn and found by the same widths.

use crate::tui::action::{Action, Call};
use crate::tui::screens::wrapping;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::Widget;

#[derive(Debug, Clone)]
pub(super) struct Piece {
    text: String,
    style: Style,
    call: Option<Call>,
}

impl Piece {
    /// Text that a click does nothing about.
    pub(super) fn new(text: impl Into<String>, style: Style) -> Self {
        Piece { text: text.into(), style, call: None }
    }

    /// Text that a click does an action for.
    pub(super) fn action(text: impl Into<String>, style: Style, action: Action) -> Self {
        Piece { call: Some(action.into()), ..Piece::new(text, style) }
    }

    /// The same in so many columns at most.
    pub(super) fn within(self, columns: u16) -> Self {
        if self.width() <= columns {
            return self;
        }
        let text = wrapping::cut(&self.text, usize::from(columns), " …");
        Piece { text, ..self }
    }

    /// Columns it takes.
    pub(super) fn width(&self) -> u16 {
        u16::try_from(Span::raw(self.text.as_str()).width()).unwrap_or(u16::MAX)
    }
}

/// Every piece with its place, from left to right, as far as the area goes.
fn placed(pieces: &[Piece], area: Rect) -> impl Iterator<Item = (&Piece, Rect)> {
    let places = pieces.iter().scan(area.x, move |x, piece| {
        let width = piece.width().min(area.right().saturating_sub(*x));
        let place = Rect { x: *x, width, ..area };
        *x += width;
        Some((piece, place))
    });
    places.filter(|(_, place)| place.width > 0)
}

pub(super) fn draw(pieces: &[Piece], area: Rect, buffer: &mut Buffer) {
    for (piece, place) in placed(pieces, area) {
        Span::styled(piece.text.as_str(), piece.style).render(place, buffer);
    }
}

/// What a click at column `x` of the line does.
pub(super) fn call_at(pieces: &[Piece], area: Rect, x: u16) -> Option<Call> {
    let (piece, _) =
        placed(pieces, area).find(|(_, place)| (place.x..place.right()).contains(&x))?;
    piece.call.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_finds_the_piece_that_is_drawn_there() {
        let style = Style::new();
        let pieces = [
            Piece::new("σ ", style),
            Piece::action("run", style, Action::Run),
            Piece::action("save", style, Action::Save),
        ];
        let area = Rect::new(3, 0, 7, 1);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        draw(&pieces, area, &mut buffer);
        let text: String = buffer.content().iter().map(|cell| cell.symbol()).collect();
        assert_eq!(text, "   σ runsa  ");
        let found: Vec<_> = (0..12).map(|x| call_at(&pieces, area, x).map(|c| c.action)).collect();
        let (run, save) = (Some(Action::Run), Some(Action::Save));
        let expected = [None, None, None, None, None, run, run, run, save, save, None, None];
        assert_eq!(found, expected);
    }
}
