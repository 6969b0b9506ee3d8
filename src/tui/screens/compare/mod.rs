//! A and B: their images, what lies between them, and their schedules beside each other.

mod actions;
pub(in crate::tui) mod draw;
mod side_by_side;
mod state;
mod summary;

pub use state::*;

use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::context::Context;
use crate::tui::screens::Placement;
use crate::tui::screens::component::{Component, Hint, LINES};
use crate::tui::screens::hit::Hit;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A and B.
pub(in crate::tui) struct Compare;

impl Component for Compare {
    fn context(&self) -> Context {
        Context::Compare
    }

    fn hints(&self, _: &App) -> &'static [Hint] {
        &[
            (Action::Flip, "flip"),
            (Action::CompareView, "view"),
            (Action::Next, "down"),
            (Action::Swap, "swap"),
            (Action::DifferenceScale, "scale"),
            (Action::Fold, "fold"),
            (Action::Save, "save"),
            (Action::Pin, "pin B as A"),
            (Action::Run, "run"),
            (Action::Back, "back"),
            (Action::Help, "help"),
        ]
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw::draw(app, area, buffer);
    }

    fn pictures(&self, app: &App, area: Rect) -> Vec<Placement> {
        draw::pictures(app, area)
    }

    fn hit(&self, app: &App, area: Rect, at: (u16, u16)) -> Option<Hit> {
        draw::is_flip_at(app, area, at).then(|| Hit::Does(Action::Flip.into()))
    }

    fn notch(&self) -> usize {
        LINES
    }
}
