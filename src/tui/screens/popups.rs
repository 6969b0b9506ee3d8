//! What lies over a screen until it is answered: input lines, palette, help, questions.

use super::takes;
use crate::tui::action::{Argument, Call, Group};
use crate::tui::app::{App, Choice, LineAsk, Reading, Tone};
use crate::tui::help;
use crate::tui::line::Line as Typed;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget, Wrap};

/// A box in the middle of the screen.
fn boxed(
    app: &App,
    title: &str,
    width: u16,
    height: u16,
    area: Rect,
    frame: &mut Frame<'_>,
) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let outer = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 3,
        width,
        height,
    };
    let block = Block::bordered()
        .border_style(app.theme.title)
        .title(Span::styled(format!(" {title} "), app.theme.title));
    let inner = block.inner(outer);
    Clear.render(outer, frame.buffer_mut());
    block.render(outer, frame.buffer_mut());
    inner
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

/// The input line of an action, in place of status and hints.
pub(super) fn line(app: &App, ask: &LineAsk, area: Rect, frame: &mut Frame<'_>) {
    let at = Rect { y: area.bottom() - 2, height: 1, ..area };
    Clear.render(at, frame.buffer_mut());
    let label = format!(" {} ", ask.action);
    let width = label.chars().count() as u16;
    Span::styled(label, app.theme.title).render(at, frame.buffer_mut());
    let input = Rect { x: at.x + width, width: at.width.saturating_sub(width), ..at };
    let below = Rect { y: area.bottom() - 1, height: 1, ..area };
    Clear.render(below, frame.buffer_mut());
    let (text, style) = match &ask.problem {
        Some(problem) => (problem.clone(), app.theme.fault),
        None => (takes(ask.action).to_owned(), app.theme.dim),
    };
    Line::from(Span::styled(format!(" {text}"), style)).render(below, frame.buffer_mut());
    typed(&ask.line, input, frame);
}

/// The palette.
pub(super) fn palette(app: &App, line: &Typed, chosen: usize, area: Rect, frame: &mut Frame<'_>) {
    let height = (area.height * 2 / 3).clamp(6, 24);
    let inner = boxed(app, "do", 76, height, area, frame);
    let prompt = Rect { height: 1, ..inner };
    Span::styled(": ", app.theme.title).render(prompt, frame.buffer_mut());
    typed(line, Rect { x: prompt.x + 2, width: prompt.width.saturating_sub(2), ..prompt }, frame);
    let rows = usize::from(inner.height.saturating_sub(1));
    let found = app.found(line);
    if found.is_empty() {
        let text = "enter does what is typed, such as: fill 2.5";
        let at = Rect { y: inner.y + 1, height: 1, ..inner };
        Span::styled(text, app.theme.dim).render(at, frame.buffer_mut());
    }
    let first = (chosen + 1).saturating_sub(rows);
    for (at, action) in found.iter().enumerate().skip(first).take(rows) {
        let keys = app.keys_of(&Call::from(*action));
        let mark = if action.argument() == Argument::None { "" } else { " …" };
        let name = format!("{action}{mark}");
        let row = Line::from(vec![
            Span::styled(format!(" {name:<22}"), app.theme.title),
            Span::styled(format!("{keys:<10}"), app.theme.key),
            Span::styled(action.sentence(), app.theme.text),
        ]);
        let y = inner.y + 1 + (at - first) as u16;
        let place = Rect { y, height: 1, ..inner };
        row.render(place, frame.buffer_mut());
        if at == chosen {
            frame.buffer_mut().set_style(place, app.theme.cursor);
        }
    }
}

/// The keys, from the keymap.
pub(super) fn help(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let inner = boxed(app, "keys", 78, area.height.saturating_sub(2), area, frame);
    let mut lines = Vec::new();
    for group in Group::ALL.into_iter().filter(|group| *group != Group::Printing) {
        lines.push(Line::from(Span::styled(group.title(), app.theme.title)));
        for row in help::rows(&app.keymap, group) {
            lines.push(Line::from(vec![
                Span::styled(format!("  {:<31} ", row.keys), app.theme.key),
                Span::styled(row.sentence, app.theme.text),
            ]));
        }
        lines.push(Line::default());
    }
    let most = lines.len().saturating_sub(usize::from(inner.height));
    let scroll = app.scroll.min(most) as u16;
    Paragraph::new(lines).scroll((scroll, 0)).render(inner, frame.buffer_mut());
}

