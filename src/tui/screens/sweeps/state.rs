//! Sweeps on the screen: the experiments and run directories there are, the run directory that is
//! followed, and which trial is under the cursor. It asks for work in words, touches no disk and
//! starts no process.

use super::{
    Cell, DirectoryStatus, ExperimentCard, Look, PlanCard, RunCard, Setting, SweepEvent, SweepView,
    SweepWork, Table, TrialRow, settings,
};
use crate::tui::runs::Finished;
use sigmalab_image::RgbImage;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// How many small pictures are kept: one is at most 300 kB.
const SMALL_AT_HAND: usize = 160;

/// How many whole pictures are kept.
const AT_HAND: usize = 4;

/// What of a sweep takes the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Face {
    /// The settings with their means.
    Settings,
    /// The table, with the picture of the trial under the cursor.
    #[default]
    Table,
    /// The pictures of many trials.
    Sheet,
    /// Two columns as points.
    Scatter,
}

impl Face {
    /// Every face, in their order.
    pub const ALL: [Face; 4] = [Face::Settings, Face::Table, Face::Sheet, Face::Scatter];

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Face::Table => Face::Sheet,
            Face::Sheet => Face::Scatter,
            Face::Scatter => Face::Settings,
            Face::Settings => Face::Table,
        }
    }
}

impl fmt::Display for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Face::Settings => "settings",
            Face::Table => "table",
            Face::Sheet => "sheet",
            Face::Scatter => "scatter",
        })
    }
}

impl FromStr for Face {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Face::ALL.into_iter().find(|face| face.to_string() == text.trim()).ok_or_else(|| {
            format!("there is no view `{text}`: write settings, table, sheet or scatter")
        })
    }
}

/// A intent that can be done now: with which trial, and the run that it is.
pub type Ready = (TrialIntent, TrialRow, Arc<Finished>);

/// What is to be done with a trial once its picture is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialIntent {
    /// Load it into the grid and show its picture.
    Load,
    Pin,
    /// Compare it as B with the pinned run A.
    Compare,
}

/// A row of the list of experiments and run directories.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry<'a> {
    /// An experiment file.
    Experiment(&'a ExperimentCard),
    /// A run directory.
    Run(&'a RunCard),
}

impl Entry<'_> {
    /// Its file or directory.
    pub fn path(&self) -> &Path {
        match self {
            Entry::Experiment(card) => &card.file,
            Entry::Run(card) => &card.directory,
        }
    }
}

/// What is known of an experiment's plan.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanState {
    /// It is being made; whether a step is measured for it.
    Planning {
        /// Whether a step is measured.
        measuring: bool,
        /// The plan from before, where there was one.
        before: Option<Box<PlanCard>>,
    },
    /// It is there.
    Planned(Box<PlanCard>),
    /// What is wrong with the experiment.
    Refused(String),
}

/// Everything about sweeps.
#[derive(Debug, Default)]
pub struct Sweeps {
    experiments: Vec<ExperimentCard>,
    runs: Vec<RunCard>,
    is_listed: bool,
    cursor: usize,
    plans: BTreeMap<PathBuf, PlanState>,
    /// Where run directories stand.
    stands: HashMap<PathBuf, Result<DirectoryStatus, String>>,
    /// Whether the run directories of the list are looked at now and then.
    pub(in crate::tui) watches_list: bool,
    /// Whether a process is being started.
    pub is_starting: bool,
    /// Answers that are still to come: whether something was wanted of processes, or written.
    pub awaited: usize,
    /// Where the cursor goes once the list has it.
    pub wants_cursor: Option<PathBuf>,
    /// The run directory that is followed.
    pub attached: Option<Attached>,
    small: HashMap<PathBuf, Result<Arc<RgbImage>, String>>,
    /// Small pictures, the one read last at the end.
    small_order: VecDeque<PathBuf>,
    /// Small pictures that were asked for last.
    asked: Vec<PathBuf>,
    whole: VecDeque<(PathBuf, Whole)>,
    looked: Option<PathBuf>,
}

/// A whole picture and its latents.
#[derive(Debug, Clone)]
struct Whole {
    image: Result<Arc<RgbImage>, String>,
    latents: Option<Arc<[f32]>>,
}

/// A run directory that is followed.
#[derive(Debug)]
pub struct Attached {
    /// The directory.
    pub directory: PathBuf,
    /// What it holds, once it was read.
    pub view: Option<Arc<SweepView>>,
    /// Why it cannot be read.
    pub problem: Option<String>,
    /// The trials in their order.
    pub table: Table,
    /// What takes the screen.
    pub face: Face,
    /// Whether somebody chose it.
    pub face_chosen: bool,
    /// Columns of the scatter that somebody chose.
    pub axes: [Option<String>; 2],
    /// Whether the picture takes the whole screen.
    pub zoomed: bool,
    /// What waits for a picture.
    pending: Option<(String, TrialIntent)>,
}

