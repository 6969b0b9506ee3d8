//! The trials as a table: where each stands, what was tried and what came of it.

use super::super::gallery::first_row;
use super::{is_run, pane};
use crate::tui::app::App;
use crate::tui::screens::{footer, inside, list_rows};
use crate::tui::sweeps::{Attached, Cell, SweepView, TrialRow, TrialStanding};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// Columns of mark and number.
const FRONT: usize = 7;

/// Most columns that a cell takes.
const WIDEST: usize = 24;

/// The rows in view: place in the order, where.
pub(super) fn rows(attached: &Attached, area: Rect) -> impl Iterator<Item = (usize, Rect)> {
    let inner = inside(area);
    let count = attached.table.order().len();
    let rows = usize::from(inner.height.saturating_sub(1));
    let below = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    list_rows(first_row(attached.table.cursor(), rows, count), rows, count, below)
}

/// A column in view.
struct Shown {
    /// Its place in the view.
    at: usize,
    title: String,
    width: usize,
}

pub(super) fn draw(
    app: &App,
    attached: &Attached,
    view: &SweepView,
    area: Rect,
    buffer: &mut Buffer,
) {
    let theme = &app.theme;
    let table = &attached.table;
    let count = view.trials.len();
    let title = match table.conditions() {
        "" => format!("{} · {count} trials", view.status.name),
        conditions => {
            format!("{} · {} of {count} · {conditions}", view.status.name, table.order().len())
        }
    };
    let inner = pane(app, &title, area, true, buffer);
    if inner.is_empty() {
        return;
    }
    let places: Vec<(usize, Rect)> = rows(attached, area).collect();
    let trial = |row: usize| {
        let place = table.order().get(row)?;
        view.trials.get(*place)
    };
    let in_view: Vec<&TrialRow> = places.iter().filter_map(|(row, _)| trial(*row)).collect();
    let (shown, hidden) = shown(attached, view, &in_view, usize::from(inner.width));
    let mut header = vec![Span::styled(format!("{:>FRONT$}", "trial "), theme.dim)];
    header.extend(shown.iter().map(|column| {
        let sorted = table.sort().is_some_and(|sort| {
            view.columns.get(column.at).is_some_and(|info| info.name == sort.column)
        });
        let style = if sorted { theme.title } else { theme.dim };
        Span::styled(format!(" {:>1$}", column.title, column.width), style)
    }));
    Line::from(header).render(Rect { height: 1, ..inner }, buffer);
    for (row, place) in places {
        let Some(trial) = trial(row) else { continue };
        let pinned = app.runs.pinned.as_ref().is_some_and(|run| is_run(trial, &run.recipe));
        let (mark, style) = match pinned {
            true => ("A", theme.changed),
            false => mark(app, trial),
        };
        let mut cells = vec![
            Span::styled(format!("{mark} "), style),
            Span::styled(format!("{:>4} ", trial.number), theme.title),
        ];
        for column in &shown {
            let (cell, text) = match trial.cells.get(column.at) {
                Some(cell) => (cell, cut(cell.text(), column.width)),
                None => (&Cell::Empty, String::new()),
            };
            let given = view.columns.get(column.at).is_some_and(|info| info.given);
            let style = match (cell, given) {
                (_, true) => theme.text,
                _ if trial.standing == TrialStanding::Failed => theme.fault,
                _ => theme.text,
            };
            cells.push(Span::styled(format!(" {text:>0$}", column.width), style));
        }
        Line::from(cells).render(place, buffer);
        if row == table.cursor() {
            buffer.set_style(place, theme.cursor);
        }
    }
    let mut notes = Vec::new();
    if table.order().len() > usize::from(inner.height.saturating_sub(1)) {
        notes.push(format!("{} of {}", table.cursor() + 1, table.order().len()));
    }
    if hidden > 0 {
        notes.push(format!("{hidden} columns to the side"));
    }
    footer(&notes.join(" · "), theme.dim, area, buffer);
}

/// The columns that have room, from the ones that are not scrolled away on, and how many have none.
/// What was tried stays where metrics are scrolled.
fn shown(
    attached: &Attached,
    view: &SweepView,
    in_view: &[&TrialRow],
    room: usize,
) -> (Vec<Shown>, usize) {
    let all = attached.table.columns(view);
    let given = |at: &usize| view.columns.get(*at).is_some_and(|column| column.given);
    let (front, rest): (Vec<usize>, Vec<usize>) = all.iter().copied().partition(given);
    // Those that were chosen stand in their order.
    let (front, rest) = if all.iter().copied().eq(front.iter().chain(&rest).copied()) {
        (front, rest)
    } else {
        (Vec::new(), all.clone())
    };
    let skipped = attached.table.skipped.min(rest.len().saturating_sub(1));
    let mut left = room.saturating_sub(FRONT);
    let mut shown = Vec::new();
    for at in front.iter().chain(rest.iter().skip(skipped)) {
        let Some(info) = view.columns.get(*at) else { continue };
        let sorted = attached.table.sort().filter(|sort| sort.column == info.name);
        let title = match sorted.map(|sort| sort.descending) {
            Some(true) => format!("{}▾", short_title(&info.name)),
            Some(false) => format!("{}▴", short_title(&info.name)),
            None => short_title(&info.name),
        };
        let cells = in_view.iter().filter_map(|trial| trial.cells.get(*at));
        let widest = cells.map(|cell| cell.text().chars().count()).max().unwrap_or(0);
        let width = widest.max(title.chars().count()).min(WIDEST);
        if width + 1 > left {
            break;
        }
        left -= width + 1;
        shown.push(Shown { at: *at, title, width });
    }
    let hidden = all.len() - shown.len();
    (shown, hidden)
}

/// Names that tables on disk write out are shorter here.
fn short_title(name: &str) -> String {
    match name {
        "latent_rmse" => "rmse".to_owned(),
        "clip_fraction" => "clipped".to_owned(),
        "colourfulness" => "colourful".to_owned(),
        "straightness" => "straight".to_owned(),
        "seconds" => "s".to_owned(),
        name => cut(name.to_owned(), WIDEST),
    }
}

fn mark(app: &App, trial: &TrialRow) -> (&'static str, Style) {
    let theme = &app.theme;
    match trial.standing {
        TrialStanding::Running => ("▶", theme.title),
        TrialStanding::Done => ("✓", theme.good),
        TrialStanding::Failed => ("✗", theme.fault),
        TrialStanding::Pending if trial.is_first => ("↑", theme.changed),
        TrialStanding::Pending => ("·", theme.dim),
        TrialStanding::Skipped => ("–", theme.changed),
    }
}

/// At most that many characters, the last one a mark where there were more.
fn cut(text: String, room: usize) -> String {
    if text.chars().count() <= room {
        return text;
    }
    let mut short: String = text.chars().take(room.saturating_sub(1)).collect();
    short.extend((room > 0).then_some('…'));
    short
}
