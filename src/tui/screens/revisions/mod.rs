//! The revisions: what was done and undone, as a tree to go back in.

mod actions;
pub(in crate::tui) mod draw;
mod tree;

use crate::tui::action::{Action, Call};
use crate::tui::app::{App, Done};
use crate::tui::context::Context;
use crate::tui::screens::component::{Component, Hint};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The tree of revisions.
pub(in crate::tui) struct Revisions;

impl Component for Revisions {
    fn context(&self) -> Context {
        Context::Revisions
    }

    fn hints(&self, _: &App) -> &'static [Hint] {
        &[
            (Action::Accept, "go there"),
            (Action::Undo, "undo"),
            (Action::Redo, "redo"),
            (Action::Run, "run"),
            (Action::Back, "back"),
            (Action::Help, "help"),
        ]
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw::draw(app, area, buffer);
    }

    fn row_places(&self, app: &App, area: Rect) -> Vec<(usize, Rect)> {
        draw::rows(app, area).collect()
    }

    fn rows(&self, app: &App) -> usize {
        app.document.history().count()
    }

    fn along(&self, app: &mut App, by: isize) {
        app.along_revisions(by);
    }

    fn accept(&self, app: &mut App) -> Done {
        let revision = app.chosen_revision.to_string();
        app.perform(&Call::with(Action::GoToRevision, revision)).map(|()| None)
    }
}
