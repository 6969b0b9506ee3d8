//! What lies over a screen until it is answered: input lines, palette, help, questions.

use crate::tui::action::{Action, Argument, Call, Group};
use crate::tui::app::{App, Choice, LineAsk, Reading, Tone, how_found};
use crate::tui::help;
use crate::tui::line::Line as Typed;
use crate::tui::other_words::advice;
use crate::tui::screens::wrapping::wrapped;
use crate::tui::screens::{footer, inside, takes};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget, Wrap};

/// The place of a box in the middle of the screen.
fn middle(width: u16, height: u16, area: Rect) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 3,
        width,
        height,
    }
}

/// Draws a box; what is inside it.
fn boxed(app: &App, title: &str, outer: Rect, frame: &mut Frame<'_>) -> Rect {
    let block = Block::bordered()
        .border_style(app.theme.title)
        .title(Span::styled(format!(" {title} "), app.theme.title));
    Clear.render(outer, frame.buffer_mut());
    block.render(outer, frame.buffer_mut());
    inside(outer)
}

pub(super) fn palette_area(area: Rect) -> Rect {
    middle(area.width.saturating_sub(4).clamp(40, 110), (area.height * 2 / 3).clamp(6, 24), area)
}

/// Where the keys are.
pub(super) fn help_area(area: Rect) -> Rect {
    middle(area.width.saturating_sub(2).min(118), area.height.saturating_sub(2), area)
}

pub(super) fn question_area(area: Rect) -> Rect {
    middle(60, 6, area)
}

/// The rows of the palette in view: number, action, place.
pub(super) fn palette_rows(
    app: &App,
    line: &Typed,
    chosen: usize,
    area: Rect,
) -> Vec<(usize, Action, Rect)> {
    let inner = inside(palette_area(area));
    let rows = usize::from(inner.height.saturating_sub(1));
    let first = (chosen + 1).saturating_sub(rows);
    let found = app.found(line);
    let places = (inner.y + 1..inner.bottom()).map(|y| Rect { y, height: 1, ..inner });
    let shown = found.into_iter().enumerate().skip(first).zip(places);
    shown.map(|((at, action), place)| (at, action, place)).collect()
}

/// A line that is typed, its end in view, and the terminal's cursor in it.
fn typed(line: &Typed, area: Rect, frame: &mut Frame<'_>) {
    let (before, after) = line.split();
    let room = usize::from(area.width.saturating_sub(1));
    let length = Span::raw(before.as_str()).width();
    // The left end gives way.
    let mut skipped = before.chars();
    while Span::raw(skipped.as_str()).width() > room {
        skipped.next();
    }
    let shown = format!("{}{after}", skipped.as_str());
    Line::from(shown).render(area, frame.buffer_mut());
    let x = area.x + length.min(room) as u16;
    frame.set_cursor_position(Position { x, y: area.y });
}

/// Where an input line is: in place of status and hints.
pub(super) fn line_area(area: Rect) -> Rect {
    let height = area.height.min(2);
    Rect { y: area.bottom() - height, height, ..area }
}

/// The input line of an action.
pub(super) fn line(app: &App, ask: &LineAsk, area: Rect, frame: &mut Frame<'_>) {
    let at = Rect { height: 1, ..line_area(area) };
    Clear.render(at, frame.buffer_mut());
    let label = match (&ask.preset, ask.before.as_str()) {
        (Some(preset), _) => format!(" {} {preset} → ", ask.action),
        (None, "") => format!(" {} ", ask.action),
        (None, before) => format!(" {} {before}", ask.action),
    };
    let width = label.chars().count() as u16;
    Span::styled(label, app.theme.title).render(at, frame.buffer_mut());
    let input = Rect { x: at.x + width, width: at.width.saturating_sub(width), ..at };
    // The hints stay below a value.
    if !ask.is_value() {
        let below = Rect { y: at.bottom(), ..at };
        Clear.render(below, frame.buffer_mut());
        let (text, style) = match &ask.problem {
            Some(problem) => (problem.clone(), app.theme.fault),
            None => {
                let swept = app.swept_in_grid().filter(|_| ask.action == Action::WriteExperiment);
                let columns = app.columns_to_type(ask);
                let takes = match (swept, columns) {
                    (Some(path), _) => format!("{path}: {}", takes(ask.action)),
                    (_, Some(columns)) if columns.is_empty() => {
                        "no column begins like that".to_owned()
                    }
                    (_, Some(columns)) => format!("tab completes: {}", columns.join(" ")),
                    _ => ask.hint.clone().unwrap_or_else(|| takes(ask.action).to_owned()),
                };
                (takes, app.theme.dim)
            }
        };
        Line::from(Span::styled(format!(" {text}"), style)).render(below, frame.buffer_mut());
    }
    typed(&ask.line, input, frame);
    // Typing replaces what is marked.
    if ask.fresh {
        let length = Span::raw(ask.line.text()).width().min(usize::from(input.width)) as u16;
        frame.buffer_mut().set_style(Rect { width: length, ..input }, app.theme.selection);
    }
}

