//! Actions on experiments and run directories, and what comes of them.

use crate::tui::action::{Action, Call};
use crate::tui::app::{App, Asking, Done, Effect, Reading, Screen, Tone};
use crate::tui::context::Context;
use crate::tui::screens;
use crate::tui::screens::sweeps::{
    ControlChange, DirectoryStatus, Entry, Face, Start, SweepEvent, SweepWork, writing,
};
use sigmalab_experiment::built_in;
use std::path::{Path, PathBuf};

impl App {
    /// Takes what came of work on sweeps.
    pub fn sweep_event(&mut self, event: SweepEvent) -> Vec<Effect> {
        match &event {
            SweepEvent::Planned(file, Err(problem)) => {
                let first = problem.lines().next().unwrap_or_default();
                self.complain(format!("{}: {first}", file.display()));
            }
            SweepEvent::Started(Ok(launched)) => {
                self.sweeps.is_starting = false;
                let output = launched.output.file_name().unwrap_or_default().display();
                self.say(format!("process {} runs it and writes {output}", launched.process));
                self.follow_sweep(&launched.directory);
                self.list_sweeps();
            }
            SweepEvent::Started(Err(problem)) => {
                self.sweeps.is_starting = false;
                self.read_problem("not started", problem);
            }
            SweepEvent::Followed(directory, Err(problem)) => {
                self.complain(format!("{}: {problem}", directory.display()));
            }
            SweepEvent::Followed(directory, Ok(view)) => {
                if let Some(ended) = self.sweeps.ended_with(directory, view) {
                    self.say(ended);
                }
            }
            SweepEvent::Controlled(Err(problem)) => self.complain(problem.clone()),
            SweepEvent::Written(Ok(file)) => {
                self.say(format!("{} is written", file.display()));
                self.list_sweeps();
                self.enter(Screen::Sweeps);
                self.ask_plan(file, false);
                self.emit(Effect::Edit(file.clone()));
            }
            SweepEvent::Written(Err(problem)) => self.complain(problem.clone()),
            _ => {}
        }
        let written = match &event {
            SweepEvent::Written(Ok(file)) => Some(file.clone()),
            _ => None,
        };
        self.sweeps.take(event);
        if let Some(file) = written {
            self.sweeps.wants_cursor = Some(file);
        }
        self.effects()
    }

    /// Somebody is done with editing a file, or there is no editor, and why.
    pub fn edited(&mut self, file: &Path, result: Result<(), String>) -> Vec<Effect> {
        match result {
            Ok(()) => {
                self.list_sweeps();
                self.ask_plan(file, false);
            }
            Err(problem) => self.say(format!("{} is there: {problem}", file.display())),
        }
        self.effects()
    }

    /// A problem of several lines is read in a box of its own.
    fn read_problem(&mut self, title: &str, problem: &str) {
        self.complain(problem.lines().next().unwrap_or_default());
        if problem.contains('\n') {
            let lines = problem.lines().map(|line| (Tone::Plain, line.to_owned())).collect();
            self.scroll = 0;
            self.asking = Some(Asking::Text(Reading { title: title.to_owned(), lines }));
        }
    }

    /// Asks for what the screen wants to show and is not there yet, and does what waited for it.
    pub(in crate::tui) fn follow_sweeps(&mut self) {
        self.use_trial();
        let near = self.screen == Screen::Sweeps || self.way.contains(&Screen::Sweeps);
        if self.sweeps.left_list(near) {
            self.emit(Effect::Sweeps(SweepWork::Unlist));
        }
        let (in_view, large) = screens::sweeps::draw::wanted(self);
        for work in self.sweeps.wanted(&in_view, large) {
            self.emit(Effect::Sweeps(work));
        }
    }

    fn list_sweeps(&mut self) {
        self.sweeps.watches_list = true;
        self.emit(Effect::Sweeps(SweepWork::List));
    }

    pub(in crate::tui) fn show_sweeps(&mut self) -> Done {
        self.show(Screen::Sweeps)?;
        self.list_sweeps();
        Ok(None)
    }

    /// On an experiment, its plan; on a run directory, what it holds.
    pub(in crate::tui) fn accept_entry(&mut self) -> Done {
        let action = match self.sweeps.entry() {
            None => return Ok(None),
            Some(Entry::Experiment(_)) => Action::PlanSweep,
            Some(Entry::Run(_)) => Action::AttachSweep,
        };
        // Through `perform`, so that it is recorded under its own name.
        self.perform(&action.into()).map(|()| None)
    }

