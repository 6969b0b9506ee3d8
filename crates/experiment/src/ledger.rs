//! What is known of every run, from records as they come in: the first that ended well stands,
//! else the last that failed. It knows nothing of files.

use super::record::{Kind, Outcome, Record};
use super::trial::TrialId;
use std::collections::HashMap;

/// Records by what they are of.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: HashMap<(Kind, TrialId), Entry>,
    records: usize,
}

#[derive(Debug)]
struct Entry {
    record: Record,
    failures: u32,
}

impl Ledger {
    /// Takes records in.
    pub fn take(&mut self, records: impl IntoIterator<Item = Record>) {
        for record in records {
            self.records += 1;
            let failed = u32::from(matches!(record.outcome, Outcome::Failed { .. }));
            let key = (record.kind, record.id.clone());
            match self.entries.get_mut(&key) {
                None => {
                    self.entries.insert(key, Entry { record, failures: failed });
                }
                Some(entry) => {
                    entry.failures += failed;
                    let done = entry.record.measured().is_some();
                    let counts = match (done, failed == 0) {
                        (false, true) => true,
                        (false, false) => record.attempt >= entry.record.attempt,
                        // A finished trial's row never changes. Of a holder that had lost the part
                        // it came later, in whichever order the two are read.
                        (true, true) => record.holder > entry.record.holder,
                        (true, false) => false,
                    };
                    if counts {
                        entry.record = record;
                    }
                }
            }
        }
    }

    /// How many records were taken in: another number where something is new.
    pub fn records(&self) -> usize {
        self.records
    }

    /// What is known of a run.
    pub fn get(&self, kind: Kind, id: &TrialId) -> Option<&Record> {
        self.entries.get(&(kind, id.clone())).map(|entry| &entry.record)
    }

    /// How often it failed.
    pub fn failures(&self, kind: Kind, id: &TrialId) -> u32 {
        self.entries.get(&(kind, id.clone())).map_or(0, |entry| entry.failures)
    }

    /// Every record that stands, trials by number and reference runs by prompt and seed.
    pub fn of(&self, kind: Kind) -> Vec<&Record> {
        let entries = self.entries.values().map(|entry| &entry.record);
        let mut found: Vec<&Record> = entries.filter(|record| record.kind == kind).collect();
        found.sort_by(|a, b| {
            (a.number, &a.prompt_id, a.seed, &a.id).cmp(&(b.number, &b.prompt_id, b.seed, &b.id))
        });
        found
    }
}
