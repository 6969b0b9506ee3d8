//! The sweeps: the list of experiments and run directories, and the sweep that is followed, as a
//! table, as pictures or as points.

mod labels;
mod list;
mod scatter;
mod sheet;
mod table;

use crate::tui::action::Call;
use crate::tui::app::{App, Screen};
use crate::tui::screens::sweeps::{Attached, Face, SweepView, TrialRow};
use crate::tui::screens::{Placement, centred, footer, inside, pane};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};
use sigmalab_image::RgbImage;
use std::path::PathBuf;
use std::sync::Arc;

/// Which of the pictures of all screens the large one is; those of the sheet come after it.
const SLOT: usize = 8;

/// Lines above everything that say where the sweep stands.
const HEAD: u16 = 2;

/// The parts of the sweep's screen, borders included. Empty ones are not drawn.
#[derive(Debug, Clone, Copy)]
struct Parts {
    head: Rect,
    table: Rect,
    sheet: Rect,
    picture: Rect,
    about: Rect,
    scatter: Rect,
}

fn parts(attached: &Attached, area: Rect) -> Parts {
    let none = Rect { width: 0, height: 0, ..area };
    let mut parts =
        Parts { head: none, table: none, sheet: none, picture: none, about: none, scatter: none };
    if attached.zoomed {
        parts.picture = area;
        return parts;
    }
    parts.head = Rect { height: HEAD.min(area.height), ..area };
    let body = Rect { y: parts.head.bottom(), height: area.height - parts.head.height, ..area };
    let wide = body.width >= 100;
    match attached.face {
        Face::Sheet => parts.sheet = body,
        Face::Scatter => {
            let about = if body.height >= 16 { 6 } else { 0 };
            parts.scatter = Rect { height: body.height - about, ..body };
            parts.about = Rect { y: parts.scatter.bottom(), height: about, ..body };
        }
        Face::Settings | Face::Table if wide => {
            let width = body.width * 5 / 8;
            let left = Rect { width, ..body };
            let right = Rect { x: body.x + width, width: body.width - width, ..body };
            // What a short table leaves free shows more of the scatter.
            let free = left.height.saturating_sub(table_height(attached));
            let points = if body.height >= 28 { free.max(body.height / 3) } else { 0 };
            parts.table = Rect { height: left.height - points, ..left };
            parts.scatter = Rect { y: parts.table.bottom(), height: points, ..left };
            let about = 12.min(right.height / 2);
            parts.picture = Rect { height: right.height - about, ..right };
            parts.about = Rect { y: parts.picture.bottom(), height: about, ..right };
        }
        Face::Settings | Face::Table => {
            let below = if body.height >= 16 { body.height / 2 } else { 0 };
            parts.table = Rect { height: body.height - below, ..body };
            let below = Rect { y: parts.table.bottom(), height: below, ..body };
            // A square picture is twice as wide as high in cells.
            let width = (below.height * 2).min(below.width / 2);
            parts.picture = Rect { width, ..below };
            parts.about = Rect { x: below.x + width, width: below.width - width, ..below };
        }
    }
    parts
}

/// Rows that the whole table takes, its border and headings included.
fn table_height(attached: &Attached) -> u16 {
    const AROUND: usize = 3;
    let rows = match (&attached.view, attached.face) {
        (Some(view), Face::Settings) => attached.settings(view).0.len(),
        _ => attached.table.order().len(),
    };
    u16::try_from(rows + AROUND).unwrap_or(u16::MAX)
}

/// The pictures of the screen of a sweep.
pub(in crate::tui) fn pictures(app: &App, area: Rect) -> Vec<Placement> {
    let Some(attached) = app.sweeps.attached.as_ref() else { return Vec::new() };
    let Some(view) = &attached.view else { return Vec::new() };
    let parts = parts(attached, area);
    let mut placements = Vec::new();
    let area = inside(parts.picture);
    if let Some(Ok(image)) = attached.selected().and_then(|trial| app.sweeps.picture(trial))
        && !parts.picture.is_empty()
        && !area.is_empty()
    {
        placements.push(Placement { slot: SLOT, image, area });
    }
    if !parts.sheet.is_empty() {
        for (at, tile) in sheet::tiles(attached, view, parts.sheet).enumerate() {
            let image: Option<Result<Arc<RgbImage>, String>> = app.sweeps.small(tile.trial);
            if let Some(Ok(image)) = image {
                placements.push(Placement { slot: SLOT + 1 + at, image, area: tile.picture });
            }
        }
    }
    placements
}

/// The pictures that the screen wants to show, small, and whether the one under the cursor has
/// room to be shown whole.
pub(in crate::tui) fn wanted(app: &App) -> (Vec<PathBuf>, bool) {
    let nothing = (Vec::new(), false);
    if app.screen != Screen::Sweep {
        return nothing;
    }
    let Some(attached) = app.sweeps.attached.as_ref() else { return nothing };
    let Some(view) = &attached.view else { return nothing };
    let parts = parts(attached, crate::tui::screens::body(app.area()));
    let in_view = match parts.sheet.is_empty() {
        true => Vec::new(),
        false => sheet::tiles(attached, view, parts.sheet)
            .filter_map(|tile| tile.trial.picture.clone())
            .collect(),
    };
    (in_view, !parts.picture.is_empty())
}

/// Pictures side by side on the sheet.
pub(in crate::tui) fn sheet_columns(app: &App) -> usize {
    let attached = app.sweeps.attached.as_ref();
    let area =
        attached.map(|attached| parts(attached, crate::tui::screens::body(app.area())).sheet);
    area.map_or(1, |area| sheet::columns(inside(area)))
}

