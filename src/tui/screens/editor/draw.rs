//! The first screen: grid, curves, image, the pinned image, and what each step did.

use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::runs::{Finished, proxy_notes};
use crate::tui::screens::compare::Comparison;
use crate::tui::screens::editor::grid::{self, FULL_WIDTH, NARROW_WIDTH, number};
use crate::tui::screens::editor::measures;
use crate::tui::screens::{Placement, curves, footer, inside, longest, pane};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use sigmalab_schedule::edit::Stats;

/// Columns from which the grid shows everything it has.
const WIDE: u16 = FULL_WIDTH + 2 + 38;

/// Columns and rows, without title, status and hints, from which the pinned image has a place.
const WITH_PINNED: (u16, u16) = (120, 37);

/// Rows from which what each step did has a place of its own.
const WITH_MEASURES: u16 = 24;

/// The least rows of curves below the grid, borders included.
const CURVES_BELOW: u16 = 8;

/// The least rows of the two images beside each other, borders included.
const STRIP: u16 = 16;

/// The parts of the screen, borders included.
struct Parts {
    grid: Rect,
    curves: Option<Rect>,
    image: Rect,
    measures: Option<Rect>,
    pinned: Option<Rect>,
}

fn parts(app: &App, area: Rect) -> Parts {
    if app.editor.zoomed {
        let none = Rect { height: 0, ..area };
        return Parts { grid: none, curves: None, image: area, measures: None, pinned: None };
    }
    let left_width = match (area.width >= WIDE, app.editor.all_columns) {
        (true, _) => FULL_WIDTH + 2,
        (false, false) => NARROW_WIDTH + 2,
        (false, true) => area.width,
    };
    let [left, right] = columns(area, left_width);
    // The grid takes what its steps need; the measures of the steps get the rest.
    let needed = u16::try_from(app.document.len()).unwrap_or(u16::MAX).saturating_add(3);
    let roomy = area.height >= WITH_MEASURES;
    let shown = (roomy && !app.runs.reports().is_empty()) != app.editor.measures;
    if app.runs.pinned.is_some() && area.width >= WITH_PINNED.0 && area.height >= WITH_PINNED.1 {
        let strip = area.height.saturating_sub(needed).clamp(STRIP, area.height * 3 / 5);
        let [top, strip] = rows(area, area.height - strip);
        let [grid, beside] = columns(top, left_width);
        let [image, pinned] = columns(strip, strip.width / 2);
        let measures = if shown { measures::HEIGHT } else { 0 };
        let [curves, below] = rows(beside, beside.height - measures.min(beside.height));
        let (curves, measures) = (Some(curves), shown.then_some(below));
        return Parts { grid, curves, image, measures, pinned: Some(pinned) };
    }
    let curves_height = (area.height * 2 / 5).clamp(4, 16).min(area.height);
    let [curves, image] = rows(right, curves_height);
    if shown && roomy {
        let room = area.height - measures::HEIGHT;
        let free = room.saturating_sub(needed);
        // A short schedule leaves room for the curves too: the image then has the whole right side.
        if free >= CURVES_BELOW {
            let [grid, below] = rows(left, needed);
            let [curves, measures] = rows(below, free);
            let (curves, measures) = (Some(curves), Some(measures));
            return Parts { grid, curves, image: right, measures, pinned: None };
        }
        let [grid, below] = rows(left, room);
        return Parts { grid, curves: Some(curves), image, measures: Some(below), pinned: None };
    }
    // Without that room they take the place of the curves.
    let (curves, measures) = if shown { (None, Some(curves)) } else { (Some(curves), None) };
    Parts { grid: left, curves, image, measures, pinned: None }
}

/// The left part of that width, and the rest.
fn columns(area: Rect, width: u16) -> [Rect; 2] {
    let width = width.min(area.width);
    [Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area }]
}

/// The upper part of that height, and the rest.
fn rows(area: Rect, height: u16) -> [Rect; 2] {
    let height = height.min(area.height);
    [Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area }]
}

/// Rows of the grid in view.
pub(in crate::tui) fn grid_rows(app: &App) -> usize {
    let parts = parts(app, crate::tui::screens::body(app.area()));
    usize::from(parts.grid.height.saturating_sub(3))
}

/// Where the grid is on this screen, without its border.
pub(in crate::tui) fn grid_area(app: &App) -> Rect {
    inside(parts(app, crate::tui::screens::body(app.area())).grid)
}

/// Whether there is an image of a pair at a place.
pub(in crate::tui) fn is_pair_at(app: &App, (x, y): (u16, u16)) -> bool {
    let Parts { image, pinned, .. } = parts(app, crate::tui::screens::body(app.area()));
    let places = [app.runs.pinned.is_some().then_some(image), pinned];
    places.into_iter().flatten().any(|area| area.contains((x, y).into()))
}

/// A draft of the run that is going, or the image of the last one; and the pinned one.
pub(in crate::tui) fn pictures(app: &App, area: Rect) -> Vec<Placement> {
    let Parts { image: place, pinned: pinned_place, .. } = parts(app, area);
    let here = app.runs.picture().map(|image| (0, image, place));
    let pinned = app.runs.pinned.as_ref().zip(pinned_place);
    let pinned = pinned.map(|(run, place)| (1, run.image.clone(), place));
    let places = [here, pinned].into_iter().flatten();
    let placements =
        places.map(|(slot, image, place)| Placement { slot, image, area: inside(place) });
    placements.filter(|placement| !placement.area.is_empty()).collect()
}