    /// A call about the row or the trial under the cursor says which that is: a record of it then
    /// means the same.
    pub(in crate::tui) fn naming_the_trial(&self, call: &Call) -> Call {
        if call.argument.is_some() {
            return match (call.action, self.selected_trial()) {
                (Action::TrialPreset, Ok(trial)) => {
                    let name = call.argument.as_deref().unwrap_or_default();
                    match self.names_a_trial(name) {
                        Some(_) => call.clone(),
                        None => Call::with(call.action, format!("{}{OF}{}", name.trim(), trial.id)),
                    }
                }
                _ => call.clone(),
            };
        }
        let named = match call.action {
            Action::PlanSweep
            | Action::MeasureSweep
            | Action::ExtendSweep
            | Action::EditExperiment => match self.sweeps.entry() {
                Some(Entry::Experiment(card)) => Some(card.file.clone()),
                _ => None,
            },
            Action::AttachSweep => match self.sweeps.entry() {
                Some(Entry::Run(card)) => Some(card.directory.clone()),
                _ => None,
            },
            Action::RunSweep | Action::RetrySweep if self.screen == Screen::Sweep => {
                self.sweeps.attached.as_ref().map(|attached| attached.directory.clone())
            }
            Action::SortTrials if self.screen == Screen::Sweep => {
                let attached = self.sweeps.attached.as_ref();
                let attached = attached
                    .filter(|a| matches!(a.face, Face::Settings | Face::Table) && !a.zoomed);
                let name = attached
                    .and_then(|attached| attached.table.column_name(attached.view.as_ref()?));
                name.map(PathBuf::from)
            }
            Action::RunSweep => self.sweeps.entry().map(|entry| entry.path().to_owned()),
            Action::TrialFirst
            | Action::SkipTrial
            | Action::LoadTrial
            | Action::PinTrial
            | Action::CompareTrial => match self.selected_trial() {
                Ok(trial) => Some(PathBuf::from(&trial.id)),
                Err(_) => None,
            },
            _ => None,
        };
        match named {
            Some(named) => Call::with(call.action, named.display().to_string()),
            None => call.clone(),
        }
    }

    fn experiment(&self, argument: Option<&str>) -> Result<PathBuf, String> {
        argument.map(|text| PathBuf::from(text.trim())).ok_or_else(|| {
            "name an experiment file, or put the cursor on one in the list".to_owned()
        })
    }

    pub(in crate::tui) fn plan_sweep(&mut self, argument: Option<&str>, measure: bool) -> Done {
        let file = self.experiment(argument)?;
        if self.screen != Screen::Sweeps {
            self.show_sweeps()?;
        }
        self.sweeps.go_to(&file);
        self.ask_plan(&file, measure);
        Ok(None)
    }

    fn ask_plan(&mut self, file: &Path, measure: bool) {
        self.sweeps.planning(file, measure);
        let (model, presets) = (self.document.model.clone(), self.store.path().to_owned());
        let file = file.to_owned();
        self.emit(Effect::Sweeps(SweepWork::Plan { file, measure, model, presets }));
    }

    pub(in crate::tui) fn run_sweep(&mut self, argument: Option<&str>) -> Done {
        let what = argument.ok_or("name an experiment file or a run directory")?;
        let what = PathBuf::from(what.trim());
        let known = self.sweeps.status(&what).and_then(|status| status.as_ref().ok()).copied();
        match known {
            // Two processes share a sweep well, but a key pressed twice does not ask for two.
            Some(status) if status.is_running() => {
                return Err(format!("{} is being run already", what.display()));
            }
            // Its process is there and goes on.
            Some(status) if status.waiting && status.paused => {
                self.control(&what, ControlChange::Pause(false));
                self.follow_sweep(&what);
                return Ok(Some("the sweep continues".to_owned()));
            }
            Some(status) if status.waiting => {
                return Err(format!("{} is being started already", what.display()));
            }
            Some(DirectoryStatus { pending: 0, failed: 0, trials, .. }) => {
                return Err(format!("all {trials} trials of {} are done", what.display()));
            }
            Some(DirectoryStatus { pending: 0, failed, .. }) => {
                let retry = self.keymap.keys(Context::Sweep, &Action::RetrySweep.into());
                let retry =
                    retry.first().map_or(Action::RetrySweep.to_string(), ToString::to_string);
                return Err(format!(
                    "nothing is left but {failed} failed trials: {retry} there runs them again"
                ));
            }
            _ => {}
        }
        self.start_sweep(Start::Run(what))
    }

