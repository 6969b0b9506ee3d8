//! The screens, a folder each, and the registry that finds them; what is drawn around every screen.
//! Drawing goes from the application's state to cells and changes nothing.

pub mod compare;
pub(in crate::tui) mod component;
pub(in crate::tui) mod curves;
pub mod editor;
pub mod gallery;
mod hints;
pub(in crate::tui) mod hit;
mod log;
mod pieces;
pub(in crate::tui) mod popups;
pub(in crate::tui) mod presets;
mod revisions;
pub mod samplers;
pub mod sweeps;
mod wrapping;

use crate::tui::action::{Action, Argument};
use crate::tui::app::{App, Asking};
use crate::tui::context::Context;
use crate::tui::runs;
use component::Component;
use hints::hints;
use pieces::Piece;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph, Widget, Wrap};
use sigmalab_compute::DeviceChoice;
use sigmalab_image::RgbImage;
use sigmalab_schedule::terminal::Terminal;
use std::sync::Arc;

macro_rules! screens {
    ($($(#[doc = $doc:literal])* $screen:ident: $component:expr;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Screen {
            $($(#[doc = $doc])* $screen,)*
        }

        impl Screen {
            pub(in crate::tui) fn component(self) -> &'static dyn Component {
                match self { $(Screen::$screen => &$component,)* }
            }
        }
    };
}

screens! {
    /// Grid, curves and image.
    Editor: editor::Editor;
    Presets: presets::Presets;
    /// A and B.
    Compare: compare::Compare;
    /// The finished runs.
    Gallery: gallery::GalleryScreen;
    Samplers: samplers::SamplersScreen;
    /// What was done and undone.
    Revisions: revisions::Revisions;
    /// The experiments and run directories.
    Sweeps: sweeps::SweepList;
    /// The sweep that is followed.
    Sweep: sweeps::Trials;
    /// What happened.
    Log: log::Log;
}

impl Screen {
    /// Where its keys are looked up.
    pub(in crate::tui) fn context(self) -> Context {
        self.component().context()
    }
}

/// The smallest screen that anything useful fits in.
const LEAST: (u16, u16) = (40, 10);

/// A picture with its place.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Which of the pictures it is: another picture with the same number takes its place.
    pub slot: usize,
    pub image: Arc<RgbImage>,
    /// The cells there are for it; it takes as many of them as its shape lets it, centred.
    pub area: Rect,
}

impl App {
    /// Draws everything. `pictures` puts the cells of a picture into the buffer.
    pub fn draw(&self, frame: &mut Frame<'_>, pictures: &mut dyn FnMut(&Placement, &mut Buffer)) {
        let area = frame.area();
        if area.width < LEAST.0 || area.height < LEAST.1 {
            let text = format!("sigmalab needs {}×{} cells", LEAST.0, LEAST.1);
            Line::from(text).render(area, frame.buffer_mut());
            return;
        }
        for placement in self.pictures(area) {
            pictures(&placement, frame.buffer_mut());
        }
        let buffer = frame.buffer_mut();
        pieces::draw(&title(self, area.width), title_row(area), buffer);
        let body = body(area);
        self.screen.component().draw(self, body, buffer);
        pieces::draw(&status(self, area.width), status_row(area), buffer);
        pieces::draw(&hints(self, area.width), hints_row(area), buffer);
        match &self.asking {
            Some(Asking::Palette { line, chosen }) => {
                popups::palette(self, line, *chosen, area, frame);
            }
            Some(Asking::Help(line)) => popups::help(self, line, area, frame),
            Some(Asking::Question { text, .. }) => popups::question(self, text, area, frame),
            Some(Asking::Line(ask)) => popups::line(self, ask, area, frame),
            Some(Asking::Choice(choice)) => popups::choice(self, choice, area, frame),
            Some(Asking::Text(reading)) => popups::text(self, reading, area, frame),
            None => {}
        }
    }

    /// The pictures of a screen of that size and where they go.
    pub fn pictures(&self, area: Rect) -> Vec<Placement> {
        if area.width < LEAST.0 || area.height < LEAST.1 {
            return Vec::new();
        }
        self.screen.component().pictures(self, body(area))
    }
}

/// Everything but title, status and hints.
pub(super) fn body(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(3), ..area }
}

fn title_row(area: Rect) -> Rect {
    Rect { height: area.height.min(1), ..area }
}

fn status_row(area: Rect) -> Rect {
    Rect { y: area.bottom().saturating_sub(2), height: 1, ..area }
}

