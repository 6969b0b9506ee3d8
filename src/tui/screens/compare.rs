//! A and B: both images, the numbers between them, and where their schedules differ.

use super::{Placement, editor, footer, pane};
use crate::metrics::comparison;
use crate::schedule::preset::Step;
use crate::tui::app::App;
use crate::tui::grid::number;
use crate::tui::runs::Finished;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

/// A's image, B's image, and what differs below.
fn parts(area: Rect) -> [Rect; 3] {
    let images = area.height * 3 / 5;
    let half = area.width / 2;
    [
        Rect { width: half, height: images, ..area },
        Rect { x: area.x + half, width: area.width - half, height: images, ..area },
        Rect { y: area.y + images, height: area.height - images, ..area },
    ]
}

/// Both images at the same size.
pub(super) fn pictures(app: &App, area: Rect) -> Vec<Placement> {
    let [left, right, _] = parts(area);
    let places = [(1, &app.runs.pinned, left), (2, &app.runs.last, right)];
    let placed = places.into_iter().filter_map(|(slot, run, area)| {
        let run = run.as_ref()?;
        let inside = Rect {
            x: area.x + 1,
            y: area.y + 1,
            width: area.width.checked_sub(2)?,
            height: area.height.checked_sub(2)?,
        };
        Some(Placement { slot, image: run.image.clone(), area: inside })
    });
    placed.collect()
}

/// Draws the screen.
pub(super) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let [left, right, below] = parts(area);
    for (name, run, area) in [("A", &app.runs.pinned, left), ("B", &app.runs.last, right)] {
        let Some(run) = run else { continue };
        let preset = run.recipe.preset.as_deref().unwrap_or("edited");
        editor::frame(app, &format!("{name} · {preset}"), area, buffer);
        footer(&run.summary(), app.theme.dim, area, buffer);
    }
    let inner = pane(app, "what differs", below, true, buffer);
    if let (Some(a), Some(b)) = (&app.runs.pinned, &app.runs.last) {
        let lines: Vec<Line<'_>> = differences(a, b)
            .into_iter()
            .map(|text| Line::from(Span::styled(text, app.theme.text)))
            .collect();
        Paragraph::new(lines).render(inner, buffer);
    }
}

/// What differs between two runs, a line each.
fn differences(a: &Finished, b: &Finished) -> Vec<String> {
    let mut lines = Vec::new();
    lines.push(images(a, b));
    let mut differs = |what: &str, a: String, b: String| {
        if a != b {
            lines.push(format!("{what:<10} A {a} · B {b}"));
        }
    };
    let (ra, rb) = (&a.recipe, &b.recipe);
    differs("prompt", ra.prompt.clone(), rb.prompt.clone());
    differs("size", ra.size.to_string(), rb.size.to_string());
    differs("noise", format!("{:?}", ra.noise), format!("{:?}", rb.noise));
    differs("sampler", ra.sampler.id.clone(), rb.sampler.id.clone());
    differs("terminal", ra.terminal.to_string(), rb.terminal.to_string());
    differs("steps", ra.steps.len().to_string(), rb.steps.len().to_string());
    type Value = fn(&Step) -> f64;
    let columns: [(&str, Value); 3] =
        [("gw", |step| step.gw), ("mu", |step| step.mu), ("std", |step| step.std)];
    if ra.steps.len() == rb.steps.len() {
        for (name, of) in columns {
            for (step, (a, b)) in ra.steps.iter().zip(&rb.steps).enumerate() {
                differs(
                    &format!("step {step}"),
                    format!("{name} {}", number(of(a), 3)),
                    format!("{name} {}", number(of(b), 3)),
                );
            }
        }
    }
    if lines.len() == 1 {
        lines.push("the same recipe".to_owned());
    }
    lines
}

/// How close the images are.
fn images(a: &Finished, b: &Finished) -> String {
    match (comparison::psnr(&a.image, &b.image), comparison::ssim(&a.image, &b.image)) {
        (Ok(psnr), Ok(ssim)) if psnr.is_finite() => {
            format!("images     PSNR {psnr:.1} dB · SSIM {ssim:.4}")
        }
        (Ok(_), Ok(_)) => "images     the same, pixel by pixel".to_owned(),
        _ => "images     of different sizes".to_owned(),
    }
}
