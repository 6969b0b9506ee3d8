//! Commands on whole steps. Each step keeps its gw, mu and std; σ moves, because the quantiles
//! depend on the number of steps.

use super::super::super::fault::MAX_STEPS;
use super::super::super::free;
use super::super::{Change, Draft, EditError, Transaction};
use std::ops::RangeInclusive;

/// Inserts `count` steps so that the first of them is step `at`. They are copies of the step
/// before, at the start of the first one.
pub fn insert(draft: &Draft, at: usize, count: usize) -> Result<Transaction, EditError> {
    let steps = draft.steps.len();
    if count == 0 {
        return Ok(Transaction::default());
    }
    check_count(steps.saturating_add(count))?;
    let model = draft.steps.get(at.saturating_sub(1)).filter(|_| at <= steps);
    let model = *model.ok_or(EditError::NoSuchStep { step: at, steps })?;
    Ok(Transaction::new(vec![Change::Insert { at, steps: vec![model; count] }]))
}

/// Takes steps out; at least one stays.
pub fn delete(draft: &Draft, steps: RangeInclusive<usize>) -> Result<Transaction, EditError> {
    let count = draft.steps.len();
    let taken = draft.steps.as_slice().get(steps.clone());
    let taken = taken.ok_or(EditError::NoSuchStep { step: *steps.end(), steps: count })?;
    if taken.is_empty() {
        return Ok(Transaction::default());
    }
    if taken.len() == count {
        return Err(EditError::NoSteps);
    }
    Ok(Transaction::new(vec![Change::Remove { at: *steps.start(), steps: taken.to_vec() }]))
}

/// Another number of steps with the same shape: step k of n takes the values of step
/// ⌊(k + ½)·N/n⌋ of N, so steps that polish stay at the end and their number scales.
pub fn resample(draft: &Draft, count: usize) -> Result<Transaction, EditError> {
    check_count(count)?;
    if count == draft.steps.len() {
        return Ok(Transaction::default());
    }
    let steps = free::resample(&draft.steps, count).map_err(|_| EditError::NoSteps)?;
    Ok(Transaction::new(vec![
        Change::Remove { at: 0, steps: draft.steps.0.clone() },
        Change::Insert { at: 0, steps: steps.0 },
    ]))
}

fn check_count(steps: usize) -> Result<(), EditError> {
    match steps {
        0 => Err(EditError::NoSteps),
        1..=MAX_STEPS => Ok(()),
        _ => Err(EditError::TooManySteps { steps }),
    }
}
