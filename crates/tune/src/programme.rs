//! Dynamic programmes over the nodes of a reference run: the cheapest way from the first node to
//! the last in so many steps, where the cost of a step is known beforehand. One run gives the
//! answers for every number of steps.
//!
//! Method: GITS (Chen et al. 2024, "On the Trajectory Regularity of ODE-based Diffusion
//! Sampling"), with the coefficient as a parameter, and with the last node in the state for
//! solvers that look back a step.

/// A way through the nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The nodes, the first and the last included.
    pub nodes: Vec<usize>,
    /// Its cost: of its steps, each discounted by the coefficient once for every step before it.
    pub cost: f64,
}

/// The cheapest ways from node 0 to node `last` in 1 … `most` steps, where a step from i to j
/// costs `cost(i, j)` whatever was before it, and what follows counts `coefficient` times. `None`
/// for more steps than there are nodes.
pub fn one_step(
    last: usize,
    cost: impl Fn(usize, usize) -> f64,
    coefficient: f64,
    most: usize,
) -> Vec<Option<Route>> {
    // value[k − 1][i]: the cheapest way from i to the last node in k steps, and its next node.
    let mut value: Vec<Vec<Option<(f64, usize)>>> = Vec::new();
    for steps in 1..=most {
        let row = (0..last).map(|i| {
            if steps == 1 {
                return Some((cost(i, last), last));
            }
            let after = value.last()?;
            cheapest((i + 1..last).filter_map(|j| {
                let (rest, _) = (*after.get(j)?)?;
                Some((cost(i, j) + coefficient * rest, j))
            }))
        });
        let row = row.collect();
        value.push(row);
    }
    let route = |steps: usize| {
        let (cost, _) = (*value.get(steps - 1)?.first()?)?;
        let mut nodes = vec![0];
        for left in (1..=steps).rev() {
            let (_, next) = (*value.get(left - 1)?.get(*nodes.last()?)?)?;
            nodes.push(next);
        }
        Some(Route { nodes, cost })
    };
    (1..=most).map(route).collect()
}

/// The same for a solver that looks back one step: the first step to j costs `start(j)`, and one
/// from j to k after one from i costs `cost(i, j, k)`.
pub fn two_step(
    last: usize,
    start: impl Fn(usize) -> f64,
    cost: impl Fn(usize, usize, usize) -> f64,
    coefficient: f64,
    most: usize,
) -> Vec<Option<Route>> {
    let at = |i: usize, j: usize| i * last + j;
    // value[k − 1][(i, j)]: the cheapest way from j, reached from i, to the last node in k steps.
    let mut value: Vec<Vec<Option<(f64, usize)>>> = Vec::new();
    for steps in 1..most {
        let mut row = vec![None; last * last];
        for i in 0..last {
            for j in i + 1..last {
                row[at(i, j)] = match value.last() {
                    None => Some((cost(i, j, last), last)),
                    Some(after) => cheapest((j + 1..last).filter_map(|k| {
                        let (rest, _) = (*after.get(at(j, k))?)?;
                        Some((cost(i, j, k) + coefficient * rest, k))
                    })),
                };
            }
        }
        debug_assert_eq!(value.len() + 1, steps);
        value.push(row);
    }
    let route = |steps: usize| {
        if steps == 1 {
            return Some(Route { nodes: vec![0, last], cost: start(last) });
        }
        let after = value.get(steps - 2)?;
        let (cost, first) = cheapest((1..last).filter_map(|j| {
            let (rest, _) = (*after.get(at(0, j))?)?;
            Some((start(j) + coefficient * rest, j))
        }))?;
        let mut nodes = vec![0, first];
        for left in (1..steps).rev() {
            let [.., i, j] = nodes[..] else { return None };
            let (_, next) = (*value.get(left - 1)?.get(at(i, j))?)?;
            nodes.push(next);
        }
        Some(Route { nodes, cost })
    };
    (1..=most).map(route).collect()
}

