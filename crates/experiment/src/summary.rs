//! Where a sweep stood when its tables were last written, in a file beside them: with it the status
//! of a large sweep takes reading what was recorded since, and not everything. It is made of the
//! journals and can be made again; a reader that finds it out of date does without.

use super::control::Control;
use super::directory::RunDirectory;
use super::journal::Journals;
use super::lease::{Leases, Left};
use super::record::{Kind, Outcome, Record};
use super::status::{Failure, Status, StatusError, Worker};
use super::sweep::Sweep;
use super::tables::TABLES;
use serde::{Deserialize, Serialize};
use sigmalab_engine::event::NfeCount;
use sigmalab_files::target::{OnCollision, TargetError};
use std::collections::BTreeSet;

/// The version this build writes.
const VERSION: u32 = 1;

/// The file's name.
const FILE: &str = "summary.json";

/// Most bytes of it that are read: with the parts of a hundred thousand trials it has a fiftieth.
const MOST: u64 = 64 << 20;

/// Trials from which on it is worth having.
pub const WORTH: usize = 5_000;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Summary {
    version: u32,
    /// BLAKE3 of the frozen copy that it is of.
    frozen: String,
    /// Trials that were not to be run.
    skipped: BTreeSet<String>,
    /// How far each journal was read.
    read: Vec<Left>,
    status: Status,
    /// Names of the parts in which something was left to do.
    left: Vec<String>,
    /// Records that the tables were made of.
    #[serde(default)]
    records: usize,
    /// Bytes of the tables.
    #[serde(default)]
    tables: Vec<u64>,
}

impl Sweep {
    /// Writes the summary of a large sweep. A search's changes with each generation: it has none.
    pub(super) fn write_summary(&self, worth: usize) -> Result<(), TargetError> {
        let is_search = self.experiment.spec.method.is_search();
        if is_search || self.trials.trials.len() < worth {
            return Ok(());
        }
        let Some(frozen) = self.directory.frozen_hash() else { return Ok(()) };
        // What cannot be told now is told by whoever reads the journals.
        let (Ok(status), Ok(control)) = (Status::of(self), Control::read(&self.directory)) else {
            return Ok(());
        };
        let summary = Summary {
            version: VERSION,
            frozen,
            skipped: control.skipped,
            read: self.read_so_far(),
            status,
            left: self.left().into_iter().map(str::to_owned).collect(),
            records: self.ledger.records(),
            tables: table_lengths(&self.directory),
        };
        let text = serde_json::to_string(&summary).unwrap_or_default();
        self.directory.put(FILE, OnCollision::Replace, |out| out.write_all(text.as_bytes()))
    }

    /// Whether the tables of a large sweep are known to hold everything that this process knows:
    /// then they need not be written again.
    pub(super) fn tables_are_up_to_date(&self) -> bool {
        let up_to_date = |summary: Summary| {
            summary.records == self.ledger.records()
                && summary.read == self.read_so_far()
                && summary.tables.len() == TABLES.len()
                && summary.tables == table_lengths(&self.directory)
                && self.directory.frozen_hash() == Some(summary.frozen)
        };
        read(&self.directory).is_some_and(up_to_date)
    }
}

/// The lengths of the tables that are there.
fn table_lengths(directory: &RunDirectory) -> Vec<u64> {
    let Ok(shared) = directory.shared() else { return Vec::new() };
    TABLES.iter().filter_map(|name| shared.length_of(name)).collect()
}

