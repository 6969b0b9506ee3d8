//! What the sweep screens ask for and what comes back: plain data, so that the application touches
//! no disk and starts no process.

use crate::tui::screens::sweeps::directory_status::DirectoryStatus;
use crate::tui::screens::sweeps::view::SweepView;
use serde::Deserialize;
use sigmalab_engine::event::NfeCount;
use sigmalab_experiment::built_in;
use sigmalab_experiment::launch::Launched;
use sigmalab_image::RgbImage;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum SweepWork {
    /// Say which experiments and run directories there are.
    List,
    /// Look at the run directories of the list no more: nobody sees it.
    Unlist,
    /// Say what an experiment would run. With `measure` a step is run for an estimate of time.
    Plan {
        file: PathBuf,
        /// Whether a step is measured.
        measure: bool,
        /// The checkpoint, where the file names none.
        model: String,
        presets: PathBuf,
    },
    /// Start a process of its own that runs a sweep.
    Start {
        start: Start,
        /// The checkpoint, where the file names none.
        model: String,
        presets: PathBuf,
    },
    /// Say what a run directory holds, now and whenever that changes; `None` for no more.
    Follow(Option<PathBuf>),
    /// Change what is wanted of the processes of a run directory.
    Control(PathBuf, ControlChange),
    /// Read these pictures small, and no longer those that were asked for before.
    Thumbnails(Vec<PathBuf>),
    /// Read a picture whole, and the latents beside it where there are some.
    Look(Look),
    /// Write an experiment file; it is not to replace one.
    Write { name: String, text: String },
}

/// A picture to read whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub picture: PathBuf,
    /// The file of its latents.
    pub latents: Option<PathBuf>,
    /// How many tokens they have.
    pub tokens: usize,
}

/// What a process is started for.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Run an experiment file or go on with a run directory.
    Run(PathBuf),
    /// Run a changed experiment file in its run directory.
    Extend(PathBuf),
    /// Run failed trials of a run directory once more.
    Retry(PathBuf),
    Tune(Vec<String>),
}

/// A change of what is wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum ControlChange {
    /// Begin no trial, or begin trials again.
    Pause(bool),
    /// This trial comes first, or no longer does.
    First(String),
    /// Do not run a trial.
    Skip(String),
    /// Run it after all.
    TakeUp(String),
    /// Every process stops.
    Cancel,
}

/// Something that came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum SweepEvent {
    Listed {
        experiments: Vec<ExperimentCard>,
        /// Run directories, the one worked on last first.
        runs: Vec<RunCard>,
    },
    /// Where a run directory stands, or why that is not known.
    DirectoryStatus(PathBuf, Result<DirectoryStatus, String>),
    /// A plan, or what is wrong with the experiment.
    Planned(PathBuf, Result<Box<PlanCard>, String>),
    /// A process was started, or why it was not.
    Started(Result<Launched, String>),
    /// What a run directory holds now.
    Followed(PathBuf, Result<Arc<SweepView>, String>),
    /// What was wanted is in the file, or why not.
    Controlled(Result<(), String>),
    Thumbnail(PathBuf, Result<Arc<RgbImage>, String>),
    /// A whole picture and its latents.
    Looked(PathBuf, Result<Looked, String>),
    /// An experiment file was written, or why not.
    Written(Result<PathBuf, String>),
}

/// A whole picture, and its latents where the trial kept them.
pub(in crate::tui) type Looked = (Arc<RgbImage>, Option<Arc<[f32]>>);

/// An experiment file.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentCard {
    pub file: PathBuf,
    /// Its name and description, or what is wrong with it.
    pub about: Result<(String, Option<String>), String>,
}

impl ExperimentCard {
    /// Whether it is part of the program and there is no file.
    pub fn is_built_in(&self) -> bool {
        self.file.to_str().and_then(built_in::text).is_some()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct RunCard {
    pub directory: PathBuf,
    /// When something was recorded last.
    pub changed: Option<SystemTime>,
}

/// What an experiment would run, as `sweep plan --json` says it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PlanCard {
    pub name: String,
    pub trials: usize,
    /// Trials that are equal to earlier ones.
    pub duplicates: usize,
    pub references: usize,
    /// Parts for processes to share.
    pub units: usize,
    pub nfe: NfeCount,
    /// Those of reference runs.
    pub reference_nfe: NfeCount,
    /// Trajectory cache that it takes.
    pub cache_bytes: u64,
    /// How long it takes one process.
    pub seconds: Option<f64>,
    /// What says so.
    pub measured_on: Option<String>,
    /// The runs in their order.
    #[serde(default)]
    pub runs: Vec<PlannedCard>,
}

/// A run of a plan.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PlannedCard {
    pub number: Option<usize>,
    pub point: String,
    pub prompt_id: String,
    pub seed: u64,
    /// Evaluations when all before it were run before it.
    pub nfe: NfeCount,
}
