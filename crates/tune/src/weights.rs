//! A linear solver as numbers: how much of the state, of both velocities, and of earlier ones its
//! step takes. Found by asking it for a step of unit vectors, whoever it is.

use super::gram::blend;
use serde::{Deserialize, Serialize};

/// Everything the weights of a step depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stencil {
    /// Number of the step, from 0.
    pub index: usize,
    /// Noise level it starts at.
    pub sigma: f64,
    /// Noise level it ends at.
    pub sigma_next: f64,
    pub gw: f64,
    /// σ and gw of earlier steps, newest first.
    pub past: Vec<(f64, f64)>,
}

/// Weights of x, v_cond and v_uncond at the step itself, then at each earlier step, newest first.
/// The state it leads to is their sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weights(pub Vec<[f64; 3]>);

/// Euler's weights: x and (σ_next − σ)·v.
pub fn euler(stencil: &Stencil) -> Weights {
    let h = f64::from((stencil.sigma_next - stencil.sigma) as f32);
    let [cond, uncond] = blend(stencil.gw);
    Weights(vec![[1.0, h * cond, h * uncond]])
}

/// Steps between the nodes of a reference: every pair and every triple that a two-step solver can
/// meet, in one order.
#[derive(Debug, Clone, PartialEq)]
pub struct Stencils {
    steps: usize,
    /// Where the triples that begin with nodes i and j are.
    offsets: Vec<usize>,
    /// The first step from node 0 to every node, then every triple of rising nodes.
    pub list: Vec<Stencil>,
}

impl Stencils {
    /// Those of nodes with these noise levels; `gw` is that at every node but the last.
    pub fn of(sigmas: &[f64], gw: &[f64]) -> Self {
        let steps = gw.len();
        let at = |node: usize| (sigmas[node], gw[node]);
        let mut list: Vec<Stencil> = (1..=steps)
            .map(|j| Stencil {
                index: 0,
                sigma: sigmas[0],
                sigma_next: sigmas[j],
                gw: gw[0],
                past: Vec::new(),
            })
            .collect();
        let mut offsets = vec![0; steps * steps];
        for i in 0..steps {
            for j in i + 1..steps {
                offsets[i * steps + j] = list.len();
                for sigma_next in sigmas.iter().skip(j + 1).copied() {
                    // Whoever looks back two steps sees at least that there was an earlier one.
                    let older = (i > 0).then(|| at(0));
                    let past = [at(i)].into_iter().chain(older).collect();
                    let index = if i == 0 { 1 } else { 2 };
                    let (sigma, gw) = at(j);
                    list.push(Stencil { index, sigma, sigma_next, gw, past });
                }
            }
        }
        Stencils { steps, offsets, list }
    }

    /// Place of the first step to node j.
    pub fn start(&self, j: usize) -> usize {
        j - 1
    }

    /// Place of the step from node j to k after one from i.
    pub fn step(&self, i: usize, j: usize, k: usize) -> usize {
        self.offsets[i * self.steps + j] + (k - j - 1)
    }
}

/// Whether weights are those of a two-step solver: nothing older than the last step counts.
pub fn looks_back_one_step(weights: &Weights) -> bool {
    let size = |row: &[f64; 3]| row.iter().map(|w| w.abs()).fold(0.0, f64::max);
    let all = weights.0.iter().map(size).fold(0.0, f64::max);
    weights.0.iter().skip(2).all(|row| size(row) <= 1e-5 * all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_triple_has_its_place() {
        let sigmas = [0.9, 0.7, 0.5, 0.3, 0.1];
        let stencils = Stencils::of(&sigmas, &[7.0, 6.0, 5.0, 4.0]);
        assert_eq!(stencils.list.len(), 4 + 10);
        for (j, sigma) in sigmas.into_iter().enumerate().skip(1) {
            let stencil = &stencils.list[stencils.start(j)];
            assert_eq!((stencil.sigma_next, stencil.past.len()), (sigma, 0));
        }
        for i in 0..4 {
            for j in i + 1..4 {
                for k in j + 1..=4 {
                    let stencil = &stencils.list[stencils.step(i, j, k)];
                    let found = (stencil.past[0].0, stencil.sigma, stencil.sigma_next);
                    assert_eq!(found, (sigmas[i], sigmas[j], sigmas[k]));
                    assert_eq!(stencil.past.len(), if i == 0 { 1 } else { 2 });
                }
            }
        }
    }
}
