//! Sweeps on the screen: the experiments and run directories there are, the run directory that is
//! followed, and which trial is under the cursor. It asks for work in words, touches no disk and
//! starts no process.

use super::{
    Attached, DirectoryStatus, ExperimentCard, Face, Look, PlanCard, RunCard, SweepEvent,
    SweepView, SweepWork, TrialIntent, TrialRow,
};
use crate::tui::runs::Finished;
use sigmalab_image::RgbImage;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many small pictures are kept: one is at most 300 kB.
const SMALL_AT_HAND: usize = 160;

/// How many whole pictures are kept.
const AT_HAND: usize = 4;

/// An intent that can be done now: with which trial, and the run that it is.
pub type Ready = (TrialIntent, TrialRow, Arc<Finished>);

/// A row of the list of experiments and run directories.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry<'a> {
    Experiment(&'a ExperimentCard),
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
    status: HashMap<PathBuf, Result<DirectoryStatus, String>>,
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
    pub fn status(&self, directory: &Path) -> Option<&Result<DirectoryStatus, String>> {
        self.status.get(directory)
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
    pub fn take(&mut self, event: SweepEvent) {
        match event {
            SweepEvent::Listed { experiments, runs } => {
                let here = self.entry().map(|entry| entry.path().to_owned());
                (self.experiments, self.runs, self.is_listed) = (experiments, runs, true);
                self.along(0);
                if let Some(there) = self.wants_cursor.take().or(here) {
                    self.go_to(&there);
                }
            }
            SweepEvent::DirectoryStatus(directory, status) => {
                drop(self.status.insert(directory, status))
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
                        let status = DirectoryStatus::of(&view.status, view.waiting);
                        self.status.insert(directory, Ok(status));
                        attached.view = Some(view);
                        attached.problem = None;
                    }
                    Err(problem) => {
                        self.status.insert(directory, Err(problem.clone()));
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