fn hints_row(area: Rect) -> Rect {
    Rect { y: area.bottom().saturating_sub(1), height: 1, ..area }
}

/// What is inside a border.
pub(super) fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

/// Rows of a list of `count` from row `first` on, at most `rows` of them: the number of each and
/// its place, from the top of `inner` down.
fn list_rows(
    first: usize,
    rows: usize,
    count: usize,
    inner: Rect,
) -> impl Iterator<Item = (usize, Rect)> {
    (first..count)
        .take(rows)
        .zip(inner.y..)
        .map(move |(at, y)| (at, Rect { y, height: 1, ..inner }))
}

/// The first of the texts that fits beside the corners of a pane, else the last, which is cut.
pub(super) fn longest(texts: &[String], area: Rect) -> &str {
    let room = usize::from(area.width.saturating_sub(4));
    let fits = texts.iter().find(|text| Span::raw(text.as_str()).width() <= room);
    fits.or(texts.last()).map_or("", String::as_str)
}

/// A bordered pane with a title; what is inside it.
pub(super) fn pane(app: &App, title: &str, area: Rect, focused: bool, buffer: &mut Buffer) -> Rect {
    let theme = &app.theme;
    let style = if focused { theme.title } else { theme.dim };
    let block = Block::bordered()
        .border_type(BorderType::Plain)
        .border_style(theme.dim)
        .title(Span::styled(format!(" {title} "), style));
    let inner = block.inner(area);
    block.render(area, buffer);
    inner
}

/// Text in the middle of an area, on as many lines as it takes.
pub(super) fn centred(app: &App, text: &str, area: Rect, buffer: &mut Buffer) {
    let height = area.height.min(4);
    let at = Rect { y: area.y + (area.height - height) / 2, height, ..area };
    Paragraph::new(Span::styled(text, app.theme.dim))
        .wrap(Wrap { trim: true })
        .centered()
        .render(at, buffer);
}

/// Text into the lower border of a pane.
pub(super) fn footer(text: &str, style: Style, area: Rect, buffer: &mut Buffer) {
    if area.height > 1 && area.width > 4 && !text.is_empty() {
        // A space on either side, and the corners stay.
        let width = usize::from(area.width) - 4;
        let text: String = text.chars().take(width).collect();
        buffer.set_string(area.x + 1, area.bottom() - 1, format!(" {text} "), style);
    }
}

/// What is worked on, and with what it is drawn; a click changes it. Where there is little room,
/// what matters least is left out.
fn title(app: &App, room: u16) -> Vec<Piece> {
    let theme = &app.theme;
    let document = app.document();
    let size = document.size();
    let name = size.name().map(|name| format!(" {name}")).unwrap_or_default();
    let seed = match document.seed_locked {
        true => format!("seed {}", document.seed),
        false => "seed new each run".to_owned(),
    };
    // With how much each matters; 0 stays.
    let mut parts: Vec<(u8, Piece)> = vec![
        (6, Piece::action(" sigmalab ", theme.title, Action::Help)),
        (0, Piece::action(format!(" {}", document.title()), theme.text, Action::ShowPresets)),
    ];
    if document.is_edited() {
        parts.push((0, Piece::action(" ● edited", theme.changed, Action::Save)));
    }
    let mut part = |matters: u8, text: String, style, action| {
        parts.push((matters, Piece::action(format!(" · {text}"), style, action)));
    };
    part(1, size.to_string(), theme.dim, Action::Size);
    if !name.is_empty() {
        parts.push((8, Piece::action(name, theme.dim, Action::Size)));
    }
    let mut part = |matters: u8, text: String, style, action| {
        parts.push((matters, Piece::action(format!(" · {text}"), style, action)));
    };
    if let Some(proxy) = document.proxy() {
        part(1, format!("drawn at {proxy}"), theme.changed, Action::ProxySize);
    }
    part(3, seed, theme.dim, Action::Seed);
    part(2, document.sampler.id.clone(), theme.dim, Action::Sampler);
    // The usual one is worth less than the other.
    let terminal = document.draft().terminal;
    let matters = if terminal == Terminal::Reference { 7 } else { 2 };
    part(matters, format!("terminal {terminal}"), theme.dim, Action::TerminalRule);
    if app.runs.pinned.is_some() {
        part(1, "A pinned".to_owned(), theme.dim, Action::Compare);
    }
    if app.run_on_edit {
        part(1, "run-on-edit".to_owned(), theme.dim, Action::RunOnEdit);
    }
    parts.push((5, Piece::new(format!(" · {}", document.model), theme.dim)));
    let width = |parts: &[(u8, Piece)]| parts.iter().map(|(_, p)| p.width()).sum::<u16>();
    while width(&parts) > room
        && let Some(least) =
            parts.iter().map(|(matters, _)| *matters).max().filter(|least| *least > 0)
    {
        parts.retain(|(matters, _)| *matters != least);
    }
    parts.into_iter().map(|(_, piece)| piece).collect()
}