pub(in crate::tui) fn draw_list(app: &App, area: Rect, buffer: &mut Buffer) {
    list::draw(app, area, buffer);
}

/// The rows of the list in view: number of the row, place.
pub(in crate::tui) fn list_rows(app: &App, area: Rect) -> impl Iterator<Item = (usize, Rect)> {
    list::rows(app, area)
}

/// The trials in view: place in the order, where.
pub(in crate::tui) fn trial_rows(app: &App, area: Rect) -> Vec<(usize, Rect)> {
    let Some(attached) = app.sweeps.attached.as_ref() else { return Vec::new() };
    let Some(view) = &attached.view else { return Vec::new() };
    let parts = parts(attached, area);
    match parts.sheet.is_empty() {
        true => table::rows(attached, parts.table).collect(),
        false => {
            sheet::tiles(attached, view, parts.sheet).map(|tile| (tile.row, tile.whole)).collect()
        }
    }
}

/// What a click on a heading does.
pub(in crate::tui) fn heading_at(app: &App, area: Rect, at: (u16, u16)) -> Option<Call> {
    let attached = app.sweeps.attached.as_ref()?;
    let view = attached.view.as_ref()?;
    let table = parts(attached, area).table;
    if table.is_empty() { None } else { table::heading_at(app, attached, view, table, at) }
}

/// Draws the sweep that is followed.
pub(in crate::tui) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let Some(attached) = app.sweeps.attached.as_ref() else { return };
    let Some(view) = &attached.view else {
        let inner = pane(app, &attached.directory.display().to_string(), area, true, buffer);
        let (text, style) = match &attached.problem {
            Some(problem) => (problem.clone(), app.theme.fault),
            None => ("reading".to_owned(), app.theme.dim),
        };
        Paragraph::new(Span::styled(text, style)).wrap(Wrap { trim: true }).render(inner, buffer);
        return;
    };
    let parts = parts(attached, area);
    draw_head(app, view, parts.head, buffer);
    if !parts.table.is_empty() {
        table::draw(app, attached, view, parts.table, buffer);
    }
    if !parts.sheet.is_empty() {
        sheet::draw(app, attached, view, parts.sheet, buffer);
    }
    if !parts.scatter.is_empty() {
        let focused = attached.face == Face::Scatter;
        scatter::draw(app, attached, view, parts.scatter, focused, buffer);
    }
    if !parts.picture.is_empty() {
        draw_picture(app, attached, parts.picture, buffer);
    }
    if !parts.about.is_empty() {
        draw_about(app, attached, view, parts.about, buffer);
    }
}

fn draw_head(app: &App, view: &SweepView, area: Rect, buffer: &mut Buffer) {
    let (style, bar) = match view.status.workers.is_empty() {
        true => (app.theme.dim, app.theme.dim),
        false => (app.theme.good, app.theme.title),
    };
    let words = labels::progress(view);
    let room = usize::from(area.width).saturating_sub(words.chars().count() + 4);
    let cells = room.min(24);
    let ended = view.status.done + view.status.failed;
    let full = cells * ended / view.status.trials.max(1);
    let bars = match cells {
        0..4 => String::new(),
        _ => format!("{}{} ", "━".repeat(full), "╌".repeat(cells - full)),
    };
    let first = Rect { height: 1.min(area.height), ..area };
    Line::from(vec![Span::raw(" "), Span::styled(bars, bar), Span::styled(words, style)])
        .render(first, buffer);
    let second = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let (text, style) = match &view.stopped {
        Some(refusal) => (format!(" {}", labels::stopped(refusal)), app.theme.changed),
        None => (format!(" {}", labels::plan(view)), app.theme.dim),
    };
    Span::styled(text, style).render(second, buffer);
}

fn draw_picture(app: &App, attached: &Attached, area: Rect, buffer: &mut Buffer) {
    let Some(trial) = attached.selected() else {
        let inner = pane(app, "picture", area, false, buffer);
        return centred(app, "no trial is shown", inner, buffer);
    };
    let pinned = app.runs.pinned.as_ref().is_some_and(|pinned| is_run(trial, &pinned.recipe));
    let mark = if pinned { "A · " } else { "" };
    let inner = pane(app, &format!("{mark}trial {}", trial.number), area, false, buffer);
    match app.sweeps.picture(trial) {
        Some(Ok(_)) => {}
        Some(Err(problem)) => centred(app, &problem, inner, buffer),
        None => centred(app, &labels::no_picture(trial), inner, buffer),
    }
    if attached.zoomed {
        footer(&trial.setting, app.theme.dim, area, buffer);
    }
}

/// Whether a run is of this trial.
fn is_run(trial: &TrialRow, recipe: &sigmalab_engine::recipe::Recipe) -> bool {
    *trial.recipe == *recipe
}

fn draw_about(app: &App, attached: &Attached, view: &SweepView, area: Rect, buffer: &mut Buffer) {
    let inner = pane(app, "trial", area, false, buffer);
    let Some(trial) = attached.selected() else { return };
    let lines: Vec<Line<'_>> = labels::about(view, trial)
        .into_iter()
        .map(|(label, text)| {
            let style = if label == "error" { app.theme.fault } else { app.theme.text };
            labelled(app, label, text, style)
        })
        .collect();
    Paragraph::new(lines).wrap(Wrap { trim: false }).render(inner, buffer);
}

fn labelled<'a>(app: &App, label: &'a str, text: String, style: Style) -> Line<'a> {
    Line::from(vec![Span::styled(format!("{label:<9}"), app.theme.dim), Span::styled(text, style)])
}
