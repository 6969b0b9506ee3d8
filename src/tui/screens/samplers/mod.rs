//! The samplers: choosing one and changing its parameters.

mod actions;
pub(in crate::tui) mod draw;
mod state;

pub use state::*;

use crate::tui::action::Action;
use crate::tui::app::{App, Done};
use crate::tui::context::Context;
use crate::tui::screens::component::{Component, Hint};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub(in crate::tui) struct SamplersScreen;

impl Component for SamplersScreen {
    fn context(&self) -> Context {
        Context::Samplers
    }

    fn hints(&self, app: &App) -> &'static [Hint] {
        match app.sampler_list.card() {
            _ if app.sampler_list.param().is_some() => &[
                (Action::Accept, "change"),
                (Action::MoveLeft, "samplers"),
                (Action::Run, "run"),
                (Action::Help, "help"),
            ],
            Some(card) if card.params.is_empty() => &[
                (Action::Accept, "choose"),
                (Action::Run, "run"),
                (Action::Back, "back"),
                (Action::Help, "help"),
            ],
            _ => &[
                (Action::Accept, "choose"),
                (Action::MoveRight, "parameters"),
                (Action::Run, "run"),
                (Action::Back, "back"),
                (Action::Help, "help"),
            ],
        }
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw::draw(app, area, buffer);
    }

    fn row_places(&self, app: &App, area: Rect) -> Vec<(usize, Rect)> {
        draw::rows(app, area).collect()
    }

    fn rows(&self, app: &App) -> usize {
        app.sampler_list.cards().len()
    }

    fn along(&self, app: &mut App, by: isize) {
        app.sampler_list.along(by);
    }

    fn accept(&self, app: &mut App) -> Done {
        app.accept_sampler()
    }

    fn back(&self, app: &mut App) -> bool {
        app.sampler_list.leave()
    }

    fn perform(&self, app: &mut App, action: Action, _: Option<&str>) -> Option<Done> {
        match action {
            Action::MoveRight => Some(app.enter_sampler()),
            Action::MoveLeft => {
                app.sampler_list.leave();
                Some(Ok(None))
            }
            _ => None,
        }
    }
}
