//! Drawing: from the application's state to cells. Nothing here changes anything.

pub(super) mod compare;
pub(super) mod curves;
pub(super) mod editor;
pub(super) mod popups;
pub(super) mod presets;
pub(super) mod reading;

use super::action::{Action, Argument, Call};
use super::app::{App, Asking, Screen};
use super::keymap::Context;
use crate::model::RgbImage;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};
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
        title(self, row(area, 0), buffer);
        let body = body(area);
        match self.screen {
            Screen::Editor => editor::draw(self, body, buffer),
            Screen::Presets => presets::draw(self, body, buffer),
            Screen::Compare => compare::draw(self, body, buffer),
            Screen::Log => reading::draw_log(self, body, buffer),
        }
        status(self, row(area, area.height - 2), buffer);
        hints(self, row(area, area.height - 1), buffer);
        match &self.asking {
            Some(Asking::Palette { line, chosen }) => {
                popups::palette(self, line, *chosen, area, frame);
            }
            Some(Asking::Help) => popups::help(self, area, frame),
            Some(Asking::Question { text, .. }) => popups::question(self, text, area, frame),
            Some(Asking::Line(ask)) => popups::line(self, ask, area, frame),
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
            Screen::Presets | Screen::Log => Vec::new(),
        }
    }
}

/// Everything but title, status and hints.
pub(super) fn body(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(3), ..area }
}

fn row(area: Rect, line: u16) -> Rect {
    Rect { y: area.y + line, height: 1, ..area }
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
    // A space on either side, and the corners stay.
    if area.height > 1 && area.width > 5 && !text.is_empty() {
        let width = usize::from(area.width) - 5;
        let text: String = text.chars().take(width).collect();
        buffer.set_string(area.x + 2, area.bottom() - 1, format!(" {text} "), style);
    }
}

fn title(app: &App, area: Rect, buffer: &mut Buffer) {
    let theme = &app.theme;
    let document = app.document();
    let mut spans = vec![
        Span::styled(" sigmalab ", theme.title),
        Span::raw(" "),
        Span::styled(document.draft().name.clone(), theme.text),
    ];
    if document.is_edited() {
        spans.push(Span::styled(" ● edited", theme.changed));
    }
    let size = document.size();
    let name = size.name().map(|name| format!(" {name}")).unwrap_or_default();
    let seed = match document.seed_locked {
        true => format!("seed {}", document.seed),
        false => "seed new each run".to_owned(),
    };
    let mut parts = vec![
        format!("{size}{name}"),
        seed,
        document.sampler.id.clone(),
        format!("terminal {}", document.draft().terminal),
        document.model.clone(),
    ];
    if app.run_on_edit {
        parts.push("run-on-edit".to_owned());
    }
    for part in parts {
        spans.push(Span::styled(" · ", theme.dim));
        spans.push(Span::styled(part, theme.dim));
    }
    Line::from(spans).render(area, buffer);
}

/// What happens, else what was said last, else what is wrong, else the prompt.
fn status(app: &App, area: Rect, buffer: &mut Buffer) {
    let theme = &app.theme;
    let wrong = super::grid::reason(&app.grid, app.document.faults());
    let (text, style) = match (&app.message, &app.runs.going, wrong) {
        (Some(message), _, _) if message.is_problem => (message.text.clone(), theme.fault),
        (_, Some(going), _) => {
            let cells = 20;
            let done = going.reports.len();
            let bar = match going.reports.last() {
                Some(report) => {
                    let full = cells * done / report.steps.max(1);
                    format!("{}{} ", "━".repeat(full), "╌".repeat(cells - full.min(cells)))
                }
                None => String::new(),
            };
            (format!("{bar}{}", going.stage), theme.title)
        }
        (Some(message), _, _) => (message.text.clone(), theme.good),
        (None, None, Some(wrong)) => (wrong, theme.fault),
        (None, None, None) => (format!("prompt  {}", app.document.prompt), theme.text),
    };
    let line = Line::from(vec![Span::raw(" "), Span::styled(text.replace('\n', " · "), style)]);
    line.render(area, buffer);
}

/// The keys that matter here.
fn hints(app: &App, area: Rect, buffer: &mut Buffer) {
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
            (Action::ShowLog, "log"),
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
            (Action::Save, "save"),
            (Action::ShowPresets, "presets"),
            (Action::Palette, "palette"),
            (Action::Help, "help"),
        ],
        Context::Presets => &[
            (Action::Accept, "load"),
            (Action::RenamePreset, "rename"),
            (Action::DuplicatePreset, "duplicate"),
            (Action::DeletePreset, "delete"),
            (Action::ReloadPresets, "read again"),
            (Action::ShowEditor, "editor"),
            (Action::Help, "help"),
        ],
        Context::Compare => &[
            (Action::ShowEditor, "editor"),
            (Action::Run, "run"),
            (Action::Pin, "pin B as A"),
            (Action::Help, "help"),
        ],
        Context::Reading => {
            &[(Action::Next, "down"), (Action::Previous, "up"), (Action::Back, "back")]
        }
        Context::Line => &[(Action::Accept, "accept"), (Action::Back, "leave")],
        Context::Palette => &[
            (Action::Accept, "do it"),
            (Action::Next, "down"),
            (Action::Previous, "up"),
            (Action::Back, "leave"),
        ],
        Context::Question => &[(Action::Accept, "yes"), (Action::Back, "no")],
        Context::Global => &[],
    };
    let mut spans = Vec::new();
    let mut width = 0;
    // The way to everything else stands first: what is cut off is the end.
    let (last, first) =
        hinted.split_last().map_or((None, hinted), |(last, rest)| (Some(last), rest));
    for &(action, word) in last.into_iter().chain(first) {
        let keys = app.keymap.keys(context, &Call::from(action));
        let Some(key) = keys.iter().min_by_key(|key| key.to_string().len()) else { continue };
        let (key, word) = (format!(" {key} "), format!("{word} "));
        width += key.chars().count() + word.chars().count();
        if width > usize::from(area.width) {
            break;
        }
        spans.push(Span::styled(key, app.theme.key));
        spans.push(Span::styled(word, app.theme.dim));
    }
    Line::from(spans).render(area, buffer);
}

/// What an action takes, for its input line.
pub(super) fn takes(action: Action) -> &'static str {
    match action.argument() {
        Argument::None => "",
        Argument::Optional(what) | Argument::Asked(what) => what,
    }
}