/// The least, and of equal ones the first.
fn cheapest(ways: impl Iterator<Item = (f64, usize)>) -> Option<(f64, usize)> {
    ways.fold(None, |best: Option<(f64, usize)>, way| match best {
        Some((cost, _)) if cost <= way.0 => best,
        _ if way.0.is_nan() => best,
        _ => Some(way),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::costs::{Pairs, Triples};
    use crate::draws::uniform;
    use crate::flow::{Run, ab2, sigmas};
    use crate::gram::Basis;
    use crate::weights::{Stencils, euler};

    /// Every way from 0 to `last` in `steps` steps.
    fn every_way(last: usize, steps: usize) -> Vec<Vec<usize>> {
        let mut ways = vec![vec![0]];
        for left in (1..steps).rev() {
            ways = ways
                .into_iter()
                .flat_map(|way| {
                    let from = way[way.len() - 1] + 1;
                    (from..=last - left).map(move |node| [way.clone(), vec![node]].concat())
                })
                .collect();
        }
        ways.into_iter().map(|way| [way, vec![last]].concat()).collect()
    }

    fn one_cost(way: &[usize], cost: impl Fn(usize, usize) -> f64, coefficient: f64) -> f64 {
        way.windows(2).rev().fold(0.0, |rest, ends| cost(ends[0], ends[1]) + coefficient * rest)
    }

    fn two_cost(
        way: &[usize],
        start: impl Fn(usize) -> f64,
        cost: impl Fn(usize, usize, usize) -> f64,
        coefficient: f64,
    ) -> f64 {
        let rest =
            way.windows(3).rev().fold(0.0, |rest, w| cost(w[0], w[1], w[2]) + coefficient * rest);
        start(way[1]) + coefficient * rest
    }

    fn check_one(last: usize, cost: impl Fn(usize, usize) -> f64, coefficient: f64) {
        let routes = one_step(last, &cost, coefficient, last + 1);
        for (steps, route) in (1..).zip(&routes) {
            let best = every_way(last, steps)
                .into_iter()
                .map(|way| one_cost(&way, &cost, coefficient))
                .fold(f64::INFINITY, f64::min);
            let Some(route) = route else {
                assert!(steps > last, "no way of {steps} steps");
                continue;
            };
            assert_eq!(route.nodes.len(), steps + 1);
            assert!((route.cost - best).abs() < 1e-12 * (1.0 + best), "{} {best}", route.cost);
            assert!(
                (one_cost(&route.nodes, &cost, coefficient) - best).abs() < 1e-12 * (1.0 + best)
            );
        }
    }

    fn check_two(
        last: usize,
        start: impl Fn(usize) -> f64,
        cost: impl Fn(usize, usize, usize) -> f64,
        coefficient: f64,
    ) {
        let routes = two_step(last, &start, &cost, coefficient, last + 1);
        for (steps, route) in (1..).zip(&routes) {
            let best = every_way(last, steps)
                .into_iter()
                .map(|way| two_cost(&way, &start, &cost, coefficient))
                .fold(f64::INFINITY, f64::min);
            let Some(route) = route else {
                assert!(steps > last, "no way of {steps} steps");
                continue;
            };
            assert_eq!(route.nodes.len(), steps + 1);
            let found = two_cost(&route.nodes, &start, &cost, coefficient);
            assert!((route.cost - best).abs() < 1e-12 * (1.0 + best), "{} {best}", route.cost);
            assert!((found - best).abs() < 1e-12 * (1.0 + best));
        }
    }

    #[test]
    fn of_random_costs_every_number_of_steps_is_as_cheap_as_brute_force() {
        for seed in 0..6 {
            let one = |i: usize, j: usize| uniform(seed, &[i as u64, j as u64]);
            let two = |i: usize, j: usize, k: usize| uniform(seed, &[i as u64, j as u64, k as u64]);
            let start = |j: usize| uniform(seed, &[j as u64]);
            for coefficient in [0.85, 1.0, 1.15] {
                check_one(8, one, coefficient);
                check_two(8, start, two, coefficient);
            }
        }
    }

    #[test]
    fn on_a_known_flow_the_programmes_are_as_good_as_brute_force_for_euler_and_for_two_steps() {
        let levels = sigmas(9);
        let gw = |sigma: f64| if sigma > 0.3 { 3.0 } else { 1.5 };
        let paths: Vec<_> =
            (0..3).map(|seed| Run::euler(&levels, gw, seed).path(Basis::Velocities)).collect();
        let pairs = Pairs::of(&paths, euler);
        let weights = Stencils::of(&paths[0].sigmas, &paths[0].gw);
        let answers: Vec<_> = weights.list.iter().map(ab2).collect();
        let triples = Triples::of(&paths, &weights, &answers).unwrap();
        for coefficient in [0.9, 1.0] {
            check_one(9, |i, j| pairs.cost(i, j), coefficient);
            check_two(9, |j| triples.start(j), |i, j, k| triples.cost(i, j, k), coefficient);
        }
    }
}
