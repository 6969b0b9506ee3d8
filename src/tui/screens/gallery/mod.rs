//! The gallery: the runs of this session and of earlier ones, and the actions on them.

mod actions;
pub(in crate::tui) mod draw;
pub mod labels;
mod run;
mod state;
pub mod thread;
pub mod when;
mod work;

pub use run::{GalleryRun, Kept, NoRunName, ReadRun, RunName};
pub use state::{Gallery, Intent, Ready, Taken};
pub use work::{GalleryEvent, GalleryWork};

use crate::tui::action::Action;
use crate::tui::app::{App, Done};
use crate::tui::context::Context;
use crate::tui::screens::Placement;
use crate::tui::screens::component::{Component, Hint};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The finished runs.
pub(in crate::tui) struct GalleryScreen;

impl Component for GalleryScreen {
    fn context(&self) -> Context {
        Context::Gallery
    }

    fn hints(&self, _: &App) -> &'static [Hint] {
        &[
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
        ]
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw::draw(app, area, buffer);
    }

    fn pictures(&self, app: &App, area: Rect) -> Vec<Placement> {
        draw::pictures(app, area)
    }

    fn row_places(&self, app: &App, area: Rect) -> Vec<(usize, Rect)> {
        draw::rows_on_screen(app, area).collect()
    }

    fn rows(&self, app: &App) -> usize {
        app.gallery.shown_len()
    }

    fn along(&self, app: &mut App, by: isize) {
        app.gallery.now = std::time::SystemTime::now();
        app.gallery.along(by);
    }

    fn accept(&self, app: &mut App) -> Done {
        app.perform(&Action::LoadRun.into()).map(|()| None)
    }

    fn back(&self, app: &mut App) -> bool {
        if std::mem::take(&mut app.gallery.zoomed) {
            return true;
        }
        let filtered = !app.gallery.words().is_empty();
        if filtered {
            app.gallery.filter("");
        }
        filtered
    }
}
