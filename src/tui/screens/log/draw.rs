//! The log: what happened, the newest at the bottom.

use crate::tui::app::App;
use crate::tui::screens::pane;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};

/// Draws the log from its end, scrolled back by the application's scroll.
pub(in crate::tui) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let inner = pane(app, "log", area, true, buffer);
    let rows = usize::from(inner.height);
    let most = app.log.len().saturating_sub(rows);
    let first = most.saturating_sub(app.scroll);
    let lines: Vec<Line<'_>> = app
        .log
        .iter()
        .skip(first)
        .map(|message| {
            let style = if message.is_problem { app.theme.fault } else { app.theme.text };
            Line::from(Span::styled(message.text.as_str(), style))
        })
        .collect();
    Paragraph::new(lines).wrap(Wrap { trim: false }).render(inner, buffer);
}