/// A question.
pub(super) fn question(app: &App, text: &str, area: Rect, frame: &mut Frame<'_>) {
    let inner = boxed(app, "sure?", 60, 6, area, frame);
    Paragraph::new(format!("{text}\n\ny yes · n no"))
        .wrap(Wrap { trim: true })
        .render(inner, frame.buffer_mut());
}

/// Several ways to go on.
pub(super) fn choice(app: &App, choice: &Choice, area: Rect, frame: &mut Frame<'_>) {
    let width = 76.min(area.width);
    let about = wrapped(&choice.text, width.saturating_sub(4));
    let height = (about.len() + choice.ways.len() + 3) as u16;
    let inner = boxed(app, &choice.title, width, height, area, frame);
    let lines = about
        .iter()
        .map(|line| (line.clone(), app.theme.text))
        .chain([(String::new(), app.theme.text)]);
    let ways = choice.ways.iter().map(|(text, _)| (text.clone(), app.theme.text));
    let first_way = about.len() + 1;
    for (at, (text, style)) in lines.chain(ways).enumerate() {
        let Some(place) = line_of(inner, at) else { break };
        Span::styled(format!(" {text}"), style).render(place, frame.buffer_mut());
        if at == first_way + choice.chosen {
            frame.buffer_mut().set_style(place, app.theme.cursor);
        }
    }
}

fn line_of(area: Rect, at: usize) -> Option<Rect> {
    let y = area.y.checked_add(u16::try_from(at).ok()?)?;
    (y < area.bottom()).then_some(Rect { y, height: 1, ..area })
}

/// The box of a text to read, borders included.
fn text_size(area: Rect) -> (u16, u16) {
    (area.width.saturating_sub(2).min(112), area.height.saturating_sub(2))
}

/// Something to read, scrolled by the application's scroll.
pub(super) fn text(app: &App, reading: &Reading, area: Rect, frame: &mut Frame<'_>) {
    let (width, height) = text_size(area);
    let rows = rows_of(reading, width.saturating_sub(4));
    let outer = height.min(rows.len() as u16 + 2);
    let inner = boxed(app, &reading.title, width, outer, area, frame);
    let shown = usize::from(inner.height);
    let first = app.scroll.min(rows.len().saturating_sub(shown));
    for (at, (tone, text)) in rows.iter().skip(first).take(shown).enumerate() {
        let Some(place) = line_of(inner, at) else { break };
        let style = match tone {
            Tone::Plain => app.theme.text,
            Tone::Head => app.theme.title,
            Tone::Aside => app.theme.dim,
            Tone::Warning => app.theme.changed,
        };
        Span::styled(format!(" {text}"), style).render(place, frame.buffer_mut());
    }
    if rows.len() > shown {
        let text = format!(" {}–{} of {} lines ", first + 1, first + shown, rows.len());
        let width = text.chars().count() as u16;
        let place = Rect {
            x: inner.right().saturating_sub(width + 1).max(inner.x),
            y: inner.bottom(),
            width: width.min(inner.width),
            height: 1,
        };
        Span::styled(text, app.theme.dim).render(place, frame.buffer_mut());
    }
}

/// How far a text can be scrolled on a screen of that size.
pub(in crate::tui) fn most_scroll(reading: &Reading, area: Rect) -> usize {
    let (width, height) = text_size(area);
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

/// A line in parts of that many characters, at spaces where there are some; at least one part.
fn wrapped(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let Some((end, _)) = rest.char_indices().nth(width) else {
            parts.push(rest.to_owned());
            return parts;
        };
        let (head, _) = rest.split_at(end);
        // A space near the end; text without any, such as a workflow, is cut.
        let at = head.rfind(' ').filter(|at| *at > end / 2).map_or(end, |at| at + 1);
        let (part, next) = rest.split_at(at);
        parts.push(part.trim_end().to_owned());
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_at_spaces_or_where_they_have_to_be() {
        assert_eq!(wrapped("a red circle", 8), ["a red", "circle"]);
        assert_eq!(wrapped("aaaaaaaaaa", 4), ["aaaa", "aaaa", "aa"]);
        assert_eq!(wrapped("σσσσ", 4), ["σσσσ"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("abc", 0), ["a", "b", "c"]);
    }
}
