//! Runs a sweep: takes one part after another, makes its trials in the order of the plan, and
//! records each before the next. However it ends, what is recorded stays and what is not is run
//! again.

mod error;
mod event;
mod making;
mod options;
mod order;
mod queries;

pub use error::RunError;
pub use event::{Ended, RunnerEvent};
use making::RunOutcome;
pub use options::{RunOptions, Shard};
use order::{retry_list, units_of};
use queries::EngineQueries;

use super::control::Followed;
use super::journal::Journal;
use super::lease::{Lease, Leases, settled};
use super::measure::Baseline;
use super::openings;
use super::plan::{Run, Unit};
use super::process::Process;
use super::record::Kind;
use super::search::SearchError;
use super::sweep::{Advance, RunStatus, Sweep, SweepError};
use super::trial::TrialId;
use super::writing::Pace;
use sigmalab_engine::memory::default_cache_bytes;
use sigmalab_engine::worker::{Engine, EngineOptions, RunFailure};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time between two looks at what other processes do.
const WAIT: Duration = Duration::from_millis(500);

/// Runs a sweep in this process until nothing is left for it to do.
pub fn run(
    sweep: &mut Sweep,
    options: &RunOptions,
    on_event: &mut dyn FnMut(RunnerEvent<'_>) -> bool,
) -> Result<Ended, RunError> {
    let process = Process::this();
    if let Some(problem) = sweep.experiment.sampler_problem() {
        return Err(RunError::Machine(problem));
    }
    let name = format!("{}-{}", process.file_name(), milliseconds_now());
    let log = match options.is_worker {
        // Many machines that write to one file write over each other.
        true => sweep.directory.workers().join(format!("{name}.log")),
        false => sweep.directory.log(),
    };
    let usual = default_cache_bytes(options.memory_limit).max(sweep.plan.cache_bytes);
    let engine = Engine::new(EngineOptions {
        program: options.program.clone(),
        threads: options.threads,
        memory_limit: options.memory_limit,
        cache_bytes: Some(options.cache_bytes.unwrap_or(usual)),
        log: Some(log),
        samplers: sweep.experiment.samplers.clone(),
        ..EngineOptions::default()
    });
    let directory = sweep.directory.clone();
    for folder in [directory.journals(), directory.leases(), directory.references()] {
        directory.create(&folder)?;
    }
    if sweep.experiment.spec.method.is_search() {
        directory.create(&directory.generations())?;
    }
    if sweep.experiment.spec.tune.is_some() {
        directory.create(&directory.grams())?;
    }
    if options.is_worker {
        directory.create(&directory.workers())?;
    }
    directory.tidy();
    let output = sweep.experiment.spec.output;
    if output.images {
        directory.create(&directory.images())?;
    }
    if output.latents {
        directory.create(&directory.latents())?;
    }
    let journal = Journal::new(&directory.journals(), &name);
    let mut runner = Runner {
        followed: Followed::new(&directory)?,
        leases: Leases::of(&directory.leases(), journal.written()),
        journal,
        is_worker: options.is_worker,
        engine,
        offset: usize::try_from(milliseconds_now()).unwrap_or(0) ^ process.id as usize,
        retry: retry_list(sweep, options.retry_failed),
        units: units_of(&sweep.plan, options.shard),
        shard: options.shard,
        openings: options.openings.clone(),
        generations: 0,
        sweep,
        on_event,
        baseline: None,
        pace: Pace::default(),
        ended: Ended::default(),
    };
    let result = runner.run_all();
    // Whatever went wrong, the tables show what is recorded. Somebody who wants to stop is not kept
    // waiting for another process that writes them.
    let waits = !options.is_worker && result.is_ok() && !runner.ended.interrupted;
    let Runner { sweep, leases, on_event, ended, .. } = &mut runner;
    // What others recorded they write, or have written.
    let _ = sweep.refresh();
    let tables = match waits {
        _ if sweep.tables_are_up_to_date() => Ok(true),
        true => sweep.write_tables(&mut || on_event(RunnerEvent::Waiting)),
        false => sweep.write_tables_unless_busy(leases),
    };
    let ended = ended.clone();
    result?;
    tables?;
    Ok(ended)
}

struct Runner<'a> {
    sweep: &'a mut Sweep,
    engine: Engine,
    journal: Journal,
    leases: Leases,
    is_worker: bool,
    units: Vec<Unit>,
    shard: Option<Shard>,
    openings: Option<PathBuf>,
    /// Generations that the units are of.
    generations: usize,
    followed: Followed,
    retry: Vec<(Kind, TrialId, u32)>,
    /// Where this process begins among parts that come equally early.
    offset: usize,
    on_event: &'a mut dyn FnMut(RunnerEvent<'_>) -> bool,
    /// The reference run that trials were last measured against.
    baseline: Option<(usize, Baseline)>,
    pace: Pace,
    ended: Ended,
}

