//! One run: computed by the engine, measured, its files written, and recorded. What trials are
//! measured against is brought first. Knows nothing of units and of what comes next.

use super::{RunError, Runner, RunnerEvent, milliseconds_now};
use crate::gram_file;
use crate::lease::Lease;
use crate::measure::{Baseline, decoded, measure};
use crate::plan::Run;
use crate::record::{Kind, Measured, Outcome, Record, Started};
use crate::run_files::Layout;
use sigmalab_engine::event::{Event, StepReport};
use sigmalab_engine::image_file::{write_latents, write_picture};
use sigmalab_engine::request::{RunOutput, RunRequest, Wanted};
use sigmalab_engine::worker::RunFailure;
use sigmalab_files::target::OnCollision;
use std::io;
use std::time::{Duration, Instant};

/// Looks at files of a reference run that are not to be seen, and the time between two.
const LOOKS: u32 = 5;
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Times after which a run is made again that the machine failed in.
const TRY_AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

/// What became of one run.
pub(super) enum RunOutcome {
    Recorded,
    /// The caller wants to stop.
    Stopped,
    /// The lease went to another process meanwhile.
    Lost,
    /// Nobody wants it any more.
    Skipped,
}

/// Whether the reference run of a trial is at hand.
enum BaselineOutcome {
    /// It is, or none is needed.
    Ready,
    /// There is none, and why.
    Failed(String),
    /// The caller wants to stop.
    Stopped,
}

