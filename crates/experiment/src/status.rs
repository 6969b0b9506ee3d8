//! Where a sweep stands, for people and for other programs.

use super::control::{Control, ControlError};
use super::lease::{Held, Leases};
use super::plan::Run;
use super::process::Process;
use super::record::Kind;
use super::sweep::{RunStatus, Sweep};
use serde::{Deserialize, Serialize};
use sigmalab_engine::event::NfeCount;
use std::io;

/// Where a sweep stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub name: String,
    pub trials: usize,
    /// Trials that ended well.
    pub done: usize,
    pub failed: usize,
    /// Trials without a record that are to be run.
    pub pending: usize,
    /// Trials without a record that the control file says not to run.
    pub skipped: usize,
    /// Whether the control file pauses the sweep.
    pub paused: bool,
    pub references: usize,
    /// Reference runs that ended well.
    pub references_done: usize,
    /// Records of trials that the experiment has no more.
    pub former: usize,
    /// Evaluations that recorded runs made and saved.
    pub nfe: NfeCount,
    /// Evaluations that the pending ones need, by a process that has computed nothing yet.
    pub remaining: NfeCount,
    /// Seconds that the pending ones take one process, from what finished runs took; `None`
    /// before the first.
    pub remaining_seconds: Option<f64>,
    pub workers: Vec<Worker>,
    /// Failed trials with their causes.
    pub failures: Vec<Failure>,
    /// Damaged lines of journals.
    pub damaged: usize,
}

/// A process at work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// The part it works on.
    pub unit: String,
    /// How often the part was taken.
    pub attempt: u32,
    /// The process, where it is known.
    pub process: Option<Process>,
    /// Seconds for which its worker has said nothing, where that is remarkable: it may hang.
    pub silent_seconds: Option<u64>,
}

impl From<Held> for Worker {
    fn from(Held { unit, attempt, silent, process }: Held) -> Self {
        let silent_seconds = silent.map(|silent| silent.as_secs());
        Worker { unit, attempt, process, silent_seconds }
    }
}

/// A failed trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub trial: String,
    pub number: usize,
    /// How often it failed.
    pub attempts: u32,
    pub error: String,
}

/// Why it is not known where a sweep stands.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    #[error("the leases cannot be read: {0}")]
    Leases(#[from] io::Error),
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl Status {
    pub fn of(sweep: &Sweep) -> Result<Self, StatusError> {
        let left = sweep.left();
        let held = Leases::new(&sweep.directory.leases()).held_of(|unit| left.contains(unit))?;
        let control = Control::read(&sweep.directory)?;
        let skipped = |run: Run| {
            let trial = matches!(run, Run::Trial(_)).then(|| sweep.identity(run)).flatten();
            trial.is_some_and(|(_, id)| control.skips(id))
        };
        let is_open = |run: Run| sweep.status_of(run) == RunStatus::Pending && !skipped(run);
        let standings = |reference: bool| {
            let runs = sweep.plan.runs.iter().map(|planned| planned.run);
            let runs = runs.filter(move |run| matches!(run, Run::Reference(_)) == reference);
            runs.map(|run| sweep.status_of(run)).collect::<Vec<_>>()
        };
        let count = |standings: &[RunStatus], wanted: RunStatus| {
            standings.iter().filter(|standing| **standing == wanted).count()
        };
        let (trials, references) = (standings(false), standings(true));
        let records = sweep.ledger.of(Kind::Trial);
        let unrecorded = count(&trials, RunStatus::Pending);
        let of_now = trials.len() - unrecorded;
        let nfe = sweep.ledger.nfe();
        let remaining = sweep.plan.remaining(&sweep.trials, is_open);
        let pending =
            (0..sweep.trials.trials.len()).filter(|index| is_open(Run::Trial(*index))).count();
        let failures = records.iter().filter_map(|record| match &record.outcome {
            super::record::Outcome::Failed { error } => Some(Failure {
                trial: record.id.short().to_owned(),
                number: record.number,
                attempts: sweep.ledger.failures(Kind::Trial, &record.id),
                error: error.clone(),
            }),
            super::record::Outcome::Done(_) => None,
        });
        Ok(Status {
            name: sweep.experiment.spec.name.clone(),
            trials: trials.len(),
            done: count(&trials, RunStatus::Done),
            failed: count(&trials, RunStatus::Failed),
            pending,
            skipped: unrecorded - pending,
            paused: control.paused,
            references: references.len(),
            references_done: count(&references, RunStatus::Done),
            former: records.len().saturating_sub(of_now),
            nfe,
            remaining,
            remaining_seconds: sweep.seconds_for(remaining, pending),
            workers: held.into_iter().map(Worker::from).collect(),
            failures: failures.collect(),
            damaged: sweep.damaged(),
        })
    }
}

impl Sweep {
    /// How long so many evaluations and pictures take one process, by what finished runs took.
    pub fn seconds_for(&self, nfe: NfeCount, pictures: usize) -> Option<f64> {
        let records =
            [Kind::Trial, Kind::Reference].into_iter().flat_map(|kind| self.ledger.of(kind));
        let measured: Vec<_> = records.filter_map(|record| record.measured()).collect();
        let evaluations: u64 =
            measured.iter().map(|run| run.nfe.cond_done + run.nfe.uncond_done).sum();
        if measured.is_empty() || evaluations == 0 {
            return None;
        }
        let sum = |ms: fn(&sigmalab_engine::request::Timings) -> f64| {
            measured.iter().map(|run| ms(&run.timings)).sum::<f64>()
        };
        let evaluation = sum(|timings| timings.denoise_ms) / evaluations as f64;
        let picture = sum(|timings| timings.decode_ms) / measured.len() as f64;
        let evaluations = (nfe.cond_done + nfe.uncond_done) as f64;
        Some((evaluation * evaluations + picture * pictures as f64) / 1e3)
    }
}