pub(super) fn palette(app: &App, line: &Typed, chosen: usize, area: Rect, frame: &mut Frame<'_>) {
    let inner = boxed(app, "do", palette_area(area), frame);
    let prompt = Rect { height: 1, ..inner };
    Span::styled(": ", app.theme.title).render(prompt, frame.buffer_mut());
    typed(line, Rect { x: prompt.x + 2, width: prompt.width.saturating_sub(2), ..prompt }, frame);
    let rows = palette_rows(app, line, chosen, area);
    if rows.is_empty() {
        let typed = line.text();
        let is_call = typed.trim().contains(' ') && typed.parse::<Call>().is_ok();
        let text = match is_call {
            true => "enter does what is typed".to_owned(),
            false => nothing_found(&typed),
        };
        let at = Rect { y: inner.y + 1, height: 1, ..inner };
        Span::styled(text, app.theme.dim).render(at, frame.buffer_mut());
    }
    for (at, action, place) in rows {
        let keys = app.keys_of(&Call::from(action));
        let mark = if action.argument() == Argument::None { "" } else { " …" };
        let name = format!("{action}{mark}");
        let row = Line::from(vec![
            Span::styled(format!(" {name:<22}"), app.theme.title),
            Span::styled(format!("{keys:<13} "), app.theme.key),
            Span::styled(action.sentence(), app.theme.text),
        ]);
        row.render(place, frame.buffer_mut());
        if at == chosen {
            frame.buffer_mut().set_style(place, app.theme.cursor);
        }
    }
}

/// Columns of keys in the help.
const KEYS: usize = 24;

/// The lines of the help: what this screen has first, then everything by what it is about, as far
/// as the words that are typed find it.
fn help_lines(app: &App, typed: &Typed, width: u16) -> Vec<Line<'static>> {
    let text = typed.text().to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let here = app.screen.context();
    let own = Action::ALL.iter().filter_map(|&action| {
        let keys: Vec<String> = app
            .keymap
            .bindings()
            .iter()
            .filter(|b| b.context == here && b.call == Call::from(action))
            .map(|b| b.key.to_string())
            .collect();
        (!keys.is_empty()).then(|| (keys.join(" "), action.name(), action.sentence(), action))
    });
    let mut groups = vec![(format!("On this screen · {here}"), own.collect::<Vec<_>>())];
    for group in Group::ALL.into_iter().filter(|group| *group != Group::Printing) {
        let rows = help::rows(&app.keymap, group);
        let actions = Action::ALL.iter().copied().filter(|action| action.group() == group);
        let rows = rows.into_iter().zip(actions);
        let rows = rows.map(|(row, action)| (row.keys, row.name, row.sentence, action));
        groups.push((group.title().to_owned(), rows.collect()));
    }
    let room = usize::from(width).saturating_sub(KEYS + 3).max(12);
    let mut lines = Vec::new();
    for (title, rows) in groups {
        let found = |keys: &str, action: Action| {
            let is_key = words.len() == 1 && keys.split(' ').any(|key| key.to_lowercase() == text);
            is_key || how_found(action, &words).is_some()
        };
        let rows: Vec<_> = rows.into_iter().filter(|(keys, .., a)| found(keys, *a)).collect();
        if rows.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::from(Span::styled(title, app.theme.title)));
        for (keys, name, sentence, _) in rows {
            // What has no key is done by its name.
            let keys = if keys.is_empty() { format!(":{name}") } else { keys };
            let keys = wrapped(&keys, KEYS as u16);
            let sentence = wrapped(sentence, u16::try_from(room).unwrap_or(u16::MAX));
            for at in 0..keys.len().max(sentence.len()) {
                let part = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
                lines.push(Line::from(vec![
                    Span::styled(format!("  {:<KEYS$} ", part(&keys)), app.theme.key),
                    Span::styled(part(&sentence), app.theme.text),
                ]));
            }
        }
    }
    if lines.is_empty() {
        lines.push(Line::from(Span::styled(nothing_found(&text), app.theme.dim)));
    }
    lines
}

/// What to say where no action is found.
fn nothing_found(text: &str) -> String {
    match advice(text) {
        Some(advice) => format!(" {advice}"),
        None => format!(" nothing found for `{}`", text.trim()),
    }
}

/// Lines that the help can be scrolled down by.
pub(in crate::tui) fn most_help(app: &App, typed: &Typed, area: Rect) -> usize {
    let inner = inside(help_area(area));
    let rows = usize::from(inner.height.saturating_sub(1));
    help_lines(app, typed, inner.width).len().saturating_sub(rows)
}

