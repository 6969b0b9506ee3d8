//! The trials of a sweep by setting: what was tried, with the means over prompts, seeds and sizes.
//! It knows rows and columns, not how they are drawn.

use crate::tui::screens::sweeps::view::{Cell, SweepView, TrialRow, TrialStatus};
use sigmalab_experiment::report::Better;
use std::collections::HashMap;

/// A setting with its means.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// What was tried, in words.
    pub name: String,
    /// Its trials that are shown, by their index in the view.
    pub trials: Vec<usize>,
    /// How many of them ended well.
    pub done: usize,
    /// The trial that stands for it: its best one, else its first.
    pub best: usize,
    /// A mean for every column of the view; empty where no trial has a number there.
    pub means: Vec<Cell>,
}

/// The column that settings are ranked by where nobody chose another: the first measure that is
/// better high or low and that some trial has.
pub fn ranking(view: &SweepView) -> Option<usize> {
    let has =
        |at: usize| view.trials.iter().any(|t| matches!(t.cells.get(at), Some(Cell::Number(_))));
    let columns = view.columns.iter().enumerate();
    let mut ranks = columns.filter(|(_, column)| !column.given && column.better != Better::Neither);
    ranks.find(|(at, _)| has(*at)).map(|(at, _)| at)
}

/// The settings of the trials in `order`, best means first; those without a mean come last.
pub(in crate::tui) fn settings(
    view: &SweepView,
    order: &[usize],
    by: Option<(usize, bool)>,
) -> Vec<Setting> {
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut indices: HashMap<&str, usize> = HashMap::new();
    let mut shown: Vec<usize> = order.to_vec();
    shown.sort_unstable();
    for index in shown {
        let Some(trial) = view.trials.get(index) else { continue };
        let at = *indices.entry(&trial.setting).or_insert_with(|| {
            groups.push((&trial.setting, Vec::new()));
            groups.len() - 1
        });
        if let Some((_, members)) = groups.get_mut(at) {
            members.push(index);
        }
    }
    let (rank, descending) = match by {
        Some((column, descending)) => (Some(column), descending),
        None => {
            let rank = ranking(view);
            (rank, rank.is_some_and(|at| is_better_high(view, at)))
        }
    };
    let mut settings: Vec<Setting> =
        groups.into_iter().map(|(name, trials)| setting(view, name, trials)).collect();
    if let Some(rank) = rank {
        settings.sort_by(|a, b| {
            crate::tui::screens::sweeps::table::compare(
                a.means.get(rank),
                b.means.get(rank),
                descending,
            )
        });
    }
    settings
}

fn is_better_high(view: &SweepView, column: usize) -> bool {
    view.columns.get(column).is_some_and(|column| column.better == Better::Higher)
}

fn setting(view: &SweepView, name: &str, trials: Vec<usize>) -> Setting {
    let members: Vec<&TrialRow> = trials.iter().filter_map(|at| view.trials.get(*at)).collect();
    let number = |trial: &TrialRow, at: usize| match trial.cells.get(at) {
        Some(Cell::Number(number)) => Some(*number),
        _ => None,
    };
    let means = (0..view.columns.len()).map(|at| {
        let values: Vec<f64> = members.iter().filter_map(|trial| number(trial, at)).collect();
        let same = members.first().and_then(|first| first.cells.get(at));
        match (values.len(), same) {
            (0, Some(cell)) if members.iter().all(|trial| trial.cells.get(at) == Some(cell)) => {
                cell.clone()
            }
            (0, _) => Cell::Empty,
            (count, _) => Cell::Number(values.iter().sum::<f64>() / count as f64),
        }
    });
    let means = means.collect();
    let best = ranking(view).and_then(|rank| {
        let sign = if is_better_high(view, rank) { -1.0 } else { 1.0 };
        let known = trials
            .iter()
            .copied()
            .filter_map(|at| Some((at, sign * number(view.trials.get(at)?, rank)?)));
        known.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
    });
    let first = trials.first().copied().unwrap_or_default();
    let done = members.iter().filter(|trial| trial.status == TrialStatus::Done).count();
    Setting { name: name.to_owned(), done, best: best.unwrap_or(first), trials, means }
}
