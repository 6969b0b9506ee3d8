//! The editor: grid, curves and image, and the actions on the schedule.

mod actions;
pub(in crate::tui) mod draw;
pub mod grid;
pub(in crate::tui) mod measures;

pub(in crate::tui) use actions::parse_number;

use crate::tui::action::{Action, Call};
use crate::tui::app::App;
use crate::tui::context::Context;
use crate::tui::screens::Placement;
use crate::tui::screens::component::{Component, Hint};
use crate::tui::screens::hit::Hit;
use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::layout::Rect;

/// How the editor is shown.
#[derive(Debug, Default)]
pub(in crate::tui) struct EditorView {
    /// Whether what each step did is shown where it usually is not, and the other way round.
    pub(in crate::tui) measures: bool,
    /// Whether the image has the whole screen.
    pub(in crate::tui) zoomed: bool,
    /// Whether the grid shows every column, whatever room that leaves beside it.
    pub(in crate::tui) all_columns: bool,
}

/// Steps that a notch of the wheel scrolls the grid by.
const SCROLLED: usize = 3;

/// Grid, curves and image.
pub(in crate::tui) struct Editor;

impl Component for Editor {
    fn context(&self) -> Context {
        Context::Grid
    }

    fn hints(&self, app: &App) -> &'static [Hint] {
        if app.runs.going.is_some() {
            return &[
                (Action::Cancel, "cancel"),
                (Action::Undo, "undo"),
                (Action::NudgeUp, "nudge up"),
                (Action::NudgeDown, "down"),
                (Action::Measures, "steps"),
                (Action::ShowLog, "log"),
                (Action::Help, "help"),
            ];
        }
        if app.editor.zoomed {
            return &[
                (Action::Zoom, "back to the grid"),
                (Action::Run, "run"),
                (Action::Undo, "undo"),
                (Action::Pin, "pin"),
                (Action::Compare, "compare"),
                (Action::Save, "save"),
                (Action::Palette, "palette"),
                (Action::Help, "help"),
            ];
        }
        if app.grid.is_range() {
            return &[
                (Action::NudgeUp, "nudge up"),
                (Action::NudgeDown, "down"),
                (Action::Fill, "fill"),
                (Action::Series, "series"),
                (Action::Expression, "expression"),
                (Action::Yank, "yank"),
                (Action::DeleteSteps, "delete"),
                (Action::ClearSelection, "drop"),
                (Action::Run, "run"),
                (Action::Help, "help"),
            ];
        }
        &[
            (Action::Run, "run"),
            (Action::RunOnEdit, "run-on-edit"),
            (Action::Undo, "undo"),
            (Action::NudgeUp, "nudge up"),
            (Action::NudgeDown, "down"),
            (Action::ToggleSelection, "select"),
            (Action::Pin, "pin"),
            (Action::Compare, "compare"),
            (Action::Measures, "steps"),
            (Action::Save, "save"),
            (Action::ShowPresets, "presets"),
            (Action::ShowGallery, "gallery"),
            (Action::ShowSweeps, "sweeps"),
            (Action::Palette, "palette"),
            (Action::Help, "help"),
        ]
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw::draw(app, area, buffer);
    }

    fn pictures(&self, app: &App, area: Rect) -> Vec<Placement> {
        draw::pictures(app, area)
    }

    fn hit(&self, app: &App, _: Rect, at: (u16, u16)) -> Option<Hit> {
        if app.editor.zoomed {
            return None;
        }
        let area = draw::grid_area(app);
        let place = area
            .contains(Position::from(at))
            .then(|| grid::place(&app.grid, app.document.len(), area, at))
            .flatten();
        let pair = (!app.is_typing() && draw::is_pair_at(app, at))
            .then(|| Hit::Does(Action::Compare.into()));
        place.map(Hit::Grid).or(pair)
    }

    fn wheel(&self, app: &mut App, notches: isize, at: (u16, u16)) -> bool {
        if draw::grid_area(app).contains(Position::from(at)) {
            let action = if notches < 0 { Action::ScrollUp } else { Action::ScrollDown };
            let steps = notches.unsigned_abs() * SCROLLED;
            let _ = app.perform(&Call::with(action, steps.to_string()));
        }
        true
    }

    fn pasted(&self, app: &mut App, text: &str) {
        let _ = app.perform(&Call::with(Action::Paste, text));
    }
}
