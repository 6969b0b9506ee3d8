//! What is known of every run, from records as they come in: the first that ended well stands,
//! else the last that failed. It knows nothing of files.

use super::journal::Place;
use super::record::{Kind, Outcome, Record};
use super::trial::TrialId;
use sigmalab_engine::event::NfeCount;
use std::collections::HashMap;

/// Records by what they are of.
#[derive(Debug, Default)]
pub struct Ledger {
    /// In boxes: a map has room for up to twice as many as there are.
    entries: HashMap<Key, Box<Entry>>,
    records: usize,
}

/// A run, by the hash of its identity.
type Key = (Kind, [u8; 32]);

fn key(kind: Kind, id: &TrialId) -> Key {
    (kind, id.hash())
}

#[derive(Debug)]
struct Entry {
    record: Record,
    /// Where it lies in the journals, if it came from there without its steps.
    place: Option<Place>,
    failures: u32,
}

impl Ledger {
    pub fn take(&mut self, records: impl IntoIterator<Item = Record>) {
        records.into_iter().for_each(|record| self.take_one(record, None));
    }

    /// Takes a record in without what it says of each step, which is most of it: that is read again
    /// from its place where it is wanted.
    pub fn take_without_steps(&mut self, mut record: Record, place: Place) {
        if let Outcome::Done(measured) = &mut record.outcome {
            measured.steps = Vec::new();
        }
        self.take_one(record, Some(place));
    }

    fn take_one(&mut self, record: Record, place: Option<Place>) {
        self.records += 1;
        let failed = u32::from(matches!(record.outcome, Outcome::Failed { .. }));
        let key = key(record.kind, &record.id);
        match self.entries.get_mut(&key) {
            None => {
                self.entries.insert(key, Box::new(Entry { record, place, failures: failed }));
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
                    (entry.record, entry.place) = (record, place);
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
        self.entries.get(&key(kind, id)).map(|entry| &entry.record)
    }

    /// How often it failed.
    pub fn failures(&self, kind: Kind, id: &TrialId) -> u32 {
        self.entries.get(&key(kind, id)).map_or(0, |entry| entry.failures)
    }

    /// Evaluations of everything that ended well.
    pub fn nfe(&self) -> NfeCount {
        let measured = self.entries.values().filter_map(|entry| entry.record.measured());
        measured.fold(NfeCount::default(), |mut sum, measured| {
            sum += measured.nfe;
            sum
        })
    }

    /// Every record that stands, trials by number and reference runs by prompt and seed.
    pub fn of(&self, kind: Kind) -> Vec<&Record> {
        self.with_places(kind).into_iter().map(|(record, _)| record).collect()
    }

    /// The same, and where each lies that was taken in without its steps.
    pub fn with_places(&self, kind: Kind) -> Vec<(&Record, Option<Place>)> {
        let entries = self.entries.values().filter(|entry| entry.record.kind == kind);
        let mut found: Vec<_> = entries.map(|entry| (&entry.record, entry.place)).collect();
        found.sort_by(|(a, _), (b, _)| {
            (a.number, &a.prompt_id, a.seed, &a.id).cmp(&(b.number, &b.prompt_id, b.seed, &b.id))
        });
        found
    }
}