/// What became of a unit.
enum UnitOutcome {
    /// All of it is done that was left.
    Done,
    /// Some of it may be: something else comes first now, or nothing for a while.
    Left,
    /// Another process has it.
    Elsewhere,
    /// Another process makes the reference run that it needs.
    Awaited,
    /// The caller wants to stop.
    Stopped,
}

impl Runner<'_> {
    fn run_all(&mut self) -> Result<(), RunError> {
        loop {
            self.sweep.refresh()?;
            self.followed.look();
            if !self.take_generations() {
                self.ended.interrupted = true;
                return Ok(());
            }
            let open = self.open_units();
            if open.is_empty() {
                match self.advance()? {
                    Some(true) => continue,
                    Some(false) => {
                        self.ended.interrupted = true;
                        self.note_cancel();
                        return Ok(());
                    }
                    None => {}
                }
                let path = self.sweep.directory.leases();
                return self.leases.tidy().map_err(|source| RunError::Lease { path, source });
            }
            let goes_on = match self.followed.control().paused {
                true => {
                    self.sweep.write_tables_before_a_rest(&mut self.leases, &mut self.pace)?;
                    self.wait(RunnerEvent::Paused)
                }
                false => match self.work_on_some(&open)? {
                    UnitOutcome::Done | UnitOutcome::Left => true,
                    // A worker holds a device, which others could use meanwhile. What its sweep
                    // still has to propose is worth waiting for.
                    UnitOutcome::Elsewhere if self.is_worker && self.is_in_good_hands(&open) => {
                        self.ended.left = true;
                        return Ok(());
                    }
                    UnitOutcome::Elsewhere | UnitOutcome::Awaited => {
                        self.wait(RunnerEvent::Waiting)
                    }
                    UnitOutcome::Stopped => false,
                },
            };
            if !goes_on {
                self.ended.interrupted = true;
                self.note_cancel();
                return Ok(());
            }
        }
    }

    fn note_cancel(&mut self) {
        self.ended.cancelled = self.followed.is_cancelled();
        if self.ended.cancelled {
            self.ended.cause.clone_from(&self.followed.control().stopped_for);
        }
    }

    /// Takes in generations that are new, whoever wrote them. `false` where the caller wants to
    /// stop.
    fn take_generations(&mut self) -> bool {
        let known = self.sweep.generations.len();
        if known == std::mem::replace(&mut self.generations, known) {
            return true;
        }
        self.units = units_of(&self.sweep.plan, self.shard);
        if let Some(openings) = &self.openings {
            openings::note(openings, self.sweep);
        }
        let sweep = &*self.sweep;
        (self.on_event)(RunnerEvent::Generation { sweep })
    }

    /// Goes on to the next generation of a search, or waits for what others run of this one.
    /// `None` where nothing comes any more; whether the caller wants to go on otherwise.
    fn advance(&mut self) -> Result<Option<bool>, RunError> {
        let mut queries = EngineQueries {
            engine: &mut self.engine,
            directory: self.sweep.directory.clone(),
            references: self
                .sweep
                .trials
                .references
                .iter()
                .map(|run| {
                    (run.id.clone(), run.prompt_id.clone(), Arc::clone(&run.recipe), run.gram)
                })
                .collect(),
            on_event: &mut *self.on_event,
            followed: &mut self.followed,
            nfe: &mut self.ended.nfe,
        };
        let advance = match self.sweep.advance(&mut queries) {
            Ok(advance) => advance,
            Err(SweepError::Search(SearchError::Worker(RunFailure::Cancelled))) => {
                return Ok(Some(false));
            }
            Err(error) => return Err(error.into()),
        };
        match advance {
            Advance::Begun => Ok(Some(true)),
            Advance::Over => Ok(None),
            Advance::Incomplete => {
                // What nobody is to run stays without a record.
                let waits =
                    self.sweep.trials_that_are(RunStatus::Pending).all(|run| !self.is_skipped(run));
                Ok(if waits { Some(self.wait(RunnerEvent::Waiting)) } else { None })
            }
        }
    }

    /// Works on one unit after another, as long as nothing else comes first.
    fn work_on_some(&mut self, open: &[usize]) -> Result<UnitOutcome, RunError> {
        let mut worked = UnitOutcome::Elsewhere;
        for index in open {
            let Some(unit) = self.units.get(*index).cloned() else { continue };
            // The list is as old as what was worked on since.
            if !self.is_open(*index) {
                worked = UnitOutcome::Done;
                continue;
            }
            match (self.work_on(&unit)?, &worked) {
                (UnitOutcome::Elsewhere, _) | (UnitOutcome::Awaited, UnitOutcome::Done) => {}
                (UnitOutcome::Awaited, _) => worked = UnitOutcome::Awaited,
                (UnitOutcome::Done, _) => worked = UnitOutcome::Done,
                (ended, _) => return Ok(ended),
            }
        }
        Ok(worked)
    }

    /// Whether others that are seen to live have all of these parts, and no further trials will be
    /// proposed. A holder of which nothing was seen yet may be lost, and its part for others.
    fn is_in_good_hands(&self, open: &[usize]) -> bool {
        let lives = |index: &usize| {
            let unit = self.units.get(*index);
            !self.is_open(*index) || unit.is_none_or(|unit| self.leases.is_seen_to_live(&unit.name))
        };
        !self.sweep.experiment.spec.method.is_search() && open.iter().all(lives)
    }

    /// Waits a moment. `false` where the caller or the control file wants to stop.
    fn wait(&mut self, event: RunnerEvent<'_>) -> bool {
        if !(self.on_event)(event) || self.followed.is_cancelled() {
            return false;
        }
        std::thread::sleep(WAIT);
        true
    }

    /// Does what is left of a unit.
    fn work_on(&mut self, unit: &Unit) -> Result<UnitOutcome, RunError> {
        let reference = unit.reference.map(Run::Reference);
        if let Some(run) = reference.filter(|run| self.is_wanted(*run)) {
            let Some(name) = self.sweep.identity(run).map(|(_, id)| id.short().to_owned()) else {
                return Ok(UnitOutcome::Elsewhere);
            };
            // Another process may have done it between the last look and the lease.
            let Some(lease) = self.take(&name)? else { return Ok(UnitOutcome::Awaited) };
            if self.is_wanted(run) {
                match self.make(run, &lease)? {
                    RunOutcome::Recorded | RunOutcome::Skipped => {}
                    RunOutcome::Stopped => return Ok(UnitOutcome::Stopped),
                    RunOutcome::Lost => return Ok(UnitOutcome::Elsewhere),
                }
            }
        }
        let Some(lease) = self.take(&unit.name)? else { return Ok(UnitOutcome::Elsewhere) };
        let order = self.followed.look().first.clone();
        let mut trials = unit.trials.clone();
        // Those that come first cost what they share with others before them; all others stay in
        // the order of the plan.
        trials.sort_by_cached_key(|trial| self.rank(*trial));
        for trial in trials {
            let run = Run::Trial(trial);
            let control = self.followed.look();
            if control.paused || control.first != order {
                return Ok(UnitOutcome::Left);
            }
            if self.followed.is_cancelled() {
                return Ok(UnitOutcome::Stopped);
            }
            if !self.is_wanted(run) {
                continue;
            }
            match self.make(run, &lease)? {
                RunOutcome::Recorded => {
                    self.sweep.write_tables_now_and_then(&mut self.leases, &mut self.pace)?;
                }
                RunOutcome::Skipped => {}
                RunOutcome::Stopped => return Ok(UnitOutcome::Stopped),
                RunOutcome::Lost => return Ok(UnitOutcome::Elsewhere),
            }
        }
        Ok(UnitOutcome::Done)
    }

    /// Takes a part, and reads what those who had it before have recorded.
    fn take(&mut self, name: &str) -> Result<Option<Lease>, RunError> {
        let path = self.sweep.directory.leases();
        let taken = self.leases.take(name).map_err(|source| RunError::Lease { path, source })?;
        let Some(lease) = taken else { return Ok(None) };
        self.sweep.refresh()?;
        let began = Instant::now();
        // A folder may be shown as it was a minute ago. What does not come then was lost with its
        // disk, and is made again.
        while !self.sweep.has_read(lease.after()) && began.elapsed() < settled() {
            self.followed.look();
            if !self.wait(RunnerEvent::Waiting) {
                return Ok(None);
            }
            lease.tell_silence(None);
            self.sweep.refresh()?;
        }
        Ok(Some(lease))
    }
}

fn milliseconds_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
