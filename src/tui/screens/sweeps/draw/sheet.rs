//! The pictures of the trials side by side, in the order of the table, each with what was tried and
//! how far it is from its reference run.

use crate::tui::app::App;
use crate::tui::screens::sweeps::draw::{is_run, labels, pane};
use crate::tui::screens::sweeps::{Attached, SweepView, TrialRow};
use crate::tui::screens::{centred, footer, inside};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;
use ratatui::widgets::Widget;

/// Columns that a picture with its gap has where there is room.
const TILE_WIDTH: u16 = 20;

/// And the fewest that it is still recognised in.
const LEAST: u16 = 12;

/// How many pictures a screen shows at least, where they are still recognised.
const WANTED: u16 = 6;

/// Lines of a caption.
const CAPTION: u16 = 2;

/// A picture with its caption.
pub(in crate::tui) struct Tile<'a> {
    /// Place in the order of the trials.
    pub(in crate::tui) row: usize,
    pub(in crate::tui) trial: &'a TrialRow,
    pub(in crate::tui) whole: Rect,
    pub(in crate::tui) picture: Rect,
}

/// Pictures side by side inside of a sheet.
pub(in crate::tui) fn columns(inner: Rect) -> usize {
    let usual = (inner.width / TILE_WIDTH).max(1);
    let most = (inner.width / LEAST).max(1);
    let shown = |columns: u16| columns * (inner.height / height(inner.width / columns)).max(1);
    let enough = (usual..=most).find(|columns| shown(*columns) >= WANTED);
    usize::from(enough.or_else(|| (usual..=most).max_by_key(|c| shown(*c))).unwrap_or(usual))
}

/// Rows that a picture of so many columns takes, with its caption: a cell is twice as high as it
/// is wide.
fn height(width: u16) -> u16 {
    width / 2 + CAPTION
}

/// Columns and rows of cells that one takes, caption and gap included.
fn size(inner: Rect) -> (u16, u16) {
    let width = inner.width / columns(inner) as u16;
    let height = height(width).clamp(CAPTION + 1, inner.height.max(CAPTION + 1));
    (width, height)
}

/// The tiles in view: whole rows of them, so that the cursor is among them.
pub(in crate::tui) fn tiles<'a>(
    attached: &'a Attached,
    view: &'a SweepView,
    area: Rect,
) -> impl Iterator<Item = Tile<'a>> {
    let inner = inside(area);
    let columns = columns(inner);
    let (width, height) = size(inner);
    let rows = usize::from((inner.height / height.max(1)).max(1));
    let order = attached.table.order();
    let all = order.len().div_ceil(columns);
    let first =
        crate::tui::screens::gallery::draw::first_row(attached.table.cursor() / columns, rows, all);
    let shown = order.iter().enumerate().skip(first * columns).take(rows * columns);
    shown.enumerate().filter_map(move |(at, (row, place))| {
        let (x, y) = ((at % columns) as u16, (at / columns) as u16);
        let whole = Rect { x: inner.x + x * width, y: inner.y + y * height, width, height };
        let whole = whole.intersection(inner);
        let picture = Rect {
            width: whole.width.saturating_sub(1),
            height: whole.height.saturating_sub(CAPTION),
            ..whole
        };
        Some(Tile { row, trial: view.trials.get(*place)?, whole, picture })
    })
}

pub(in crate::tui) fn draw(
    app: &App,
    attached: &Attached,
    view: &SweepView,
    area: Rect,
    buffer: &mut Buffer,
) {
    let sorted = attached.table.sort().map(|sort| format!(" · by {}", sort.column));
    let title = format!("contact sheet{}", sorted.unwrap_or_default());
    pane(app, &title, area, true, buffer);
    let mut seen = 0;
    let tiles: Vec<Tile<'_>> = tiles(attached, view, area).collect();
    // All in the same form, so that one is compared with the next.
    let is_short = tiles.iter().any(|tile| {
        let text = format!("{} {}", tile.trial.number, tile.trial.setting);
        text.chars().count() > usize::from(tile.picture.width)
    });
    for tile in tiles {
        seen = tile.row + 1;
        let trial = tile.trial;
        if app.sweeps.small(trial).is_none_or(|small| small.is_err()) {
            let text = match app.sweeps.small(trial) {
                Some(Err(problem)) => problem,
                _ => labels::no_picture(trial),
            };
            centred(app, &text, tile.picture, buffer);
        }
        let pinned = app.runs.pinned.as_ref().is_some_and(|run| is_run(trial, &run.recipe));
        let mark = if pinned { "A " } else { "" };
        // Where one thing was swept, its value says it all.
        let value = trial.setting.rsplit(' ').next().filter(|_| !trial.setting.contains(','));
        let first = match value.filter(|_| is_short) {
            Some(value) => format!("{mark}{} · {value}", trial.number),
            None => format!("{mark}{} {}", trial.number, trial.setting),
        };
        let lines = [first, second(view, trial)];
        let selected = tile.row == attached.table.cursor();
        for (line, y) in lines.iter().zip(tile.picture.bottom()..) {
            let place = Rect { y, height: 1, ..tile.picture }.intersection(tile.whole);
            let style = if y == tile.picture.bottom() { app.theme.text } else { app.theme.dim };
            Span::styled(line.as_str(), style).render(place, buffer);
            if selected {
                buffer.set_style(place, app.theme.cursor);
            }
        }
    }
    let count = attached.table.order().len();
    if seen < count || count > 0 {
        let text = format!("{} of {count}", attached.table.cursor() + 1);
        footer(&text, app.theme.dim, area, buffer);
    }
}

/// The first metric that the trial has, and what it was tried on.
fn second(view: &SweepView, trial: &TrialRow) -> String {
    let mut cells = view.columns.iter().zip(&trial.cells).filter(|(column, _)| !column.given);
    let metric = cells.find_map(|(column, cell)| {
        let text = cell.text();
        let name = if column.name == "latent_rmse" { "rmse" } else { column.name.as_str() };
        (!text.is_empty()).then(|| format!("{name} {text}"))
    });
    let on: Vec<String> = view
        .columns
        .iter()
        .zip(&trial.cells)
        .filter(|(column, _)| matches!(column.name.as_str(), "prompt" | "seed" | "size"))
        .map(|(column, cell)| match column.name.as_str() {
            "seed" => format!("seed {}", cell.text()),
            _ => cell.text(),
        })
        .collect();
    metric.into_iter().chain(on).collect::<Vec<_>>().join(" · ")
}
