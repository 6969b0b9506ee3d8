//! The first screen: grid, curves, image, and what each step did.

use super::{Placement, curves, footer, pane};
use crate::engine::event::StepReport;
use crate::schedule::edit::Stats;
use crate::tui::app::App;
use crate::tui::grid::{self, FULL_WIDTH, NARROW_WIDTH, number};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// The parts of the screen, borders included.
struct Parts {
    grid: Rect,
    curves: Rect,
    image: Rect,
    /// Below the grid, where there is room.
    steps: Option<Rect>,
}

/// Lines that the measures of the steps take, borders included.
const STEPS_HEIGHT: u16 = 6;

fn parts(app: &App, area: Rect) -> Parts {
    let steps = app.document.len();
    let wide = area.width >= FULL_WIDTH + 2 + 38;
    let left_width = if wide { FULL_WIDTH + 2 } else { NARROW_WIDTH + 2 }.min(area.width);
    let left = Rect { width: left_width, ..area };
    let right = Rect { x: area.x + left_width, width: area.width - left_width, ..area };
    // The grid takes what its steps need; the measures of the steps get the rest.
    let needed = steps as u16 + 3;
    let with_steps = area.height >= 24 && !app.runs.reports().is_empty();
    let grid_height = if with_steps {
        needed.min(area.height - STEPS_HEIGHT).max(10.min(area.height - STEPS_HEIGHT))
    } else {
        area.height
    };
    let below = area.height - grid_height;
    let curves_height = (area.height * 2 / 5).clamp(4, 16).min(area.height);
    Parts {
        grid: Rect { height: grid_height, ..left },
        steps: with_steps.then_some(Rect {
            y: left.y + grid_height,
            height: below.min(12),
            ..left
        }),
        curves: Rect { height: curves_height, ..right },
        image: Rect { y: right.y + curves_height, height: right.height - curves_height, ..right },
    }
}

/// Rows of the grid in view.
pub(in crate::tui) fn grid_rows(app: &App) -> usize {
    let parts = parts(app, super::body(app.area()));
    usize::from(parts.grid.height.saturating_sub(3))
}

/// A draft of the run that is going, or the image of the last one.
pub(super) fn pictures(app: &App, area: Rect) -> Vec<Placement> {
    let Some(image) = app.runs.picture() else { return Vec::new() };
    let area = inside(parts(app, area).image);
    if area.is_empty() {
        return Vec::new();
    }
    vec![Placement { slot: 0, image, area }]
}

fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

/// Draws the screen.
pub(super) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let parts = parts(app, area);
    draw_grid(app, parts.grid, buffer);
    curves::draw(app, parts.curves, buffer);
    draw_image(app, parts.image, buffer);
    if let Some(area) = parts.steps {
        draw_steps(app, area, buffer);
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
    }
}

fn draw_image(app: &App, area: Rect, buffer: &mut Buffer) {
    let title = match (&app.runs.last, app.is_image_current()) {
        (Some(_), true) => "image",
        (Some(_), false) => "image · of the run before",
        (None, _) => "image",
    };
    let inner = frame(app, title, area, buffer);
    match &app.runs.last {
        Some(last) => footer(&last.summary(), app.theme.dim, area, buffer),
        None if inner.height > 0 && app.runs.picture().is_none() => {
            let key = app.key_of(crate::tui::action::Action::Run);
            let text = format!("{key} draws the image");
            let at = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
            Line::from(Span::styled(text, app.theme.dim)).centered().render(at, buffer);
        }
        None => {}
    }
}

/// A border that leaves alone what is inside it: the picture is there already.
pub(super) fn frame(app: &App, title: &str, area: Rect, buffer: &mut Buffer) -> Rect {
    pane(app, title, area, false, buffer)
}

/// One line a measure, one bar a step.
fn draw_steps(app: &App, area: Rect, buffer: &mut Buffer) {
    let reports = app.runs.reports();
    let inner = pane(app, "what each step did", area, false, buffer);
    type Measure = fn(&StepReport) -> Option<f64>;
    let measures: [(&str, Measure); 4] = [
        ("|v_c − v_u|", |r| r.metrics.guidance_norm),
        ("cos(v_c, v_u)", |r| r.metrics.cosine),
        ("step length", |r| Some(r.metrics.step_length)),
        ("x0 drift", |r| r.metrics.x0_drift),
    ];
    for (line, (name, measure)) in measures.iter().enumerate() {
        let y = inner.y + line as u16;
        if y >= inner.bottom() {
            break;
        }
        let values: Vec<Option<f64>> = reports.iter().map(measure).collect();
        let room = usize::from(inner.width.saturating_sub(15 + 18));
        let line = Line::from(vec![
            Span::styled(format!("{name:<15}"), app.theme.dim),
            Span::styled(sparkline(&values, room), app.theme.title),
            Span::styled(span(&values), app.theme.dim),
        ]);
        line.render(Rect { y, height: 1, ..inner }, buffer);
    }
}

/// Bars from the least to the greatest value; a step without one is a blank.
fn sparkline(values: &[Option<f64>], room: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let known = || values.iter().flatten().copied();
    let (least, most) = (known().fold(f64::MAX, f64::min), known().fold(f64::MIN, f64::max));
    let shown = values.len().min(room);
    let bar = |value: &Option<f64>| match value {
        None => ' ',
        Some(value) => {
            let part = if most > least { (value - least) / (most - least) } else { 0.0 };
            BARS.get((part * 7.0).round() as usize).copied().unwrap_or('▁')
        }
    };
    // More steps than room: every so many of them.
    (0..shown).filter_map(|at| values.get(at * values.len() / shown)).map(bar).collect()
}

/// ` 1.23 … 4.56`.
fn span(values: &[Option<f64>]) -> String {
    let known = || values.iter().flatten().copied();
    if known().next().is_none() {
        return String::new();
    }
    let (least, most) = (known().fold(f64::MAX, f64::min), known().fold(f64::MIN, f64::max));
    let digits = if most.abs() >= 100.0 { 0 } else { 2 };
    format!(" {least:.digits$} … {most:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_span_the_values_and_gaps_stay_gaps() {
        let values = [Some(0.0), None, Some(0.5), Some(1.0)];
        assert_eq!(sparkline(&values, 10), "▁ ▅█");
        assert_eq!(sparkline(&values, 2), "▁▅");
        assert_eq!(sparkline(&[Some(3.0); 3], 10), "▁▁▁");
        assert_eq!(sparkline(&[], 10), "");
    }
}
