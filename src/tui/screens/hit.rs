//! What is at a place of the screen, for the mouse: found by the same layout as it is drawn by.

use crate::tui::action::Call;
use crate::tui::app::{App, Asking};
use crate::tui::screens::editor::grid::Place;
use crate::tui::screens::{
    LEAST, body, hints, hints_row, pieces, popups, status, status_row, title, title_row,
};
use ratatui::layout::{Position, Rect};

#[derive(Debug, Clone, PartialEq)]
pub(in crate::tui) enum Hit {
    Grid(Place),
    /// A row of the list in front, by its number.
    Row(usize),
    /// Something that does an action.
    Does(Call),
    /// What lies beside a popup.
    Beside,
}

/// What is at a column and a row of the screen.
pub(in crate::tui) fn hit(app: &App, at: (u16, u16)) -> Option<Hit> {
    let area = app.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return None;
    }
    let is_in = |area: Rect| area.contains(Position::from(at));
    let call = |pieces: &[_], row| pieces::call_at(pieces, row, at.0).map(Hit::Does);
    let in_line = app.is_typing();
    if in_line && is_in(popups::line_area(area)) {
        return None;
    }
    if is_in(hints_row(area)) {
        return call(&hints(app, area.width), hints_row(area));
    }
    match &app.asking {
        Some(Asking::Palette { line, chosen }) => {
            let rows = popups::palette_rows(app, line, *chosen, area);
            let row = rows.into_iter().find(|(_, _, place)| is_in(*place));
            return beside(is_in(popups::palette_area(area)), row.map(|(at, ..)| Hit::Row(at)));
        }
        Some(Asking::Help(_)) => return beside(is_in(popups::help_area(area)), None),
        Some(Asking::Question { .. }) => return beside(is_in(popups::question_area(area)), None),
        Some(Asking::Choice(choice)) => {
            let row = popups::choice_rows(choice, area).find(|(_, place)| is_in(*place));
            return beside(
                is_in(popups::choice_area(choice, area)),
                row.map(|(at, _)| Hit::Row(at)),
            );
        }
        Some(Asking::Text(reading)) => {
            return beside(is_in(popups::text_area(reading, area)), None);
        }
        Some(Asking::Line(_)) | None => {}
    }
    if is_in(title_row(area)) && !in_line {
        return call(&title(app, area.width), title_row(area));
    }
    if is_in(status_row(area)) {
        return call(&status(app, area.width), status_row(area));
    }
    app.screen.component().hit(app, body(area), at)
}

/// What is in a popup, or that it is beside it.
fn beside(inside: bool, hit: Option<Hit>) -> Option<Hit> {
    if inside { hit } else { Some(Hit::Beside) }
}
