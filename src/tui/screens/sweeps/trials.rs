//! Actions on the trials of the sweep that is followed.

use crate::preset_store::{Claim, check_name};
use crate::tui::action::Action;
use crate::tui::app::{App, Asking, Done, LineAsk, Screen};
use crate::tui::line::Line;
use crate::tui::screens;
use crate::tui::screens::presets::name_and_description;
use crate::tui::screens::sweeps::actions::{NOT_ATTACHED, OF};
use crate::tui::screens::sweeps::{
    self, Attached, Face, Scatter, TrialIntent, TrialRow, TrialStatus,
};
use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::preset_file::writer;

impl App {
    fn attached(&mut self) -> Result<&mut Attached, String> {
        self.sweeps.attached.as_mut().ok_or_else(|| NOT_ATTACHED.to_owned())
    }

    pub(in crate::tui) fn selected_trial(&self) -> Result<&TrialRow, String> {
        let attached = self.sweeps.attached.as_ref().ok_or(NOT_ATTACHED)?;
        attached.known()?;
        attached.selected().ok_or_else(|| "there is no trial here".to_owned())
    }

    /// A trial by number or by the beginning of its identity.
    pub(in crate::tui) fn trial_named(&self, name: &str) -> Result<&TrialRow, String> {
        let attached = self.sweeps.attached.as_ref().ok_or(NOT_ATTACHED)?;
        let view = attached.known()?;
        let name = name.trim();
        if name.is_empty() {
            return Err("name a trial: its number, or the beginning of its identity".to_owned());
        }
        let number = name.parse::<usize>().ok().filter(|_| name.len() < 16);
        let mut found = view.trials.iter().filter(|trial| match number {
            Some(number) => trial.number == number,
            None => trial.id.starts_with(name),
        });
        match (found.next(), found.next()) {
            (Some(trial), None) => Ok(trial),
            (None, _) => Err(format!("there is no trial `{name}` in {}", view.status.name)),
            _ => Err(format!("`{name}` begins the identity of several trials")),
        }
    }

    pub(in crate::tui) fn sweep_view(&mut self, name: Option<&str>) -> Done {
        let attached = self.attached()?;
        attached.face = match name {
            Some(name) => name.parse()?,
            None => attached.face.next(),
        };
        attached.face_chosen = true;
        attached.zoomed = false;
        self.enter(Screen::Sweep);
        Ok(None)
    }

    pub(in crate::tui) fn sort_trials(&mut self, name: Option<&str>) -> Done {
        let attached = self.attached()?;
        let view = attached.known()?.clone();
        let has_columns = matches!(attached.face, Face::Settings | Face::Table) && !attached.zoomed;
        let name = match name {
            Some(name) => name.trim().to_owned(),
            None if has_columns => attached.table.column_name(&view).unwrap_or_default(),
            None => {
                self.ask_for(Action::SortTrials);
                return Ok(None);
            }
        };
        attached.table.sort_by(&name, &view)?;
        attached.arrange();
        if attached.face == Face::Settings {
            attached.go_to_setting(0, &view);
        }
        Ok(Some(match attached.table.sort() {
            None => "sorted by number".to_owned(),
            Some(sort) => {
                let way = if sort.descending { "greatest" } else { "least" };
                format!("sorted by {}, {way} first", sort.column)
            }
        }))
    }

    /// What the line of `sort-trials` begins with: the column it is sorted by, else the first
    /// metric.
    pub(in crate::tui) fn likely_sort(&self) -> String {
        let attached = self.sweeps.attached.as_ref();
        let sorted = attached.and_then(|attached| attached.table.sort());
        let first = || {
            let view = attached?.view.as_ref()?;
            let (_, y) = attached?.scatter_columns(view)?;
            view.columns.get(y).map(|column| column.name.clone())
        };
        sorted.map(|sort| sort.column.clone()).or_else(first).unwrap_or_default()
    }

    pub(in crate::tui) fn filter_trials(&mut self, text: &str) -> Done {
        let attached = self.attached()?;
        sweeps::check(text, attached.known()?)?;
        attached.table.filter(text);
        attached.arrange();
        let count = attached.table.order().len();
        let all = attached.known()?.trials.len();
        Ok((!text.trim().is_empty()).then(|| format!("{count} of {all} trials")))
    }

    /// The same while it is being typed.
    pub(in crate::tui) fn show_only(&mut self, text: &str) {
        if let Ok(attached) = self.attached() {
            attached.table.filter(text);
            attached.arrange();
        }
    }

    pub(in crate::tui) fn trial_conditions(&self) -> String {
        let attached = self.sweeps.attached.as_ref();
        attached.map(|attached| attached.table.conditions().to_owned()).unwrap_or_default()
    }

    pub(in crate::tui) fn trial_columns(&mut self, text: &str) -> Done {
        let attached = self.attached()?;
        let view = attached.known()?.clone();
        attached.table.choose(text, &view)?;
        Ok(None)
    }