impl Runner<'_> {
    /// Makes one run under a lease and records it.
    pub(super) fn make(&mut self, run: Run, lease: &Lease) -> Result<RunOutcome, RunError> {
        let Some(started) = self.started(run) else { return Ok(RunOutcome::Recorded) };
        if !(self.on_event)(RunnerEvent::Begins { run }) {
            return Ok(RunOutcome::Stopped);
        }
        let baseline = match run {
            Run::Trial(index) => {
                let trial = self.sweep.trials.trials.get(index);
                trial.and_then(|trial| trial.reference)
            }
            Run::Reference(_) => None,
        };
        let brought = match baseline {
            Some(reference) => self.bring(reference)?,
            None => BaselineOutcome::Ready,
        };
        match brought {
            BaselineOutcome::Ready => {}
            BaselineOutcome::Stopped => return Ok(RunOutcome::Stopped),
            // Without it the trial would lack its distances for good.
            BaselineOutcome::Failed(error) => {
                if !self.is_mine(lease)? {
                    return Ok(RunOutcome::Lost);
                }
                self.record(started, lease, Outcome::Failed { error })?;
                return Ok(RunOutcome::Recorded);
            }
        }
        let (result, steps) = self.compute(&started, self.wanted(run), Some(lease));
        let outcome = match result {
            Ok(output) => {
                if !self.is_mine(lease)? {
                    return Ok(RunOutcome::Lost);
                }
                Outcome::Done(Box::new(self.keep(run, &started, output, steps, baseline)?))
            }
            Err(RunFailure::NoWorker(message)) => return Err(RunError::NoWorker(message)),
            Err(RunFailure::OfMachine { message, .. }) => return Err(RunError::Machine(message)),
            Err(RunFailure::Cancelled) if self.is_skipped(run) => return Ok(RunOutcome::Skipped),
            Err(RunFailure::Cancelled) => return Ok(RunOutcome::Stopped),
            Err(failure) => {
                // A worker that dies of the caller's own Ctrl-C was interrupted, not broken.
                std::thread::sleep(Duration::from_millis(50));
                if !(self.on_event)(RunnerEvent::Tick) {
                    return Ok(RunOutcome::Stopped);
                }
                // Elsewhere there may be memory enough.
                if self.is_worker && failure.was_killed() {
                    return Err(RunError::Machine(failure.to_string()));
                }
                Outcome::Failed { error: failure.to_string() }
            }
        };
        // Writing pictures takes its time too.
        if !self.is_mine(lease)? {
            return Ok(RunOutcome::Lost);
        }
        self.record(started, lease, outcome)?;
        Ok(RunOutcome::Recorded)
    }

    fn started(&self, run: Run) -> Option<Started> {
        let trials = &self.sweep.trials;
        match run {
            Run::Reference(index) => trials.references.get(index).map(Record::of_reference),
            Run::Trial(index) => {
                let trial = trials.trials.get(index)?;
                let reference = trial.reference.and_then(|index| trials.references.get(index));
                Some(Record::of_trial(trial, reference))
            }
        }
    }

    /// What a run gives beside its latents.
    fn wanted(&self, run: Run) -> Wanted {
        let trials = &self.sweep.trials;
        match run {
            Run::Trial(index) => {
                let picture = trials.trials.get(index).is_none_or(|trial| trial.decode);
                Wanted { picture, gram: None }
            }
            Run::Reference(index) => {
                let found = trials.references.get(index);
                Wanted {
                    picture: found.is_none_or(|run| run.decode),
                    gram: found.and_then(|run| run.gram),
                }
            }
        }
    }

    /// Computes a run, and twice more with a new worker where the machine failed in the middle: other
    /// programs give a device's memory back, and a driver that failed works again in a new process.
    fn compute(
        &mut self,
        started: &Started,
        wanted: Wanted,
        lease: Option<&Lease>,
    ) -> (Result<RunOutput, RunFailure>, Vec<StepReport>) {
        for wait in TRY_AGAIN_AFTER {
            let (result, steps) = self.compute_once(started, wanted, lease);
            let Err(failure @ RunFailure::OfMachine { bad_input: false, .. }) = &result else {
                return (result, steps);
            };
            let until = Instant::now() + wait;
            let mut goes_on = (self.on_event)(RunnerEvent::TriesAgain { failure });
            while goes_on && Instant::now() < until {
                std::thread::sleep(LOOK_EVERY);
                goes_on = (self.on_event)(RunnerEvent::Tick) && !self.followed.is_cancelled();
            }
            if !goes_on {
                return (Err(RunFailure::Cancelled), steps);
            }
        }
        self.compute_once(started, wanted, lease)
    }

    fn compute_once(
        &mut self,
        started: &Started,
        wanted: Wanted,
        lease: Option<&Lease>,
    ) -> (Result<RunOutput, RunFailure>, Vec<StepReport>) {
        let recipe = started.recipe.as_ref().clone();
        let request = RunRequest { wanted, ..RunRequest::of(recipe) };
        let mut steps = Vec::new();
        let (on_event, followed) = (&mut self.on_event, &mut self.followed);
        let result = self.engine.run_watched(&request, &mut |event, silence| {
            if let Some(lease) = lease {
                lease.tell_silence(silence);
            }
            let goes_on = match event {
                Some(event) => {
                    if let Event::Step(report) = event {
                        steps.push(report.clone());
                    }
                    on_event(RunnerEvent::Event(event))
                }
                None => on_event(silence.map_or(RunnerEvent::Tick, RunnerEvent::Silent)),
            };
            let skipped = followed.look_now_and_then().skips(&started.id);
            goes_on && !followed.is_cancelled() && !(skipped && started.kind == Kind::Trial)
        });
        if let Some(lease) = lease {
            lease.tell_silence(None);
        }
        (result, steps)
    }

    /// Measures a run and writes its files.
    fn keep(
        &mut self,
        run: Run,
        started: &Started,
        output: RunOutput,
        steps: Vec<StepReport>,
        baseline: Option<usize>,
    ) -> Result<Measured, RunError> {
        self.ended.nfe += output.nfe;
        let against = self.baseline.as_ref().filter(|(index, _)| baseline == Some(*index));
        let mut measured = measure(&output, steps, against.map(|(_, baseline)| baseline));
        let name = started.id.short();
        let (pictures, latents) = match run {
            Run::Reference(_) => (true, true),
            Run::Trial(_) => {
                let output = self.sweep.experiment.spec.output;
                (output.images, output.latents)
            }
        };
        let trials = &self.sweep.trials;
        let layout = match run {
            Run::Reference(_) => Layout::of(trials.references.len()),
            Run::Trial(_) => Layout::of(trials.trials.len()),
        };
        let directory = &self.sweep.directory;
        if let Some(gram) = &output.gram {
            gram_file::write(directory, name, gram)?;
        }
        if pictures && decoded(&output).is_some() {
            let file = layout.picture(started.kind, name);
            directory.put(&file, OnCollision::Replace, |out| {
                write_picture(&output.image, &output.recipe, out).map_err(io::Error::from)
            })?;
            measured.image = Some(file);
        }
        if latents {
            let file = layout.latents(started.kind, name);
            directory.put(&file, OnCollision::Replace, |out| {
                write_latents(&output.noise, &output.latents, &output.recipe, out)
            })?;
            measured.latents = Some(file);
        }
        if let Run::Reference(index) = run {
            let image = decoded(&output).cloned();
            let baseline = Baseline { image, latents: output.latents };
            self.baseline = Some((index, baseline));
        }
        Ok(measured)
    }

    fn is_mine(&self, lease: &Lease) -> Result<bool, RunError> {
        let path = self.sweep.directory.leases();
        lease.is_mine().map_err(|source| RunError::Lease { path, source })
    }

    fn record(
        &mut self,
        started: Started,
        lease: &Lease,
        outcome: Outcome,
    ) -> Result<(), RunError> {
        let attempt = self.sweep.ledger.failures(started.kind, &started.id) + 1;
        let record = started.ended_under(lease.attempt(), attempt, milliseconds_now(), outcome);
        self.journal.append(&record)?;
        if record.kind == Kind::Trial {
            match record.outcome {
                Outcome::Done(_) => self.ended.done += 1,
                Outcome::Failed { .. } => self.ended.failed += 1,
            }
        }
        // The journal is the truth; this process's own record comes back from it.
        self.sweep.refresh()?;
        (self.on_event)(RunnerEvent::Recorded { record: &record });
        Ok(())
    }

    /// Sees to it that the reference run is at hand.
    fn bring(&mut self, reference: usize) -> Result<BaselineOutcome, RunError> {
        if self.baseline.as_ref().is_some_and(|(index, _)| *index == reference) {
            return Ok(BaselineOutcome::Ready);
        }
        self.baseline = None;
        let run = Run::Reference(reference);
        let Some(record) = self.sweep.record(run) else {
            return Ok(BaselineOutcome::Failed("its reference run has no record".to_owned()));
        };
        let measured = match &record.outcome {
            Outcome::Done(measured) => measured,
            Outcome::Failed { error } => {
                return Ok(BaselineOutcome::Failed(format!("its reference run failed: {error}")));
            }
        };
        let directory = &self.sweep.directory;
        let tokens = record.recipe.size.tokens();
        let mut found = Baseline::read(directory, measured, tokens);
        // A network file system may say for a moment that a new file is not there.
        for _ in 0..LOOKS {
            if found.is_some() || !(self.on_event)(RunnerEvent::Tick) {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
            found = Baseline::read(directory, measured, tokens);
        }
        if let Some(baseline) = found {
            self.baseline = Some((reference, baseline));
            return Ok(BaselineOutcome::Ready);
        }
        // Its files were deleted or damaged: the same recipe gives the same bytes.
        let Some(started) = self.started(run) else { return Ok(BaselineOutcome::Stopped) };
        match self.compute(&started, self.wanted(run), None) {
            (Ok(output), steps) => {
                self.keep(run, &started, output, steps, None)?;
                Ok(BaselineOutcome::Ready)
            }
            (Err(RunFailure::Cancelled), _) => Ok(BaselineOutcome::Stopped),
            (Err(RunFailure::NoWorker(message)), _) => Err(RunError::NoWorker(message)),
            (Err(RunFailure::OfMachine { message, .. }), _) => Err(RunError::Machine(message)),
            (Err(failure), _) => Ok(BaselineOutcome::Failed(format!(
                "its reference run could not be made again: {failure}"
            ))),
        }
    }
}
