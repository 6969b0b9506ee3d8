//! Drawing: from the application's state to cells. Nothing here changes anything.

pub(super) mod compare;
pub(super) mod curves;
pub(super) mod editor;
pub(super) mod gallery;
pub(super) mod hit;
mod measures;
mod pieces;
pub(super) mod popups;
pub(super) mod presets;
pub(super) mod reading;
pub(super) mod revisions;
pub(super) mod samplers;
mod side_by_side;
pub(super) mod sweeps;
mod wrapping;

use super::action::{Action, Argument, Call};
use super::app::{App, Asking, Screen};
use super::keymap::Context;
use super::runs;
use pieces::Piece;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};
use sigmalab_image::RgbImage;
use sigmalab_schedule::terminal::Terminal;
use std::sync::Arc;

/// The smallest screen that anything useful fits in.
const LEAST: (u16, u16) = (40, 10);

/// A picture with its place.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Which of the pictures it is: another picture with the same number takes its place.
    pub slot: usize,
    /// The picture.
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
        match self.screen {
            Screen::Editor => editor::draw(self, body, buffer),
            Screen::Presets => presets::draw(self, body, buffer),
            Screen::Compare => compare::draw(self, body, buffer),
            Screen::Gallery => gallery::draw(self, body, buffer),
            Screen::Samplers => samplers::draw(self, body, buffer),
            Screen::Revisions => revisions::draw(self, body, buffer),
            Screen::Sweeps => sweeps::draw_list(self, body, buffer),
            Screen::Sweep => sweeps::draw(self, body, buffer),
            Screen::Log => reading::draw_log(self, body, buffer),
        }
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
        match self.screen {
            Screen::Editor => editor::pictures(self, body(area)),
            Screen::Compare => compare::pictures(self, body(area)),
            Screen::Gallery => gallery::pictures(self, body(area)),
            Screen::Sweep => sweeps::pictures(self, body(area)),
            Screen::Presets
            | Screen::Samplers
            | Screen::Revisions
            | Screen::Sweeps
            | Screen::Log => Vec::new(),
        }
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
        (6, Piece::does(" sigmalab ", theme.title, Action::Help)),
        (0, Piece::does(format!(" {}", document.title()), theme.text, Action::ShowPresets)),
    ];
    if document.is_edited() {
        parts.push((0, Piece::does(" ● edited", theme.changed, Action::Save)));
    }
    let mut part = |matters: u8, text: String, style, action| {
        parts.push((matters, Piece::does(format!(" · {text}"), style, action)));
    };
    part(1, size.to_string(), theme.dim, Action::Size);
    if !name.is_empty() {
        parts.push((8, Piece::does(name, theme.dim, Action::Size)));
    }
    let mut part = |matters: u8, text: String, style, action| {
        parts.push((matters, Piece::does(format!(" · {text}"), style, action)));
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

/// What happens, else what was said last, else what is wrong, else the prompt.
fn status(app: &App, room: u16) -> Vec<Piece> {
    let theme = &app.theme;
    // What is drawn and what is wrong with it belongs to the editor.
    let own = app.screen == Screen::Editor;
    let wrong = super::grid::reason(&app.grid, app.document.faults()).filter(|_| own);
    let one_line = |text: &str| text.replace('\n', " · ");
    let within = |text: &str| {
        let more = format!(" … {} shows it all", app.key_of(Action::ShowLog));
        wrapping::cut(text, usize::from(room.saturating_sub(1)), &more)
    };
    let piece = match (&app.message, &app.runs.going, app.tour_line(), wrong) {
        (Some(message), ..) if message.is_problem => {
            Piece::does(within(&one_line(&message.text)), theme.fault, Action::ShowLog)
        }
        (_, Some(going), ..) => Piece::new(going_on(going, room), theme.title),
        // What was said is in the log too; what to do next stays in sight.
        (_, None, Some(tour), _) => Piece::new(tour, theme.title),
        (Some(message), ..) => {
            Piece::does(within(&one_line(&message.text)), theme.good, Action::ShowLog)
        }
        (None, None, None, Some(wrong)) => Piece::new(one_line(&wrong), theme.fault),
        (None, None, None, None) if !own => Piece::new("", theme.text),
        (None, None, None, None) => {
            let text = format!("prompt  {}", one_line(&app.document.prompt));
            Piece::does(text, theme.text, Action::Prompt)
        }
    };
    vec![Piece::new(" ", theme.text), piece]
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

/// The keys that matter here, as far as they fit; a click does what the key does.
fn hints(app: &App, room: u16) -> Vec<Piece> {
    let context = match &app.asking {
        // Digits may still become the count of a motion, and this row stays as it is for every
        // value that is typed.
        Some(Asking::Line(ask)) if ask.is_value() => Context::Grid,
        _ => app.context(),
    };
    let hinted: &[(Action, &str)] = match context {
        Context::Grid if app.runs.going.is_some() => &[
            (Action::Cancel, "cancel"),
            (Action::Undo, "undo"),
            (Action::NudgeUp, "nudge up"),
            (Action::NudgeDown, "down"),
            (Action::Measures, "steps"),
            (Action::ShowLog, "log"),
            (Action::Help, "help"),
        ],
        Context::Grid if app.image_zoomed => &[
            (Action::Zoom, "back to the grid"),
            (Action::Run, "run"),
            (Action::Undo, "undo"),
            (Action::Pin, "pin"),
            (Action::Compare, "compare"),
            (Action::Save, "save"),
            (Action::Palette, "palette"),
            (Action::Help, "help"),
        ],
        Context::Grid if app.grid.is_range() => &[
            (Action::NudgeUp, "nudge up"),
            (Action::NudgeDown, "down"),
            (Action::Fill, "fill"),
            (Action::Series, "series"),
            (Action::Expression, "expression"),
            (Action::Yank, "yank"),
            (Action::DeleteSteps, "delete"),
            (Action::ClearSelection, "drop"),
            (Action::Run, "run"),
            (Action::Help, "help"),
        ],
        Context::Grid => &[
            (Action::Run, "run"),
            (Action::RunOnEdit, "run-on-edit"),
            (Action::Undo, "undo"),
            (Action::NudgeUp, "nudge up"),
            (Action::NudgeDown, "down"),
            (Action::ToggleSelection, "select"),
            (Action::Pin, "pin"),
            (Action::Compare, "compare"),
            (Action::Measures, "steps"),
            (Action::Save, "save"),
            (Action::ShowPresets, "presets"),
            (Action::ShowGallery, "gallery"),
            (Action::ShowSweeps, "sweeps"),
            (Action::Palette, "palette"),
            (Action::Help, "help"),
        ],
        Context::Presets => &[
            (Action::Accept, "load"),
            (Action::FilterPresets, "find"),
            (Action::DiffPresets, "differs"),
            (Action::ExportPreset, "export"),
            (Action::ImportPreset, "import"),
            (Action::SetDefaultPreset, "default"),
            (Action::RenamePreset, "rename"),
            (Action::DuplicatePreset, "copy"),
            (Action::DeletePreset, "delete"),
            (Action::Back, "back"),
            (Action::ReloadPresets, "read again"),
            (Action::Help, "help"),
        ],
        Context::Compare => &[
            (Action::Flip, "flip"),
            (Action::CompareView, "view"),
            (Action::Next, "down"),
            (Action::Swap, "swap"),
            (Action::DifferenceScale, "scale"),
            (Action::Fold, "fold"),
            (Action::Save, "save"),
            (Action::Pin, "pin B as A"),
            (Action::Run, "run"),
            (Action::Back, "back"),
            (Action::Help, "help"),
        ],
        Context::Gallery => &[
            (Action::LoadRun, "load"),
            (Action::Zoom, "zoom"),
            (Action::Pin, "pin as A"),
            (Action::CompareRun, "compare with last"),
            (Action::FilterRuns, "filter"),
            (Action::DeleteRun, "delete"),
            (Action::CopyRecipe, "copy recipe"),
            (Action::CopyPath, "path"),
            (Action::Back, "back"),
            (Action::Help, "help"),
        ],
        Context::Samplers if app.sampler_list.param().is_some() => &[
            (Action::Accept, "change"),
            (Action::MoveLeft, "samplers"),
            (Action::Run, "run"),
            (Action::Help, "help"),
        ],
        Context::Samplers if app.sampler_list.card().is_some_and(|card| card.params.is_empty()) => {
            &[
                (Action::Accept, "choose"),
                (Action::Run, "run"),
                (Action::Back, "back"),
                (Action::Help, "help"),
            ]
        }
        Context::Samplers => &[
            (Action::Accept, "choose"),
            (Action::MoveRight, "parameters"),
            (Action::Run, "run"),
            (Action::Back, "back"),
            (Action::Help, "help"),
        ],
        Context::Revisions => &[
            (Action::Accept, "go there"),
            (Action::Undo, "undo"),
            (Action::Redo, "redo"),
            (Action::Run, "run"),
            (Action::Back, "back"),
            (Action::Help, "help"),
        ],
        Context::Sweeps => &[
            (Action::Accept, "open"),
            (Action::RunSweep, "run"),
            (Action::PlanSweep, "plan"),
            (Action::MeasureSweep, "time it"),
            (Action::EditExperiment, "edit"),
            (Action::WriteExperiment, "write one"),
            (Action::Back, "back"),
            (Action::Help, "help"),
        ],
        Context::Sweep => &[
            (Action::SweepView, "view"),
            (Action::LoadTrial, "into grid"),
            (Action::SortTrials, "sort"),
            (Action::FilterTrials, "filter"),
            (Action::Zoom, "zoom"),
            (Action::PinTrial, "pin A"),
            (Action::CompareTrial, "compare"),
            (Action::PauseSweep, "pause"),
            (Action::TrialFirst, "first"),
            (Action::SkipTrial, "skip"),
            (Action::TrialPreset, "preset"),
            (Action::RunSweep, "run"),
            (Action::CancelSweep, "cancel"),
            (Action::ScatterX, "x axis"),
            (Action::ScatterY, "y axis"),
            (Action::Back, "back"),
            (Action::Help, "help"),
        ],
        Context::Reading => {
            &[(Action::Next, "down"), (Action::Previous, "up"), (Action::Back, "back")]
        }
        Context::Line => &[(Action::Accept, "accept"), (Action::Back, "leave")],
        Context::Palette if matches!(app.asking, Some(Asking::Help(_))) => &[
            (Action::Next, "down"),
            (Action::Previous, "up"),
            (Action::PageDown, "page down"),
            (Action::PageUp, "page up"),
            (Action::Back, "leave"),
        ],
        Context::Palette => &[
            (Action::Accept, "do it"),
            (Action::Next, "down"),
            (Action::Previous, "up"),
            (Action::Back, "leave"),
        ],
        Context::Choice => &[
            (Action::Accept, "do it"),
            (Action::Next, "down"),
            (Action::Previous, "up"),
            (Action::Back, "leave"),
        ],
        Context::Question => &[(Action::Accept, "yes"), (Action::Back, "no")],
        Context::Global => &[],
    };
    let mut pieces: Vec<Piece> = Vec::new();
    let mut width = 0;
    // The way to everything else stands first: what is cut off is the end.
    let (help, others): (Vec<_>, Vec<_>) =
        hinted.iter().partition(|(action, _)| *action == Action::Help);
    for (action, word) in help.into_iter().chain(others) {
        let keys = app.keymap.keys(context, &Call::from(action));
        let Some(key) = keys.iter().min_by_key(|key| key.to_string().len()) else { continue };
        let key = Piece::does(format!(" {key} "), app.theme.key, action);
        let word = Piece::does(format!("{word} "), app.theme.dim, action);
        width += key.width() + word.width();
        if width > room {
            break;
        }
        pieces.extend([key, word]);
    }
    pieces
}

/// What an action takes, for its input line.
pub(super) fn takes(action: Action) -> &'static str {
    match action.argument() {
        Argument::None => "",
        Argument::Optional(what) | Argument::Asked(what) => what,
    }
}
