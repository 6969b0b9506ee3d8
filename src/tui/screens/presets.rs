//! The presets of the file, and the curves of the one under the cursor.

use super::{inside, pane};
use crate::schedule::preset::Step;
use crate::schedule::runs;
use crate::tui::app::App;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};

/// The list, and what is known of the preset under the cursor.
fn parts(area: Rect) -> [Rect; 2] {
    let width = (area.width / 2).clamp(24, 48);
    [Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area }]
}

/// The rows of the list in view: number of the preset, place.
pub(super) fn rows(app: &App, area: Rect) -> impl Iterator<Item = (usize, Rect)> {
    let [list, _] = parts(area);
    let inner = inside(list);
    let first = (app.chosen_preset + 1).saturating_sub(usize::from(inner.height));
    let places = (inner.y..inner.bottom()).map(move |y| Rect { y, height: 1, ..inner });
    (first..app.store.presets().len()).zip(places)
}

/// Draws the screen.
pub(super) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let [list, about] = parts(area);
    let place = match app.store.exists() {
        true => app.store.path().display().to_string(),
        false => format!("built in · saving makes {}", app.store.path().display()),
    };
    pane(app, &format!("presets · {place}"), list, true, buffer);
    for (at, row) in rows(app, area) {
        let Some(preset) = app.store.presets().get(at) else { continue };
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
