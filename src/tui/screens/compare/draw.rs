//! A and B: their images, the numbers between them, and their schedules beside each other.

use crate::tui::app::App;
use crate::tui::runs::{Finished, proxy_notes};
use crate::tui::screens::compare::side_by_side::{self, Compared, Row};
use crate::tui::screens::compare::{Images, View, summary};
use crate::tui::screens::gallery::labels;
use crate::tui::screens::{Placement, curves, editor, footer, inside, longest, pane};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use sigmalab_image::RgbImage;
use sigmalab_metrics::colour_map;
use sigmalab_terminal::capabilities::CellPixels;
use sigmalab_terminal::colours::ColourDepth;
use sigmalab_terminal::picture::fit;
use std::sync::Arc;

/// Columns that the table needs for everything: the step and four pairs.
const TABLE: u16 = 6 + 2 * (7 + 8 + 7 + 9);

/// The fewest columns beside a large picture that hold anything of the table.
const NARROW: u16 = 34;

/// The fewest columns that curves are worth drawing in.
const CURVES: u16 = 28;

/// And the fewest rows.
const CURVES_HEIGHT: u16 = 8;

/// What a pane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    A,
    B,
    Difference,
}

/// The panes with images, and where the rest goes; borders included.
struct Parts {
    images: Vec<(Shows, Rect)>,
    rest: Rect,
}

fn parts(app: &App, area: Rect) -> Parts {
    let comparing = &app.comparing;
    let flipped = if comparing.shows_b { Shows::B } else { Shows::A };
    let shown: &[Shows] = match comparing.view {
        View::Beside => &[Shows::A, Shows::B],
        View::Difference => &[Shows::A, Shows::Difference, Shows::B],
        View::Flip => return flip_parts(app, flipped, area),
    };
    let height = area.height * 3 / 5;
    let count = shown.len() as u16;
    let edge = |at: u16| area.x + (u32::from(area.width) * u32::from(at) / u32::from(count)) as u16;
    let images = shown.iter().zip(0..count).map(|(&shows, at)| {
        let x = edge(at);
        (shows, Rect { x, width: edge(at + 1) - x, height, ..area })
    });
    let rest = Rect { y: area.y + height, height: area.height - height, ..area };
    Parts { images: images.collect(), rest }
}

/// One picture as large as it can be: the rest beside it where there is room, else below.
fn flip_parts(app: &App, shows: Shows, area: Rect) -> Parts {
    let sizes = app.runs.pair().into_iter().flat_map(|(a, b)| [&a.image, &b.image]);
    let needed = |image: &Arc<RgbImage>| {
        fit(image.width, image.height, inside(area), CellPixels::DEFAULT).width + 2
    };
    // The same for both, so that nothing but the picture changes.
    let width = sizes.map(needed).max().unwrap_or(area.width);
    if area.width.saturating_sub(width) >= NARROW {
        let picture = Rect { width, ..area };
        let rest = Rect { x: area.x + width, width: area.width - width, ..area };
        return Parts { images: vec![(shows, picture)], rest };
    }
    let below = 7.min(area.height / 2);
    let picture = Rect { height: area.height - below, ..area };
    let rest = Rect { y: picture.bottom(), height: below, ..area };
    Parts { images: vec![(shows, picture)], rest }
}

/// Whether a picture that a click flips is at a place.
pub(in crate::tui) fn is_flip_at(app: &App, area: Rect, at: (u16, u16)) -> bool {
    let images = parts(app, area).images;
    app.comparing.view == View::Flip
        && images.iter().any(|(_, area)| area.contains(Position::from(at)))
}

/// The images of the view.
pub(in crate::tui) fn pictures(app: &App, area: Rect) -> Vec<Placement> {
    let Some((a, b)) = app.runs.pair() else { return Vec::new() };
    let heat = || {
        let images = app.comparison()?.images.as_ref().ok()?;
        Some(images.heat.clone())
    };
    let placed = parts(app, area).images.into_iter().filter_map(|(shows, area)| {
        // A picture has its own slot; where the two are seen by turns, they share one.
        let (slot, image) = match shows {
            Shows::A => (1, a.image.clone()),
            Shows::B if app.comparing.view == View::Flip => (1, b.image.clone()),
            Shows::B => (2, b.image.clone()),
            Shows::Difference => (3, heat()?),
        };
        let area = inside(area);
        (!area.is_empty()).then_some(Placement { slot, image, area })
    });
    placed.collect()
}

