//! What is left of a sweep for this process, and what of it comes first.

use super::{Runner, Shard};
use crate::plan::{Plan, Run, Unit};
use crate::record::Kind;
use crate::sweep::{RunStatus, Sweep};
use crate::trial::TrialId;

/// Failed runs by identity, with how often they had failed when this process began.
pub(super) fn retry_list(sweep: &Sweep, retry: bool) -> Vec<(Kind, TrialId, u32)> {
    if !retry {
        return Vec::new();
    }
    let runs = sweep.plan.runs.iter().map(|planned| planned.run);
    let failed = runs.filter(|run| sweep.status_of(*run) == RunStatus::Failed);
    failed
        .filter_map(|run| sweep.identity(run))
        .map(|(kind, id)| (kind, id.clone(), sweep.ledger.failures(kind, id)))
        .collect()
}

/// The units of a share: whole groups where there are enough, so that reference runs are not made
/// by two.
pub(super) fn units_of(plan: &Plan, shard: Option<Shard>) -> Vec<Unit> {
    let Some(Shard { index, count }) = shard else { return plan.units.clone() };
    let groups = plan.units.last().map_or(0, |unit| unit.group + 1);
    let mine = |(number, unit): &(usize, &Unit)| {
        let position = if groups >= count { unit.group } else { *number };
        position % count.max(1) == index
    };
    plan.units.iter().enumerate().filter(mine).map(|(_, unit)| unit.clone()).collect()
}

impl Runner<'_> {
    /// Units with something left to do: first those of trials that are to come first, then in the
    /// order of the plan.
    pub(super) fn open_units(&self) -> Vec<usize> {
        let mut open: Vec<usize> =
            (0..self.units.len()).filter(|index| self.is_open(*index)).collect();
        let rank = |index: &usize| {
            let trials = self.units.get(*index).map(|unit| unit.trials.as_slice());
            trials.unwrap_or_default().iter().map(|trial| self.rank(*trial)).min()
        };
        open.sort_by_cached_key(rank);
        if self.is_worker {
            // Many that begin at once would all ask for the same part. Those that come first stay.
            let last = self.followed.control().first.len();
            let plain =
                open.iter().take_while(|index| rank(index).is_some_and(|r| r < last)).count();
            if let Some(plain) = open.get_mut(plain..).filter(|plain| !plain.is_empty()) {
                plain.rotate_left(self.offset % plain.len());
            }
        }
        open
    }

    /// Where a trial stands among those that are to come first; last of all where it is not
    /// wanted.
    pub(super) fn rank(&self, trial: usize) -> usize {
        let run = Run::Trial(trial);
        match self.sweep.identity(run).filter(|_| self.is_wanted(run)) {
            Some((_, id)) => self.followed.control().rank(id),
            None => usize::MAX,
        }
    }

    /// Whether something of a unit is left to do.
    pub(super) fn is_open(&self, index: usize) -> bool {
        let Some(unit) = self.units.get(index) else { return false };
        unit.trials.iter().any(|trial| self.is_wanted(Run::Trial(*trial)))
    }

    pub(super) fn is_wanted(&self, run: Run) -> bool {
        if self.is_skipped(run) {
            return false;
        }
        match self.sweep.status_of(run) {
            RunStatus::Pending => true,
            RunStatus::Done => false,
            RunStatus::Failed => self.sweep.identity(run).is_some_and(|(kind, id)| {
                let failures = self.sweep.ledger.failures(kind, id);
                self.retry.iter().any(|(k, i, before)| (*k, i, *before) == (kind, id, failures))
            }),
        }
    }

    pub(super) fn is_skipped(&self, run: Run) -> bool {
        let trial = matches!(run, Run::Trial(_)).then(|| self.sweep.identity(run)).flatten();
        trial.is_some_and(|(_, id)| self.followed.control().skips(id))
    }
}
