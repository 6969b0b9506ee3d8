//! The presets of the file, and steps and curves of the one under the cursor.

use crate::preset_store::stands_in_for_a_shipped_one;
use crate::tui::app::App;
use crate::tui::screens::gallery::labels::short;
use crate::tui::screens::wrapping::cut;
use crate::tui::screens::{curves, footer, inside, list_rows, longest, pane};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};
use sigmalab_schedule::preset::{Preset, Step};
use sigmalab_schedule::runs::runs;
use sigmalab_schedule::terminal::Terminal;

/// Columns of the list before gw: mark, name, number of steps.
const NAME: usize = 18;

/// The list, and beside it curves and what is known of the preset under the cursor.
fn parts(area: Rect) -> [Rect; 3] {
    let width = (area.width * 11 / 20).clamp(24, 72).min(area.width);
    let list = Rect { width, ..area };
    let beside = Rect { x: area.x + width, width: area.width - width, ..area };
    let about = (beside.height / 2).clamp(6, 12).min(beside.height);
    let above = Rect { height: beside.height - about, ..beside };
    [list, above, Rect { y: above.bottom(), height: about, ..beside }]
}

/// The rows of the list in view: number of the row, place.
pub(in crate::tui) fn rows(app: &App, area: Rect) -> impl Iterator<Item = (usize, Rect)> {
    let [list, ..] = parts(area);
    let inner = inside(list);
    // Below the headings.
    let inner = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let shown = app.shown_presets();
    let here = shown.iter().position(|at| *at == app.preset_list.chosen).unwrap_or(0);
    let rows = usize::from(inner.height);
    list_rows((here + 1).saturating_sub(rows), rows, shown.len(), inner)
}

pub(in crate::tui) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let [list, above, below] = parts(area);
    draw_list(app, list, area, buffer);
    let under_cursor = app.shown_presets().into_iter().find(|at| *at == app.preset_list.chosen);
    let Some(preset) = under_cursor.and_then(|at| app.store.presets().get(at)) else {
        return;
    };
    let schedule = preset.schedule(app.document.size());
    let (title, other) = match is_in_grid(app, preset) && !app.document.is_edited() {
        true => ("σ and gw", None),
        false => ("σ and gw · beside the grid's", Some(app.document.schedule())),
    };
    let inner = pane(app, title, above, false, buffer);
    curves::plot(&app.theme, &schedule, other, inner, buffer);
    draw_about(app, preset, below, buffer);
}

fn is_in_grid(app: &App, preset: &Preset) -> bool {
    app.document.draft().name == preset.name
}

/// What the file holds is not what the grid's schedule was made from.
fn is_changed_there(app: &App, preset: &Preset) -> bool {
    app.document.known(&preset.name).is_some_and(|known| known != preset)
}

fn draw_list(app: &App, area: Rect, whole: Rect, buffer: &mut Buffer) {
    let path = app.store.path().display();
    let titles = match app.store.exists() {
        true => vec![format!("presets · {path}")],
        false => vec![
            format!("presets · built in · saving makes {path}"),
            "presets · built in".to_owned(),
        ],
    };
    let inner = pane(app, longest(&titles, area), area, true, buffer);
    let [name_room, gw_room] = rooms(inner.width);
    let heads = format!("  {:<name_room$} steps {:<gw_room$} end", "name", "gw");
    let heads = Span::styled(heads, app.theme.dim);
    heads.render(Rect { height: inner.height.min(1), ..inner }, buffer);
    let shown = app.shown_presets();
    for (at, row) in rows(app, whole) {
        let Some(at) = shown.get(at).copied() else { continue };
        let Some(preset) = app.store.presets().get(at) else { continue };
        entry(app, preset, row.width).render(row, buffer);
        if at == app.preset_list.chosen {
            buffer.set_style(row, app.theme.cursor);
        }
    }
    let all = app.store.presets().len();
    if app.preset_list.filter.is_empty() {
        footer("* default · ▸ in the grid · ● edited", app.theme.dim, area, buffer);
    } else {
        let text = format!("{} of {all} with {}", shown.len(), app.preset_list.filter);
        footer(&text, app.theme.selection, area, buffer);
    }
}

