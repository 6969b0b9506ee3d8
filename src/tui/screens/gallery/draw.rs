//! The gallery: the runs as a list, newest first, and the one under the cursor with its picture
//! and its recipe in words.

use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::runs::seconds;
use crate::tui::screens::gallery::{GalleryRun, Kept, RunName, labels, when};
use crate::tui::screens::{Placement, centred, footer, inside, list_rows, pane};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use sigmalab_schedule::edit::Column;

/// Which of the pictures of all screens this one's is.
const SLOT: usize = 3;

/// The parts of the screen, borders included. Empty ones are not drawn.
struct Parts {
    list: Rect,
    picture: Rect,
    about: Rect,
}

fn parts(app: &App, area: Rect) -> Parts {
    if app.gallery.zoomed {
        return Parts { list: Rect::ZERO, picture: area, about: Rect::ZERO };
    }
    let about = match area.height {
        0..14 => 0,
        14..30 => 9,
        _ => 12,
    };
    // What is said of a run needs a whole narrow screen, and half a wide one.
    let narrow = area.width < 100;
    let above = area.height - about;
    let (width, list_height) = match narrow {
        true => (area.width * 3 / 5, above),
        false => ((area.width * 9 / 20).min(64), area.height),
    };
    let list = Rect { width, height: list_height, ..area };
    let right = Rect { x: area.x + width, width: area.width - width, ..area };
    let picture = Rect { height: above, ..right };
    let below = if narrow { area } else { right };
    Parts { list, picture, about: Rect { y: picture.bottom(), height: about, ..below } }
}

/// The picture of the run under the cursor.
pub(in crate::tui) fn pictures(app: &App, area: Rect) -> Vec<Placement> {
    let area = inside(parts(app, area).picture);
    let Some(image) = app.gallery.picture().filter(|_| !area.is_empty()) else {
        return Vec::new();
    };
    vec![Placement { slot: SLOT, image, area }]
}

pub(in crate::tui) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let parts = parts(app, area);
    draw_picture(app, parts.picture, buffer);
    if !parts.list.is_empty() {
        draw_list(app, parts.list, buffer);
    }
    if !parts.about.is_empty() {
        draw_about(app, parts.about, buffer);
    }
}

fn draw_list(app: &App, area: Rect, buffer: &mut Buffer) {
    let gallery = &app.gallery;
    let count = gallery.len();
    let mut title = match (gallery.words(), count) {
        ("", 1) => "gallery · 1 run".to_owned(),
        ("", count) => format!("gallery · {count} runs"),
        (words, count) => format!("gallery · {} of {count} · {words}", gallery.shown_len()),
    };
    if gallery.is_listing() {
        title.push_str(" · reading");
    }
    let inner = pane(app, &title, area, true, buffer);
    if inner.is_empty() {
        return;
    }
    let header = format!("{:>4}  {:<9} what changed", "run", "age");
    Span::styled(header, app.theme.dim).render(Rect { height: 1, ..inner }, buffer);
    let places: Vec<(usize, Rect)> = rows(app, area).collect();
    for ((at, place), (run, before)) in
        places.iter().zip(gallery.shown().skip(places.first().map_or(0, |(at, _)| *at)))
    {
        row(app, run, before, *place, buffer);
        if *at == gallery.cursor() {
            buffer.set_style(*place, app.theme.cursor);
        }
    }
    if gallery.shown_len() > places.len() {
        footer(
            &format!("{} of {}", gallery.cursor() + 1, gallery.shown_len()),
            app.theme.dim,
            area,
            buffer,
        );
    }
}

/// The runs in view, by their place in the list, and where each is; `area` has a border.
fn rows(app: &App, area: Rect) -> impl Iterator<Item = (usize, Rect)> {
    let (inner, count) = (inside(area), app.gallery.shown_len());
    let rows = usize::from(inner.height.saturating_sub(1));
    list_rows(
        first_row(app.gallery.cursor(), rows, count),
        rows,
        count,
        Rect { y: inner.y + 1, ..inner },
    )
}

