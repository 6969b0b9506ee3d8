//! Candidates that cost no evaluation: dynamic programmes over the nodes of the reference runs,
//! equal parts of what changes along them, and the best plain schedules, each for every solver
//! that is tried, with what is predicted of them.

use super::Setting;
use super::solvers::{Costs, Grid, Solver, costs, grid_of, predict, solvers};
use crate::generation::Candidate;
use crate::search::{Ask, SearchError};
use serde::{Deserialize, Serialize};
use sigmalab_schedule::preset::Step;
use sigmalab_tune::gram::ReferencePath;
use sigmalab_tune::grid::{equal_parts, levels_of, steps_of};
use sigmalab_tune::plain;
use std::collections::BTreeMap;

/// How what follows a step counts against the step itself. None is best for all: a runs' race
/// decides.
const COEFFICIENTS: [f64; 7] = [0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15];

/// Numbers of steps that predictions are told for.
const TOLD: std::ops::RangeInclusive<usize> = 6..=24;

/// How a candidate came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Programme,
    /// By equal parts of the way, or of its curvature.
    Parts,
    /// One mu and std for all steps.
    Plain,
    /// The same, with the second step's start where the programme has it.
    Pinned,
}

/// A candidate.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) candidate: Candidate,
    pub(super) coefficient: Option<f64>,
    /// The distance that the reference runs' velocities predict.
    pub(super) predicted: Option<f64>,
}

/// A line of predictions: distance by number of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// What it is of.
    pub name: String,
    /// (steps, distance).
    pub points: Vec<(usize, f64)>,
}

/// Everything that is known without an evaluation.
pub(super) struct Known {
    pub(super) candidates: Vec<Found>,
    pub(super) predicted: Vec<Predicted>,
}

/// A programme's grids: coefficient, number of steps, and the grid.
type Programmed = Vec<(f64, usize, Grid)>;

/// The programmes' grids for the wanted number of steps and for those that are told.
fn programmes(costs: &Costs, path: &ReferencePath, steps: usize) -> Programmed {
    let last = path.steps();
    let most = steps.max(*TOLD.end()).min(last);
    let mut grids = Vec::new();
    for coefficient in COEFFICIENTS {
        for (count, route) in (1..).zip(costs.routes(last, coefficient, most)) {
            if let Some(route) = route.filter(|_| TOLD.contains(&count) || count == steps) {
                grids.push((coefficient, count, grid_of(path, &route)));
            }
        }
    }
    grids
}

