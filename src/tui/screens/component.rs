//! What a screen is to the rest of the workbench: its keys, how it is drawn, what the mouse finds on
//! it, and what the actions of every list do there. State lies in the application; a screen has none.

use super::Placement;
use super::hit::Hit;
use crate::tui::action::{Action, Call};
use crate::tui::app::{App, Done};
use crate::tui::context::Context;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// An action with its word in the footer.
pub(in crate::tui) type Hint = (Action, &'static str);

/// Lines that a notch of the wheel scrolls a text by.
pub(in crate::tui) const LINES: usize = 3;

/// A screen. Areas are everything between the title and the status line.
pub(in crate::tui) trait Component: Sync {
    /// Where its keys are looked up.
    fn context(&self) -> Context;

    /// The actions that matter there, the most wanted first.
    fn hints(&self, app: &App) -> &'static [Hint];

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer);

    fn pictures(&self, _: &App, _: Rect) -> Vec<Placement> {
        Vec::new()
    }

    /// The rows of its list in view: number of the row, place.
    fn row_places(&self, _: &App, _: Rect) -> Vec<(usize, Rect)> {
        Vec::new()
    }

    /// What is at a column and a row of the terminal.
    fn hit(&self, app: &App, area: Rect, at: (u16, u16)) -> Option<Hit> {
        let places = self.row_places(app, area).into_iter();
        let mut here = places.filter(|(_, place)| place.contains(Position::from(at)));
        let row = here.next().map(|(row, _)| Hit::Row(row));
        row.or_else(|| self.heading_at(app, area, at).map(Hit::Does))
    }

    /// What a click on a heading of its list does.
    fn heading_at(&self, _: &App, _: Rect, _: (u16, u16)) -> Option<Call> {
        None
    }

    /// How many rows its list has.
    fn rows(&self, _: &App) -> usize {
        0
    }

    /// Goes down its list, or up; a text scrolls.
    fn along(&self, app: &mut App, by: isize) {
        app.scroll = app.scroll.saturating_add_signed(by);
    }

    /// Goes to a row of its list, which there is.
    fn choose(&self, app: &mut App, row: usize) {
        // Further than any list is long.
        self.along(app, -(isize::MAX / 2));
        self.along(app, isize::try_from(row).unwrap_or(isize::MAX));
    }

    /// What enter does.
    fn accept(&self, _: &mut App) -> Done {
        Ok(None)
    }

    /// One way back within it; `false` where the way back is to another screen.
    fn back(&self, _: &mut App) -> bool {
        false
    }

    /// Rows that a notch of the wheel goes along.
    fn notch(&self) -> usize {
        1
    }

    /// What the wheel does there, where it is something else; whether it is.
    fn wheel(&self, _: &mut App, _notches: isize, _at: (u16, u16)) -> bool {
        false
    }

    /// Takes what was pasted.
    fn pasted(&self, _: &mut App, _text: &str) {}

    /// What an action of all screens does there, where it is something else.
    fn perform(&self, _: &mut App, _: Action, _argument: Option<&str>) -> Option<Done> {
        None
    }
}