impl Attached {
    fn new(directory: PathBuf) -> Self {
        Attached {
            directory,
            view: None,
            problem: None,
            table: Table::default(),
            face: Face::default(),
            face_chosen: false,
            axes: [None, None],
            zoomed: false,
            pending: None,
        }
    }

    /// What it holds, or why that is not known.
    pub fn known(&self) -> Result<&Arc<SweepView>, String> {
        self.view.as_ref().ok_or_else(|| match &self.problem {
            Some(problem) => problem.clone(),
            None => format!("{} is still being read", self.directory.display()),
        })
    }

    /// The trial under the cursor.
    pub fn selected(&self) -> Option<&TrialRow> {
        self.table.selected(self.view.as_ref()?)
    }

    /// The settings of the trials that are shown, and which of them the cursor's trial has.
    pub fn settings(&self, view: &SweepView) -> (Vec<Setting>, usize) {
        let by =
            self.table.sort().and_then(|sort| Some((view.column(&sort.column)?, sort.descending)));
        let settings = settings::settings(view, self.table.order(), by);
        let here = self.table.selected(view).map(|trial| trial.setting.as_str());
        let at = settings.iter().position(|setting| Some(setting.name.as_str()) == here);
        (settings, at.unwrap_or(0))
    }

    /// Puts the cursor on the trial that stands for a setting.
    pub fn go_to_setting(&mut self, place: usize, view: &SweepView) {
        let (settings, _) = self.settings(view);
        let there = settings.get(place.min(settings.len().saturating_sub(1)));
        let row = there
            .and_then(|setting| self.table.order().iter().position(|trial| *trial == setting.best));
        if let Some(row) = row {
            self.table.go_to(row, view);
        }
    }

    /// Puts trials in their order again, after something changed about it.
    pub fn arrange(&mut self) {
        let Some(view) = self.view.clone() else { return };
        self.table.arrange(&view);
    }

    /// The columns of the scatter: the first swept value against the first metric that is known,
    /// where nobody chose others.
    pub fn scatter_columns(&self, view: &SweepView) -> Option<(usize, usize)> {
        let chosen = |at: usize| self.axes.get(at)?.as_ref().and_then(|name| view.column(name));
        let shown: Vec<usize> = view
            .columns
            .iter()
            .enumerate()
            .filter(|(at, _)| view.trials.iter().any(|t| t.cells.get(*at) != Some(&Cell::Empty)))
            .map(|(at, _)| at)
            .collect();
        let given = |wanted: bool| {
            let is = |at: &&usize| view.columns.get(**at).is_some_and(|c| c.given == wanted);
            shown.iter().find(is).copied()
        };
        Some((chosen(0).or(given(true))?, chosen(1).or(given(false))?))
    }

    /// The column after one, in a circle, among those that some trial has.
    pub fn column_after(&self, view: &SweepView, column: usize) -> Option<String> {
        let has =
            |at: &usize| view.trials.iter().any(|trial| trial.cells.get(*at) != Some(&Cell::Empty));
        let count = view.columns.len().max(1);
        let next = (1..=count).map(|by| (column + by) % count).find(has)?;
        view.columns.get(next).map(|column| column.name.clone())
    }
}

