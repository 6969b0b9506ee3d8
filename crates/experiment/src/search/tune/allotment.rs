//! What the parts of a tune may cost: how many prompts there are for each, so that the budget
//! holds with something left for the search. All costs are upper bounds, in evaluations of both
//! networks.

use crate::inputs::{FrozenPreset, FrozenTune};
use crate::search::SearchError;
use crate::spec::tune::{Target, TuneSpec};
use crate::trial::VERY_MANY;
use sigmalab_tune::split::Split;

/// Prompts that the reference's distance to the limit is measured on.
const LIMIT_SAMPLES: usize = 2;

/// Prompts that other sizes are looked at on.
const SIZE_SAMPLES: usize = 3;

/// Prompts that other numbers of steps are measured on.
const LADDER_SAMPLES: usize = 6;

/// Fewest prompts that are tuned on and judged on while there is a choice.
const ENOUGH: (usize, usize) = (6, 12);

/// Fewest of all.
const FEWEST: (usize, usize) = (2, 6);

/// What a tune takes for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allotment {
    pub budget: u64,
    /// Prompts that are tuned on.
    pub tuning: usize,
    /// Prompts that are held out.
    pub held_out: usize,
    /// Evaluations of reference runs.
    pub references: u64,
    /// Evaluations of the judgement and of what follows it.
    pub judgement: u64,
    /// Held-out samples for the reference's distance to the limit.
    pub limit_samples: usize,
    /// Held-out samples for other sizes.
    pub size_samples: usize,
    /// Held-out samples for other numbers of steps.
    pub ladder_samples: usize,
}

impl Allotment {
    /// The parts of a budget.
    ///
    /// # Errors
    /// Where the budget does not reach for the judgement.
    pub(super) fn of(
        spec: &TuneSpec,
        frozen: &FrozenTune,
        reference: &FrozenPreset,
        split: &Split,
        seeds: usize,
    ) -> Result<Self, SearchError> {
        let budget = frozen.budget;
        let (mut tuning, mut held_out) = (split.tuning.len(), split.held_out.len());
        let at = |tuning: usize, held_out: usize| {
            Allotment::at(spec, frozen, reference, seeds, tuning, held_out)
        };
        let share = |part: f64| (budget as f64 * part) as u64;
        let fixed = |tuning: usize, held_out: usize| {
            let allotment = at(tuning, held_out);
            allotment.references + allotment.judgement
        };
        let mut lower = |(least_tuning, least_held_out): (usize, usize), most: u64| {
            while fixed(tuning, held_out) > most {
                let (t, h) = (tuning > least_tuning, held_out > least_held_out);
                match (t, h) {
                    (true, true) if tuning * 3 >= held_out * 2 => tuning -= 1,
                    (_, true) => held_out -= 1,
                    (true, false) => tuning -= 1,
                    (false, false) => break,
                }
            }
        };
        lower(ENOUGH, share(0.75));
        lower(FEWEST, share(0.9));
        let found = at(tuning, held_out);
        let least = found.references + found.judgement;
        if least > budget {
            return Err(SearchError::Budget { budget, least });
        }
        Ok(found)
    }

    fn at(
        spec: &TuneSpec,
        frozen: &FrozenTune,
        reference: &FrozenPreset,
        seeds: usize,
        tuning: usize,
        held_out: usize,
    ) -> Self {
        let few = reference.steps.len();
        let many = VERY_MANY.div_ceil(few.max(1)) * few;
        let (target, other) = match spec.target {
            Target::Imitate => (few, many),
            Target::Exact => (many, few),
        };
        let against = super::judged_against(spec, frozen, reference);
        let last = against.last().map_or(0, |preset| preset.steps.len());
        let against: usize = against.iter().map(|preset| preset.steps.len()).sum();
        let (limit_samples, size_samples, ladder_samples) = (
            LIMIT_SAMPLES.min(held_out * seeds),
            SIZE_SAMPLES.min(held_out * seeds),
            LADDER_SAMPLES.min(held_out * seeds),
        );
        let references = target * tuning * seeds;
        let judged = (target + 3 * spec.steps + against) * held_out * seeds;
        let limit = other * limit_samples;
        let sizes = spec.further_sizes.len() * (target + 2 * spec.steps + last) * size_samples;
        let ladder = 3 * spec.ladder.iter().sum::<usize>() * ladder_samples;
        // Two networks.
        let both = |pairs: usize| 2 * pairs as u64;
        Allotment {
            budget: frozen.budget,
            tuning,
            held_out,
            references: both(references),
            judgement: both(judged + limit + sizes + ladder),
            limit_samples,
            size_samples,
            ladder_samples,
        }
    }

    /// Evaluations that are left for the search.
    pub fn search(&self) -> u64 {
        self.budget.saturating_sub(self.references + self.judgement)
    }

    /// Runs of so many steps in a share of what is left for the search.
    pub(super) fn race_runs(&self, steps: usize, share: f64) -> usize {
        ((self.search() as f64 * share) as u64 / (2 * steps.max(1)) as u64) as usize
    }
}
