//! The trials as a table: where each stands, what was tried and what came of it; and the settings
//! with their means.

use crate::tui::action::{Action, Call};
use crate::tui::app::App;
use crate::tui::screens::gallery::draw::first_row;
use crate::tui::screens::sweeps::draw::{is_run, pane};
use crate::tui::screens::sweeps::{
    Attached, Cell, Face, SweepView, TrialRow, TrialStatus, heading, ranking,
};
use crate::tui::screens::wrapping::cut;
use crate::tui::screens::{footer, inside, list_rows};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// Columns of mark and number.
const FRONT: usize = 7;

/// Most columns that a cell takes.
const WIDEST: usize = 24;

/// A row of the table: what stands before its cells, the cells, and whether something went wrong.
struct Row<'v> {
    front: Vec<Span<'static>>,
    cells: Vec<&'v Cell>,
    failed: bool,
}

/// How many rows there are, and which the cursor is on.
fn count(attached: &Attached) -> (usize, usize) {
    match (&attached.view, attached.face) {
        (Some(view), Face::Settings) => {
            let (settings, at) = attached.settings(view);
            (settings.len(), at)
        }
        _ => (attached.table.order().len(), attached.table.cursor()),
    }
}

/// The rows in view: place in the order, where.
pub(in crate::tui) fn rows(attached: &Attached, area: Rect) -> impl Iterator<Item = (usize, Rect)> {
    let inner = inside(area);
    let (count, cursor) = count(attached);
    let rows = usize::from(inner.height.saturating_sub(1));
    let below = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    list_rows(first_row(cursor, rows, count), rows, count, below)
}

/// A column in view.
struct Shown {
    /// Its place in the view.
    at: usize,
    title: String,
    width: usize,
}

/// The columns in view, and how many have no room to the left and to the right.
struct InView {
    shown: Vec<Shown>,
    left: usize,
    right: usize,
}

pub(in crate::tui) fn draw(
    app: &App,
    attached: &Attached,
    view: &SweepView,
    area: Rect,
    buffer: &mut Buffer,
) {
    let theme = &app.theme;
    let table = &attached.table;
    let inner = pane(app, &title(attached, view), area, true, buffer);
    if inner.is_empty() {
        return;
    }
    let (settings, _) = attached.settings(view);
    let places: Vec<(usize, Rect)> = rows(attached, area).collect();
    let rows: Vec<(usize, Row<'_>, Rect)> = places
        .into_iter()
        .filter_map(|(row, place)| {
            let made = match attached.face {
                Face::Settings => settings.get(row).map(|setting| Row {
                    front: vec![Span::styled(
                        format!("{:>6} ", format!("{}/{}", setting.done, setting.trials.len())),
                        theme.dim,
                    )],
                    cells: setting.means.iter().collect(),
                    failed: false,
                }),
                _ => view.trials.get(*table.order().get(row)?).map(|trial| trial_row(app, trial)),
            };
            Some((row, made?, place))
        })
        .collect();
    let InView { shown, left, right } =
        columns(attached, view, rows.iter().map(|(_, row, _)| row), usize::from(inner.width));
    let front = if attached.face == Face::Settings { "done " } else { "trial " };
    let mut header = vec![Span::styled(format!("{front:>FRONT$}"), theme.dim)];
    let under_cursor = table.columns(view).get(table.column(view)).copied();
    header.extend(shown.iter().flat_map(|column| {
        let sorted = table.sort().is_some_and(|sort| {
            view.columns.get(column.at).is_some_and(|info| info.name == sort.column)
        });
        let style = if sorted { theme.title } else { theme.dim };
        let style = if under_cursor == Some(column.at) { style.patch(theme.cursor) } else { style };
        let blank = column.width - column.title.chars().count().min(column.width) + 1;
        [Span::raw(" ".repeat(blank)), Span::styled(column.title.clone(), style)]
    }));
    Line::from(header).render(Rect { height: 1, ..inner }, buffer);
    let (all, cursor) = count(attached);
    for (at, row, place) in rows {
        let Row { front: mut spans, cells, failed } = row;
        for column in &shown {
            let text = cells.get(column.at).map(|cell| cut(&cell.text(), column.width, "…"));
            let given = view.columns.get(column.at).is_some_and(|info| info.given);
            let style = if failed && !given { theme.fault } else { theme.text };
            let text = text.unwrap_or_default();
            spans.push(Span::styled(format!(" {text:>0$}", column.width), style));
        }
        Line::from(spans).render(place, buffer);
        if at == cursor {
            buffer.set_style(place, theme.cursor);
        }
    }
    let mut notes = Vec::new();
    if all > usize::from(inner.height.saturating_sub(1)) {
        notes.push(format!("{} of {all}", cursor + 1));
    }
    for (hidden, side) in [(left, "left"), (right, "right")] {
        match hidden {
            0 => {}
            1 => notes.push(format!("1 column to the {side}")),
            count => notes.push(format!("{count} columns to the {side}")),
        }
    }
    footer(&notes.join(" · "), theme.dim, area, buffer);
}

fn title(attached: &Attached, view: &SweepView) -> String {
    let table = &attached.table;
    let name = &view.status.name;
    let count = view.trials.len();
    let of = match table.conditions() {
        "" => format!("{count} trials"),
        conditions => format!("{} of {count} trials with {conditions}", table.order().len()),
    };
    if attached.face != Face::Settings {
        return format!("{name} · {of}");
    }
    let ranked =
        ranking(view).and_then(|at| view.columns.get(at)).filter(|_| table.sort().is_none());
    let by = ranked.map(|column| format!(", best {} first", heading(&column.name)));
    format!("{name} · means by setting{} · {of}", by.unwrap_or_default())
}

fn trial_row<'v>(app: &App, trial: &'v TrialRow) -> Row<'v> {
    let pinned = app.runs.pinned.as_ref().is_some_and(|run| is_run(trial, &run.recipe));
    let (mark, style) = match pinned {
        true => ("A", app.theme.changed),
        false => mark(app, trial),
    };
    Row {
        front: vec![
            Span::styled(format!("{mark} "), style),
            Span::styled(format!("{:>4} ", trial.number), app.theme.title),
        ],
        cells: trial.cells.iter().collect(),
        failed: trial.status == TrialStatus::Failed,
    }
}

