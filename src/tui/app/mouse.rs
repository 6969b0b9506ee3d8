//! What the mouse does: calls of the same actions that keys do, so that a record plays them.

use crate::tui::action::{Action, Call};
use crate::tui::app::{App, Asking, Screen};
use crate::tui::cell::{Cell, GridColumn};
use crate::tui::screens::component::LINES;
use crate::tui::screens::editor::draw::grid_area;
use crate::tui::screens::editor::grid::{self, Place};
use crate::tui::screens::hit::{Hit, hit};
use sigmalab_terminal::input::{Mouse, MouseAction, MouseButton};
use sigmalab_terminal::key::Modifiers;
use std::time::{Duration, Instant};

/// Two clicks within this time are a double click.
const DOUBLE: Duration = Duration::from_millis(400);

/// What the mouse is in the middle of.
#[derive(Debug, Default)]
pub(super) struct Pointer {
    /// A drag over the grid.
    drag: Option<Drag>,
    /// The last click, which may become a double click.
    clicked: Option<(Instant, Hit)>,
}

/// A drag over the grid, from where the button went down.
#[derive(Debug, Clone, Copy)]
struct Drag {
    anchor: Cell,
    /// Whether whole rows are selected.
    rows: bool,
    moved: bool,
}

impl App {
    pub(in crate::tui) fn mouse(&mut self, mouse: &Mouse, now: Instant) {
        let at = (mouse.column, mouse.row);
        // Many terminals keep shift for their own selection; the right button extends too.
        let extends = mouse.modifiers.contains(Modifiers::SHIFT);
        match mouse.action {
            MouseAction::Press(MouseButton::Left) => self.press(at, extends, now),
            MouseAction::Press(MouseButton::Right) => self.press(at, true, now),
            MouseAction::Drag(MouseButton::Left | MouseButton::Right) => self.drag(at),
            MouseAction::Release(_) => self.release(),
            MouseAction::ScrollUp => self.wheel(-1, at),
            MouseAction::ScrollDown => self.wheel(1, at),
            _ => {}
        }
    }

    fn press(&mut self, at: (u16, u16), extends: bool, now: Instant) {
        self.message = None;
        self.pointer.drag = None;
        let before = self.pointer.clicked.take();
        let Some(hit) = hit(self, at) else { return };
        let double = before.is_some_and(|(then, what)| {
            what == hit && now.saturating_duration_since(then) <= DOUBLE
        });
        if !double {
            self.pointer.clicked = Some((now, hit.clone()));
        }
        match hit {
            Hit::Grid(place) => self.press_grid(place, extends, double),
            Hit::Row(row) => self.press_row(row, double),
            Hit::Does(call) => self.call(call),
            Hit::Beside => self.call(Action::Back.into()),
        }
    }

    /// Does it; what went wrong is on the screen.
    fn call(&mut self, call: Call) {
        let _ = self.perform(&call);
    }

    fn press_grid(&mut self, place: Place, extends: bool, double: bool) {
        if !self.leave_line() {
            return;
        }
        self.grid.follow();
        match place {
            Place::Header(column) => self.call(Call::with(Action::Select, name(column))),
            Place::Cell(_) if double => self.call(Action::EditCell.into()),
            Place::Cell(cell) if extends => {
                let anchor = self.grid.anchor.unwrap_or(self.grid.cursor);
                self.select(anchor, cell);
                self.begin_drag(anchor, false);
            }
            Place::Cell(cell) => {
                self.call(Call::with(Action::Cursor, text(cell)));
                self.begin_drag(cell, false);
            }
            Place::Step(step) => {
                let (first, last) = self.grid.steps();
                let from = match extends {
                    true if step < first => last,
                    true => first,
                    false => step,
                };
                let anchor = Cell { step: from, column: GridColumn::Gw };
                self.select(anchor, Cell { step, column: GridColumn::Std });
                self.begin_drag(anchor, true);
            }
        }
    }

    fn begin_drag(&mut self, anchor: Cell, rows: bool) {
        self.pointer.drag = Some(Drag { anchor, rows, moved: false });
    }

    fn select(&mut self, anchor: Cell, cursor: Cell) {
        let corners = format!("{}:{}", text(anchor), text(cursor));
        self.call(Call::with(Action::Select, corners));
    }

    /// Accepts a value that is being typed, as a spreadsheet does when another cell is clicked.
    /// `false` where an input line stays.
    fn leave_line(&mut self) -> bool {
        match &self.asking {
            Some(Asking::Line(ask)) if ask.action == Action::Set => {
                // A value that nobody touched is no edit.
                let answer = if ask.fresh { Action::Back } else { Action::Accept };
                self.call(answer.into());
                self.asking.is_none()
            }
            other => other.is_none(),
        }
    }

    fn press_row(&mut self, row: usize, double: bool) {
        let one_click = matches!(self.asking, Some(Asking::Palette { .. } | Asking::Choice(_)));
        self.call(Call::with(Action::Choose, row.to_string()));
        if one_click || double {
            self.call(Action::Accept.into());
        }
    }

    /// Selects up to where the mouse is. What was selected is recorded when the button goes up.
    fn drag(&mut self, at: (u16, u16)) {
        let Some(mut drag) = self.pointer.drag else { return };
        if self.screen != Screen::Editor || self.asking.is_some() {
            return;
        }
        let area = grid_area(self);
        let mut cursor = grid::reach(&self.grid, self.document.len(), area, at);
        if drag.rows {
            cursor.column = GridColumn::Std;
        }
        if cursor != self.grid.cursor || drag.moved {
            drag.moved = true;
            self.pointer.drag = Some(drag);
            self.grid.select(drag.anchor, cursor);
            self.grid.follow();
        }
    }

    fn release(&mut self) {
        if let Some(drag) = self.pointer.drag.take()
            && drag.moved
            && self.screen == Screen::Editor
        {
            self.pointer.clicked = None;
            self.select(drag.anchor, self.grid.cursor);
        }
    }

    fn wheel(&mut self, notches: isize, at: (u16, u16)) {
        let scrolls = match &self.asking {
            Some(Asking::Palette { .. } | Asking::Choice(_)) => 1,
            Some(Asking::Help(_) | Asking::Text(_)) => LINES,
            Some(_) => return,
            None => {
                let screen = self.screen.component();
                if screen.wheel(self, notches, at) {
                    return;
                }
                screen.notch()
            }
        };
        let action = if notches < 0 { Action::Previous } else { Action::Next };
        (0..scrolls).for_each(|_| self.call(action.into()));
    }
}

/// A column as calls write it.
fn name(column: GridColumn) -> &'static str {
    match column {
        GridColumn::Sigma => "sigma",
        other => other.name(),
    }
}

/// A cell as calls write it.
fn text(cell: Cell) -> String {
    format!("{}[{}]", name(cell.column), cell.step)
}
