//! What the screen says of a sweep: its trials as rows with cells, and where it stands. Plain data
//! that is taken from a run directory; it knows nothing of how rows are ordered and drawn.

use sigmalab_engine::recipe::Recipe;
use sigmalab_experiment::control::Control;
use sigmalab_experiment::directory::OUTPUT;
use sigmalab_experiment::launch::{self, LastProcess, Refusal};
use sigmalab_experiment::plan::Run;
use sigmalab_experiment::record::{Kind, Measured, Outcome, Record};
use sigmalab_experiment::report::{Better, METRICS, short};
use sigmalab_experiment::spec::{Path as ParameterPath, Value};
use sigmalab_experiment::status::Status;
use sigmalab_experiment::sweep::{RunStatus, Sweep};
use sigmalab_experiment::trial::{Trial, TrialId};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// A sweep as the screen shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepView {
    pub directory: PathBuf,
    /// A sentence on what it is for.
    pub description: Option<String>,
    pub status: Status,
    /// Evaluations that its plan needs and saves in all.
    pub planned: sigmalab_engine::event::NfeCount,
    /// What is known of every trial.
    pub columns: Vec<ColumnInfo>,
    /// The trials, by number.
    pub trials: Vec<TrialRow>,
    /// Why its last process stopped, where none is at work and something is left.
    pub stopped: Option<Refusal>,
    /// Whether a process lives that holds no part: it begins, or waits while the sweep is paused.
    pub waiting: bool,
    /// Where its search is, where trials are proposed as it goes.
    pub search: Option<SearchView>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SearchView {
    /// What is tried at the moment, in words.
    pub stage: &'static str,
    pub charged: u64,
    /// Most that may be.
    pub bound: Option<u64>,
    /// The least distance so far.
    pub nearest: Option<f64>,
    /// The finalist's first trial, by the beginning of its identity.
    pub found: Option<String>,
}