pub(in crate::tui) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let Parts { images, rest } = parts(app, area);
    let Some((a, b)) = app.runs.pair() else {
        let inner = pane(app, "A and B", area, true, buffer);
        let text = "nothing is pinned: run, pin it as A, and run something else";
        Line::from(Span::styled(text, app.theme.dim)).render(inner, buffer);
        return;
    };
    for (shows, area) in images {
        match shows {
            Shows::A => draw_run(app, ("A", a), b, area, buffer),
            Shows::B => draw_run(app, ("B", b), a, area, buffer),
            Shows::Difference => draw_difference(app, area, buffer),
        }
    }
    draw_rest(app, a, b, rest, buffer);
}

fn draw_run(
    app: &App,
    (letter, run): (&str, &Finished),
    other: &Finished,
    area: Rect,
    buffer: &mut Buffer,
) {
    let own = labels::own(&run.recipe, &other.recipe);
    // What tells the two apart is worth more than a name that both have.
    let first = |count: usize| own.get(..count).unwrap_or_default().join(" · ");
    let whole = match (&run.recipe.preset, own.len()) {
        (_, 0) => format!("{letter} · {}", run.name()),
        (Some(preset), count) => format!("{letter} · {preset} · {}", first(count)),
        (None, count) => format!("{letter} · {}", first(count)),
    };
    let notes = proxy_notes(&run.recipe);
    let noted = notes.iter().map(|note| format!("{whole} · {note}"));
    let fewer = || (1..=own.len()).rev().map(&first);
    let named = run.recipe.preset.iter();
    let named = named.flat_map(|name| fewer().map(move |own| format!("{letter} · {name} · {own}")));
    let bare = fewer().map(|own| format!("{letter} · {own}"));
    let titles: Vec<String> = noted.chain([whole.clone()]).chain(named).chain(bare).collect();
    // Where one is seen at a time, which one is what matters.
    let flipped = app.comparing.view == View::Flip;
    pane(app, longest(&titles, area), area, flipped, buffer);
    // How long both took stands together, below.
    footer(longest(&run.costs(), area), app.theme.dim, area, buffer);
}

fn draw_difference(app: &App, area: Rect, buffer: &mut Buffer) {
    let titles = ["difference · |A − B| per pixel", "|A − B| per pixel", "|A − B|"];
    let titles = titles.map(str::to_owned);
    editor::draw::frame(app, longest(&titles, area), area, buffer);
    let nothing = match app.comparison().map(|comparison| &comparison.images) {
        Some(Ok(images)) => {
            draw_scale(app, images, area, buffer);
            return;
        }
        Some(Err(_)) => "the images are of two sizes",
        None if app.runs.is_one() => "A and B are the same run",
        None => "comparing …",
    };
    let inner = inside(area);
    let at = Rect { y: inner.y + inner.height / 2, height: inner.height.min(1), ..inner };
    Line::from(Span::styled(nothing, app.theme.dim)).centered().render(at, buffer);
}