impl Status {
    /// The status of a large sweep, from its summary and what was recorded since; `None` where
    /// there is no summary, or it is out of date. `remaining` is then what was left less what was
    /// made, and may be a little low.
    ///
    /// # Errors
    /// Leases or requests cannot be read.
    pub fn at_once(directory: &RunDirectory) -> Result<Option<Self>, StatusError> {
        let Some(summary) = read(directory) else { return Ok(None) };
        let control = Control::read(directory)?;
        if control.skipped != summary.skipped || directory.frozen_hash() != Some(summary.frozen) {
            return Ok(None);
        }
        let mut journals = Journals::after(&directory.journals(), &summary.read);
        let Ok(records) = journals.refresh() else { return Ok(None) };
        if !journals.reach(&summary.read) {
            return Ok(None);
        }
        let mut status = summary.status;
        let (before, seconds) = (evaluations(status.remaining), status.remaining_seconds);
        records.iter().for_each(|record| status.take(record));
        status.damaged += journals.damaged();
        status.paused = control.paused;
        let share = evaluations(status.remaining) as f64 / (before as f64).max(1.0);
        status.remaining_seconds = seconds.map(|seconds| seconds * share);
        let left: BTreeSet<&str> = summary.left.iter().map(String::as_str).collect();
        let held = Leases::new(&directory.leases()).held_of(|unit| left.contains(unit))?;
        status.workers = held.into_iter().map(Worker::from).collect();
        Ok(Some(status))
    }

    /// Takes in what was recorded since.
    fn take(&mut self, record: &Record) {
        if let Some(measured) = record.measured() {
            self.nfe += measured.nfe;
            let NfeCount { cond_done, uncond_done, .. } = measured.nfe;
            let left = &mut self.remaining;
            left.cond_done = left.cond_done.saturating_sub(cond_done);
            left.uncond_done = left.uncond_done.saturating_sub(uncond_done);
        }
        let name = record.id.short();
        let known = self.failures.iter().position(|failure| failure.trial == name);
        match (record.kind, &record.outcome, known) {
            (Kind::Reference, Outcome::Done(_), _) => self.references_done += 1,
            (Kind::Reference, Outcome::Failed { .. }, _) => {}
            (Kind::Trial, Outcome::Done(_), known) => {
                self.done += 1;
                match known {
                    Some(place) => {
                        self.failures.remove(place);
                        self.failed = self.failed.saturating_sub(1);
                    }
                    None => self.pending = self.pending.saturating_sub(1),
                }
            }
            (Kind::Trial, Outcome::Failed { error }, Some(place)) => {
                if let Some(failure) = self.failures.get_mut(place) {
                    failure.attempts += 1;
                    failure.error.clone_from(error);
                }
            }
            (Kind::Trial, Outcome::Failed { error }, None) => {
                self.failed += 1;
                self.pending = self.pending.saturating_sub(1);
                let (trial, error) = (name.to_owned(), error.clone());
                self.failures.push(Failure { trial, number: record.number, attempts: 1, error });
            }
        }
    }
}

fn evaluations(nfe: NfeCount) -> u64 {
    nfe.cond_done + nfe.uncond_done
}