impl SearchView {
    fn of(sweep: &Sweep) -> Option<Self> {
        let last = sweep.generations.last()?;
        Some(SearchView {
            stage: last.stage.in_words(),
            charged: last.spent,
            bound: sweep.bound(),
            nearest: sweep.best_distance(),
            found: sweep.finalist().map(|trial| trial.short().to_owned()),
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ColumnInfo {
    /// Its name: a swept path, `prompt`, `seed`, `size`, or a metric as tables call it.
    pub name: String,
    pub better: Better,
    /// Whether it says what was tried, and not what came of it.
    pub given: bool,
}

impl ColumnInfo {
    /// Whether it is a parameter that was swept, and not what a setting was tried on.
    pub fn is_swept(&self) -> bool {
        self.given && !matches!(self.name.as_str(), "prompt" | "seed" | "size")
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct TrialRow {
    /// The beginning of its identity, which names rows and files.
    pub id: String,
    /// Its number in the experiment.
    pub number: usize,
    pub status: TrialStatus,
    pub error: Option<String>,
    /// Whether it is one of those that come first.
    pub is_first: bool,
    /// A cell a column.
    pub cells: Vec<Cell>,
    /// The swept values that are no prompt, seed or size, in words.
    pub setting: String,
    /// Prompt, seed and size, in words.
    pub instance: String,
    /// Everything it depends on.
    pub recipe: Arc<Recipe>,
    pub measured: Option<Arc<Measured>>,
    /// The file of its picture.
    pub picture: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrialStatus {
    /// A process works on it.
    Running,
    Done,
    Failed,
    /// It has no record.
    Pending,
    /// It has none and is not to be run.
    Skipped,
}

impl TrialStatus {
    pub fn word(self) -> &'static str {
        match self {
            TrialStatus::Running => "running",
            TrialStatus::Done => "done",
            TrialStatus::Failed => "failed",
            TrialStatus::Pending => "to do",
            TrialStatus::Skipped => "skipped",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Not known, or it does not apply.
    Empty,
    Number(f64),
    Text(String),
}

impl Cell {
    fn of(value: &Value) -> Self {
        value.number().map_or_else(|| Cell::Text(value.to_string()), Cell::Number)
    }

    /// As the table writes it.
    pub fn text(&self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Number(number) => sigmalab_experiment::report::digits(*number),
            Cell::Text(text) => text.clone(),
        }
    }
}

/// What does not change about a trial and is not copied again for every look.
#[derive(Debug, Default)]
pub struct Kept {
    measured: HashMap<TrialId, Arc<Measured>>,
}

impl SweepView {
    /// What is known of a sweep now.
    pub fn of(sweep: &Sweep, kept: &mut Kept) -> Result<Self, String> {
        let status = Status::of(sweep).map_err(|error| error.to_string())?;
        let control = Control::read(&sweep.directory).map_err(|error| error.to_string())?;
        let running = running(sweep, &status, &control);
        let given = given_columns(sweep);
        let columns = given.iter().map(|given| given.info());
        let measures = METRICS.iter().map(|metric| ColumnInfo {
            name: metric.name.to_owned(),
            better: metric.better,
            given: false,
        });
        let seconds = ColumnInfo { name: SECONDS.to_owned(), better: Better::Lower, given: false };
        let columns = columns.chain(measures).chain([seconds]).collect();
        let trials = sweep.trials.trials.iter().enumerate().map(|(index, trial)| {
            row(sweep, index, trial, &given, &control, running.contains(&index), kept)
        });
        let trials = trials.collect();
        let is_idle = status.workers.is_empty() && status.pending > 0;
        let last = launch::last(&sweep.directory).filter(|_| is_idle);
        Ok(SweepView {
            directory: sweep.directory.path().to_owned(),
            description: sweep.experiment.spec.description.clone(),
            waiting: last.as_ref().is_some_and(LastProcess::lives),
            stopped: last.and_then(why_stopped),
            planned: sweep.plan.nfe,
            search: SearchView::of(sweep),
            status,
            columns,
            trials,
        })
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// Name of the column of a trial's time.
pub const SECONDS: &str = "seconds";

/// A column of what was tried.
#[derive(Debug)]
enum Given {
    Swept(ParameterPath),
    Prompt,
    Seed,
    Size,
}

impl Given {
    fn info(&self) -> ColumnInfo {
        let name = match self {
            Given::Swept(path) => path.to_string(),
            Given::Prompt => "prompt".to_owned(),
            Given::Seed => "seed".to_owned(),
            Given::Size => "size".to_owned(),
        };
        ColumnInfo { name, better: Better::Neither, given: true }
    }

    fn cell(&self, trial: &Trial) -> Cell {
        match self {
            Given::Swept(path) => {
                let value = trial.point.iter().find(|(found, _)| found == path);
                value.map_or(Cell::Empty, |(_, value)| Cell::of(value))
            }
            Given::Prompt => Cell::Text(trial.prompt_id.clone()),
            Given::Seed => Cell::Number(trial.seed as f64),
            Given::Size => Cell::Text(trial.recipe.size.to_string()),
        }
    }
}

/// The swept paths in the order of the file, then of prompt, seed and size those that differ.
fn given_columns(sweep: &Sweep) -> Vec<Given> {
    let mut given: Vec<Given> = sweep.experiment.spec.swept().cloned().map(Given::Swept).collect();
    let trials = &sweep.trials.trials;
    let swept = |path: &ParameterPath| sweep.experiment.spec.swept().any(|found| found == path);
    let differ = |of: &dyn Fn(&Trial) -> String| {
        let mut values = trials.iter().map(of);
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    if !swept(&ParameterPath::Prompt) && differ(&|trial| trial.prompt_id.clone()) {
        given.push(Given::Prompt);
    }
    if !swept(&ParameterPath::Seed) && differ(&|trial| trial.seed.to_string()) {
        given.push(Given::Seed);
    }
    if !swept(&ParameterPath::Size) && differ(&|trial| trial.recipe.size.to_string()) {
        given.push(Given::Size);
    }
    given
}

/// The trials that processes work on, by index: of every part that is held the first one that is
/// left, in the order in which processes take them.
fn running(sweep: &Sweep, status: &Status, control: &Control) -> HashSet<usize> {
    let held: HashSet<&str> = status.workers.iter().map(|worker| worker.unit.as_str()).collect();
    let units = sweep.plan.units.iter().filter(|unit| held.contains(unit.name.as_str()));
    let first = units.filter_map(|unit| {
        let left = unit.trials.iter().copied().filter_map(|index| {
            let id = &sweep.trials.trials.get(index)?.id;
            let is_left = sweep.status_of(Run::Trial(index)) == RunStatus::Pending;
            (is_left && !control.skips(id)).then(|| (control.rank(id), index))
        });
        // Of equal ranks the first one.
        left.reduce(|best, next| if next.0 < best.0 { next } else { best })
    });
    first.map(|(_, index)| index).collect()
}

fn row(
    sweep: &Sweep,
    index: usize,
    trial: &Trial,
    given: &[Given],
    control: &Control,
    is_running: bool,
    kept: &mut Kept,
) -> TrialRow {
    let record = sweep.ledger.get(Kind::Trial, &trial.id);
    let status = match sweep.status_of(Run::Trial(index)) {
        RunStatus::Done => TrialStatus::Done,
        RunStatus::Failed => TrialStatus::Failed,
        RunStatus::Pending if control.skips(&trial.id) => TrialStatus::Skipped,
        RunStatus::Pending if is_running => TrialStatus::Running,
        RunStatus::Pending => TrialStatus::Pending,
    };
    let measured = record.and_then(Record::measured);
    let cells = given.iter().map(|given| given.cell(trial));
    let metric = |value: Option<f64>| value.map_or(Cell::Empty, Cell::Number);
    let metrics = METRICS.iter().map(|of| metric(record.and_then(|record| (of.of)(record))));
    let seconds = measured.map(|measured| measured.timings.total_seconds());
    let picture = measured.and_then(|measured| measured.image.as_ref());
    let of_kept = |measured: &Measured, kept: &mut HashMap<TrialId, Arc<Measured>>| {
        let entry = kept.entry(trial.id.clone());
        Arc::clone(entry.or_insert_with(|| Arc::new(measured.clone())))
    };
    TrialRow {
        id: trial.id.short().to_owned(),
        number: trial.number,
        status,
        error: record.and_then(|record| match &record.outcome {
            Outcome::Failed { error } => Some(error.clone()),
            Outcome::Done(_) => None,
        }),
        is_first: status == TrialStatus::Pending
            && control.first.iter().any(|first| first == trial.id.short()),
        cells: cells.chain(metrics).chain([metric(seconds)]).collect(),
        setting: setting(trial),
        instance: format!("{} · seed {} · {}", trial.prompt_id, trial.seed, trial.recipe.size),
        recipe: Arc::clone(&trial.recipe),
        measured: measured.map(|measured| of_kept(measured, &mut kept.measured)),
        picture: picture.map(|file| sweep.directory.path().join(file)),
    }
}

fn setting(trial: &Trial) -> String {
    let is_instance = |path: &ParameterPath| {
        matches!(path, ParameterPath::Prompt | ParameterPath::Seed | ParameterPath::Size)
    };
    let pairs = trial.point.iter().filter(|(path, _)| !is_instance(path));
    let words: Vec<String> =
        pairs.map(|(path, value)| format!("{path} {}", short(value))).collect();
    if words.is_empty() { "base".to_owned() } else { words.join(", ") }
}

/// Why the last process that was started on a sweep stopped, where it has.
fn why_stopped(last: LastProcess) -> Option<Refusal> {
    let in_silence = || Refusal {
        message: format!("its process ended without a word; {OUTPUT} has what it said last"),
        ..Refusal::default()
    };
    last.stopped.or_else(|| last.process.is_gone().then(in_silence))
}