/// The scale of the difference image in its lower border: `0 ▒▒▒▒ 64 of 255 · inferno`.
fn draw_scale(app: &App, images: &Images, area: Rect, buffer: &mut Buffer) {
    const CELLS: u16 = 8;
    let theme = &app.theme;
    let room = area.width.saturating_sub(4);
    let ends = [
        format!(" {} of 255 · {} ", images.brightest, colour_map::NAME),
        format!(" {} of 255 ", images.brightest),
        format!(" {} ", images.brightest),
    ];
    let fits = |end: &&String| CELLS + 3 + end.chars().count() as u16 <= room;
    let Some(end) = ends.iter().find(fits) else { return };
    let mut spans = vec![Span::styled(" 0 ", theme.dim)];
    spans.extend((0..CELLS).map(|cell| {
        let part = (f64::from(cell) + 0.5) / f64::from(CELLS);
        let [r, g, b] = colour_map::colour(part);
        match theme.colours {
            // Without colours the picture is made of shades too.
            ColourDepth::None => {
                let shade = ["░", "▒", "▓", "█"].get((part * 4.0) as usize).unwrap_or(&"█");
                Span::styled(*shade, theme.text)
            }
            depth => Span::styled("█", Style::new().fg(depth.fit(Color::Rgb(r, g, b)))),
        }
    }));
    spans.push(Span::styled(end.as_str(), theme.dim));
    let at = Rect { x: area.x + 2, y: area.bottom().saturating_sub(1), width: room, height: 1 };
    Line::from(spans).render(at, buffer);
}

/// What is below or beside the images: numbers, settings that differ, the table, and curves.
struct Rest {
    numbers: Vec<String>,
    /// Settings above the header of the table; those that have no room there scroll with it.
    settings: Vec<String>,
    scrolled: Vec<String>,
    table: Vec<Row>,
    header: Rect,
    rows: Rect,
    curves: Option<Rect>,
}

impl Rest {
    /// Lines of the table, in view or not.
    fn lines(&self) -> usize {
        self.scrolled.len() + self.table.len()
    }
}

fn rest(app: &App, a: &Finished, b: &Finished, area: Rect) -> Rest {
    let inner = inside(area);
    let mut numbers = summary::flow(summary::numbers(app, a, b), usize::from(inner.width));
    numbers.truncate(usize::from(inner.height).saturating_sub(2).clamp(1, 6));
    let mut settings = summary::settings(a, b);
    let left = inner.height.saturating_sub(numbers.len() as u16);
    let above = usize::from(left.saturating_sub(5)).max(1).min(settings.len());
    let scrolled = settings.split_off(above);
    let [first, second] = [a, b].map(|run| side_by_side::schedule(&run.recipe));
    let table = side_by_side::rows(&first, &second, !app.comparing.unfolded);

    let used = (numbers.len() + settings.len()) as u16;
    let below = Rect { y: inner.y + used, height: inner.height.saturating_sub(used), ..inner }
        .intersection(inner);
    let lines = u16::try_from(scrolled.len() + table.len()).unwrap_or(u16::MAX).saturating_add(1);
    // The curves beside the table, else in what it leaves free.
    let (table_area, curves) = if below.width >= TABLE + CURVES {
        let x = below.x + TABLE + 1;
        let curves = Rect { x, width: below.right() - x, ..below };
        (Rect { width: TABLE, ..below }, Some(curves))
    } else if below.width >= CURVES && below.height >= lines.saturating_add(CURVES_HEIGHT) {
        let height = (below.height - lines).min(2 * CURVES_HEIGHT);
        let curves = Rect { y: below.bottom() - height, height, ..below };
        (Rect { height: below.height - height, ..below }, Some(curves))
    } else {
        (below, None)
    };
    let header = Rect { height: table_area.height.min(1), ..table_area };
    let height = table_area.height - header.height;
    let rows = Rect { y: header.bottom(), height, ..table_area };
    Rest { numbers, settings, scrolled, table, header, rows, curves }
}

/// Lines that the table can be scrolled down by.
pub(in crate::tui) fn most_scroll(app: &App) -> usize {
    let Some((a, b)) = app.runs.pair() else { return 0 };
    let rest = rest(app, a, b, parts(app, crate::tui::screens::body(app.area())).rest);
    rest.lines().saturating_sub(usize::from(rest.rows.height))
}

