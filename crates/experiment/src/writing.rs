//! Who writes the tables: one process at a time, by a lease of their own, and whoever ends last.
//! No lock of the file system is asked for, and nobody is waited for without end. While a sweep goes
//! on they are written each time they have grown by a share of what they hold: what is written in
//! all is then in proportion to the trials, and not to their square.

use super::directory::RunDirectory;
use super::lease::{Lease, Leases, TABLES, settled};
use super::summary::WORTH;
use super::sweep::{Sweep, SweepError};
use super::tables::{self, TableError};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant, SystemTime};

/// Time between two looks at whoever is at it.
const PAUSE: Duration = Duration::from_millis(100);

/// How often what came meanwhile is written too before the lease goes back, where this process
/// does not write again.
const ROUNDS: usize = 3;

/// Least time between two writings of the tables.
const EVERY: Duration = Duration::from_secs(2);

/// How much more than the time of a writing there is between two.
const PATIENCE: u32 = 20;

/// One in so many of the records that are known is new when the tables are written again.
const SHARE: usize = 50;

/// When the tables are written again while a sweep goes on.
#[derive(Debug, Default)]
pub(super) struct Pace {
    written: Option<Instant>,
    took: Duration,
    /// Records that this process knew when tables were put in place, by whomever.
    records: usize,
    /// The tables that are in place.
    seen: Option<(u64, u64, Option<SystemTime>)>,
}

impl Pace {
    /// Whether it is time to, where so many records are known.
    pub(super) fn is_due(&mut self, directory: &RunDirectory, records: usize) -> bool {
        let pause = EVERY.max(self.took * PATIENCE);
        self.written.is_none_or(|at| at.elapsed() >= pause) && self.have_grown(directory, records)
    }

    /// Whether the tables in place lack a share of so many records.
    fn have_grown(&mut self, directory: &RunDirectory, records: usize) -> bool {
        self.look(directory, records);
        records.saturating_sub(self.records) >= records / SHARE
    }

    /// Whether the tables in place lack anything of so many records.
    fn lack(&mut self, directory: &RunDirectory, records: usize) -> bool {
        self.look(directory, records);
        records > self.records
    }

    /// What another process wrote needs not be written at once by this one too. That it is another
    /// file says so: no clocks are compared.
    fn look(&mut self, directory: &RunDirectory, records: usize) {
        let table = fs::symlink_metadata(directory.path().join(tables::LAST)).ok();
        let seen = table.map(|table| (table.ino(), table.len(), table.modified().ok()));
        if seen.is_some() && seen != self.seen {
            self.records = records;
        }
        self.seen = seen;
    }

    fn note(&mut self, began: Instant, directory: &RunDirectory, records: usize) {
        (self.took, self.written) = (began.elapsed(), Some(Instant::now()));
        self.look(directory, records);
    }
}

impl Sweep {
    /// Writes the tables anew where it is time to. Where another process is at it, that takes in
    /// what this one has recorded, or the next does.
    pub(super) fn write_tables_now_and_then(
        &mut self,
        leases: &mut Leases,
        pace: &mut Pace,
    ) -> Result<(), SweepError> {
        if !pace.is_due(&self.directory, self.ledger.records()) {
            return Ok(());
        }
        self.write_tables_at_a_pace(leases, pace)
    }

    /// Writes the tables where they lack something and nothing more is recorded for a while.
    pub(super) fn write_tables_before_a_rest(
        &mut self,
        leases: &mut Leases,
        pace: &mut Pace,
    ) -> Result<(), SweepError> {
        match pace.lack(&self.directory, self.ledger.records()) {
            true => self.write_tables_at_a_pace(leases, pace),
            false => Ok(()),
        }
    }

    fn write_tables_at_a_pace(
        &mut self,
        leases: &mut Leases,
        pace: &mut Pace,
    ) -> Result<(), SweepError> {
        let began = Instant::now();
        if let Some(lease) = self.lease_of_tables(leases)? {
            self.write_under(&lease, 1)?;
        }
        pace.note(began, &self.directory, self.ledger.records());
        Ok(())
    }

    /// Writes the tables anew, after reading what others wrote; `false` where another process is
    /// at it, which takes in what this one has recorded, or the next does.
    pub(super) fn write_tables_unless_busy(
        &mut self,
        leases: &mut Leases,
    ) -> Result<bool, SweepError> {
        match self.lease_of_tables(leases)? {
            Some(lease) => self.write_under(&lease, ROUNDS).map(|()| true),
            None => Ok(false),
        }
    }

