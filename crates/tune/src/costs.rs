//! What a solver's steps between nodes of reference runs cost: how far one step, taken from the
//! reference's own state and velocities, ends from the reference, as a mean over runs.

use super::gram::{Combination, ReferencePath};
use super::weights::{Stencil, Stencils, Weights, looks_back_one_step};

/// Costs of steps that depend on their ends alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    steps: usize,
    values: Vec<f64>,
}

impl Pairs {
    /// Those of a solver without a memory, over runs whose nodes are the same.
    pub fn of(paths: &[ReferencePath], weights: impl Fn(&Stencil) -> Weights) -> Self {
        let steps = paths.first().map_or(0, ReferencePath::steps);
        let mut values = vec![f64::INFINITY; steps * (steps + 1)];
        let Some(path) = paths.first() else { return Pairs { steps, values } };
        for i in 0..steps {
            for j in i + 1..=steps {
                let (sigma, sigma_next, gw) = (path.sigmas[i], path.sigmas[j], path.gw[i]);
                let weights =
                    weights(&Stencil { index: i, sigma, sigma_next, gw, past: Vec::new() });
                values[i * (steps + 1) + j] = mean(paths, &error(path, &weights, &[i], j));
            }
        }
        Pairs { steps, values }
    }

    /// Of the step from i to j.
    pub fn cost(&self, i: usize, j: usize) -> f64 {
        self.values.get(i * (self.steps + 1) + j).copied().unwrap_or(f64::INFINITY)
    }
}

/// Costs of steps that depend on the step before too.
#[derive(Debug, Clone, PartialEq)]
pub struct Triples {
    stencils: Stencils,
    values: Vec<f64>,
}

impl Triples {
    /// Those of a solver whose weights at `stencils` are `weights`; `None` where it looks back
    /// more than one step.
    pub fn of(paths: &[ReferencePath], stencils: &Stencils, weights: &[Weights]) -> Option<Self> {
        let path = paths.first()?;
        let steps = path.steps();
        if weights.len() != stencils.list.len() || !weights.iter().all(looks_back_one_step) {
            return None;
        }
        let mut values = vec![f64::INFINITY; weights.len()];
        for j in 1..=steps {
            let place = stencils.start(j);
            values[place] = mean(paths, &error(path, &weights[place], &[0], j));
        }
        for i in 0..steps {
            for j in i + 1..steps {
                for k in j + 1..=steps {
                    let place = stencils.step(i, j, k);
                    values[place] = mean(paths, &error(path, &weights[place], &[j, i], k));
                }
            }
        }
        Some(Triples { stencils: stencils.clone(), values })
    }

    /// Of the first step, to j.
    pub fn start(&self, j: usize) -> f64 {
        self.values.get(self.stencils.start(j)).copied().unwrap_or(f64::INFINITY)
    }

    /// Of the step from j to k after one from i.
    pub fn cost(&self, i: usize, j: usize, k: usize) -> f64 {
        self.values.get(self.stencils.step(i, j, k)).copied().unwrap_or(f64::INFINITY)
    }
}

/// Where a step from `nodes` (newest first) ends, less the reference's state at node `to`.
fn error(path: &ReferencePath, weights: &Weights, nodes: &[usize], to: usize) -> Combination {
    let places = path.places();
    let mut sum: Combination = vec![(places.x(to), -1.0)];
    for (row, node) in weights.0.iter().zip(nodes) {
        let vectors = [places.x(*node), places.v_cond(*node), places.v_uncond(*node)];
        sum.extend(vectors.into_iter().zip(*row).filter(|(_, weight)| *weight != 0.0));
    }
    sum
}

fn mean(paths: &[ReferencePath], combination: &Combination) -> f64 {
    paths.iter().map(|path| path.norm(combination)).sum::<f64>() / paths.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Run, sigmas};
    use crate::gram::Basis;
    use crate::weights::euler;

    #[test]
    fn a_step_between_neighbours_is_the_references_own_and_costs_nothing() {
        let run = Run::euler(&sigmas(10), |_| 2.0, 1);
        let pairs = Pairs::of(&[run.path(Basis::Velocities)], euler);
        for i in 0..10 {
            assert!(pairs.cost(i, i + 1) < 1e-6, "{i}: {}", pairs.cost(i, i + 1));
            for j in i + 2..=10 {
                assert!(pairs.cost(i, j) > 1e-4, "{i} {j}: {}", pairs.cost(i, j));
            }
        }
    }

    #[test]
    fn a_cost_is_the_distance_of_the_step_itself() {
        let run = Run::euler(&sigmas(10), |_| 1.0, 1);
        let pairs = Pairs::of(&[run.path(Basis::States)], euler);
        for (i, j) in [(0, 3), (2, 7), (5, 10)] {
            let h = (run.sigmas[j] - run.sigmas[i]) as f32;
            let squares: f64 = run.x[i]
                .iter()
                .zip(&run.v_cond[i])
                .zip(&run.x[j])
                .map(|((x, v), there)| f64::from(x + h * v - there).powi(2))
                .sum();
            let expected = (squares / run.x[0].len() as f64).sqrt();
            assert!((pairs.cost(i, j) - expected).abs() < 1e-6, "{i} {j}");
        }
    }
}