/// The runs in view on a screen of that size, for the mouse.
pub(in crate::tui) fn rows_on_screen(app: &App, area: Rect) -> impl Iterator<Item = (usize, Rect)> {
    rows(app, parts(app, area).list)
}

/// The first row in view: the cursor's stays in the middle where the list is longer than the view.
pub(in crate::tui) fn first_row(cursor: usize, rows: usize, count: usize) -> usize {
    cursor.saturating_sub(rows / 2).min(count.saturating_sub(rows))
}

fn row(app: &App, run: &GalleryRun, before: Option<&GalleryRun>, place: Rect, buffer: &mut Buffer) {
    let theme = &app.theme;
    let number = match &run.name {
        RunName::Session(number) => number.to_string(),
        RunName::Earlier(_) => String::new(),
    };
    let pinned = app.runs.pinned.as_ref().is_some_and(|pinned| run.is(pinned));
    let mark = match (&run.kept, pinned) {
        (_, true) => Span::styled("A", theme.changed),
        (Kept::Not(_), false) => Span::styled("✗", theme.fault),
        _ => Span::raw(" "),
    };
    let what = match before {
        Some(before) => labels::change(&before.recipe, &run.recipe),
        None => labels::first(&run.recipe),
    };
    let age = when::age(app.gallery.now, run.finished);
    Line::from(vec![
        mark,
        Span::styled(format!("{number:>3}  "), theme.title),
        Span::styled(format!("{age:<9} "), theme.dim),
        Span::styled(what, theme.text),
    ])
    .render(place, buffer);
}

fn draw_picture(app: &App, area: Rect, buffer: &mut Buffer) {
    let gallery = &app.gallery;
    let Some(run) = gallery.selected() else {
        let inner = pane(app, "picture", area, false, buffer);
        let text = match (gallery.is_listing(), gallery.words()) {
            (true, _) => "reading the history".to_owned(),
            (false, "") => format!("no run yet: {} draws one", app.key_of(Action::Run)),
            (false, words) => format!("no run matches {words}"),
        };
        return centred(app, &text, inner, buffer);
    };
    let inner = pane(app, &run.title(), area, false, buffer);
    if gallery.picture().is_none() {
        let text = match (&run.problem, &run.kept) {
            (Some(problem), _) => problem.clone(),
            (None, Kept::Not(problem)) => format!("its picture could not be kept: {problem}"),
            (None, _) => "reading".to_owned(),
        };
        centred(app, &text, inner, buffer);
    }
    let room = usize::from(area.width).saturating_sub(4);
    footer(&shortened(run.summary(), room), app.theme.dim, area, buffer);
}

/// A summary in so many columns: its first parts, which are said elsewhere too, give way.
fn shortened(mut summary: String, room: usize) -> String {
    while summary.chars().count() > room
        && let Some((_, rest)) = summary.split_once(" · ")
    {
        summary = rest.to_owned();
    }
    summary
}

fn draw_about(app: &App, area: Rect, buffer: &mut Buffer) {
    let inner = pane(app, "recipe", area, false, buffer);
    let Some(run) = app.gallery.selected() else { return };
    let room = inner.width.saturating_sub(LABEL);
    let mut y = inner.y;
    for (label, text) in about(app, run) {
        // A value too long for its line goes on below. A prompt may be as long as a page: what
        // follows has its room first.
        let left = inner.bottom() - y;
        let most = if label == PROMPT { left.saturating_sub(6).max(1) } else { left };
        let lines = broken(&text, usize::from(room), usize::from(most));
        for (at, line) in lines.into_iter().enumerate() {
            if y >= inner.bottom() {
                return;
            }
            let label = if at == 0 { label } else { "" };
            let line = Line::from(vec![
                Span::styled(format!("{label:<0$}", usize::from(LABEL)), app.theme.dim),
                Span::styled(line, app.theme.text),
            ]);
            line.render(Rect { y, height: 1, ..inner }, buffer);
            y += 1;
        }
    }
}

/// The label of the prompt.
const PROMPT: &str = "prompt";

/// Columns of a label and the blank after it.
const LABEL: u16 = 9;