    pub(in crate::tui) fn extend_sweep(&mut self, argument: Option<&str>) -> Done {
        let file = self.experiment(argument)?;
        self.start_sweep(Start::Extend(file))
    }

    pub(in crate::tui) fn retry_sweep(&mut self, argument: Option<&str>) -> Done {
        let directory = argument.ok_or("name a run directory, or follow one first")?;
        self.start_sweep(Start::Retry(PathBuf::from(directory.trim())))
    }

    /// `10 --target exact`: the number of steps, then what the command takes.
    pub(in crate::tui) fn tune(&mut self, text: &str) -> Done {
        let mut words = text.split_whitespace().map(str::to_owned);
        let steps = words.next().filter(|steps| steps.parse::<usize>().is_ok());
        let steps = steps.ok_or("say how many steps the preset is to have, as in 10")?;
        let arguments = ["--steps".to_owned(), steps].into_iter().chain(words);
        self.start_sweep(Start::Tune(arguments.collect()))
    }

    /// The finalist of the tune that is followed, as one change of the grid.
    pub(in crate::tui) fn load_found(&mut self) -> Done {
        let attached = self.sweeps.attached.as_ref().ok_or(NOT_ATTACHED)?;
        let found = match &attached.known()?.search {
            None => {
                return Err("this is not a tune: load-trial loads a trial into the grid".to_owned());
            }
            Some(search) => search.found.clone(),
        };
        match found {
            Some(found) => self.load_trial(&found),
            None => Err("the tune has no finalist yet".to_owned()),
        }
    }

    fn start_sweep(&mut self, start: Start) -> Done {
        if self.sweeps.is_starting {
            return Err("a sweep is already being started".to_owned());
        }
        self.sweeps.is_starting = true;
        let (model, presets) = (self.document.model.clone(), self.store.path().to_owned());
        self.emit(Effect::Sweeps(SweepWork::Start { start, model, presets }));
        Ok(Some("starting a process of its own".to_owned()))
    }

    pub(in crate::tui) fn attach_sweep(&mut self, argument: Option<&str>) -> Done {
        let directory = argument
            .map(|text| PathBuf::from(text.trim()))
            .ok_or("name a run directory, or put the cursor on one in the list")?;
        self.follow_sweep(&directory);
        Ok(None)
    }

    fn follow_sweep(&mut self, directory: &Path) {
        if let Some(work) = self.sweeps.attach(directory) {
            self.emit(Effect::Sweeps(work));
        }
        // A message stays: it may be about what was just started.
        self.enter(Screen::Sweep);
        self.scroll = 0;
    }

    /// Asks something of the sweep that is followed.
    fn control_followed(&mut self, change: ControlChange) -> Result<(), String> {
        let attached = self.sweeps.attached.as_ref().ok_or(NOT_ATTACHED)?;
        self.control(&attached.directory.clone(), change);
        Ok(())
    }

    fn control(&mut self, directory: &Path, change: ControlChange) {
        self.sweeps.awaited += 1;
        self.emit(Effect::Sweeps(SweepWork::Control(directory.to_owned(), change)));
    }

    pub(in crate::tui) fn pause_sweep(&mut self, argument: Option<&str>) -> Done {
        let attached = self.sweeps.attached.as_ref().ok_or(NOT_ATTACHED)?;
        let paused = match argument.map(str::trim) {
            Some("on") => true,
            Some("off") => false,
            Some(other) => return Err(format!("`{other}` is neither on nor off")),
            None => !attached.known()?.status.paused,
        };
        let view = attached.known()?;
        if paused && view.status.pending == 0 {
            return Err("nothing is left to run, so there is nothing to pause".to_owned());
        }
        // A paused process holds no part, and goes on as soon as it may.
        let runs = !view.status.workers.is_empty() || view.waiting;
        self.control_followed(ControlChange::Pause(paused))?;
        Ok(Some(match paused {
            true => "pausing after the current trials".to_owned(),
            false if runs => "the sweep continues".to_owned(),
            false => format!(
                "no longer paused, but not running: {} runs it",
                self.keys_of(&Action::RunSweep.into())
            ),
        }))
    }