/// One line of the list: marks, name, steps, runs of gw, end.
fn entry(app: &App, preset: &Preset, width: u16) -> Line<'static> {
    let theme = &app.theme;
    let here = is_in_grid(app, preset);
    let (mark, mark_style) = match (here, here && app.document.is_edited()) {
        (true, true) => ("●", theme.changed),
        (true, false) => ("▸", theme.title),
        (false, _) => (" ", theme.dim),
    };
    let is_default = app.store.default_preset().name == preset.name;
    let (default, end) = (
        if is_default { "*" } else { " " },
        match preset.terminal {
            Terminal::Reference => "ref ",
            Terminal::Zero => "zero",
        },
    );
    let (there, name_style) = match is_changed_there(app, preset) {
        true => ("≠", theme.changed),
        false => (" ", theme.text),
    };
    let [name_room, gw_room] = rooms(width);
    let name = format!("{:<name_room$}", cut(&preset.name, name_room, "…"));
    let gw = cut(&short_runs(preset, |step| step.gw), gw_room, "…");
    Line::from(vec![
        Span::styled(mark, mark_style),
        Span::styled(default, theme.key),
        Span::styled(name, name_style),
        Span::styled(there, theme.changed),
        Span::styled(format!("{:>5} ", preset.steps.len()), theme.dim),
        Span::styled(format!("{gw:<gw_room$} "), theme.text),
        Span::styled(end, theme.dim),
    ])
}

/// Columns of name and gw: the name gives way on a narrow screen, then gw.
fn rooms(width: u16) -> [usize; 2] {
    let room = usize::from(width).saturating_sub(2 + 1 + 5 + 1 + 1 + 4);
    let name_room = NAME.max(room.saturating_sub(26)).min(room);
    [name_room, room - name_room]
}

/// A value of every step as runs, in few digits.
fn short_runs(preset: &Preset, of: fn(&Step) -> f64) -> String {
    let runs = runs(preset.steps.iter().map(of));
    let words = runs.iter().map(|run| format!("{}x{}", short(run.value), run.steps));
    words.collect::<Vec<_>>().join(" ")
}

fn draw_about(app: &App, preset: &Preset, area: Rect, buffer: &mut Buffer) {
    let inner = pane(app, &preset.name, area, false, buffer);
    let theme = &app.theme;
    let mut lines = Vec::new();
    let mut line = |text: String, style: Style| lines.push(Line::from(Span::styled(text, style)));
    if let Some(fault) = preset.schedule(app.document.size()).faults().first() {
        line(format!("✗ {fault}"), theme.fault);
    }
    if is_changed_there(app, preset) {
        line(
            "≠ differs from what the grid began with: another program changed it".to_owned(),
            theme.changed,
        );
    }
    if stands_in_for_a_shipped_one(preset) {
        line("≠ not the preset that sigmalab ships under this name".to_owned(), theme.changed);
    }
    if let Some(description) = &preset.description {
        line(description.clone(), theme.text);
    }
    line(format!("{} steps · ends at {}", preset.steps.len(), preset.terminal), theme.text);
    line(format!("gw {}", short_runs(preset, |step| step.gw)), theme.text);
    let values = |of: fn(&Step) -> f64| match runs(preset.steps.iter().map(of)).as_slice() {
        [only] => short(only.value),
        _ => short_runs(preset, of),
    };
    line(format!("mu {}", values(|step| step.mu)), theme.text);
    line(format!("std {}", values(|step| step.std)), theme.text);
    Paragraph::new(lines).wrap(Wrap { trim: true }).render(inner, buffer);
}
