//! Curves of σ and gw over the steps, with another preset's beside them.

use crate::tui::app::App;
use crate::tui::screens::pane;
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::symbols::Marker;
use ratatui::text::Span;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas, Context, Line};
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::sigmas::{Schedule, Sigma};

/// Draws the curves of the draft, with those of the overlaid preset.
pub(super) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let other = app.other.as_ref();
    let beside = other.map(|other| (other.name.clone(), other.schedule(app.document.size())));
    draw_beside(app, beside, area, buffer);
}

/// Draws the curves of the draft, and those of another schedule with its name.
pub(super) fn draw_beside(
    app: &App,
    beside: Option<(String, Schedule)>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let title = match &beside {
        Some((name, _)) => format!("σ and gw · beside {name}"),
        None => "σ and gw".to_owned(),
    };
    let other = beside.map(|(_, other)| other);
    let inner = pane(app, &title, area, false, buffer);
    plot(&app.theme, app.document.schedule(), other.as_ref(), inner, buffer);
}

/// Draws both curves of a schedule, σ over its 0 to 1 and gw over the range of the gw shown, and
/// those of another one beside them.
pub(super) fn plot(
    theme: &Theme,
    schedule: &Schedule,
    other: Option<&Schedule>,
    inner: Rect,
    buffer: &mut Buffer,
) {
    if inner.width < 12 || inner.height < 2 {
        return;
    }
    let weights = || {
        let others = other.into_iter().flat_map(|other| other.steps());
        schedule.steps().iter().chain(others).map(|step| step.gw).filter(|gw| gw.is_finite())
    };
    let most = round_up(weights().fold(1.0, f64::max));
    let least = 0.0 - round_up(-weights().fold(0.0, f64::min));
    let scaled = move |gw: f64| (gw - least) / (most - least);
    let plot = Rect { x: inner.x + 4, width: inner.width - 9, ..inner };
    Canvas::default()
        .marker(Marker::Braille)
        .x_bounds([0.0, 1.0])
        .y_bounds([0.0, 1.0])
        .paint(|context| {
            if let Some(other) = other {
                weight_curve(context, other.steps(), scaled, theme.other);
                sigma_curve(context, other.sigmas(), theme.other);
                context.layer();
            }
            weight_curve(context, schedule.steps(), scaled, theme.gw);
            sigma_curve(context, schedule.sigmas(), theme.sigma);
        })
        .render(plot, buffer);
    let mut label = |x: u16, y: u16, text: String, colour: Color| {
        let span = Span::styled(text, ratatui::style::Style::new().fg(colour));
        span.render(Rect { x, y, width: 5.min(inner.right() - x), height: 1 }, buffer);
    };
    let (top, bottom) = (inner.y, inner.bottom() - 1);
    label(inner.x, top, "1.0".to_owned(), theme.sigma);
    label(inner.x, bottom, "σ 0".to_owned(), theme.sigma);
    let most = Some(format!("{most:.1}"))
        .filter(|text| text.len() <= 5)
        .unwrap_or_else(|| in_cells(most, 5));
    label(plot.right(), top, format!("{most:>5}"), theme.gw);
    label(plot.right(), bottom, format!("gw{:>3}", in_cells(least, 3)), theme.gw);
}

/// A mark of the scale of gw in so many cells at most, be it without its last digits.
fn in_cells(mark: f64, cells: usize) -> String {
    let forms = [format!("{mark:.0}"), format!("{mark:.1e}"), format!("{mark:.0e}")];
    forms.into_iter().find(|text| text.len() <= cells).unwrap_or_else(|| "…".to_owned())
}

/// The next of 0, 1, 2, 4, 8, 12, 16 …: few enough that most edits leave the scale alone, and so
/// all other cells of the curve.
fn round_up(gw: f64) -> f64 {
    const FIRST: [f64; 4] = [0.0, 1.0, 2.0, 4.0];
    FIRST.into_iter().find(|&mark| gw <= mark).unwrap_or_else(|| (gw / 4.0).ceil() * 4.0)
}

/// σ at the start of every step, and where the last one ends.
fn sigma_curve(context: &mut Context<'_>, sigmas: &[Sigma], colour: Color) {
    let steps = sigmas.len().saturating_sub(1).max(1) as f64;
    for (step, pair) in sigmas.windows(2).enumerate() {
        if let [from, to] = pair {
            let x = step as f64 / steps;
            context.draw(&Line::new(x, from.0, x + 1.0 / steps, to.0, colour));
        }
    }
}

/// gw as stairs.
fn weight_curve(
    context: &mut Context<'_>,
    steps: &[Step],
    scaled: impl Fn(f64) -> f64,
    colour: Color,
) {
    let count = steps.len().max(1) as f64;
    let mut before = None;
    for (step, Step { gw, .. }) in steps.iter().enumerate() {
        let (x, y) = (step as f64 / count, scaled(*gw));
        if let Some(before) = before {
            context.draw(&Line::new(x, before, x, y, colour));
        }
        context.draw(&Line::new(x, y, x + 1.0 / count, y, colour));
        before = Some(y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_of_gw_ends_at_few_values() {
        let ends = [0.0, 0.4, 1.0, 3.0, 7.0, 7.1, 8.1, 12.5].map(round_up);
        let marks = [0.0, 128.0, 12_344.0, 1e9, 1.25e6, -8.0, -1e9].map(|mark| in_cells(mark, 5));
        assert_eq!(marks, ["0", "128", "12344", "1.0e9", "1.2e6", "-8", "-1e9"]);
        assert_eq!([-8.0, 0.0, -400.0].map(|mark| in_cells(mark, 3)), ["-8", "0", "…"]);
        assert_eq!(ends, [0.0, 1.0, 1.0, 4.0, 8.0, 8.0, 12.0, 16.0]);
    }
}