/// The columns that have room: what was tried always stands first, and of the others as many are
/// scrolled away to the left as the one under the cursor needs to be seen.
fn columns<'r, 'v: 'r>(
    attached: &Attached,
    view: &SweepView,
    rows: impl Iterator<Item = &'r Row<'v>> + Clone,
    room: usize,
) -> InView {
    let table = &attached.table;
    let mut all = table.columns(view);
    if attached.face == Face::Settings {
        // A setting is what was tried; on what has no mean.
        all.retain(|at| view.columns.get(*at).is_some_and(|info| !info.given || info.is_swept()));
    }
    let cursor = table.columns(view).get(table.column(view)).copied();
    let widths: Vec<Shown> = all
        .iter()
        .filter_map(|at| {
            let info = view.columns.get(*at)?;
            let sorted = table.sort().filter(|sort| sort.column == info.name);
            let name = cut(heading(&info.name), WIDEST, "…");
            let title = match sorted.map(|sort| sort.descending) {
                Some(true) => format!("{name}▾"),
                Some(false) => format!("{name}▴"),
                None => name,
            };
            let cells = rows.clone().filter_map(|row| row.cells.get(*at));
            let widest = cells.map(|cell| cell.text().chars().count()).max().unwrap_or(0);
            let width = widest.max(title.chars().count()).min(WIDEST);
            Some(Shown { at: *at, title, width })
        })
        .collect();
    let is_front = |column: &Shown| view.columns.get(column.at).is_some_and(|info| info.is_swept());
    // Those that somebody chose stand in their order.
    let front = widths.iter().take_while(|column| is_front(column)).count();
    let (front, rest): (Vec<_>, Vec<_>) =
        widths.into_iter().enumerate().partition(|(at, _)| *at < front);
    let mut left_over = room.saturating_sub(FRONT);
    let fit = |columns: Vec<(usize, Shown)>, room: &mut usize| {
        let mut shown = Vec::new();
        for (_, column) in columns {
            if column.width + 1 > *room {
                break;
            }
            *room -= column.width + 1;
            shown.push(column);
        }
        shown
    };
    let count = front.len() + rest.len();
    let mut shown = fit(front, &mut left_over);
    let wanted = rest.iter().position(|(_, column)| Some(column.at) == cursor).unwrap_or(0);
    let needs = |from: usize| {
        rest.iter().take(wanted + 1).skip(from).map(|(_, c)| c.width + 1).sum::<usize>()
    };
    let left = (0..wanted).find(|from| needs(*from) <= left_over).unwrap_or(wanted);
    let rest = rest.into_iter().skip(left).collect();
    shown.extend(fit(rest, &mut left_over));
    let right = count - left - shown.len();
    InView { shown, left, right }
}

/// What a click on a heading does: it sorts by the column.
pub(in crate::tui) fn heading_at(
    app: &App,
    attached: &Attached,
    view: &SweepView,
    area: Rect,
    at: (u16, u16),
) -> Option<Call> {
    let inner = inside(area);
    if at.1 != inner.y || !inner.contains(at.into()) {
        return None;
    }
    let (settings, _) = attached.settings(view);
    let order = attached.table.order();
    let rows: Vec<Row<'_>> = rows(attached, area)
        .filter_map(|(row, _)| match attached.face {
            Face::Settings => settings.get(row).map(|setting| Row {
                front: Vec::new(),
                cells: setting.means.iter().collect(),
                failed: false,
            }),
            _ => view.trials.get(*order.get(row)?).map(|trial| trial_row(app, trial)),
        })
        .collect();
    let InView { shown, .. } = columns(attached, view, rows.iter(), usize::from(inner.width));
    let mut x = usize::from(inner.x) + FRONT;
    let found = shown.iter().find(|column| {
        x += column.width + 1;
        usize::from(at.0) < x
    })?;
    let name = &view.columns.get(found.at)?.name;
    Some(Call::with(Action::SortTrials, name.as_str()))
}

fn mark(app: &App, trial: &TrialRow) -> (&'static str, Style) {
    let theme = &app.theme;
    match trial.status {
        TrialStatus::Running => ("▶", theme.title),
        TrialStatus::Done => ("✓", theme.good),
        TrialStatus::Failed => ("✗", theme.fault),
        TrialStatus::Pending if trial.is_first => ("↑", theme.changed),
        TrialStatus::Pending => ("·", theme.dim),
        TrialStatus::Skipped => ("–", theme.changed),
    }
}
