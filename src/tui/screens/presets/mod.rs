//! The presets: the file's list, and the actions on it.

mod actions;
pub(in crate::tui) mod draw;
mod exchange;

pub(in crate::tui) use actions::name_and_description;

use crate::tui::action::{Action, Call};
use crate::tui::app::{App, Done};
use crate::tui::context::Context;
use crate::tui::screens::component::{Component, Hint};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Where somebody is in the list, and what it shows.
#[derive(Debug, Default)]
pub(in crate::tui) struct PresetList {
    /// The preset under the cursor, by its place in the file.
    pub(in crate::tui) chosen: usize,
    /// What the presets that are shown have in their names or descriptions.
    pub(in crate::tui) filter: String,
}

pub(in crate::tui) struct Presets;

impl Component for Presets {
    fn context(&self) -> Context {
        Context::Presets
    }

    fn hints(&self, _: &App) -> &'static [Hint] {
        &[
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
        ]
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw::draw(app, area, buffer);
    }

    fn row_places(&self, app: &App, area: Rect) -> Vec<(usize, Rect)> {
        draw::rows(app, area).collect()
    }

    fn rows(&self, app: &App) -> usize {
        app.shown_presets().len()
    }

    fn along(&self, app: &mut App, by: isize) {
        let shown = app.shown_presets();
        let here = shown.iter().position(|at| *at == app.preset_list.chosen).unwrap_or(0);
        let there = here.saturating_add_signed(by).min(shown.len().saturating_sub(1));
        app.preset_list.chosen = shown.get(there).copied().unwrap_or(0);
    }

    fn accept(&self, app: &mut App) -> Done {
        app.load_chosen()
    }

    fn back(&self, app: &mut App) -> bool {
        !std::mem::take(&mut app.preset_list.filter).is_empty()
    }

    fn pasted(&self, app: &mut App, text: &str) {
        let _ = app.perform(&Call::with(Action::ImportPreset, text));
    }
}