impl Sweeps {
    /// The rows of the list: experiments, then run directories.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let experiments = self.experiments.iter().map(Entry::Experiment);
        experiments.chain(self.runs.iter().map(Entry::Run))
    }

    /// How many rows the list has.
    pub fn len(&self) -> usize {
        self.experiments.len() + self.runs.len()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many experiments it has, which come first.
    pub fn experiments(&self) -> usize {
        self.experiments.len()
    }

    /// Whether it was read.
    pub fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// Place of the cursor in it.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The row under the cursor.
    pub fn entry(&self) -> Option<Entry<'_>> {
        self.entries().nth(self.cursor)
    }

    /// Moves the cursor down the list.
    pub fn along(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.len().saturating_sub(1));
    }

    /// Puts the cursor on a file or directory, where it is in the list.
    pub fn go_to(&mut self, path: &Path) {
        let there = self.entries().position(|entry| entry.path() == path);
        self.cursor = there.unwrap_or(self.cursor);
    }

    /// Where a run directory stands, once that is known.
    pub fn stands(&self, directory: &Path) -> Option<&Result<DirectoryStatus, String>> {
        self.stands.get(directory)
    }

    /// What is known of the plan of an experiment.
    pub fn plan(&self, file: &Path) -> Option<&PlanState> {
        self.plans.get(file)
    }

    /// A plan was asked for.
    pub fn planning(&mut self, file: &Path, measuring: bool) {
        let before = match self.plans.remove(file) {
            Some(PlanState::Planned(card) | PlanState::Planning { before: Some(card), .. }) => {
                Some(card)
            }
            _ => None,
        };
        self.plans.insert(file.to_owned(), PlanState::Planning { measuring, before });
    }

    /// Whether the list was looked at until now, and is no longer: `near` says whether its screen is
    /// on the way back.
    pub(in crate::tui) fn left_list(&mut self, near: bool) -> bool {
        let left = self.watches_list && !near;
        self.watches_list &= near;
        left
    }

    /// Whether a plan is being made or a process started.
    pub fn is_busy(&self) -> bool {
        let planning = |plan: &PlanState| matches!(plan, PlanState::Planning { .. });
        self.is_starting || self.awaited > 0 || self.plans.values().any(planning)
    }

    /// Follows a run directory from now on. Gives what is to be done for it; nothing where it is
    /// followed already.
    pub fn attach(&mut self, directory: &Path) -> Option<SweepWork> {
        let attached = self.attached.as_ref().map(|attached| attached.directory.as_path());
        if attached == Some(directory) {
            return None;
        }
        self.attached = Some(Attached::new(directory.to_owned()));
        self.small.clear();
        self.small_order.clear();
        self.whole.clear();
        self.asked.clear();
        self.looked = None;
        Some(SweepWork::Follow(Some(directory.to_owned())))
    }

    /// Takes what concerns no more than what is shown.
    pub fn take(&mut self, news: SweepEvent) {
        match news {
            SweepEvent::Listed { experiments, runs } => {
                let here = self.entry().map(|entry| entry.path().to_owned());
                (self.experiments, self.runs, self.is_listed) = (experiments, runs, true);
                self.along(0);
                if let Some(there) = self.wants_cursor.take().or(here) {
                    self.go_to(&there);
                }
            }
            SweepEvent::DirectoryStatus(directory, stands) => {
                drop(self.stands.insert(directory, stands))
            }
            SweepEvent::Planned(file, result) => {
                let plan = match result {
                    Ok(card) => PlanState::Planned(card),
                    Err(problem) => PlanState::Refused(problem),
                };
                self.plans.insert(file, plan);
            }
            SweepEvent::Followed(directory, result) => {
                let Some(attached) = &mut self.attached else { return };
                if attached.directory != directory {
                    return;
                }
                match result {
                    Ok(view) => {
                        attached.table.arrange(&view);
                        let is_over = view.status.pending == 0 && view.status.done > 0;
                        let is_first = attached.view.is_none();
                        // What came of a sweep that is over is looked at first.
                        if is_first && is_over && !attached.face_chosen {
                            attached.face = Face::Settings;
                            attached.go_to_setting(0, &view);
                        }
                        let stands = DirectoryStatus::of(&view.status, view.waiting);
                        self.stands.insert(directory, Ok(stands));
                        attached.view = Some(view);
                        attached.problem = None;
                    }
                    Err(problem) => {
                        self.stands.insert(directory, Err(problem.clone()));
                        attached.problem = Some(problem);
                    }
                }
            }
            SweepEvent::Thumbnail(path, result) => {
                self.small_order.retain(|held| *held != path);
                self.small_order.push_back(path.clone());
                self.small.insert(path, result);
                while self.small_order.len() > SMALL_AT_HAND {
                    if let Some(gone) = self.small_order.pop_front() {
                        self.small.remove(&gone);
                    }
                }
            }
            SweepEvent::Looked(path, result) => {
                self.looked = self.looked.take().filter(|looked| *looked != path);
                self.whole.retain(|(held, _)| *held != path);
                let whole = match result {
                    Ok((image, latents)) => Whole { image: Ok(image), latents },
                    Err(problem) => Whole { image: Err(problem), latents: None },
                };
                self.whole.push_back((path, whole));
                while self.whole.len() > AT_HAND {
                    self.whole.pop_front();
                }
            }
            SweepEvent::Controlled(_) | SweepEvent::Written(_) => {
                self.awaited = self.awaited.saturating_sub(1);
            }
            SweepEvent::Started(_) => {}
        }
    }

    /// What to say where a sweep that was going comes to its end with this news.
    pub fn ended_with(&self, directory: &Path, now: &SweepView) -> Option<String> {
        let attached = self.attached.as_ref().filter(|held| held.directory == directory)?;
        let before = &attached.view.as_ref()?.status;
        let status = &now.status;
        let ends = before.pending > 0 && status.pending == 0;
        ends.then(|| match status.failed {
            0 => format!("sweep {}: all {} trials are done", status.name, status.done),
            failed => {
                format!("sweep {}: {} trials are done, {failed} failed", status.name, status.done)
            }
        })
    }

    /// The small picture of a trial: at hand, on its way (`None`), or why there is none.
    pub fn small(&self, trial: &TrialRow) -> Option<Result<Arc<RgbImage>, String>> {
        self.small.get(trial.picture.as_ref()?).cloned()
    }

    /// The picture to show of a trial: the whole one, else the small one.
    pub fn picture(&self, trial: &TrialRow) -> Option<Result<Arc<RgbImage>, String>> {
        let path = trial.picture.as_ref()?;
        let whole = self.whole.iter().find(|(held, _)| held == path);
        whole.map(|(_, whole)| whole.image.clone()).or_else(|| self.small(trial))
    }

    /// Says what is to be done with a trial as soon as its picture is at hand.
    pub fn intend(&mut self, id: &str, intent: TrialIntent) {
        if let Some(attached) = &mut self.attached {
            attached.pending = Some((id.to_owned(), intent));
        }
    }

    /// Whether something that was asked for has not come yet.
    pub fn is_waiting(&self) -> bool {
        let attached = self.attached.as_ref();
        self.is_busy()
            || attached.is_some_and(|attached| {
                attached.pending.is_some()
                    || (attached.view.is_none() && attached.problem.is_none())
            })
    }

    /// The intent that can be done now with a trial, or why it cannot be done at all.
    pub fn ready(&mut self) -> Option<Result<Ready, String>> {
        let attached = self.attached.as_mut()?;
        let (id, intent) = attached.pending.as_ref()?;
        let view = attached.view.as_ref()?;
        let trial = view.trials.iter().find(|trial| trial.id == *id).cloned();
        let Some(trial) = trial else {
            attached.pending = None;
            return Some(Err("the trial is no longer in the experiment".to_owned()));
        };
        let whole = self.whole.iter().find(|(held, _)| Some(held) == trial.picture.as_ref());
        let (_, whole) = whole?;
        let ready = match (&whole.image, &trial.measured) {
            (Ok(image), Some(measured)) => Ok((
                *intent,
                trial.clone(),
                Arc::new(Finished {
                    recipe: trial.recipe.as_ref().clone(),
                    image: Arc::clone(image),
                    latents: whole.latents.clone(),
                    reports: measured.steps.clone(),
                    nfe: measured.nfe,
                    timings: measured.timings,
                }),
            )),
            (Err(problem), _) => Err(problem.clone()),
            (Ok(_), None) => Err(format!("trial {} has not ended yet", trial.number)),
        };
        attached.pending = None;
        Some(ready)
    }

    /// What is to be read next, if anything: of the trials that are in view the small pictures,
    /// and whole the one under the cursor where `large` says that it has room, or that something
    /// waits for.
    pub fn wanted(&mut self, in_view: &[PathBuf], large: bool) -> Vec<SweepWork> {
        let mut work = Vec::new();
        if let Some(look) = self.wanted_look(large) {
            self.looked = Some(look.picture.clone());
            work.push(SweepWork::Look(look));
        }
        let mut seen = HashSet::new();
        let missing: Vec<PathBuf> = in_view
            .iter()
            .filter(|path| !self.small.contains_key(*path) && seen.insert(*path))
            .cloned()
            .collect();
        let asked: HashSet<&PathBuf> = self.asked.iter().collect();
        if missing.iter().any(|path| !asked.contains(path)) {
            self.asked.clone_from(&missing);
            work.push(SweepWork::Thumbnails(missing));
        }
        work
    }

    fn wanted_look(&self, large: bool) -> Option<Look> {
        let attached = self.attached.as_ref()?;
        let view = attached.view.as_ref()?;
        let wished = attached
            .pending
            .as_ref()
            .and_then(|(id, _)| view.trials.iter().find(|trial| trial.id == *id));
        let trial = wished.or_else(|| attached.selected().filter(|_| large))?;
        let picture = trial.picture.clone()?;
        let is_at_hand = self.whole.iter().any(|(held, _)| *held == picture);
        if is_at_hand || self.looked.as_ref() == Some(&picture) {
            return None;
        }
        let latents = trial.measured.as_ref().and_then(|measured| measured.latents.as_ref());
        let latents = latents.map(|file| attached.directory.join(file));
        Some(Look { picture, latents, tokens: trial.recipe.size.tokens() })
    }
}