fn read(directory: &RunDirectory) -> Option<Summary> {
    let text = directory.read(FILE, MOST).ok()??;
    let summary: Summary = serde_json::from_str(&text).ok()?;
    (summary.version == VERSION).then_some(summary)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::control::{Request, ask};
    use crate::journal::Journal;
    use crate::trial::tests::experiment;
    use sigmalab_sampler::Samplers;

    const TEXT: &str =
        "name = \"x\"\nprompts = [\"a\"]\nseeds = [1]\n[parameters]\nmu = [0.1, 0.2, 0.3, 0.4]\n";

    #[test]
    fn the_status_from_a_summary_is_that_of_the_journals() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(&folder.path().join("x"));
        directory.begin(TEXT, &experiment("").inputs, false).unwrap();
        let open = || Sweep::open(&directory, Samplers::built_in()).unwrap();
        let mut journal = Journal::new(&directory.journals(), "a");
        let mut record = |number: usize, fails: bool, attempt: u32| {
            let sweep = open();
            let trial = &sweep.trials.trials[number];
            let outcome = match fails {
                true => Outcome::Failed { error: "a test".to_owned() },
                false => crate::record::tests::done(&trial.id),
            };
            let record = Record::of_trial(trial, None).ended(attempt, 5, outcome);
            journal.append(&record).unwrap();
        };
        assert_eq!(Status::at_once(&directory).unwrap(), None);
        record(0, false, 1);
        record(1, true, 1);
        open().write_summary(1).unwrap();
        let both = || (Status::at_once(&directory).unwrap().unwrap(), Status::of(&open()).unwrap());
        let (quick, whole) = both();
        assert_eq!(quick, whole);
        record(2, false, 1);
        record(3, true, 1);
        record(3, true, 2);
        record(1, false, 2);
        let lease = Leases::new(&directory.leases()).take(&open().plan.units[0].name).unwrap();
        ask(&directory, Request::Pause {}).unwrap();
        let (quick, whole) = both();
        let numbers = |s: &Status| (s.done, s.failed, s.pending, s.skipped, s.nfe, s.paused);
        assert_eq!(numbers(&quick), numbers(&whole));
        assert_eq!((&quick.failures, &quick.workers), (&whole.failures, &whole.workers));
        drop(lease);
        // Another set of trials to be run, or another experiment: the journals have to be read.
        let id = open().trials.trials[0].id.short().to_owned();
        ask(&directory, Request::Skip { trials: vec![id.clone()] }).unwrap();
        assert_eq!(Status::at_once(&directory).unwrap(), None);
        ask(&directory, Request::TakeUp { trials: vec![id] }).unwrap();
        assert!(Status::at_once(&directory).unwrap().is_some());
        let more = TEXT.replace("0.4]", "0.4, 0.5]");
        directory.begin(&more, &experiment("").inputs, true).unwrap();
        assert_eq!(Status::at_once(&directory).unwrap(), None);
        std::fs::write(directory.path().join(FILE), "{").unwrap();
        assert_eq!(Status::at_once(&directory).unwrap(), None);
    }

    #[test]
    fn tables_that_hold_everything_are_known_to() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(&folder.path().join("x"));
        directory.begin(TEXT, &experiment("").inputs, false).unwrap();
        let open = || Sweep::open(&directory, Samplers::built_in()).unwrap();
        let mut journal = Journal::new(&directory.journals(), "a");
        let mut record = |number: usize| {
            let trial = &open().trials.trials[number];
            let outcome = crate::record::tests::done(&trial.id);
            journal.append(&Record::of_trial(trial, None).ended(1, 5, outcome)).unwrap();
        };
        let up_to_date = || open().tables_are_up_to_date();
        let write = || {
            let mut sweep = open();
            sweep.write_tables(&mut || true).unwrap();
            sweep.write_summary(1).unwrap();
        };
        record(0);
        assert!(!up_to_date());
        write();
        assert!(up_to_date());
        record(1);
        assert!(!up_to_date());
        write();
        assert!(up_to_date());
        // Somebody took a table away, or cut it.
        for name in TABLES {
            std::fs::write(directory.path().join(name), "x").unwrap();
            assert!(!up_to_date());
            std::fs::remove_file(directory.path().join(name)).unwrap();
            assert!(!up_to_date());
            write();
            assert!(up_to_date());
        }
        directory.begin(&TEXT.replace("0.4]", "0.4, 0.5]"), &experiment("").inputs, true).unwrap();
        assert!(!up_to_date());
    }

    /// What a large sweep takes, for docs/cluster.md: `SIGMALAB_TEST_TRIALS` trials of
    /// `SIGMALAB_TEST_STEPS` steps.
    #[test]
    #[ignore = "it measures, and takes minutes"]
    #[allow(clippy::print_stdout)]
    fn what_a_large_sweep_takes() {
        let number = |name: &str, usual: usize| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
        };
        let (trials, steps) =
            (number("SIGMALAB_TEST_TRIALS", 1000), number("SIGMALAB_TEST_STEPS", 12));
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(&folder.path().join("x"));
        let text = format!(
            "name = \"x\"\nprompts = [\"a\"]\nseeds = [1]\n[base]\nsteps = {steps}\n[parameters]\n\
             mu = {{ min = 0.0, max = 1.0, steps = {trials} }}\n"
        );
        let mut inputs = experiment("").inputs;
        inputs.prompts.truncate(1);
        directory.begin(&text, &inputs, false).unwrap();
        let seconds = |what: &str, began: std::time::Instant| {
            let took = began.elapsed().as_secs_f64();
            let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let of = |key: &str| {
                let line = memory.lines().find_map(|line| line.strip_prefix(key));
                let kib =
                    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
                kib.unwrap_or_default() / 1024
            };
            println!("{what}: {took:.2} s, {} MiB, at most {}", of("VmRSS:"), of("VmHWM:"));
        };
        let began = std::time::Instant::now();
        let open = || Sweep::open(&directory, Samplers::built_in()).unwrap();
        seconds("nothing", began);
        drop(directory.experiment(Samplers::built_in()).unwrap().trials().unwrap());
        seconds("trials", began);
        let began = std::time::Instant::now();
        let sweep = open();
        seconds("trials and plan", began);
        assert_eq!(sweep.trials.trials.len(), trials);
        let step = |index: usize| {
            serde_json::json!({
                "index": index, "steps": steps, "sigma": 0.987_654_321, "sigma_next": 0.912_345_678,
                "gw": 7.0, "reused": false, "ms": 123.456_789, "nfe": NfeCount::default(),
                "metrics": { "v_cond_norm": 123.456_789_012, "v_uncond_norm": 123.456_789_012,
                    "guidance_norm": 12.345_678_901, "cosine": 0.987_654_321_012,
                    "step_length": 12.345_678_901, "local_error": 0.012_345_678, "x0_drift": 1.234_567_89 },
            })
        };
        let steps: Vec<_> =
            (0..steps).map(|index| serde_json::from_value(step(index)).unwrap()).collect();
        let file = std::fs::File::create(directory.journals().join("a.jsonl")).unwrap();
        let mut out = std::io::BufWriter::new(file);
        for trial in &sweep.trials.trials {
            let mut outcome = crate::record::tests::done(&trial.id);
            if let Outcome::Done(measured) = &mut outcome {
                measured.steps.clone_from(&steps);
            }
            let record = Record::of_trial(trial, None).ended(1, 5, outcome);
            let line = crate::journal::line(&serde_json::to_string(&record).unwrap());
            std::io::Write::write_all(&mut out, line.as_bytes()).unwrap();
        }
        drop((sweep, out));
        let bytes =
            |name: &str| std::fs::metadata(directory.path().join(name)).unwrap().len() >> 20;
        println!("{} MiB of journals", bytes("journal/a.jsonl"));
        let began = std::time::Instant::now();
        let mut sweep = open();
        seconds("opening it", began);
        let began = std::time::Instant::now();
        sweep.write_tables(&mut || true).unwrap();
        seconds("tables", began);
        println!("{} MiB of steps, {} of trials", bytes("steps.csv"), bytes("trials.csv"));
        sweep.write_summary(1).unwrap();
        let began = std::time::Instant::now();
        crate::report::write(&sweep).unwrap();
        let _ = crate::report::summary(&crate::report::Finding::of(&sweep));
        seconds("report", began);
        println!("{} MiB of report", bytes("report.html"));
        drop(sweep);
        let began = std::time::Instant::now();
        let quick = Status::at_once(&directory).unwrap().unwrap();
        seconds("status at once", began);
        let began = std::time::Instant::now();
        assert_eq!(Status::of(&open()).unwrap().done, quick.done);
        seconds("status of everything", began);
        let began = std::time::Instant::now();
        ask(&directory, Request::Pause {}).unwrap();
        seconds("pause", began);
    }
}