/// All candidates of the wanted number of steps, in the order in which they take part in a race, and
/// predictions for other numbers.
pub(super) fn find(
    setting: &Setting<'_>,
    paths: &[ReferencePath],
    ask: &mut dyn Ask,
) -> Result<Known, SearchError> {
    let steps = setting.spec.steps;
    let Some(path) = paths.first() else { return Err(SearchError::Nothing) };
    let mut found: Vec<Vec<Found>> = Vec::new();
    let mut predicted: Vec<Predicted> = Vec::new();
    // Solvers that have none of their own borrow Euler's, whether it is tried itself or not.
    let of_euler = programmes(&Costs::of_euler(paths), path, steps);
    for solver in solvers(setting) {
        let mut own: Vec<Found> = Vec::new();
        let mut add = |kind, name: &str, grid: &Grid, coefficient, distance| {
            own.extend(of_grid(setting, &solver, kind, name, grid, coefficient, distance));
        };
        let grids = match solver.is_euler() {
            true => Some(of_euler.clone()),
            false => costs(&solver, paths, ask)?.map(|costs| programmes(&costs, path, steps)),
        };
        let mut pin = None;
        match &grids {
            Some(grids) => {
                let only: Vec<_> = grids.iter().map(|(.., grid)| grid.clone()).collect();
                let distances = predict(&solver, paths, &only, ask)?.unwrap_or_default();
                let mut line: BTreeMap<usize, f64> = BTreeMap::new();
                let mut nearest = f64::INFINITY;
                for ((coefficient, count, grid), distance) in grids.iter().zip(distances) {
                    if TOLD.contains(count) {
                        let best = line.entry(*count).or_insert(f64::INFINITY);
                        *best = best.min(distance);
                    }
                    if *count == steps {
                        let name = format!("programme {coefficient}");
                        add(Kind::Programme, &name, grid, Some(*coefficient), Some(distance));
                        if distance < nearest {
                            nearest = distance;
                            pin = grid.0.get(1).copied();
                        }
                    }
                }
                let name = format!("{}, programme", solver.name);
                predicted.push(Predicted { name, points: line.into_iter().collect() });
            }
            None => {
                for (coefficient, _, grid) in
                    of_euler.iter().filter(|(_, count, _)| *count == steps)
                {
                    let name = format!("Euler's programme {coefficient}");
                    add(Kind::Programme, &name, grid, Some(*coefficient), None);
                }
            }
        }
        for (name, grid) in parts(setting, paths) {
            let distance = predict(&solver, paths, std::slice::from_ref(&grid), ask)?;
            let distance = distance.and_then(|distances| distances.first().copied());
            add(Kind::Parts, name, &grid, None, distance);
        }
        for (kind, name, pinned) in
            [(Kind::Plain, "plain", None), (Kind::Pinned, "plain, start pinned", pin)]
        {
            if kind == Kind::Pinned && pinned.is_none() {
                continue;
            }
            let best = best_plain(setting, &solver, paths, steps, pinned, ask)?;
            if let Some((candidate, distance)) = best {
                own.push(Found {
                    name: format!("{}: {name}", solver.name),
                    kind,
                    candidate: Candidate {
                        sampler: solver.sampler.id.clone(),
                        params: solver.sampler.params.clone(),
                        ..candidate
                    },
                    coefficient: None,
                    predicted: distance,
                });
            }
        }
        if solver.is_euler() {
            predicted.extend(lines(setting, &solver, paths, ask)?);
        }
        found.push(ranked(own));
    }
    // Predictions do not rank solvers: the first of each, then the second of each.
    let longest = found.iter().map(Vec::len).max().unwrap_or(0);
    let candidates = (0..longest)
        .flat_map(|rank| found.iter().filter_map(move |own| own.get(rank)))
        .cloned()
        .collect();
    Ok(Known { candidates, predicted })
}

/// One solver's candidates, each schedule once, in the order in which they take part in a race that
/// has no room for all. Predictions do not rank coefficients either: they know nothing of how an
/// early error grows, and what was best in real runs was predicted to be a fifth worse than others.
fn ranked(mut own: Vec<Found>) -> Vec<Found> {
    let place = |found: &Found| match (found.kind, found.coefficient) {
        (Kind::Pinned, _) => 1,
        (Kind::Plain, _) => 3,
        (Kind::Parts, _) => 6,
        (Kind::Programme, coefficient) => {
            let order = [(0.9, 0), (1.0, 2), (0.95, 4), (1.05, 5), (0.85, 7), (1.1, 8)];
            let known = order.iter().find(|(of, _)| Some(*of) == coefficient);
            known.map_or(9, |(_, place)| *place)
        }
    };
    own.sort_by_key(place);
    let mut ranked: Vec<Found> = Vec::new();
    for found in own {
        if !ranked.iter().any(|known| known.candidate == found.candidate) {
            ranked.push(found);
        }
    }
    ranked
}

fn of_grid(
    setting: &Setting<'_>,
    solver: &Solver,
    kind: Kind,
    name: &str,
    (levels, gw): &Grid,
    coefficient: Option<f64>,
    predicted: Option<f64>,
) -> Option<Found> {
    let starts = levels.get(..gw.len())?;
    let steps = steps_of(starts, gw, setting.size, setting.terminal())?;
    let candidate = Candidate {
        steps,
        terminal: setting.terminal(),
        sampler: solver.sampler.id.clone(),
        params: solver.sampler.params.clone(),
    };
    let name = format!("{}: {name}", solver.name);
    Some(Found { name, kind, candidate, coefficient, predicted })
}

