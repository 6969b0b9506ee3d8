//! The parts of a plan that processes share out: subtrees large enough that what is computed
//! twice, where two processes take two of them, is little.

use super::chain::Chain;
use crate::trial::Trials;

/// What a process takes as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name: the beginning of its first trial's id. It stays when other trials are added
    /// elsewhere.
    pub name: String,
    /// The reference run that has to be there first.
    pub reference: Option<usize>,
    /// Trials, by index, in the order of the plan.
    pub trials: Vec<usize>,
    /// Number of its prompt, seed and size.
    pub group: usize,
}

/// A subtree is divided where each branch costs at least this many times the steps before it,
/// which another process would take again.
const WORTH: usize = 4;

/// The units of a group. `members` are its trials by index, `order` names them by their indices
/// among these in the order of the plan.
pub(super) fn units(
    trials: &Trials,
    group: usize,
    members: &[usize],
    chains: &[Chain],
    order: &[usize],
) -> Vec<Unit> {
    let unit = |part: Vec<usize>| {
        let part: Vec<usize> = part.iter().filter_map(|at| members.get(*at).copied()).collect();
        let first = part.first().and_then(|first| trials.trials.get(*first));
        Unit {
            name: first.map(|trial| trial.id.short().to_owned()).unwrap_or_default(),
            reference: first.and_then(|trial| trial.reference),
            trials: part,
            group,
        }
    };
    divide(order, chains).into_iter().map(unit).collect()
}

fn divide(members: &[usize], chains: &[Chain]) -> Vec<Vec<usize>> {
    let chain = |index: &usize| chains.get(*index);
    let (Some(first), Some(last)) =
        (members.first().and_then(chain), members.last().and_then(chain))
    else {
        return Vec::new();
    };
    if members.len() == 1 {
        return vec![members.to_vec()];
    }
    // In the order of the tree the outermost two share least.
    let shared = first.shared(last);
    let branch = |index: &usize| chain(index).and_then(|chain| chain.keys.get(shared));
    let branches: Vec<&[usize]> = members.chunk_by(|a, b| branch(a) == branch(b)).collect();
    let worth = branches.iter().all(|branch| steps(branch, chains, shared) >= WORTH * shared);
    if !worth || branches.len() == 1 {
        return vec![members.to_vec()];
    }
    branches.into_iter().flat_map(|branch| divide(branch, chains)).collect()
}

/// Steps that the trials of a branch take together after its first `shared` states.
fn steps(branch: &[usize], chains: &[Chain], shared: usize) -> usize {
    let mut before: Option<&Chain> = None;
    let mut sum = 0;
    for chain in branch.iter().filter_map(|index| chains.get(*index)) {
        let known = before.map_or(shared, |before| before.shared(chain));
        sum += chain.steps_after(known);
        before = Some(chain);
    }
    sum
}
