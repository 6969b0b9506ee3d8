//! A sweep as a run directory holds it: the experiment, its trials, their plan and what is known
//! of them. It reads; the runner runs.

use super::directory::{DirectoryError, RunDirectory};
use super::generation::{Draft, Generation, GenerationError, Instance, Stage};
use super::journal::{Again, JournalError, Journals};
use super::lease::Left;
use super::ledger::Ledger;
use super::plan::{Plan, Run};
use super::record::{Kind, Outcome, Record};
use super::search::{self, Ask, SearchError, Tried};
use super::spec::Path;
use super::tables::TableError;
use super::trial::{Experiment, ExperimentError, TrialError, TrialId, Trials};
use sigmalab_engine::event::NfeCount;
use sigmalab_engine::recipe::Recipe;
use sigmalab_sampler::Samplers;
use std::collections::HashSet;
use std::sync::Arc;

/// A sweep and everything known of it.
#[derive(Debug)]
pub struct Sweep {
    pub directory: RunDirectory,
    pub experiment: Experiment,
    pub trials: Trials,
    pub plan: Plan,
    /// What is known of them.
    pub ledger: Ledger,
    /// What a search proposed so far; none of a sweep whose trials are known from the start.
    pub generations: Vec<Generation>,
    /// The trials of every generation, proposal and instance.
    proposed: Vec<Vec<Vec<TrialId>>>,
    journals: Journals,
    /// The trials, by index, in the order of their identities.
    by_identity: Vec<usize>,
    /// Whether records are held with what they say of each step.
    holds_steps: bool,
}

