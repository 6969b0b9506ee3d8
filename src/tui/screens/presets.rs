//! The presets of the file, and the curves of the one under the cursor.

use super::pane;
use crate::schedule::preset::Step;
use crate::schedule::runs;
use crate::tui::app::App;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};

/// Draws the screen.
pub(super) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let list_width = (area.width / 2).clamp(24, 48);
    let list = Rect { width: list_width, ..area };
    let about = Rect { x: area.x + list_width, width: area.width - list_width, ..area };
    let place = match app.store.exists() {
        true => app.store.path().display().to_string(),
        false => format!("built in · saving makes {}", app.store.path().display()),
    };
    let inner = pane(app, &format!("presets · {place}"), list, true, buffer);
    let rows = usize::from(inner.height);
    let first = (app.chosen_preset + 1).saturating_sub(rows);
    for (at, preset) in app.store.presets().iter().enumerate().skip(first).take(rows) {
        let here = app.document.draft().name == preset.name;
        let mark = match (here, app.document.is_edited()) {
            (true, true) => "●",
            (true, false) => "◂",
            (false, _) => " ",
        };
        let line = Line::from(vec![
            Span::styled(format!(" {:<22}", preset.name), app.theme.text),
            Span::styled(format!("{:>4} steps {mark}", preset.steps.len()), app.theme.dim),
        ]);
        let row = Rect { y: inner.y + (at - first) as u16, height: 1, ..inner };
        line.render(row, buffer);
        if at == app.chosen_preset {
            buffer.set_style(row, app.theme.cursor);
        }
    }
    let Some(preset) = app.store.presets().get(app.chosen_preset) else { return };
    let inner = pane(app, &preset.name, about, false, buffer);
    let mut lines = Vec::new();
    if let Some(description) = &preset.description {
        lines.push(Line::from(description.as_str()));
        lines.push(Line::default());
    }
    lines.push(Line::from(format!("{} steps · terminal {}", preset.steps.len(), preset.terminal)));
    lines.push(Line::from(format!("gw {}", runs::gw_runs(preset.steps.as_slice()))));
    let values = |of: fn(&Step) -> f64| runs::runs(preset.steps.iter().map(of));
    for (name, runs) in [("mu", values(|step| step.mu)), ("std", values(|step| step.std))] {
        let texts: Vec<_> = runs.iter().map(ToString::to_string).collect();
        lines.push(Line::from(format!("{name} {}", texts.join(" "))));
    }
    Paragraph::new(lines).wrap(Wrap { trim: true }).render(inner, buffer);
}
