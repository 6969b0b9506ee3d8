//! Commands that set or keep σ, by solving it for mu. They need the size, which shifts σ.

use super::super::super::order::SamplingOrder;
use super::super::super::preset::Step;
use super::super::super::sigmas::{Schedule, Sigma};
use super::super::super::size::Size;
use super::super::{Change, Column, Draft, EditError, Transaction};
use super::rows;
use std::ops::RangeInclusive;

/// Sets mu of a step so that it starts at `sigma` at that size.
///
/// # Errors
/// At step 0, which always starts at the clamp, and where no mu gives that σ.
pub fn solve_sigma(
    draft: &Draft,
    size: Size,
    step: usize,
    sigma: Sigma,
) -> Result<Transaction, EditError> {
    let steps = draft.steps.len();
    let before = draft.value(step, Column::Mu).ok_or(EditError::NoSuchStep { step, steps })?;
    if step == 0 {
        return Err(EditError::FirstSigma);
    }
    let schedule = draft.schedule(size);
    if schedule.sigmas().get(step) == Some(&sigma) {
        return Ok(Transaction::default());
    }
    let after = schedule.mu_for(step, sigma).ok_or(EditError::SigmaOutOfReach { step, sigma })?;
    Ok(Transaction::new(vec![Change::Set { step, column: Column::Mu, before, after }]))
}

/// [`super::insert`], with every step that is there staying at its σ at that size. The new ones
/// divide the interval between their neighbours evenly in log SNR.
///
/// # Errors
/// At step 0: what is there starts at the clamp, and nothing starts before it.
pub fn insert_keeping_sigma(
    draft: &Draft,
    size: Size,
    at: usize,
    count: usize,
) -> Result<Transaction, EditError> {
    let inserted = rows::insert(draft, at, count)?;
    if inserted.is_empty() {
        return Ok(inserted);
    }
    let sigmas = draft.schedule(size).sigmas().to_vec();
    let around = at.checked_sub(1).and_then(|before| sigmas.get(before).zip(sigmas.get(at)));
    let (&from, &to) = around.ok_or(EditError::FirstSigma)?;
    // The terminal σ may be 0, which no step can start at and whose log SNR is infinite.
    let to = if to < Sigma::lowest() { Sigma::lowest() } else { to };
    let (noisy, clean) = (from.log_snr(), to.log_snr());
    let between = (1..=count).map(|k| {
        let log_snr = noisy + (clean - noisy) * k as f64 / (count + 1) as f64;
        Sigma(1.0 / (1.0 + (log_snr / 2.0).exp()))
    });
    let mut wanted = sigmas.clone();
    wanted.splice(at..at, between);
    keep(draft, inserted, size, &wanted)
}

/// [`super::delete`], with every step that stays keeping its σ at that size.
///
/// # Errors
/// Where step 0 is taken out: what follows could not start where it does, because the first step
/// starts at the clamp.
pub fn delete_keeping_sigma(
    draft: &Draft,
    size: Size,
    steps: RangeInclusive<usize>,
) -> Result<Transaction, EditError> {
    let deleted = rows::delete(draft, steps.clone())?;
    if deleted.is_empty() {
        return Ok(deleted);
    }
    if *steps.start() == 0 {
        return Err(EditError::FirstSigma);
    }
    let mut wanted = draft.schedule(size).sigmas().to_vec();
    drop(wanted.drain(steps));
    keep(draft, deleted, size, &wanted)
}

/// A transaction followed by what moves every step to its wanted σ. A step that already sits at
/// its σ keeps its mu, also at the clamp.
fn keep(
    draft: &Draft,
    made: Transaction,
    size: Size,
    wanted: &[Sigma],
) -> Result<Transaction, EditError> {
    let mut changed = draft.clone();
    made.apply(&mut changed)?;
    let schedule = Schedule::new(changed.steps.clone(), size, changed.terminal);
    let mut steps: Vec<Step> = changed.steps.0;
    for (step, (values, &sigma)) in steps.iter_mut().zip(wanted).enumerate().skip(1) {
        if schedule.sigmas().get(step) != Some(&sigma) {
            values.mu =
                schedule.mu_for(step, sigma).ok_or(EditError::SigmaOutOfReach { step, sigma })?;
        }
    }
    let mut after = draft.clone();
    after.steps = SamplingOrder(steps);
    Ok(Transaction::replacing(draft, &after))
}
