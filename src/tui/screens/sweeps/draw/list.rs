//! The experiments and run directories, and what is known of the one under the cursor.

use crate::tui::action::{Action, Call};
use crate::tui::app::App;
use crate::tui::context::Context;
use crate::tui::screens::gallery::draw::{broken, first_row};
use crate::tui::screens::gallery::when;
use crate::tui::screens::sweeps::draw::{labelled, labels, pane};
use crate::tui::screens::sweeps::{Entry, ExperimentCard, PlanCard, PlanState, RunCard};
use crate::tui::screens::{footer, inside};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};
use std::path::Path;
use std::time::SystemTime;

/// Most lines of what an experiment is for.
const DESCRIPTION: usize = 4;

/// Rows of headings: one above the experiments, a blank and one above the run directories.
const HEADINGS: usize = 3;

fn parts(area: Rect) -> (Rect, Rect) {
    let width = (area.width * 2 / 5).clamp(24.min(area.width), 48);
    let list = Rect { width, ..area };
    (list, Rect { x: area.x + width, width: area.width - width, ..area })
}

/// A line of the list: a heading, or a row by its number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ListLine {
    Heading(&'static str),
    Row(usize),
}

/// The lines of the list in view.
fn lines(app: &App, inner: Rect) -> Vec<(ListLine, Rect)> {
    let sweeps = &app.sweeps;
    let experiments = sweeps.experiments();
    let has_runs = sweeps.len() > experiments;
    let runs = if has_runs { "run directories" } else { "run directories: none yet" };
    let all: Vec<ListLine> = std::iter::once(ListLine::Heading("experiments"))
        .chain((0..experiments).map(ListLine::Row))
        .chain([ListLine::Heading(""), ListLine::Heading(runs)])
        .chain((experiments..sweeps.len()).map(ListLine::Row))
        .collect();
    let here = all.iter().position(|line| *line == ListLine::Row(sweeps.cursor())).unwrap_or(0);
    let rows = usize::from(inner.height);
    debug_assert!(all.len() == sweeps.len() + HEADINGS);
    let first = first_row(here, rows, all.len());
    let shown = all.into_iter().skip(first).take(rows).zip(inner.y..);
    shown.map(|(line, y)| (line, Rect { y, height: 1, ..inner })).collect()
}

/// The rows in view: number of the row, place.
pub(in crate::tui) fn rows(app: &App, area: Rect) -> impl Iterator<Item = (usize, Rect)> {
    let lines = lines(app, inside(parts(area).0));
    lines.into_iter().filter_map(|(line, place)| match line {
        ListLine::Row(row) => Some((row, place)),
        ListLine::Heading(_) => None,
    })
}

pub(in crate::tui) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let (list, about) = parts(area);
    let title = match (app.sweeps.is_listed(), app.sweeps.is_starting) {
        (_, true) => "sweeps · starting",
        (false, false) => "sweeps · reading",
        (true, false) => "sweeps",
    };
    let inner = pane(app, title, list, true, buffer);
    for (line, place) in lines(app, inner) {
        match line {
            ListLine::Heading(text) => Span::styled(text, app.theme.title).render(place, buffer),
            ListLine::Row(row) => {
                let Some(entry) = app.sweeps.entries().nth(row) else { continue };
                draw_row(app, entry, place, buffer);
                if row == app.sweeps.cursor() {
                    buffer.set_style(place, app.theme.cursor);
                }
            }
        }
    }
    if app.sweeps.is_listed() && app.sweeps.is_empty() {
        let text = "no experiments/*.toml and no runs/* here";
        let below = Rect { y: inner.y + 1, height: 1.min(inner.height), ..inner };
        Span::styled(text, app.theme.dim).render(below, buffer);
    }
    match app.sweeps.entry() {
        Some(Entry::Experiment(card)) => draw_experiment(app, card, about, buffer),
        Some(Entry::Run(card)) => draw_run(app, card, about, buffer),
        None => drop(pane(app, "plan", about, false, buffer)),
    }
}

fn draw_row(app: &App, entry: Entry<'_>, place: Rect, buffer: &mut Buffer) {
    let (name, note, style) = match entry {
        Entry::Experiment(card) => match &card.about {
            Ok((name, _)) => {
                let trials = match app.sweeps.plan(&card.file) {
                    Some(PlanState::Planned(plan)) => format!("{} trials", plan.trials),
                    Some(PlanState::Planning { .. }) => "planning".to_owned(),
                    Some(PlanState::Refused(_)) => "✗".to_owned(),
                    None if card.is_built_in() => "built in".to_owned(),
                    None => String::new(),
                };
                (name.clone(), trials, app.theme.text)
            }
            Err(_) => (stem(&card.file), "✗".to_owned(), app.theme.fault),
        },
        Entry::Run(card) => {
            let age = card.changed.map(|changed| when::ago(SystemTime::now(), changed));
            let (status, style) = match app.sweeps.status(&card.directory) {
                Some(Ok(status)) if status.is_running() => (status.to_string(), app.theme.good),
                Some(Ok(status)) => (status.to_string(), app.theme.text),
                Some(Err(_)) => ("✗".to_owned(), app.theme.fault),
                None => (String::new(), app.theme.text),
            };
            // The name must stay readable: how long ago gives way first.
            let name = stem(&card.directory);
            let notes: Vec<String> = [Some(status), age].into_iter().flatten().collect();
            let full = notes.iter().filter(|note| !note.is_empty()).cloned();
            let full = full.collect::<Vec<_>>().join(" · ");
            let room = usize::from(place.width).saturating_sub(name.chars().count() + 3);
            let note = match full.chars().count() <= room {
                true => full,
                false => notes.into_iter().next().unwrap_or_default(),
            };
            (name, note, style)
        }
    };
    let room = usize::from(place.width).saturating_sub(note.chars().count() + 3);
    let name: String = name.chars().take(room).collect();
    Line::from(vec![
        Span::styled(format!("  {name:<room$} "), style),
        Span::styled(note, app.theme.dim),
    ])
    .render(place, buffer);
}

