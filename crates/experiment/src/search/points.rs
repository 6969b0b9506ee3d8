//! Search methods of sweeps: successive halving, CMA-ES and TPE over the axes of the file.

use super::{Tried, loss};
use crate::generation::{Draft, Instance, Proposal, Stage};
use crate::spec::{Path, Search, SearchRule, Value};
use crate::trial::{Experiment, uniform};
use serde_json::json;
use sigmalab_tune::{cma_es, halving, tpe};

/// Points that TPE proposes at once.
const BATCH: usize = 6;

/// What is tried next; `None` once the bound is reached.
pub(super) fn next(experiment: &Experiment, search: Search, tried: &[Tried]) -> Option<Draft> {
    let instances = instances(experiment);
    let dimensions = experiment.spec.axes.len();
    if dimensions == 0 || instances.is_empty() {
        return None;
    }
    let draft = match search.rule {
        SearchRule::Halving { eta } => halve(experiment, search, eta, &instances, tried)?,
        SearchRule::CmaEs => {
            let past: Vec<Vec<(Vec<f64>, f64)>> = tried.iter().map(points_of).collect();
            let points = cma_es::propose(search.seed, dimensions, &past);
            drafted(experiment, points, &instances, past.iter().map(Vec::len).sum())
        }
        SearchRule::Tpe => {
            let past: Vec<(Vec<f64>, f64)> = tried.iter().flat_map(points_of).collect();
            let count = BATCH.min(search.trials.saturating_sub(past.len()).max(1));
            let points = tpe::propose(search.seed, dimensions, &past, count);
            drafted(experiment, points, &instances, past.len())
        }
    };
    let before: usize = match search.rule {
        SearchRule::Halving { .. } => 0,
        _ => tried.iter().map(|tried| tried.generation.proposals.len()).sum(),
    };
    let proposals: Vec<Proposal> =
        draft.proposals.into_iter().take(search.trials.saturating_sub(before)).collect();
    let ends = proposals.is_empty();
    (!ends).then_some(Draft { proposals, ..draft })
}

/// Whole prompts first, then the next seed.
fn instances(experiment: &Experiment) -> Vec<Instance> {
    let sizes = match experiment.spec.sizes.as_slice() {
        [] => vec![experiment.inputs.default_size],
        sizes => sizes.to_vec(),
    };
    let seeds = &experiment.spec.seeds;
    let all = seeds.iter().flat_map(|seed| sizes.iter().map(move |size| (*seed, *size)));
    let prompts = 0..experiment.inputs.prompts.len();
    all.flat_map(|(seed, size)| prompts.clone().map(move |prompt| Instance { prompt, seed, size }))
        .collect()
}

fn points_of(tried: &Tried) -> Vec<(Vec<f64>, f64)> {
    let proposals = tried.generation.proposals.iter();
    let losses = tried.distances.iter().map(|distances| loss(distances));
    proposals.map(|proposal| proposal.point.clone()).zip(losses).collect()
}

/// The swept values at a point of the unit cube.
fn values(experiment: &Experiment, point: &[f64]) -> Vec<(String, Value)> {
    let axes = experiment.spec.axes.iter().zip(point);
    axes.flat_map(|(axis, share)| {
        let paths = axis.columns.iter().map(|column| column.path.to_string());
        paths.zip(axis.quantile(*share)).collect::<Vec<_>>()
    })
    .collect()
}

fn drafted(
    experiment: &Experiment,
    points: Vec<Vec<f64>>,
    instances: &[Instance],
    before: usize,
) -> Draft {
    let proposals = points.into_iter().zip(before..).map(|(point, number)| Proposal {
        name: number.to_string(),
        values: values(experiment, &point),
        point,
        candidate: None,
        instances: instances.to_vec(),
        pictures: false,
    });
    Draft { stage: Stage::Search, proposals: proposals.collect(), note: serde_json::Value::Null }
}

/// Halving: the rounds are settled with the first generation, and then followed.
fn halve(
    experiment: &Experiment,
    search: Search,
    eta: usize,
    instances: &[Instance],
    tried: &[Tried],
) -> Option<Draft> {
    let rounds = {
        // A run costs its steps at most; without a bound, a third of what all on all would take.
        let steps = experiment.inputs.base.steps.len().max(1) as u64;
        let all = search.trials.saturating_mul(instances.len());
        let runs = match search.evaluations {
            Some(evaluations) => (evaluations / (2 * steps)) as usize,
            None => all.div_ceil(eta).max(search.trials),
        };
        halving::rounds(search.trials, instances.len(), runs.min(all), eta, 1, 1)
    };
    let round = rounds.get(tried.len())?;
    let on = |mut proposal: Proposal| {
        proposal.instances = instances.iter().copied().take(round.samples).collect();
        proposal
    };
    let proposals: Vec<Proposal> = match tried.last() {
        None => {
            let axes = &experiment.spec.axes;
            let names: Vec<String> = axes
                .iter()
                .map(|axis| axis.columns.first().map(|column| &column.path))
                .map(|path: Option<&Path>| path.map(ToString::to_string).unwrap_or_default())
                .collect();
            let points = (0..round.candidates)
                .map(|number| names.iter().map(|name| uniform(search.seed, number, name)).collect())
                .collect();
            drafted(experiment, points, instances, 0).proposals
        }
        Some(last) => {
            let losses: Vec<f64> = last.distances.iter().map(|distances| loss(distances)).collect();
            let survivors = halving::survivors(&losses, round.candidates);
            let proposals = &last.generation.proposals;
            survivors.iter().filter_map(|index| proposals.get(*index).cloned()).collect()
        }
    };
    let proposals: Vec<Proposal> = proposals.into_iter().map(on).collect();
    let note = json!({ "round": tried.len(), "samples": round.samples });
    (!proposals.is_empty()).then_some(Draft { stage: Stage::Search, proposals, note })
}