fn draw_rest(app: &App, a: &Finished, b: &Finished, area: Rect, buffer: &mut Buffer) {
    let theme = &app.theme;
    let rest = rest(app, a, b, area);
    let title = match rest.curves {
        Some(_) => "A and B · curves of B, those of A dim",
        None => "A and B",
    };
    pane(app, title, area, true, buffer);
    let inner = inside(area);
    let numbers = rest.numbers.iter().map(|text| (text, theme.title));
    let settings = rest.settings.iter().map(|text| (text, theme.text));
    for ((text, style), y) in numbers.chain(settings).zip(inner.y..inner.bottom()) {
        let line = Line::from(Span::styled(text.as_str(), style));
        line.render(Rect { y, height: 1, ..inner }, buffer);
    }
    let columns = columns(&rest.table, rest.header.width);
    header(app, &columns, rest.header, buffer);
    let scrolled = rest.scrolled.iter().map(|text| Line::from(Span::styled(text, theme.text)));
    let rows = rest.table.iter().map(|row| line(app, row, &columns));
    let lines = scrolled.chain(rows).skip(app.scroll);
    for (line, y) in lines.zip(rest.rows.y..rest.rows.bottom()) {
        line.render(Rect { y, height: 1, ..rest.rows }, buffer);
    }
    let below = rest.lines().saturating_sub(app.scroll + usize::from(rest.rows.height));
    if below > 0 {
        footer(&format!("{below} more below"), theme.dim, area, buffer);
    }
    if let Some(area) = rest.curves {
        let (a, b) = (side_by_side::schedule(&a.recipe), side_by_side::schedule(&b.recipe));
        curves::plot(theme, &b, Some(&a), area, buffer);
    }
}

/// The columns that fit: all of them, else first those in which something differs.
fn columns(table: &[Row], width: u16) -> Vec<Compared> {
    let differs = |of: &Compared| {
        let at = Compared::ALL.iter().position(|other| other == of);
        table.iter().any(|row| match row {
            Row::Same { .. } => false,
            Row::Step { pairs, .. } => {
                at.and_then(|at| pairs.get(at)).is_some_and(|pair| pair.differs())
            }
        })
    };
    let (first, then): (Vec<_>, Vec<_>) = Compared::ALL.into_iter().partition(differs);
    let mut room = width.saturating_sub(6);
    let mut fits = |of: &Compared| {
        let needed = 2 * of.width();
        let fits = needed <= room;
        room = if fits { room - needed } else { 0 };
        fits
    };
    let chosen: Vec<Compared> = first.into_iter().chain(then).filter(|of| fits(of)).collect();
    Compared::ALL.into_iter().filter(|of| chosen.contains(of)).collect()
}

fn header(app: &App, columns: &[Compared], area: Rect, buffer: &mut Buffer) {
    let mut text = "  step".to_owned();
    for of in columns {
        for letter in ["A", "B"] {
            let name = format!("{} {letter}", of.name());
            text.push_str(&format!("{name:>0$}", usize::from(of.width())));
        }
    }
    Line::from(Span::styled(text, app.theme.title)).render(area, buffer);
}

/// A row of the table: cells that differ are marked, and so is their step.
fn line<'a>(app: &App, row: &Row, columns: &[Compared]) -> Line<'a> {
    let theme = &app.theme;
    let (step, pairs) = match row {
        Row::Same { first, last } => {
            let text = format!(" {:>5}  the same", format!("{first}–{last}"));
            return Line::from(Span::styled(text, theme.dim));
        }
        Row::Step { step, pairs } => (step, pairs),
    };
    let differs = pairs.iter().any(|pair| pair.differs());
    let mark = if differs { "≠" } else { " " };
    let mut spans =
        vec![Span::styled(mark, theme.changed), Span::styled(format!("{step:>5}"), theme.title)];
    for (of, pair) in Compared::ALL.iter().zip(pairs).filter(|(of, _)| columns.contains(of)) {
        let style = if pair.differs() { theme.changed } else { theme.dim };
        for text in pair.texts(*of) {
            // The blanks before a number are no part of it: an underline would join the columns.
            let width = usize::from(of.width());
            let blanks = width.saturating_sub(text.chars().count());
            spans.extend([Span::raw(" ".repeat(blanks)), Span::styled(text, style)]);
        }
    }
    Line::from(spans)
}
