//! Changes of a draft that know their own inverse. Knows nothing of commands or of undo.

use super::super::fault::MAX_STEPS;
use super::super::preset::Step;
use super::super::terminal::Terminal;
use super::{Column, Draft, EditError};

/// The smallest change of a draft, with what was there before. Steps are counted from 0 in
/// sampling order.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Set {
        step: usize,
        column: Column,
        /// What the cell holds.
        before: f64,
        /// What it is to hold: finite, and above 0 for std.
        after: f64,
    },
    Insert {
        /// Where the first of them will be.
        at: usize,
        steps: Vec<Step>,
    },
    Remove {
        /// Where the first of them is.
        at: usize,
        /// The steps, as they are.
        steps: Vec<Step>,
    },
    Terminal {
        before: Terminal,
        after: Terminal,
    },
    Rename {
        before: String,
        after: String,
    },
    Describe {
        before: Option<String>,
        after: Option<String>,
    },
}

impl Change {
    /// The change that takes this one back.
    fn invert(&self) -> Change {
        match self.clone() {
            Change::Set { step, column, before, after } => {
                Change::Set { step, column, before: after, after: before }
            }
            Change::Insert { at, steps } => Change::Remove { at, steps },
            Change::Remove { at, steps } => Change::Insert { at, steps },
            Change::Terminal { before, after } => Change::Terminal { before: after, after: before },
            Change::Rename { before, after } => Change::Rename { before: after, after: before },
            Change::Describe { before, after } => Change::Describe { before: after, after: before },
        }
    }

    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let rows = &mut draft.steps.0;
        let count = rows.len();
        match self {
            Change::Set { step, column, before, after } => {
                check_value(*step, *column, *after)?;
                let missing = EditError::NoSuchStep { step: *step, steps: count };
                let cell = column.of_mut(rows.get_mut(*step).ok_or(missing)?);
                // Bits, so that 0 and −0 are told apart and undo gives back what was there.
                if cell.to_bits() != before.to_bits() {
                    return Err(stale(format!("{column} of step {step}")));
                }
                *cell = *after;
            }
            Change::Insert { at, steps } => {
                if *at > count {
                    return Err(EditError::NoSuchStep { step: *at, steps: count });
                }
                for (step, values) in (*at..).zip(steps) {
                    check_step(step, values)?;
                }
                rows.splice(at..at, steps.iter().copied());
            }
            Change::Remove { at, steps } => {
                let end = at.saturating_add(steps.len());
                match rows.get(*at..end) {
                    None => return Err(EditError::NoSuchStep { step: end - 1, steps: count }),
                    Some(there) if there != steps => {
                        return Err(stale(format!("step {at} or one after it")));
                    }
                    Some(_) => drop(rows.drain(*at..end)),
                }
            }
            Change::Terminal { before, after } => {
                if draft.terminal != *before {
                    return Err(stale("the terminal rule"));
                }
                draft.terminal = *after;
            }
            // Saving gives a draft its name and description and is no command: they are not what
            // `before` says then, and what was done to the steps can be undone all the same.
            Change::Rename { after, .. } => draft.name.clone_from(after),
            Change::Describe { after, .. } => draft.description.clone_from(after),
        }
        Ok(())
    }
}

fn stale(place: impl Into<String>) -> EditError {
    EditError::Stale { place: place.into() }
}

/// Whether a cell may hold a value.
pub(super) fn check_value(step: usize, column: Column, value: f64) -> Result<(), EditError> {
    if !value.is_finite() {
        return Err(EditError::NotFinite { step, column, value });
    }
    if column == Column::Std && value <= 0.0 {
        return Err(EditError::StdNotPositive { step, std: value });
    }
    Ok(())
}

fn check_step(step: usize, values: &Step) -> Result<(), EditError> {
    Column::ALL.into_iter().try_for_each(|column| check_value(step, column, column.of(values)))
}

/// Changes that are made together: one command, one step of undo.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transaction {
    changes: Vec<Change>,
}

impl Transaction {
    /// The transaction that makes `changes` in turn.
    pub fn new(changes: Vec<Change>) -> Self {
        Transaction { changes }
    }

    /// The transaction that makes one draft of another, such as a loaded preset of what was there.
    /// Steps that both have in common at their ends stay out of it.
    pub fn replacing(before: &Draft, after: &Draft) -> Self {
        let mut changes = Vec::new();
        let (old, new) = (before.steps.as_slice(), after.steps.as_slice());
        let same = |a: &&Step, b: &&Step| {
            Column::ALL.iter().all(|column| column.of(a).to_bits() == column.of(b).to_bits())
        };
        let at = old.iter().zip(new).take_while(|(a, b)| same(a, b)).count();
        let shorter = old.len().min(new.len()) - at;
        let ends = old.iter().rev().zip(new.iter().rev()).take(shorter);
        let end = ends.take_while(|(a, b)| same(a, b)).count();
        let middle = |steps: &[Step]| steps.get(at..steps.len() - end).unwrap_or(&[]).to_vec();
        let (removed, inserted) = (middle(old), middle(new));
        if !removed.is_empty() {
            changes.push(Change::Remove { at, steps: removed });
        }
        if !inserted.is_empty() {
            changes.push(Change::Insert { at, steps: inserted });
        }
        if before.terminal != after.terminal {
            changes.push(Change::Terminal { before: before.terminal, after: after.terminal });
        }
        if before.name != after.name {
            changes.push(Change::Rename { before: before.name.clone(), after: after.name.clone() });
        }
        if before.description != after.description {
            changes.push(Change::Describe {
                before: before.description.clone(),
                after: after.description.clone(),
            });
        }
        Transaction { changes }
    }

    /// Its changes, in the order in which they are made.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Makes the changes, all of them or none.
    ///
    /// # Errors
    /// Where the draft is not the one that the transaction was made for, where a value is not
    /// allowed, and where no step or too many would be left.
    pub fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let mut changed = draft.clone();
        for change in &self.changes {
            change.apply(&mut changed)?;
        }
        match changed.steps.len() {
            0 => return Err(EditError::NoSteps),
            1..=MAX_STEPS => {}
            steps => return Err(EditError::TooManySteps { steps }),
        }
        *draft = changed;
        Ok(())
    }

    /// The transaction that takes this one back.
    pub fn invert(&self) -> Transaction {
        Transaction { changes: self.changes.iter().rev().map(Change::invert).collect() }
    }
}