/// Why a sweep cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Tables(#[from] TableError),
    #[error(transparent)]
    Generation(#[from] GenerationError),
    #[error("a generation cannot be run: {0}")]
    Trial(#[from] TrialError),
    #[error(transparent)]
    Search(#[from] SearchError),
}

/// What became of a search once nothing of its last generation is left to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    Begun,
    /// The search is over, or the sweep is none.
    Over,
    /// Runs of the last generation are not recorded yet.
    Incomplete,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// It has no record.
    Pending,
    Done,
    Failed,
}

impl SweepError {
    /// Whether the disk is at fault, or the network to it.
    pub fn is_of_storage(&self) -> bool {
        matches!(
            self,
            SweepError::Directory(DirectoryError::Io { .. } | DirectoryError::Write(_))
                | SweepError::Journal(JournalError::Io { .. })
                | SweepError::Tables(_)
                | SweepError::Generation(GenerationError::Io { .. } | GenerationError::Write(_))
        )
    }
}

/// Whether two recipes are the same to the last bit, which of −0 and 0 `==` does not say: rows
/// write what the record says.
fn is_same(a: &Recipe, b: &Recipe) -> bool {
    let bits = |recipe: &Recipe| -> Vec<u64> {
        let steps = recipe.steps.iter().flat_map(|step| [step.gw, step.mu, step.std]);
        steps.chain(recipe.sampler.params.values().copied()).map(f64::to_bits).collect()
    };
    a == b && bits(a) == bits(b)
}

impl Sweep {
    /// Reads the sweep that was begun in a run directory, its samplers among `samplers`. What its
    /// records say of each step is left in the journals: it is most of them.
    pub fn open(directory: &RunDirectory, samplers: Samplers) -> Result<Self, SweepError> {
        Self::open_as(directory, samplers, false)
    }

    /// The same with the steps of every record.
    pub fn open_with_steps(
        directory: &RunDirectory,
        samplers: Samplers,
    ) -> Result<Self, SweepError> {
        Self::open_as(directory, samplers, true)
    }

    fn open_as(
        directory: &RunDirectory,
        samplers: Samplers,
        holds_steps: bool,
    ) -> Result<Self, SweepError> {
        let experiment = directory.experiment(samplers)?;
        let trials = experiment.trials()?;
        let plan = Plan::of(&trials);
        let journals = Journals::new(&directory.journals());
        let directory = directory.clone();
        let ledger = Ledger::default();
        let (generations, proposed) = (Vec::new(), Vec::new());
        let mut sweep = Sweep {
            directory,
            experiment,
            trials,
            plan,
            ledger,
            generations,
            proposed,
            journals,
            by_identity: Vec::new(),
            holds_steps,
        };
        sweep.order_by_identity();
        sweep.refresh()?;
        Ok(sweep)
    }

    /// Reads what came since the last time.
    pub fn refresh(&mut self) -> Result<(), SweepError> {
        let (ledger, holds_steps) = (&mut self.ledger, self.holds_steps);
        let (trials, by_identity) = (&self.trials.trials, &self.by_identity);
        self.journals.read_on(&mut |mut record, place| {
            let found = by_identity.binary_search_by(|index| {
                trials.get(*index).map(|trial| &trial.id).cmp(&Some(&record.id))
            });
            let trial = found.ok().and_then(|at| trials.get(*by_identity.get(at)?));
            // What is the same in both is held once.
            if let Some(trial) = trial.filter(|trial| is_same(&trial.recipe, &record.recipe)) {
                record.recipe = Arc::clone(&trial.recipe);
            }
            match holds_steps {
                true => ledger.take([record]),
                false => ledger.take_without_steps(record, place),
            }
        })?;
        if self.experiment.spec.method.is_search() {
            while let Some(next) = Generation::read(&self.directory, self.generations.len())? {
                self.extend(next)?;
            }
        }
        Ok(())
    }

    /// Takes a generation's trials in.
    fn extend(&mut self, generation: Generation) -> Result<(), SweepError> {
        let (trials, proposed) = self.with(&generation.proposals)?;
        self.trials = trials;
        self.proposed.push(proposed);
        self.generations.push(generation);
        self.plan = Plan::of(&self.trials);
        self.order_by_identity();
        Ok(())
    }

    fn order_by_identity(&mut self) {
        let trials = &self.trials.trials;
        self.by_identity = (0..trials.len()).collect();
        self.by_identity.sort_by_key(|index| trials.get(*index).map(|trial| &trial.id));
    }

    /// The trials with those of proposals behind them, each recipe once, and the proposals' own.
    fn with(
        &self,
        proposals: &[super::generation::Proposal],
    ) -> Result<(Trials, Vec<Vec<TrialId>>), TrialError> {
        let mut trials = self.trials.clone();
        let mut proposed = Vec::new();
        for proposal in proposals {
            let mut own = Vec::new();
            for instance in &proposal.instances {
                let number = trials.trials.len();
                let mut trial = self.experiment.proposed(number, proposal, instance)?;
                own.push(trial.id.clone());
                if trials.trials.iter().any(|known| known.id == trial.id) {
                    continue;
                }
                if let Some(reference) = self.experiment.reference(&trial)? {
                    let known = trials.references.iter().position(|run| run.id == reference.id);
                    let index = known.unwrap_or(trials.references.len());
                    if known.is_none() {
                        trials.references.push(reference);
                    }
                    trial.reference = Some(index);
                }
                trials.trials.push(trial);
            }
            proposed.push(own);
        }
        Ok((trials, proposed))
    }

    /// What came of the complete generations; one that is not ends the list.
    pub fn tried(&self) -> Vec<Tried> {
        let mut all = Vec::new();
        for (generation, proposed) in self.generations.iter().zip(&self.proposed) {
            let distances: Option<Vec<Vec<f64>>> = proposed
                .iter()
                .map(|own| own.iter().map(|id| search::distance(&self.ledger, id)).collect())
                .collect();
            let Some(distances) = distances else { break };
            all.push(Tried { generation: generation.clone(), distances });
        }
        all
    }

    /// The least mean distance of what a search tried so far and chooses by.
    pub fn best_distance(&self) -> Option<f64> {
        let chosen_by = |stage| matches!(stage, Stage::Search | Stage::Race | Stage::Refine);
        let tried = self.tried();
        let last = tried.iter().rev().find(|tried| chosen_by(tried.generation.stage))?;
        let means = last.distances.iter().map(|all| all.iter().sum::<f64>() / all.len() as f64);
        means.filter(|mean| mean.is_finite()).min_by(f64::total_cmp)
    }

    /// The first trial of the finalist of a tune, once there is one.
    pub fn finalist(&self) -> Option<&TrialId> {
        let judged = self.generations.iter().position(|known| known.stage == Stage::Judgement)?;
        self.proposed.get(judged)?.first()?.first()
    }

    /// Proposes the next generation, where the last one is complete, and writes it unless another
    /// process was quicker.
    pub fn advance(&mut self, ask: &mut dyn Ask) -> Result<Advance, SweepError> {
        if !self.experiment.spec.method.is_search() {
            return Ok(Advance::Over);
        }
        let known = self.generations.len();
        self.refresh()?;
        if self.generations.len() > known {
            return Ok(Advance::Begun);
        }
        let tried = self.tried();
        if tried.len() < self.generations.len() {
            return Ok(Advance::Incomplete);
        }
        let references = self.references();
        let Some(draft) = search::next(&self.experiment, &tried, &references, ask)? else {
            return Ok(Advance::Over);
        };
        let charge = self.charge(&draft)?;
        let before = self.generations.last().map_or(0, |last| last.spent);
        if self.bound().is_some_and(|bound| before + charge > bound) {
            return Ok(Advance::Over);
        }
        let next = Generation::of(draft, known, self.records_hash(), charge, before);
        next.write(&self.directory)?;
        self.refresh()?;
        Ok(Advance::Begun)
    }

    /// Reference runs by what they are of.
    fn references(&self) -> Vec<(Instance, TrialId)> {
        let prompts = &self.experiment.inputs.prompts;
        let of = |reference: &super::trial::Reference| {
            let prompt =
                prompts.iter().position(|prompt| prompt.text == reference.recipe.prompt)?;
            let (seed, size) = (reference.seed, reference.recipe.size);
            Some((Instance { prompt, seed, size }, reference.id.clone()))
        };
        self.trials.references.iter().filter_map(of).collect()
    }

    /// Evaluations that a draft takes one process which has computed nothing before: the tree of
    /// its new trials, and of reference runs that are new with them.
    fn charge(&self, draft: &Draft) -> Result<u64, TrialError> {
        let (with, _) = self.with(&draft.proposals)?;
        let mut new = Trials { samplers: with.samplers.clone(), ..Trials::default() };
        let known = self.trials.references.len();
        new.references = with.references.iter().skip(known).cloned().collect();
        for trial in with.trials.iter().skip(self.trials.trials.len()) {
            let mut trial = trial.clone();
            trial.reference = trial.reference.and_then(|index| index.checked_sub(known));
            new.trials.push(trial);
        }
        let NfeCount { cond_done, uncond_done, .. } = Plan::of(&new).nfe;
        Ok(cond_done + uncond_done)
    }

    /// Most evaluations that may be charged.
    pub fn bound(&self) -> Option<u64> {
        match self.experiment.spec.method {
            super::spec::Method::Search(search) => search.evaluations,
            _ => self.experiment.inputs.tune.as_ref().map(|tune| tune.budget),
        }
    }

    /// A hash of what came of all generations so far, whatever the order in which it came.
    fn records_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut ids: Vec<&TrialId> = self.proposed.iter().flatten().flatten().collect();
        ids.sort();
        ids.dedup();
        for id in ids {
            hasher.update(id.0.as_bytes());
            let distance = search::distance(&self.ledger, id).unwrap_or(f64::NAN);
            hasher.update(&distance.to_bits().to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
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

    pub fn identity(&self, run: Run) -> Option<(Kind, &TrialId)> {
        match run {
            Run::Reference(index) => {
                self.trials.references.get(index).map(|run| (Kind::Reference, &run.id))
            }
            Run::Trial(index) => self.trials.trials.get(index).map(|run| (Kind::Trial, &run.id)),
        }
    }

    /// The record of a run, if it has one.
    pub fn record(&self, run: Run) -> Option<&Record> {
        let (kind, id) = self.identity(run)?;
        self.ledger.get(kind, id)
    }

    /// The trials that stand so.
    pub fn trials_that_are(&self, status: RunStatus) -> impl Iterator<Item = Run> {
        let trials = (0..self.trials.trials.len()).map(Run::Trial);
        trials.filter(move |run| self.status_of(*run) == status)
    }

    pub fn status_of(&self, run: Run) -> RunStatus {
        match self.record(run).map(|record| &record.outcome) {
            None => RunStatus::Pending,
            Some(Outcome::Done(_)) => RunStatus::Done,
            Some(Outcome::Failed { .. }) => RunStatus::Failed,
        }
    }

    /// The names of the parts in which something is left to do, reference runs among them: others
    /// are held by nobody, or for a moment.
    pub fn left(&self) -> HashSet<&str> {
        let pending = |run: Run| self.status_of(run) != RunStatus::Done;
        let is_left =
            |unit: &&super::plan::Unit| unit.trials.iter().any(|trial| pending(Run::Trial(*trial)));
        let units = self.plan.units.iter().filter(is_left).map(|unit| unit.name.as_str());
        let references = (0..self.trials.references.len()).map(Run::Reference);
        let references = references.filter(|run| pending(*run));
        let names = references.filter_map(|run| Some(self.identity(run)?.1.short()));
        units.chain(names).collect()
    }

    /// Paths of the swept parameters as columns are called.
    pub fn swept(&self) -> Vec<String> {
        self.experiment.spec.swept().map(Path::to_string).collect()
    }

    /// What reads records again with their steps.
    pub(super) fn again(&self) -> Again<'_> {
        self.journals.again()
    }

    /// How far each journal was read.
    pub(super) fn read_so_far(&self) -> Vec<Left> {
        self.journals.read_so_far()
    }

    /// Whether everything was read that journals held when a part was given back.
    pub(super) fn has_read(&self, left: &[Left]) -> bool {
        self.journals.reach(left)
    }
}
