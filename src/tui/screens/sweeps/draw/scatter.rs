//! Two columns of the trials as points, the trial under the cursor marked.

use crate::tui::app::App;
use crate::tui::screens::sweeps::draw::pane;
use crate::tui::screens::sweeps::{Attached, Scatter, SweepView, TrialStatus};
use crate::tui::screens::{centred, footer};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;
use ratatui::widgets::Widget;

/// Columns of the labels of the vertical axis.
const LABELS: u16 = 9;

pub(in crate::tui) fn draw(
    app: &App,
    attached: &Attached,
    view: &SweepView,
    area: Rect,
    focused: bool,
    buffer: &mut Buffer,
) {
    let theme = &app.theme;
    let Some((x, y)) = attached.scatter_columns(view) else {
        let inner = pane(app, "scatter", area, focused, buffer);
        return centred(app, "no trial has two values yet", inner, buffer);
    };
    let scatter = Scatter::of(view, attached.table.order(), x, y);
    let title = format!("{} against {}", scatter.y.name, scatter.x.name);
    let inner = pane(app, &title, area, focused, buffer);
    if inner.width < LABELS + 12 || inner.height < 4 {
        return;
    }
    let plot = Rect {
        x: inner.x + LABELS,
        width: inner.width - LABELS - 1,
        height: inner.height - 1,
        ..inner
    };
    let mut put = |text: &str, x: u16, y: u16| {
        let room = inner.right().saturating_sub(x);
        let width = (Span::raw(text).width() as u16).min(room);
        Span::styled(text, theme.dim).render(Rect { x, y, width, height: 1 }, buffer);
    };
    let [low, high] = scatter.y.bounds;
    let label = |value: f64| -> String {
        let room = usize::from(LABELS) - 1;
        format!("{:>room$}", scatter.y.label(value).chars().take(room).collect::<String>())
    };
    put(&label(high), inner.x, plot.y);
    put(&label((low + high) / 2.0), inner.x, plot.y + (plot.height - 1) / 2);
    put(&label(low), inner.x, plot.bottom() - 1);
    for y in plot.y..plot.bottom() {
        put("│", plot.x - 1, y);
    }
    let [left, right] = scatter.x.bounds;
    let (first, last) = (scatter.x.label(left), scatter.x.label(right));
    put(&first, plot.x, plot.bottom());
    let end = plot.right().saturating_sub(Span::raw(last.as_str()).width() as u16);
    put(&last, end.max(plot.x), plot.bottom());
    let share = |value: f64, [least, most]: [f64; 2]| (value - least) / (most - least);
    let cell = |x: f64, y: f64| {
        let column = share(x, scatter.x.bounds) * f64::from(plot.width - 1);
        let row = (1.0 - share(y, scatter.y.bounds)) * f64::from(plot.height - 1);
        (plot.x + column.round() as u16, plot.y + row.round() as u16)
    };
    let selected = attached.table.order().get(attached.table.cursor());
    for (index, x, y) in &scatter.points {
        let failed = view.trials.get(*index).is_some_and(|t| t.status == TrialStatus::Failed);
        let style = if failed { theme.fault } else { theme.title };
        let at = cell(*x, *y);
        // Several in one cell are a fuller mark.
        let mark = match buffer.cell(at).map(|cell| cell.symbol()) {
            Some("•" | "●") => "●",
            _ => "•",
        };
        buffer.set_string(at.0, at.1, mark, style);
    }
    if let Some((_, x, y)) = scatter.points.iter().find(|(index, ..)| Some(index) == selected) {
        let at = cell(*x, *y);
        buffer.set_string(at.0, at.1, "◆", theme.cursor);
        if focused {
            let text = format!(
                "{} {} · {} {}",
                scatter.x.name,
                scatter.x.label(*x),
                scatter.y.name,
                scatter.y.label(*y)
            );
            footer(&text, theme.dim, area, buffer);
        }
    }
}