    /// The column of an axis, 0 the horizontal one; without a name, the next one.
    pub(in crate::tui) fn scatter_axis(&mut self, axis: usize, name: Option<&str>) -> Done {
        let attached = self.attached()?;
        let view = attached.known()?.clone();
        let (x, y) = attached.scatter_columns(&view).ok_or("no trial has two values yet")?;
        let now = if axis == 0 { x } else { y };
        let chosen = match name.map(str::trim) {
            Some(name) => {
                sweeps::known_column(name, &view)?;
                Some(name.to_owned())
            }
            None => attached.column_after(&view, now),
        };
        if let Some(place) = attached.axes.get_mut(axis) {
            *place = chosen;
        }
        Ok(None)
    }

    pub(in crate::tui) fn along_trials(&mut self, by: isize) {
        let across = match self.sweeps.attached.as_ref().map(|attached| attached.face) {
            Some(Face::Sheet) if !self.is_zoomed() => {
                screens::sweeps::draw::sheet_columns(self) as isize
            }
            _ => 1,
        };
        if let Ok(attached) = self.attached()
            && let Some(view) = attached.view.clone()
        {
            match attached.face {
                Face::Settings if !attached.zoomed => {
                    let (_, at) = attached.settings(&view);
                    attached.go_to_setting(at.saturating_add_signed(by), &view);
                }
                _ => attached.table.along(by.saturating_mul(across), &view),
            }
        }
    }

    fn is_zoomed(&self) -> bool {
        self.sweeps.attached.as_ref().is_some_and(|attached| attached.zoomed)
    }

