//! The solvers that a tune tries, and what the reference runs tell of their steps: costs between
//! nodes, and the distances that grids are predicted to end at. Knows nothing of how grids come
//! about.

use super::Setting;
use crate::search::{Ask, SearchError};
use sigmalab_engine::recipe::SamplerRef;
use sigmalab_sampler::ParamKind;
use sigmalab_tune::costs::{Pairs, Triples};
use sigmalab_tune::gram::ReferencePath;
use sigmalab_tune::programme::{Route, one_step, two_step};
use sigmalab_tune::rollout::{distance, stencils};
use sigmalab_tune::weights::{Stencil, Stencils, Weights, euler};

/// The noise levels of a schedule, first step first, and the guidance weight of each step.
pub(super) type Grid = (Vec<f64>, Vec<f64>);

/// A solver with its start.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solver {
    pub(super) name: String,
    pub(super) sampler: SamplerRef,
}

impl Solver {
    pub(super) fn is_euler(&self) -> bool {
        self.sampler.id == "euler"
    }
}

/// The costs of a solver's steps between nodes.
pub(super) enum Costs {
    Pairs(Pairs),
    Triples(Triples),
}

impl Costs {
    pub(super) fn of_euler(paths: &[ReferencePath]) -> Self {
        Costs::Pairs(Pairs::of(paths, euler))
    }

    /// The cheapest ways to node `last` in 1 to `most` steps.
    pub(super) fn routes(&self, last: usize, coefficient: f64, most: usize) -> Vec<Option<Route>> {
        match self {
            Costs::Pairs(pairs) => one_step(last, |i, j| pairs.cost(i, j), coefficient, most),
            Costs::Triples(triples) => two_step(
                last,
                |j| triples.start(j),
                |i, j, k| triples.cost(i, j, k),
                coefficient,
                most,
            ),
        }
    }
}

/// The solvers that are tried, each with every start it knows.
pub(super) fn solvers(setting: &Setting<'_>) -> Vec<Solver> {
    let mut found = Vec::new();
    for sampler in &setting.frozen.samplers {
        let plain = Solver { name: sampler.id.clone(), sampler: sampler.clone() };
        let info = setting.experiment.samplers.info(&sampler.id).ok();
        let start = info.and_then(|info| info.params.iter().find(|param| param.key == "start"));
        let Some(ParamKind::Choice(names)) = start.map(|start| &start.kind) else {
            found.push(plain);
            continue;
        };
        for (index, name) in names.iter().enumerate() {
            let mut with = plain.clone();
            with.sampler.params.insert("start".to_owned(), index as f64);
            with.name = format!("{} start={name}", plain.name);
            found.push(with);
        }
    }
    found
}

fn weigh(
    solver: &Solver,
    stencils: &[Stencil],
    ask: &mut dyn Ask,
) -> Result<Option<Vec<Weights>>, SearchError> {
    if solver.is_euler() {
        return Ok(Some(stencils.iter().map(euler).collect()));
    }
    ask.weigh(&solver.sampler, stencils)
}

/// What its steps between the nodes cost; `None` where it is not linear or looks back further.
pub(super) fn costs(
    solver: &Solver,
    paths: &[ReferencePath],
    ask: &mut dyn Ask,
) -> Result<Option<Costs>, SearchError> {
    if solver.is_euler() {
        return Ok(Some(Costs::of_euler(paths)));
    }
    let Some(path) = paths.first() else { return Ok(None) };
    let stencils = Stencils::of(&path.sigmas, &path.gw);
    let weights = weigh(solver, &stencils.list, ask)?;
    Ok(weights.and_then(|weights| Triples::of(paths, &stencils, &weights)).map(Costs::Triples))
}

/// What is predicted of grids, (levels, gw) each; `None` where the solver is not linear.
pub(super) fn predict(
    solver: &Solver,
    paths: &[ReferencePath],
    grids: &[Grid],
    ask: &mut dyn Ask,
) -> Result<Option<Vec<f64>>, SearchError> {
    let each: Vec<Vec<Stencil>> =
        grids.iter().map(|(levels, gw)| stencils(levels, gw, 2)).collect();
    let Some(weights) = weigh(solver, &each.concat(), ask)? else { return Ok(None) };
    let mut weights = weights.as_slice();
    let mut found = Vec::new();
    for ((levels, _), stencils) in grids.iter().zip(&each) {
        let Some((own, rest)) = weights.split_at_checked(stencils.len()) else { return Ok(None) };
        found.push(distance(paths, levels, own));
        weights = rest;
    }
    Ok(Some(found))
}

/// Levels and guidance of a way through the nodes.
pub(super) fn grid_of(path: &ReferencePath, route: &Route) -> Grid {
    let levels = route.nodes.iter().filter_map(|node| path.sigmas.get(*node)).copied().collect();
    (levels, route.nodes.iter().filter_map(|node| path.gw.get(*node)).copied().collect())
}
