//! The log: what was said and what went wrong.

mod draw;

use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::context::Context;
use crate::tui::screens::component::{Component, Hint, LINES};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What happened.
pub(in crate::tui) struct Log;

impl Component for Log {
    fn context(&self) -> Context {
        Context::Reading
    }

    fn hints(&self, _: &App) -> &'static [Hint] {
        &[(Action::Next, "down"), (Action::Previous, "up"), (Action::Back, "back")]
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw::draw(app, area, buffer);
    }

    fn along(&self, app: &mut App, by: isize) {
        // It is scrolled back from its end.
        let most = app.log.len().saturating_sub(1);
        app.scroll = app.scroll.saturating_add_signed(-by).min(most);
    }

    fn notch(&self) -> usize {
        LINES
    }
}