    /// The same, waiting for another process: as long as it may take to find out that it is lost,
    /// and until `go_on` says no.
    ///
    /// # Errors
    /// The other process does not end, or a file cannot be written.
    pub fn write_tables(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<bool, SweepError> {
        self.directory.create(&self.directory.leases())?;
        let mut leases = Leases::new(&self.directory.leases());
        let (began, most) = (Instant::now(), settled() * 3 / 2);
        loop {
            if let Some(lease) = self.lease_of_tables(&mut leases)? {
                return self.write_under(&lease, ROUNDS).map(|()| true);
            }
            if !go_on() {
                return Ok(false);
            }
            if began.elapsed() > most {
                return Err(TableError::Busy(began.elapsed()).into());
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn lease_of_tables(&self, leases: &mut Leases) -> Result<Option<Lease>, SweepError> {
        let path = self.directory.leases();
        let taken = leases.take_briefly(TABLES);
        Ok(taken.map_err(|source| TableError::Lease { path, source })?)
    }

    fn write_under(&mut self, lease: &Lease, rounds: usize) -> Result<(), SweepError> {
        for round in 1..=rounds {
            self.refresh()?;
            let known = self.ledger.records();
            let (directory, again) = (&self.directory, &mut self.again());
            tables::write(directory, &self.ledger, again, &self.swept(), lease)?;
            if lease.is_mine().unwrap_or(false) {
                self.write_summary(WORTH).map_err(TableError::from)?;
            }
            if round == rounds {
                break;
            }
            // Who recorded something meanwhile found the lease taken.
            self.refresh()?;
            if self.ledger.records() == known {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::journal::Journal;
    use crate::record::{Kind, Outcome, Record};
    use crate::trial::tests::experiment;
    use sigmalab_files::target::OnCollision;
    use sigmalab_sampler::Samplers;

    const TEXT: &str =
        "name = \"x\"\nprompts = [\"a\"]\nseeds = [1]\n[parameters]\nmu = [0, 1, 2, 3]\n";

    #[test]
    fn what_is_written_is_in_proportion_to_the_trials_however_many_processes_there_are() {
        const TRIALS: usize = 20_000;
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(folder.path());
        for processes in [1, 8] {
            let mut paces: Vec<Pace> = (0..processes).map(|_| Pace::default()).collect();
            let (mut held, mut bytes) = (0, 0);
            for records in 1..=TRIALS {
                // Any of them may have recorded it.
                let pace = &mut paces[records * 7 / 3 % processes];
                if pace.have_grown(&directory, records) {
                    assert!(pace.lack(&directory, records) || records < SHARE);
                    let fill = |out: &mut dyn std::io::Write| out.write_all(b"x");
                    directory.put(tables::LAST, OnCollision::Replace, fill).unwrap();
                    pace.note(Instant::now(), &directory, records);
                    assert!(!pace.lack(&directory, records));
                    (held, bytes) = (records, bytes + records);
                }
                // A share of them is missing, or what those recorded whose turn has not come.
                let missing = records - held;
                let most = records / 20 + processes;
                assert!(missing <= most, "{missing} of {records} with {processes}");
            }
            assert!(bytes < 2 * SHARE * TRIALS, "{bytes} rows written with {processes}");
            std::fs::remove_file(folder.path().join(tables::LAST)).unwrap();
        }
    }

    #[test]
    fn tables_are_the_same_wherever_steps_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(&folder.path().join("x"));
        directory.begin(TEXT, &experiment("").inputs, false).unwrap();
        let open = || Sweep::open(&directory, Samplers::built_in()).unwrap();
        let step = |index: usize| {
            serde_json::json!({
                "index": index, "steps": 2, "sigma": 0.5, "sigma_next": 0.25, "gw": 7.0,
                "reused": false, "ms": 1.5, "nfe": sigmalab_engine::event::NfeCount::default(),
                "metrics": { "v_cond_norm": 0.1 + index as f64, "v_uncond_norm": null,
                    "guidance_norm": null, "cosine": null, "step_length": 2.0, "x0_drift": null },
            })
        };
        // The last trial first, in two journals.
        for (name, number) in [("b", 3), ("a", 2), ("b", 1), ("a", 0)] {
            let trial = &open().trials.trials[number];
            let mut outcome = crate::record::tests::done(&trial.id);
            if let Outcome::Done(measured) = &mut outcome {
                let steps = (0..2).map(|index| serde_json::from_value(step(index + number)));
                measured.steps =
                    steps.take(if number == 2 { 0 } else { 2 }).map(Result::unwrap).collect();
                measured.steps.iter_mut().enumerate().for_each(|(at, step)| step.index = at);
            }
            if number == 1 {
                outcome = Outcome::Failed { error: "a test".to_owned() };
            }
            let record = Record::of_trial(trial, None).ended(1, 5, outcome);
            Journal::new(&directory.journals(), name).append(&record).unwrap();
        }
        let tables = |mut sweep: Sweep| {
            sweep.write_tables(&mut || true).unwrap();
            tables::TABLES.map(|name| std::fs::read_to_string(directory.path().join(name)).unwrap())
        };
        let held = Sweep::open_with_steps(&directory, Samplers::built_in()).unwrap();
        let of_steps = |sweep: &Sweep| -> usize {
            let records = sweep.ledger.of(Kind::Trial);
            records.iter().filter_map(|record| Some(record.measured()?.steps.len())).sum()
        };
        assert_eq!((of_steps(&held), of_steps(&open())), (4, 0));
        let whole = tables(held);
        assert_eq!(whole[0].lines().count(), 1 + 4);
        assert_eq!(tables(open()), whole);
        // A journal that is gone is no reason to write tables without its steps.
        let mut sweep = open();
        std::fs::remove_dir_all(directory.journals()).unwrap();
        std::fs::create_dir(directory.journals()).unwrap();
        let told = sweep.write_tables(&mut || true).unwrap_err().to_string();
        assert!(told.contains("journal `"), "{told}");
        let left = std::fs::read_to_string(directory.path().join("steps.csv")).unwrap();
        assert_eq!(left, whole[0]);
    }
}
