//! A sweep as a run directory holds it: the experiment, its trials, their plan and what is known
//! of them. It reads; the runner runs.

use super::directory::{DirectoryError, RunDirectory};
use super::journal::{JournalError, Journals};
use super::ledger::Ledger;
use super::plan::{Plan, Run};
use super::record::{Kind, Outcome, Record};
use super::spec::Path;
use super::tables::{self, TableError, TableLock};
use super::trial::{Experiment, ExperimentError, TrialId, Trials};
use sigmalab_sampler::Samplers;

/// A sweep and everything known of it.
#[derive(Debug)]
pub struct Sweep {
    /// Where it lies.
    pub directory: RunDirectory,
    /// What it runs.
    pub experiment: Experiment,
    /// Its trials.
    pub trials: Trials,
    /// How they are run.
    pub plan: Plan,
    /// What is known of them.
    pub ledger: Ledger,
    journals: Journals,
}

/// Why a sweep cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Its directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Its experiment.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// A journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Its tables.
    #[error(transparent)]
    Tables(#[from] TableError),
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has no record.
    Pending,
    /// It ended well.
    Done,
    /// It failed.
    Failed,
}

impl Sweep {
    /// Reads the sweep that was begun in a run directory, its samplers among `samplers`.
    pub fn open(directory: &RunDirectory, samplers: Samplers) -> Result<Self, SweepError> {
        let experiment = directory.experiment(samplers)?;
        let trials = experiment.trials()?;
        let plan = Plan::of(&trials);
        let journals = Journals::new(&directory.journals());
        let directory = directory.clone();
        let ledger = Ledger::default();
        let mut sweep = Sweep { directory, experiment, trials, plan, ledger, journals };
        sweep.refresh()?;
        Ok(sweep)
    }

    /// Reads what came since the last time.
    pub fn refresh(&mut self) -> Result<(), SweepError> {
        let records = self.journals.refresh()?;
        self.ledger.take(records);
        Ok(())
    }

    /// Lines of journals that are damaged and were passed over.
    pub fn damaged(&self) -> usize {
        self.journals.damaged()
    }

    /// Pictures that records name and that are not there any more, as the records name them.
    pub fn missing_pictures(&self) -> Vec<&str> {
        let records = [Kind::Trial, Kind::Reference].map(|kind| self.ledger.of(kind)).concat();
        let files = records.into_iter().filter_map(|record| record.measured()?.image.as_deref());
        files.filter(|file| !self.directory.path().join(file).is_file()).collect()
    }

    /// What kind of run it is and its identity.
    pub fn identity(&self, run: Run) -> Option<(Kind, &TrialId)> {
        match run {
            Run::Reference(place) => {
                self.trials.references.get(place).map(|run| (Kind::Reference, &run.id))
            }
            Run::Trial(place) => self.trials.trials.get(place).map(|run| (Kind::Trial, &run.id)),
        }
    }

    /// The record of a run, if it has one.
    pub fn record(&self, run: Run) -> Option<&Record> {
        let (kind, id) = self.identity(run)?;
        self.ledger.get(kind, id)
    }

    /// Where a run stands.
    pub fn standing(&self, run: Run) -> Standing {
        match self.record(run).map(|record| &record.outcome) {
            None => Standing::Pending,
            Some(Outcome::Done(_)) => Standing::Done,
            Some(Outcome::Failed { .. }) => Standing::Failed,
        }
    }

    /// Paths of the swept parameters as columns are called.
    pub fn swept(&self) -> Vec<String> {
        self.experiment.spec.swept().map(Path::to_string).collect()
    }

    /// Writes the tables anew, after reading what others wrote.
    pub fn write_tables(&mut self) -> Result<(), SweepError> {
        let lock = TableLock::take(&self.directory)?;
        self.refresh()?;
        tables::write(&self.directory, &self.ledger, &self.swept(), &lock)?;
        Ok(())
    }
}