/// The ways to say where runs are made, the longest first; none for the processor.
fn device(app: &App) -> Vec<String> {
    let device = app.document().device;
    if device == DeviceChoice::Cpu {
        return Vec::new();
    }
    let card = app.card.as_deref().filter(|card| !card.is_empty());
    let brief = card.and_then(|card| card.strip_prefix("NVIDIA ")).or(card);
    let named = |card: &str| format!("{device} {card} ");
    [card.map(named), brief.map(named), Some(format!("{device} "))].into_iter().flatten().collect()
}

/// What happens, else what was said last, else what is wrong, else the prompt; and the device, as
/// long as that leaves room for it.
fn status(app: &App, width: u16) -> Vec<Piece> {
    let theme = &app.theme;
    let happens = happening(app, width).width();
    let devices = device(app).into_iter().map(|text| Piece::new(text, theme.dim));
    let devices: Vec<Piece> = devices.collect();
    // A column before what happens, and two before the device.
    let room = |device: &Piece| width.saturating_sub(device.width() + 3);
    let fits = |device: &&Piece| happens <= room(device) && device.width() <= width / 2;
    let Some(device) = devices.iter().find(fits).or(devices.last()) else {
        return vec![Piece::new(" ", theme.text), happening(app, width)];
    };
    let piece = happening(app, room(device) + 1).within(room(device));
    let between = width.saturating_sub(1 + piece.width() + device.width());
    let gap = Piece::new(" ".repeat(usize::from(between)), theme.text);
    vec![Piece::new(" ", theme.text), piece, gap, device.clone()]
}

/// What the status line says beside the device.
fn happening(app: &App, room: u16) -> Piece {
    let theme = &app.theme;
    // What is drawn and what is wrong with it belongs to the editor.
    let own = app.screen == Screen::Editor;
    let wrong =
        crate::tui::screens::editor::grid::reason(&app.grid, app.document.faults()).filter(|_| own);
    let one_line = |text: &str| text.replace('\n', " · ");
    let within = |text: &str| {
        let more = format!(" … {} shows it all", app.key_of(Action::ShowLog));
        wrapping::cut(text, usize::from(room.saturating_sub(1)), &more)
    };
    match (&app.message, &app.runs.going, app.tour_line(), wrong) {
        (Some(message), ..) if message.is_problem => {
            Piece::action(within(&one_line(&message.text)), theme.fault, Action::ShowLog)
        }
        (_, Some(going), ..) => Piece::new(going_on(going, room), theme.title),
        // What was said is in the log too; what to do next stays in sight.
        (_, None, Some(tour), _) => Piece::new(tour, theme.title),
        (Some(message), ..) => {
            Piece::action(within(&one_line(&message.text)), theme.good, Action::ShowLog)
        }
        (None, None, None, Some(wrong)) => Piece::new(one_line(&wrong), theme.fault),
        (None, None, None, None) if !own => Piece::new("", theme.text),
        (None, None, None, None) => {
            let text = format!("prompt  {}", one_line(&app.document.prompt));
            Piece::action(text, theme.text, Action::Prompt)
        }
    }
}

/// Words, and a bar before them as far as there is room.
fn going_on(going: &runs::Going, room: u16) -> String {
    const LONGEST: usize = 20;
    let words = going.words();
    let cells = usize::from(room).saturating_sub(words.chars().count() + 3).min(LONGEST);
    match going.reports.last() {
        Some(report) if cells >= 4 => {
            let full = (cells * going.reports.len() / report.steps.max(1)).min(cells);
            format!("{}{} {words}", "━".repeat(full), "╌".repeat(cells - full))
        }
        _ => words.to_owned(),
    }
}

/// What an action takes, for its input line.
pub(super) fn takes(action: Action) -> &'static str {
    match action.argument() {
        Argument::None => "",
        Argument::Optional(what) | Argument::Asked(what) => what,
    }
}