/// Equal parts of the way that the latents go, and of how their velocity turns.
fn parts(setting: &Setting<'_>, paths: &[ReferencePath]) -> Vec<(&'static str, Grid)> {
    let Some(path) = paths.first() else { return Vec::new() };
    let places = path.places();
    let mean = |combination: &[(usize, f64)]| {
        paths.iter().map(|path| path.norm(combination)).sum::<f64>() / paths.len() as f64
    };
    let velocity = |node: usize, sign: f64| {
        let gw = path.gw.get(node).copied().unwrap_or(1.0);
        [(places.v_cond(node), sign * gw), (places.v_uncond(node), sign * (1.0 - gw))]
    };
    let grown = |of: &dyn Fn(usize) -> f64| -> Vec<f64> {
        let parts = (0..path.steps()).map(of);
        let sums = parts.scan(0.0, |sum, part| {
            *sum += part;
            Some(*sum)
        });
        [0.0].into_iter().chain(sums).collect()
    };
    let length = grown(&|i| mean(&[(places.x(i), -1.0), (places.x(i + 1), 1.0)]));
    let turning = grown(&|i| {
        // Errors of first order go with the change of velocity over a step; its root makes equal
        // errors of unequal steps.
        let next = (i + 1).min(path.steps() - 1);
        mean(&[velocity(i, -1.0), velocity(next, 1.0)].concat()).sqrt()
    });
    [("equal lengths", length), ("equal turns", turning)]
        .into_iter()
        .map(|(name, grown)| {
            let levels = equal_parts(&path.sigmas, &grown, setting.spec.steps);
            let gw = setting.gw_of(levels.get(..setting.spec.steps).unwrap_or_default());
            (name, (levels, gw))
        })
        .collect()
}

/// The plain schedule that is predicted to be nearest.
fn best_plain(
    setting: &Setting<'_>,
    solver: &Solver,
    paths: &[ReferencePath],
    steps: usize,
    pinned: Option<f64>,
    ask: &mut dyn Ask,
) -> Result<Option<(Candidate, Option<f64>)>, SearchError> {
    let at = |pair: (f64, f64)| -> Option<(Vec<Step>, Grid)> {
        let (size, terminal) = (setting.size, setting.terminal());
        let ones = vec![1.0; steps];
        let made = plain::steps(pair, &ones, pinned, size, terminal)?;
        let levels = levels_of(&made, size, terminal);
        let gw = setting.gw_of(levels.get(..steps)?);
        let made = made.into_iter().zip(&gw).map(|(step, gw)| Step { gw: *gw, ..step }).collect();
        Some((made, (levels, gw)))
    };
    let mut best: Option<((f64, f64), Vec<Step>, f64)> = None;
    let around = |(mu, std): (f64, f64)| -> Vec<(f64, f64)> {
        let near = [-0.1, 0.0, 0.1];
        near.iter()
            .flat_map(|a| near.iter().map(move |b| (mu + a, std + b)))
            .map(|(mu, std)| ((mu * 10.0).round() / 10.0, (std * 10.0).round() / 10.0))
            .collect()
    };
    for second in [false, true] {
        let pairs = match (&best, second) {
            (Some((pair, ..)), true) => around(*pair),
            (None, true) => break,
            // Every other one at first.
            (_, false) => plain::pairs()
                .into_iter()
                .filter(|(mu, std)| {
                    let even = |x: f64| ((x * 10.0).round() as i64) % 2 == 0;
                    even(*mu) && even(*std)
                })
                .collect(),
        };
        let made: Vec<_> = pairs.into_iter().filter_map(|pair| Some((pair, at(pair)?))).collect();
        let grids: Vec<_> = made.iter().map(|(_, (_, grid))| grid.clone()).collect();
        let Some(distances) = predict(solver, paths, &grids, ask)? else { break };
        for ((pair, (steps, _)), distance) in made.into_iter().zip(distances) {
            if best.as_ref().is_none_or(|(.., nearest)| distance < *nearest) {
                best = Some((pair, steps, distance));
            }
        }
    }
    let made = match best {
        Some((_, steps, distance)) => Some((steps, Some(distance))),
        // Of a solver whose steps are not linear nothing is predicted: the reference's own shape.
        None => at(mean_pair(&setting.reference.steps)).map(|(steps, _)| (steps, None)),
    };
    Ok(made.map(|(steps, distance)| {
        let candidate = setting.euler(steps, setting.terminal());
        (candidate, distance)
    }))
}