/// The first `most` lines of a text that is broken between words at `width` columns; a word that
/// is longer than a line, such as a path, is broken where the line ends.
pub(in crate::tui) fn broken(text: &str, width: usize, most: usize) -> Vec<String> {
    let wide = |text: &str| Span::raw(text).width();
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        if used > 0 && used + 1 + wide(word) <= width {
            line.push(' ');
            used += 1;
        } else if used > 0 {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        for c in word.chars() {
            let columns = wide(c.encode_utf8(&mut [0; 4]));
            if used > 0 && used + columns > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += columns;
        }
        if lines.len() >= most {
            break;
        }
    }
    lines.push(line);
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            while !last.is_empty() && wide(last) >= width {
                last.pop();
            }
            last.push('…');
        }
    }
    lines
}

/// What is said of a run, the most telling first.
fn about(app: &App, run: &GalleryRun) -> Vec<(&'static str, String)> {
    let recipe = &run.recipe;
    let column = |column| labels::column(recipe, column);
    let kept = match &run.kept {
        Kept::As { picture, .. } => picture.display().to_string(),
        Kept::Writing => "being written".to_owned(),
        Kept::Not(problem) => format!("not in the history: {problem}"),
    };
    let ago = when::ago(app.gallery.now, run.finished);
    let timings = &run.timings;
    let parts = [
        ("loading", timings.load_ms),
        ("prompt", timings.encode_ms),
        ("steps", timings.denoise_ms),
        ("decoding", timings.decode_ms),
    ];
    // What took no time was there already.
    let parts = parts.iter().filter(|(_, ms)| *ms >= 0.5);
    let took: String = parts.map(|(what, ms)| format!(" · {what} {}", seconds(ms / 1e3))).collect();
    let (mu, std) = (column(Column::Mu), column(Column::Std));
    let mut steps = labels::steps(recipe);
    // Most schedules have one mu and one std.
    let same = !mu.contains(' ') && !std.contains(' ');
    if same {
        steps.push_str(&format!(" · mu {mu} · std {std}"));
    }
    let (mu, std) = if same { Default::default() } else { (mu, std) };
    let said = [
        (PROMPT, recipe.prompt.clone()),
        // What went wrong is not to be missed.
        ("kept", if matches!(run.kept, Kept::Not(_)) { kept.clone() } else { String::new() }),
        ("steps", steps),
        ("gw", column(Column::Gw)),
        ("mu", mu),
        ("std", std),
        ("drawn", labels::drawn(recipe)),
        ("picture", run.metrics.as_ref().map(labels::metrics).unwrap_or_default()),
        ("ended", format!("{ago} · {}{took}", when::date(run.finished))),
        ("file", if matches!(run.kept, Kept::Not(_)) { String::new() } else { kept }),
    ];
    said.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_long_words_where_the_line_ends() {
        assert_eq!(broken("a red circle on blue", 12, 9), ["a red circle", "on blue"]);
        assert_eq!(broken("see /home/me/pictures", 8, 9), ["see", "/home/me", "/picture", "s"]);
        assert_eq!(broken("a red circle", 5, 1), ["a re…"]);
        assert_eq!(broken("a red circle", 9, 1), ["a red…"]);
        assert_eq!(broken("", 5, 3), [""]);
        assert_eq!(broken("円円円", 4, 9), ["円円", "円"]);
    }

    #[test]
    fn a_summary_that_is_too_long_loses_its_first_parts() {
        let summary = "48 steps · 47 from cache · NFE 0+0, 96 saved · 1.4 s".to_owned();
        assert_eq!(shortened(summary.clone(), 60), summary);
        assert_eq!(shortened(summary, 44), "47 from cache · NFE 0+0, 96 saved · 1.4 s");
    }

    #[test]
    fn the_cursor_stays_in_the_middle_of_a_long_list() {
        assert_eq!([0, 3, 10, 99].map(|cursor| first_row(cursor, 9, 100)), [0, 0, 6, 91]);
        assert_eq!(first_row(4, 9, 5), 0);
    }
}