fn stem(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn draw_experiment(app: &App, card: &ExperimentCard, area: Rect, buffer: &mut Buffer) {
    let inner = pane(app, &card.file.display().to_string(), area, false, buffer);
    let theme = &app.theme;
    let mut lines: Vec<Line<'_>> = Vec::new();
    if let Ok((_, Some(description))) = &card.about {
        let room = usize::from(inner.width);
        let parts = broken(description, room, DESCRIPTION).into_iter();
        lines.extend(parts.map(|part| Line::from(Span::styled(part, theme.text))));
        lines.push(Line::default());
    }
    let problem = match (&card.about, app.sweeps.plan(&card.file)) {
        (Err(problem), _) | (Ok(_), Some(PlanState::Refused(problem))) => Some(problem),
        _ => None,
    };
    if let Some(problem) = problem {
        lines.extend(problem.lines().map(|line| {
            let told = !line.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '|');
            Line::from(Span::styled(line, if told { theme.fault } else { theme.text }))
        }));
        return Paragraph::new(lines).wrap(Wrap { trim: false }).render(inner, buffer);
    }
    match app.sweeps.plan(&card.file) {
        Some(PlanState::Planned(plan)) => lines.extend(plan_lines(app, plan)),
        Some(PlanState::Planning { measuring, before }) => {
            let text = if *measuring { "measuring a step" } else { "planning" };
            lines.push(Line::from(Span::styled(text, theme.title)));
            lines.extend(before.iter().flat_map(|plan| plan_lines(app, plan)));
        }
        Some(PlanState::Refused(_)) | None => {
            let key = |action| app.keys_of(&Call::from(action));
            let text = format!(
                "{} plans it, {} runs it, {} opens it in an editor",
                key(Action::PlanSweep),
                key(Action::RunSweep),
                key(Action::EditExperiment)
            );
            lines.push(Line::from(Span::styled(text, theme.dim)));
        }
    }
    let hidden = lines.len().saturating_sub(usize::from(inner.height));
    Paragraph::new(lines).render(inner, buffer);
    if hidden > 0 {
        footer(&format!("and {hidden} more lines"), theme.dim, area, buffer);
    }
}

fn plan_lines<'a>(app: &App, plan: &'a PlanCard) -> Vec<Line<'a>> {
    let theme = &app.theme;
    let words = labels::planned(plan).into_iter();
    let mut lines: Vec<Line<'_>> =
        words.map(|(label, text)| labelled(app, label, text, theme.text)).collect();
    lines.push(Line::default());
    let header = "  run  needed   saved    what is tried";
    lines.push(Line::from(Span::styled(header, theme.dim)));
    for run in &plan.runs {
        let nfe = run.nfe;
        let number = run.number.map_or_else(|| "ref".to_owned(), |number| number.to_string());
        let needed = format!("{}+{}", nfe.cond_done, nfe.uncond_done);
        let saved = format!("{}+{}", nfe.cond_saved, nfe.uncond_saved);
        let point =
            if run.point.is_empty() { "reference".to_owned() } else { labels::point(&run.point) };
        lines.push(Line::from(vec![
            Span::styled(format!("{number:>5}  {needed:<7}  {saved:<7}  {point}"), theme.text),
            Span::styled(format!(" · {} · seed {}", run.prompt_id, run.seed), theme.dim),
        ]));
    }
    lines
}

fn draw_run(app: &App, card: &RunCard, area: Rect, buffer: &mut Buffer) {
    let inner = pane(app, &card.directory.display().to_string(), area, false, buffer);
    let followed = app.sweeps.attached.as_ref();
    let view = followed.filter(|attached| attached.directory == card.directory);
    let mut lines = Vec::new();
    if let Some(view) = view.and_then(|attached| attached.view.as_ref()) {
        lines.push(Line::from(Span::styled(labels::progress(view), app.theme.text)));
        lines.push(Line::from(Span::styled(labels::plan(view), app.theme.dim)));
        lines.push(Line::default());
    }
    let key = |action| app.keys_of(&Call::from(action));
    let mut text = format!("{} shows what it found so far", key(Action::Accept));
    match app.sweeps.status(&card.directory) {
        Some(Ok(status)) => {
            if view.is_none() {
                lines.insert(0, Line::from(Span::styled(labels::status(*status), app.theme.text)));
                lines.insert(1, Line::default());
            }
            if status.is_resumable() {
                text.push_str(&format!(
                    ", {} continues it as a process of its own",
                    key(Action::RunSweep)
                ));
            } else if status.failed > 0 && !status.is_running() {
                text.push_str(&format!("; there, {} runs the failed trials again", retry(app)));
            }
        }
        Some(Err(problem)) => {
            lines.push(Line::from(Span::styled(problem.clone(), app.theme.fault)));
        }
        None => lines.push(Line::from(Span::styled("reading", app.theme.dim))),
    }
    lines.push(Line::from(Span::styled(text, app.theme.dim)));
    Paragraph::new(lines).wrap(Wrap { trim: true }).render(inner, buffer);
}

/// The key that runs failed trials again, on the screen of a sweep.
fn retry(app: &App) -> String {
    let keys = app.keymap.keys(Context::Sweep, &Call::from(Action::RetrySweep));
    keys.first().map_or_else(|| Action::RetrySweep.to_string(), |key| key.to_string())
}