fn mean_pair(steps: &[Step]) -> (f64, f64) {
    let count = steps.len().max(1) as f64;
    let sum = |of: fn(&Step) -> f64| steps.iter().map(of).sum::<f64>() / count;
    (sum(|step| step.mu), sum(|step| step.std))
}

/// Predictions of Euler's plain and naive schedules for other numbers of steps.
fn lines(
    setting: &Setting<'_>,
    euler: &Solver,
    paths: &[ReferencePath],
    ask: &mut dyn Ask,
) -> Result<Vec<Predicted>, SearchError> {
    let (mut plain, mut naive) = (Vec::new(), Vec::new());
    for steps in TOLD.step_by(2) {
        let best = best_plain(setting, euler, paths, steps, None, ask)?;
        plain.extend(best.and_then(|(_, distance)| Some((steps, distance?))));
        let made = setting.naive(steps)?;
        let levels = levels_of(&made, setting.size, setting.terminal());
        let gw = made.iter().map(|step| step.gw).collect();
        let distance = predict(euler, paths, &[(levels, gw)], ask)?;
        naive.extend(distance.and_then(|all| Some((steps, *all.first()?))));
    }
    let line = |name: &str, points| Predicted { name: name.to_owned(), points };
    Ok(vec![line("euler, plain", plain), line("euler, naive", naive)])
}

/// The programme's, the plain and the naive schedule of another number of steps, with the solver
/// of `found`, and with the coefficient that it came from, or else the one that is predicted to be
/// best.
pub(super) fn of_steps(
    setting: &Setting<'_>,
    paths: &[ReferencePath],
    found: &Candidate,
    coefficient: Option<f64>,
    steps: usize,
    ask: &mut dyn Ask,
) -> Result<Vec<(&'static str, Candidate)>, SearchError> {
    let same = |solver: &Solver| {
        solver.sampler.id == found.sampler
            && solver.sampler.params.get("start") == found.params.get("start")
    };
    let Some(solver) = solvers(setting).into_iter().find(same) else { return Ok(Vec::new()) };
    let Some(path) = paths.first() else { return Ok(Vec::new()) };
    let with = |candidate: Candidate| Candidate {
        sampler: found.sampler.clone(),
        params: found.params.clone(),
        ..candidate
    };
    let mut all = Vec::new();
    let own = costs(&solver, paths, ask)?;
    let costs = own.unwrap_or_else(|| Costs::of_euler(paths));
    let grids: Vec<_> = COEFFICIENTS
        .into_iter()
        .filter(|known| coefficient.is_none_or(|wanted| wanted == *known))
        .filter_map(|coefficient| {
            let routes = costs.routes(path.steps(), coefficient, steps);
            Some(grid_of(path, &routes.into_iter().nth(steps - 1)??))
        })
        .collect();
    let distances = predict(&solver, paths, &grids, ask)?;
    let best = match distances {
        Some(distances) => {
            let best = grids.iter().zip(distances).min_by(|a, b| a.1.total_cmp(&b.1));
            best.map(|(grid, _)| grid.clone())
        }
        None => grids.get(1).or(grids.first()).cloned(),
    };
    let made = best.and_then(|grid| {
        of_grid(setting, &solver, Kind::Programme, "programme", &grid, None, None)
    });
    all.extend(made.map(|made| ("programme", with(made.candidate))));
    if let Some((plain, _)) = best_plain(setting, &solver, paths, steps, None, ask)? {
        all.push(("plain", with(plain)));
    }
    all.push(("naive", with(setting.euler(setting.naive(steps)?, setting.terminal()))));
    Ok(all)
}
