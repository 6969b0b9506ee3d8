//! The sweeps: experiments and run directories, and the sweep that is followed, with its trials.

mod actions;
mod attached;
mod directory_status;
pub(in crate::tui) mod draw;
pub mod folders;
mod pictures;
pub mod program;
mod scatter;
mod settings;
mod state;
mod table;
pub mod threads;
mod trials;
mod view;
mod work;
pub mod writing;

pub use attached::{Attached, Face, TrialIntent};
pub use directory_status::DirectoryStatus;
pub use scatter::{Axis, Scatter};
pub use settings::{Setting, ranking};
pub use state::{Entry, PlanState, Ready, Sweeps};
pub use table::{Sort, Table, check, heading, known as known_column};
pub use view::{Cell, ColumnInfo, SECONDS, SearchView, SweepView, TrialRow, TrialStatus};
pub use work::{
    ControlChange, ExperimentCard, Look, PlanCard, PlannedCard, RunCard, Start, SweepEvent,
    SweepWork,
};

use crate::tui::action::{Action, Call};
use crate::tui::app::{App, Done, count};
use crate::tui::context::Context;
use crate::tui::screens::Placement;
use crate::tui::screens::component::{Component, Hint};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The experiments and run directories.
pub(in crate::tui) struct SweepList;

impl Component for SweepList {
    fn context(&self) -> Context {
        Context::Sweeps
    }

    fn hints(&self, _: &App) -> &'static [Hint] {
        &[
            (Action::Accept, "open"),
            (Action::RunSweep, "run"),
            (Action::PlanSweep, "plan"),
            (Action::MeasureSweep, "time it"),
            (Action::EditExperiment, "edit"),
            (Action::WriteExperiment, "write one"),
            (Action::Back, "back"),
            (Action::Help, "help"),
        ]
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw::draw_list(app, area, buffer);
    }

    fn row_places(&self, app: &App, area: Rect) -> Vec<(usize, Rect)> {
        draw::list_rows(app, area).collect()
    }

    fn rows(&self, app: &App) -> usize {
        app.sweeps.len()
    }

    fn along(&self, app: &mut App, by: isize) {
        app.sweeps.along(by);
    }

    fn accept(&self, app: &mut App) -> Done {
        app.accept_entry()
    }
}

/// The sweep that is followed.
pub(in crate::tui) struct Trials;

impl Component for Trials {
    fn context(&self) -> Context {
        Context::Sweep
    }

    fn hints(&self, _: &App) -> &'static [Hint] {
        &[
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
        ]
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw::draw(app, area, buffer);
    }

    fn pictures(&self, app: &App, area: Rect) -> Vec<Placement> {
        draw::pictures(app, area)
    }

    fn row_places(&self, app: &App, area: Rect) -> Vec<(usize, Rect)> {
        draw::trial_rows(app, area)
    }

    fn heading_at(&self, app: &App, area: Rect, at: (u16, u16)) -> Option<Call> {
        draw::heading_at(app, area, at)
    }

    fn rows(&self, app: &App) -> usize {
        app.trials_shown()
    }

    fn along(&self, app: &mut App, by: isize) {
        app.along_trials(by);
    }

    fn choose(&self, app: &mut App, row: usize) {
        app.go_to_trial(row);
    }

    fn accept(&self, app: &mut App) -> Done {
        app.perform(&Action::LoadTrial.into()).map(|()| None)
    }

    fn back(&self, app: &mut App) -> bool {
        app.leave_sweep()
    }

    fn perform(&self, app: &mut App, action: Action, argument: Option<&str>) -> Option<Done> {
        match action {
            Action::MoveRight => Some(count(argument).and_then(|by| app.across_trials(by))),
            Action::MoveLeft => Some(count(argument).and_then(|by| app.across_trials(-by))),
            _ => None,
        }
    }
}
