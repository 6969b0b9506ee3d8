//! What each step of a run did, as bars: one line a measure, one bar a step.

use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::screens::pane;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use sigmalab_engine::event::StepReport;

/// Lines that they take, borders included.
pub(in crate::tui) const HEIGHT: u16 = 6;

/// Columns that names, bars of 48 steps and the range of their values need.
const WIDE: usize = 48;

/// A measure of a step; `None` where the step has none.
type Measure = fn(&StepReport) -> Option<f64>;

/// Name, short name, measure.
const MEASURES: [(&str, &str, Measure); 4] = [
    ("|v_c − v_u|", "|Δv|", |report| report.metrics.guidance_norm),
    ("cos(v_c, v_u)", "cos", |report| report.metrics.cosine),
    ("step length", "|Δx|", |report| Some(report.metrics.step_length)),
    ("x0 drift", "|Δx0|", |report| report.metrics.x0_drift),
];

/// Draws them. Where there is little room, names are short and only the last value is told.
pub(in crate::tui) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let reports = app.runs.reports();
    let inner = pane(app, "what each step did", area, false, buffer);
    if reports.is_empty() {
        let text = format!("{} draws an image first", app.key_of(Action::Run));
        Line::from(Span::styled(text, app.theme.dim)).render(inner, buffer);
        return;
    }
    let width = usize::from(inner.width);
    let steps = reports.last().map_or(0, |report| report.steps).max(reports.len());
    for ((name, short, measure), y) in MEASURES.iter().zip(inner.y..inner.bottom()) {
        let values: Vec<Option<f64>> = reports.iter().map(measure).collect();
        let (name, room, numbers) = match width >= WIDE {
            true => (format!("{name:<15}"), width.saturating_sub(15 + 18), span(&values)),
            false => (format!("{short:<6}"), width.saturating_sub(6 + 8), newest(&values)),
        };
        let line = Line::from(vec![
            Span::styled(name, app.theme.dim),
            Span::styled(sparkline(&values, steps, room), app.theme.title),
            Span::styled(numbers, app.theme.dim),
        ]);
        line.render(Rect { y, height: 1, ..inner }, buffer);
    }
}

/// Bars of a run of so many steps, those done so far, from the least to the greatest value; a step
/// without one is a blank. A step's bar has its place from the beginning, so that bars which are
/// there stay: on the wire a new step is a new bar.
fn sparkline(values: &[Option<f64>], steps: usize, room: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let known = || values.iter().flatten().copied();
    let (least, most) = (known().fold(f64::MAX, f64::min), known().fold(f64::MIN, f64::max));
    let shown = steps.min(room);
    let bar = |value: &Option<f64>| match value {
        None => ' ',
        Some(value) => {
            let part = if most > least { (value - least) / (most - least) } else { 0.0 };
            BARS.get((part * 7.0).round() as usize).copied().unwrap_or('▁')
        }
    };
    // More steps than room: every so many of them.
    (0..shown).map_while(|at| values.get(at * steps / shown)).map(bar).collect()
}

fn digits(value: f64) -> usize {
    if value.abs() >= 100.0 { 0 } else { 2 }
}

/// ` 1.23 … 4.56`.
fn span(values: &[Option<f64>]) -> String {
    let known = || values.iter().flatten().copied();
    if known().next().is_none() {
        return String::new();
    }
    let (least, most) = (known().fold(f64::MAX, f64::min), known().fold(f64::MIN, f64::max));
    let digits = digits(most);
    format!(" {least:.digits$} … {most:.digits$}")
}

/// The value of the newest step that has one.
fn newest(values: &[Option<f64>]) -> String {
    let value = values.iter().rev().flatten().next();
    value.map(|value| format!(" {value:.0$}", digits(*value))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_span_the_values_and_gaps_stay_gaps() {
        let values = [Some(0.0), None, Some(0.5), Some(1.0)];
        assert_eq!(sparkline(&values, 4, 10), "▁ ▅█");
        assert_eq!(sparkline(&values, 4, 2), "▁▅");
        assert_eq!(sparkline(&[Some(3.0); 3], 3, 10), "▁▁▁");
        assert_eq!(sparkline(&[], 0, 10), "");
    }

    #[test]
    fn a_bar_stays_where_it_is_while_the_run_goes_on() {
        let values: Vec<Option<f64>> = (0..40).map(|step| Some(f64::from(step % 8))).collect();
        let whole = sparkline(&values, 40, 10);
        for done in 8..40 {
            let begun = sparkline(&values[..done], 40, 10);
            assert!(whole.starts_with(&begun), "{done}: {begun} is no beginning of {whole}");
        }
    }

    #[test]
    fn numbers_are_told_as_exactly_as_they_matter() {
        assert_eq!(span(&[Some(1.5), None, Some(99.0)]), " 1.50 … 99.00");
        assert_eq!(newest(&[Some(1.5), Some(312.4), None]), " 312");
        assert_eq!((span(&[None]), newest(&[])), (String::new(), String::new()));
    }
}