/// The keys, from the keymap.
pub(super) fn help(app: &App, line: &Typed, area: Rect, frame: &mut Frame<'_>) {
    let outer = help_area(area);
    let inner = boxed(app, "keys · type to find, arrows scroll", outer, frame);
    let prompt = Rect { height: 1, ..inner };
    Span::styled(" / ", app.theme.title).render(prompt, frame.buffer_mut());
    typed(line, Rect { x: prompt.x + 3, width: prompt.width.saturating_sub(3), ..prompt }, frame);
    let below = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let lines = help_lines(app, line, inner.width);
    let shown = usize::from(below.height);
    let first = app.scroll.min(lines.len().saturating_sub(shown));
    let all = lines.len();
    let lines: Vec<Line<'_>> = lines.into_iter().skip(first).take(shown).collect();
    Paragraph::new(lines).render(below, frame.buffer_mut());
    if all > shown {
        let text = format!("{}–{} of {all} lines", first + 1, first + shown);
        footer(&text, app.theme.dim, outer, frame.buffer_mut());
    }
}

pub(super) fn question(app: &App, text: &str, area: Rect, frame: &mut Frame<'_>) {
    let inner = boxed(app, "please confirm", question_area(area), frame);
    Paragraph::new(format!("{text}\n\ny yes · n no"))
        .wrap(Wrap { trim: true })
        .render(inner, frame.buffer_mut());
}

/// What a choice is about, as it fits.
fn choice_text(choice: &Choice, area: Rect) -> Vec<String> {
    wrapped(&choice.text, CHOICE.min(area.width).saturating_sub(4))
}

/// Columns of a choice, borders included.
const CHOICE: u16 = 76;

pub(super) fn choice_area(choice: &Choice, area: Rect) -> Rect {
    let lines = choice_text(choice, area).len() + choice.ways.len() + 3;
    middle(CHOICE, u16::try_from(lines).unwrap_or(u16::MAX), area)
}

/// The ways of a choice in view: number, place.
pub(super) fn choice_rows(choice: &Choice, area: Rect) -> impl Iterator<Item = (usize, Rect)> {
    let inner = inside(choice_area(choice, area));
    let above = choice_text(choice, area).len() + 1;
    lines_of(inner).skip(above).take(choice.ways.len()).enumerate()
}

fn lines_of(area: Rect) -> impl Iterator<Item = Rect> {
    (area.y..area.bottom()).map(move |y| Rect { y, height: 1, ..area })
}

/// Several ways to go on.
pub(super) fn choice(app: &App, choice: &Choice, area: Rect, frame: &mut Frame<'_>) {
    let inner = boxed(app, &choice.title, choice_area(choice, area), frame);
    let buffer = frame.buffer_mut();
    let put = |text: &str, place: Rect, buffer: &mut Buffer| {
        Span::styled(format!(" {text}"), app.theme.text).render(place, buffer);
    };
    for (text, place) in choice_text(choice, area).iter().zip(lines_of(inner)) {
        put(text, place, buffer);
    }
    for ((text, _), (at, place)) in choice.ways.iter().zip(choice_rows(choice, area)) {
        put(text, place, buffer);
        if at == choice.chosen {
            buffer.set_style(place, app.theme.cursor);
        }
    }
}

/// The largest box of a text to read: columns and rows, borders included.
fn text_room(area: Rect) -> (u16, u16) {
    (area.width.saturating_sub(2).min(112), area.height.saturating_sub(2))
}

pub(super) fn text_area(reading: &Reading, area: Rect) -> Rect {
    let (width, height) = text_room(area);
    let rows = rows_of(reading, width.saturating_sub(4)).len() + 2;
    middle(width, u16::try_from(rows).unwrap_or(u16::MAX).min(height), area)
}

/// Something to read, scrolled by the application's scroll.
pub(super) fn text(app: &App, reading: &Reading, area: Rect, frame: &mut Frame<'_>) {
    let outer = text_area(reading, area);
    let rows = rows_of(reading, outer.width.saturating_sub(4));
    let inner = boxed(app, &reading.title, outer, frame);
    let shown = usize::from(inner.height);
    let first = app.scroll.min(rows.len().saturating_sub(shown));
    for ((tone, text), place) in rows.iter().skip(first).zip(lines_of(inner)) {
        let style = match tone {
            Tone::Plain => app.theme.text,
            Tone::Head => app.theme.title,
            Tone::Aside => app.theme.dim,
            Tone::Warning => app.theme.changed,
        };
        Span::styled(format!(" {text}"), style).render(place, frame.buffer_mut());
    }
    if rows.len() > shown {
        let text = format!("{}–{} of {} lines", first + 1, first + shown, rows.len());
        footer(&text, app.theme.dim, outer, frame.buffer_mut());
    }
}

/// How far a text can be scrolled on a screen of that size.
pub(in crate::tui) fn most_scroll(reading: &Reading, area: Rect) -> usize {
    let (width, height) = text_room(area);
    let rows = rows_of(reading, width.saturating_sub(4)).len();
    rows.saturating_sub(usize::from(height.saturating_sub(2)))
}

/// The lines of a text as they fit.
fn rows_of(reading: &Reading, width: u16) -> Vec<(Tone, String)> {
    let lines = reading.lines.iter();
    lines
        .flat_map(|(tone, text)| wrapped(text, width).into_iter().map(|row| (*tone, row)))
        .collect()
}