pub(in crate::tui) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let parts = parts(app, area);
    if !parts.grid.is_empty() {
        draw_grid(app, parts.grid, buffer);
    }
    if let Some(area) = parts.curves {
        curves::draw(app, area, buffer);
    }
    if let Some(area) = parts.measures {
        measures::draw(app, area, buffer);
    }
    draw_image(app, parts.image, buffer);
    if let (Some(area), Some(run)) = (parts.pinned, &app.runs.pinned) {
        draw_pinned(app, run, area, buffer);
    }
}

fn draw_grid(app: &App, area: Rect, buffer: &mut Buffer) {
    let title = format!("schedule · {} steps · sampling order", app.document.len());
    let inner = pane(app, &title, area, true, buffer);
    grid::draw(&app.grid, &app.document, &app.theme, inner, buffer);
    let broken = app.document.faults().len();
    if broken > 0 {
        let text = format!("✗ {broken} broken: σ must fall at every step");
        footer(&text, app.theme.fault, area, buffer);
    } else if let Some(block) = app.grid.block().filter(|_| app.grid.is_range())
        && let Some(stats) = Stats::of_block(app.document.draft(), block)
    {
        let Stats { count, min, mean, max } = stats;
        let text = format!(
            "{count} cells · {} … {} · mean {}",
            number(min, 2),
            number(max, 2),
            number(mean, 2)
        );
        footer(&text, app.theme.selection, area, buffer);
    } else if let Some((first, last)) = app.grid.in_view(app.document.len(), inner) {
        let text = format!("steps {first}–{last} of 0–{}", app.document.len().saturating_sub(1));
        footer(&text, app.theme.dim, area, buffer);
    }
}

fn draw_image(app: &App, area: Rect, buffer: &mut Buffer) {
    let (titles, is_draft) = image_titles(app);
    let inner = frame(app, longest(&titles, area), area, buffer);
    match &app.runs.last {
        // It is about the image before.
        Some(_) if is_draft => {}
        Some(last) => footer(longest(&last.summaries(), area), app.theme.dim, area, buffer),
        None if inner.height > 0 && !is_draft => {
            let key = app.key_of(Action::Run);
            let text = format!("{key} draws the image");
            let at = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
            Line::from(Span::styled(text, app.theme.dim)).centered().render(at, buffer);
        }
        None => {}
    }
}

/// What the image pane shows, from the longest way to say it to the shortest, and whether that
/// is a draft.
fn image_titles(app: &App) -> (Vec<String>, bool) {
    let draft = app.runs.going.as_ref().and_then(|going| Some((going, going.draft.as_ref()?)));
    if let Some((going, draft)) = draft {
        let (done, steps) = (draft.step + 1, going.recipe.steps.len());
        let texts =
            [format!("draft after step {done} of {steps}"), format!("draft {done}/{steps}")];
        return (with_notes(&texts, &proxy_notes(&going.recipe)), true);
    }
    let texts = match (&app.runs.last, app.is_image_current()) {
        (Some(_), false) => ["image · of the previous run".to_owned(), "image before".to_owned()],
        _ => ["image".to_owned(), "image".to_owned()],
    };
    let notes = app.runs.last.as_ref().map(|last| proxy_notes(&last.recipe)).unwrap_or_default();
    (with_notes(&texts, &notes), false)
}

/// Each of the texts with each of the notes, then alone.
fn with_notes(texts: &[String], notes: &[String]) -> Vec<String> {
    let noted =
        texts.iter().flat_map(|text| notes.iter().map(move |note| format!("{text} · {note}")));
    noted.chain(texts.iter().cloned()).collect()
}

fn draw_pinned(app: &App, run: &Finished, area: Rect, buffer: &mut Buffer) {
    let texts = [format!("pinned A · {}", run.name()), "A".to_owned()];
    let titles = with_notes(&texts, &proxy_notes(&run.recipe));
    frame(app, longest(&titles, area), area, buffer);
    if app.runs.is_one() {
        let texts = ["the image beside it: run something else", "the image beside it"];
        footer(longest(&texts.map(str::to_owned), area), app.theme.dim, area, buffer);
    } else if let Some(last) = &app.runs.last {
        let evaluations = format!("NFE {} vs {}", last.evaluations(), run.evaluations());
        let images = app.comparison().map_or_else(|| "comparing …".to_owned(), closeness);
        let texts = [format!("{images} · {evaluations}"), images];
        footer(longest(&texts, area), app.theme.dim, area, buffer);
    }
}

/// How close two images are, short.
fn closeness(comparison: &Comparison) -> String {
    match &comparison.images {
        Err(_) => "of another size".to_owned(),
        Ok(images) if images.are_equal() => "the same image".to_owned(),
        Ok(images) => format!("ssim {:.4} · psnr {:.1} dB", images.ssim, images.psnr),
    }
}

/// A border that leaves alone what is inside it: the picture is there already.
pub(in crate::tui) fn frame(app: &App, title: &str, area: Rect, buffer: &mut Buffer) -> Rect {
    pane(app, title, area, false, buffer)
}