    /// To the side: the next picture of the sheet, the next point of the scatter, or the next column
    /// of a table.
    pub(in crate::tui) fn across_trials(&mut self, by: isize) -> Done {
        let attached = self.attached()?;
        let Some(view) = attached.view.clone() else { return Ok(None) };
        match attached.face {
            Face::Sheet => attached.table.along(by, &view),
            Face::Settings | Face::Table => attached.table.across(by, &view),
            Face::Scatter => {
                let Some((x, y)) = attached.scatter_columns(&view) else { return Ok(None) };
                let order = attached.table.order().to_vec();
                let mut points = Scatter::of(&view, &order, x, y).points;
                points.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.2.total_cmp(&b.2)));
                let selected = order.get(attached.table.cursor());
                let here = points.iter().position(|(place, ..)| Some(place) == selected);
                let there = here.unwrap_or(0).saturating_add_signed(by);
                let next = points.get(there.min(points.len().saturating_sub(1)));
                let row = next.and_then(|(place, ..)| order.iter().position(|p| p == place));
                if let Some(row) = row {
                    attached.table.go_to(row, &view);
                }
            }
        }
        Ok(None)
    }

    pub(in crate::tui) fn go_to_trial(&mut self, row: usize) {
        if let Ok(attached) = self.attached()
            && let Some(view) = attached.view.clone()
        {
            match attached.face {
                Face::Settings => attached.go_to_setting(row, &view),
                _ => attached.table.go_to(row, &view),
            }
        }
    }

    /// Rows of the view of the sweep.
    pub(in crate::tui) fn trials_shown(&self) -> usize {
        let Some(attached) = &self.sweeps.attached else { return 0 };
        match (&attached.view, attached.face) {
            (Some(view), Face::Settings) => attached.settings(view).0.len(),
            _ => attached.table.order().len(),
        }
    }

    /// The columns whose names begin like what is typed last in the line of an action that takes
    /// columns; `None` for other actions.
    pub(in crate::tui) fn columns_to_type(&self, ask: &LineAsk) -> Option<Vec<String>> {
        let takes = matches!(
            ask.action,
            Action::SortTrials | Action::TrialColumns | Action::ScatterX | Action::ScatterY
        );
        let view = self.sweeps.attached.as_ref()?.view.as_ref().filter(|_| takes)?;
        let typed = ask.line.text();
        let last = match ask.fresh {
            true => "",
            false => typed.rsplit([' ', ',']).next().unwrap_or_default(),
        };
        let names = view.columns.iter().map(|column| column.name.clone());
        Some(names.filter(|name| name.starts_with(last)).collect())
    }

    /// Completes the name of a column that is being typed; whether this is a line for one.
    pub(in crate::tui) fn complete_column(&mut self) -> bool {
        let Some(Asking::Line(ask)) = &self.asking else { return false };
        let Some(names) = self.columns_to_type(ask) else { return false };
        let typed = if ask.fresh { String::new() } else { ask.line.text() };
        let begun = typed.rfind([' ', ',']).map_or(0, |at| at + 1);
        if let (Some(first), Some(Asking::Line(ask))) = (names.first(), &mut self.asking) {
            ask.line = Line::new(&format!("{}{first}", typed.get(..begun).unwrap_or_default()));
            ask.fresh = false;
        }
        true
    }

    /// One way back within the sweep: from a zoomed picture, or from a filter.
    pub(in crate::tui) fn leave_sweep(&mut self) -> bool {
        let Ok(attached) = self.attached() else { return false };
        if std::mem::take(&mut attached.zoomed) {
            return true;
        }
        let filtered = !attached.table.conditions().is_empty();
        if filtered {
            attached.table.filter("");
            attached.arrange();
        }
        filtered
    }

    pub(in crate::tui) fn zoom_trial(&mut self) -> Done {
        let attached = self.attached()?;
        attached.zoomed = !attached.zoomed;
        Ok(None)
    }

    pub(in crate::tui) fn load_trial(&mut self, name: &str) -> Done {
        let trial = self.trial_named(name)?.clone();
        let title = self.trial_title(&trial);
        let message = self.load_recipe(&trial.recipe, &title)?;
        if trial.picture.is_some() {
            self.sweeps.intend(&trial.id, TrialIntent::Load);
        }
        Ok(Some(message))
    }

    pub(in crate::tui) fn pin_trial(&mut self, name: &str) -> Done {
        self.intend_with_trial(name, TrialIntent::Pin)
    }

    pub(in crate::tui) fn compare_trial(&mut self, name: &str) -> Done {
        if self.runs.pinned.is_none() {
            return Err(
                "nothing is pinned yet: pin-trial pins one as A, then compare another".into()
            );
        }
        self.intend_with_trial(name, TrialIntent::Compare)
    }

    fn intend_with_trial(&mut self, name: &str, intent: TrialIntent) -> Done {
        let trial = self.trial_named(name)?;
        let (id, number) = (trial.id.clone(), trial.number);
        match (trial.status, &trial.picture) {
            (TrialStatus::Done, Some(_)) => {}
            (TrialStatus::Done, None) => {
                return Err(format!(
                    "trial {number} kept no picture: [output] says images = false"
                ));
            }
            (status, _) => {
                return Err(format!("trial {number} has no picture: it is {}", status.word()));
            }
        }
        self.sweeps.intend(&id, intent);
        // Where its picture is at hand, it is done before anything is drawn.
        Ok(None)
    }

    fn trial_title(&self, trial: &TrialRow) -> String {
        let attached = self.sweeps.attached.as_ref();
        let view = attached.and_then(|attached| attached.view.as_ref());
        let name = view.map(|view| view.status.name.clone()).unwrap_or_default();
        format!("trial {} of {name}", trial.number)
    }

    /// Does what waited for a picture.
    pub(in crate::tui) fn use_trial(&mut self) {
        let (intent, trial, run) = match self.sweeps.ready() {
            None => return,
            Some(Err(problem)) => return self.complain(problem),
            Some(Ok(ready)) => ready,
        };
        let title = self.trial_title(&trial);
        match intent {
            TrialIntent::Load => self.runs.last = Some(run),
            TrialIntent::Pin => {
                self.runs.pinned = Some(run);
                self.say(format!("{title} is pinned as A; compare-trial compares another with it"));
            }
            TrialIntent::Compare => {
                self.runs.last = Some(run);
                match self.show(Screen::Compare) {
                    Ok(_) => self.say(format!("A is the pinned run, B is {title}")),
                    Err(problem) => self.complain(problem),
                }
            }
        }
    }

    /// A text for a preset, and the trial that is named behind it. A description may have the word
    /// that stands between them, too.
    pub(in crate::tui) fn names_a_trial<'t>(&self, text: &'t str) -> Option<(&'t str, &'t str)> {
        let described = |text: &str| text.contains(':');
        text.rsplit_once(OF)
            .filter(|(text, trial)| !described(text) || self.trial_named(trial).is_ok())
    }

    /// `NAME` or `NAME: what it is for`; with ` of TRIAL` at the end where it is not the one under
    /// the cursor.
    pub(in crate::tui) fn trial_preset(&mut self, text: &str) -> Done {
        let (text, trial) = match self.names_a_trial(text) {
            Some((text, trial)) => (text, self.trial_named(trial)?),
            None => (text, self.selected_trial()?),
        };
        let (name, about) = name_and_description(text);
        let trial = trial.clone();
        let title = self.trial_title(&trial);
        check_name(name)?;
        if self.store.get(name).is_ok() {
            return Err(format!("there is a preset `{name}` already: choose another name"));
        }
        let preset = Preset {
            name: name.to_owned(),
            description: Some(match about {
                Some(about) if !about.is_empty() => about.to_owned(),
                _ => format!("{title}: {}", trial.setting),
            }),
            steps: SamplingOrder(trial.recipe.steps.clone()),
            terminal: trial.recipe.terminal,
        };
        let claim = Claim::Preset { name, known: None };
        let merged = self
            .change_file(claim, |text| writer::save(text, &preset))
            .map_err(|error| error.to_string())?;
        Ok(Some(format!("{title} is preset {name} in {}{merged}", self.store.path().display())))
    }
}