    /// The first time a question, the second time the intent.
    pub(in crate::tui) fn cancel_sweep(&mut self, confirmed: bool) -> Done {
        let attached = self.sweeps.attached.as_ref().ok_or(NOT_ATTACHED)?;
        let view = attached.known()?;
        if view.status.workers.is_empty() && !view.status.paused {
            return Err("no process is running it".to_owned());
        }
        if !confirmed {
            let text = format!(
                "Stop every process of {}? Finished trials are kept; run-sweep continues later.",
                view.status.name
            );
            let call = Call::with(Action::CancelSweep, "confirmed");
            self.asking = Some(Asking::Question { text, call });
            return Ok(None);
        }
        self.control_followed(ControlChange::Cancel)?;
        Ok(Some("processes stop before their next evaluation".to_owned()))
    }

    pub(in crate::tui) fn trial_first(&mut self, name: &str) -> Done {
        let trial = self.trial_named(name)?;
        let (id, number, was_first) = (trial.id.clone(), trial.number, trial.is_first);
        self.control_followed(ControlChange::First(id))?;
        Ok(Some(match was_first {
            false => format!("trial {number} runs next"),
            true => format!("trial {number} runs in its usual turn"),
        }))
    }

    pub(in crate::tui) fn skip_trial(&mut self, name: &str) -> Done {
        use crate::tui::screens::sweeps::TrialStatus::{Done, Failed, Pending, Running, Skipped};
        let trial = self.trial_named(name)?;
        let (id, number) = (trial.id.clone(), trial.number);
        let (change, said) = match trial.status {
            Done | Failed => {
                return Err(format!("trial {number} has ended already and keeps its record"));
            }
            Skipped => (ControlChange::TakeUp(id), format!("trial {number} runs after all")),
            Pending | Running => (ControlChange::Skip(id), format!("trial {number} will not run")),
        };
        self.control_followed(change)?;
        Ok(Some(said))
    }

    /// An experiment over the selection of the grid.
    pub(in crate::tui) fn write_experiment(&mut self, text: &str) -> Done {
        let wanted = writing::read(text)?;
        self.document
            .schedule()
            .check()
            .map_err(|error| format!("a broken schedule cannot be the base of a sweep: {error}"))?;
        let block = self
            .grid
            .block()
            .ok_or("the cursor is on σ, which is computed: select steps of gw, mu or std")?;
        let path = writing::path(block, self.document.len())?;
        let name = wanted.name.unwrap_or_else(|| writing::name(&path));
        let preset = self.store.get(&self.document.draft().name).ok();
        let text =
            writing::text(&self.document, preset, &self.samplers, &name, &path, &wanted.values);
        self.sweeps.awaited += 1;
        self.emit(Effect::Sweeps(SweepWork::Write { name, text }));
        Ok(None)
    }

    /// What the selection is called, for the line that asks for its values.
    pub(in crate::tui) fn swept_in_grid(&self) -> Option<String> {
        writing::path(self.grid.block()?, self.document.len()).ok()
    }

    pub(in crate::tui) fn edit_experiment(&mut self, argument: Option<&str>) -> Done {
        let file = self.experiment(argument)?;
        if file.to_str().and_then(built_in::text).is_some() {
            let name = file.display();
            return Err(format!(
                "{name} is built in: `sigmalab sweep new NAME` writes one to edit"
            ));
        }
        self.effect(Effect::Edit(file))
    }

    pub(in crate::tui) fn print_sweep(&mut self) -> Done {
        let attached = self.sweeps.attached.as_ref().ok_or(NOT_ATTACHED)?;
        let status = &attached.known()?.status;
        let text = serde_json::to_string(status).map_err(|error| error.to_string())?;
        self.effect(Effect::Print(text))
    }
}

/// Between the name of a preset and the trial it is made of.
pub(in crate::tui) const OF: &str = " of ";

pub(in crate::tui) const NOT_ATTACHED: &str =
    "no run directory is followed: attach-sweep follows one";
