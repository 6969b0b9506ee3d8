//! Gram matrices: the inner products of a reference run's vectors. What a linear solver makes of
//! the same velocities lies in their span, so how far it is from the reference is a quadratic form
//! of small matrices, and no latents are kept.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Inner products of some vectors, divided by their length: a norm is a root mean square, in the
/// latents' own unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Gram {
    size: usize,
    /// Row after row; symmetric.
    values: Vec<f64>,
}

/// A linear combination of vectors: (which, how much of it).
pub type Combination = Vec<(usize, f64)>;

impl Gram {
    /// The inner products of `vectors`, which are of one length. Each is summed in its own fixed
    /// order, so that the number of threads changes nothing.
    pub fn of(vectors: &[&[f32]]) -> Self {
        let size = vectors.len();
        let length = vectors.first().map_or(1, |vector| vector.len()).max(1) as f64;
        let rows: Vec<Vec<f64>> = (0..size)
            .into_par_iter()
            .map(|i| {
                vectors.iter().take(i + 1).map(|other| dot(vectors[i], other) / length).collect()
            })
            .collect();
        let value = |i: usize, j: usize| rows[i.max(j)][i.min(j)];
        let values = (0..size * size).map(|at| value(at / size, at % size)).collect();
        Gram { size, values }
    }

    /// A matrix from its values, row after row; `None` where they are not those of a square, or
    /// not finite.
    pub fn from_values(values: Vec<f64>) -> Option<Self> {
        let size = values.len().isqrt();
        (size * size == values.len() && values.iter().all(|value| value.is_finite()))
            .then_some(Gram { size, values })
    }

    /// How many vectors it is of.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Row after row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.values.get(row * self.size + column).copied().unwrap_or(f64::NAN)
    }

    /// The inner product of two combinations.
    pub fn product(&self, a: &[(usize, f64)], b: &[(usize, f64)]) -> f64 {
        let row = |(i, w): &(usize, f64)| -> f64 {
            w * b.iter().map(|(j, u)| u * self.at(*i, *j)).sum::<f64>()
        };
        a.iter().map(row).sum()
    }

    /// The root mean square of a combination.
    pub fn norm(&self, combination: &[(usize, f64)]) -> f64 {
        // Rounding can bring what is 0 below it.
        self.product(combination, combination).max(0.0).sqrt()
    }

    /// The Gram matrix of combinations of the vectors.
    pub fn of_combinations(&self, combinations: &[Combination]) -> Self {
        // G·Tᵀ first: a row a vector, a column a combination.
        let half: Vec<Vec<f64>> = combinations
            .iter()
            .map(|combination| {
                (0..self.size)
                    .map(|i| combination.iter().map(|(j, w)| w * self.at(i, *j)).sum())
                    .collect()
            })
            .collect();
        let size = combinations.len();
        let value = |a: &Combination, b: &[f64]| -> f64 {
            a.iter().map(|(i, w)| w * b.get(*i).copied().unwrap_or(f64::NAN)).sum()
        };
        let values =
            combinations.iter().flat_map(|a| half.iter().map(move |b| value(a, b))).collect();
        Gram { size, values }
    }
}

/// The inner product in f64, in eight sums that are added in one order.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0_f64; 8];
    let (a_whole, a_rest) = a.as_chunks::<8>();
    let (b_whole, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_whole.iter().zip(b_whole) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += f64::from(*a) * f64::from(*b);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    sums.iter().sum::<f64>() + rest
}

/// Which vectors a Gram matrix is of. In both, v_cond and v_uncond of the n nodes follow the
/// states, each in sampling order; where gw was 1 there is no v_uncond and its row is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The first state alone: the others are Euler's sums of it and the velocities.
    Velocities,
    /// The states at all n + 1 nodes: of a run with more steps than nodes.
    States,
}

/// What is known of one reference run: its noise levels and guidance weights at n + 1 nodes, and
/// the inner products of the states and velocities there.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferencePath {
    /// σ of the n + 1 nodes, falling.
    pub sigmas: Vec<f64>,
    /// gw at the first n nodes.
    pub gw: Vec<f64>,
    /// Of x_0 … x_n, v_cond at the first n nodes, v_uncond at the first n nodes.
    gram: Gram,
}

/// Places of the vectors in a path's Gram matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// Number of steps between nodes.
    pub steps: usize,
}

impl Places {
    /// The state at a node, 0 … n.
    pub fn x(self, node: usize) -> usize {
        node
    }

    /// v_cond at a node, 0 … n − 1.
    pub fn v_cond(self, node: usize) -> usize {
        self.steps + 1 + node
    }

    /// v_uncond at a node, 0 … n − 1.
    pub fn v_uncond(self, node: usize) -> usize {
        2 * self.steps + 1 + node
    }
}

/// v = gw·v_cond + (1 − gw)·v_uncond as the engine blends it, in factors rounded to f32.
pub(super) fn blend(gw: f64) -> [f64; 2] {
    if gw == 1.0 {
        return [1.0, 0.0];
    }
    [f64::from(gw as f32), f64::from((1.0 - gw) as f32)]
}

impl ReferencePath {
    /// The path of a run whose matrix is of `basis`; `None` where the sizes do not fit.
    pub fn new(sigmas: Vec<f64>, gw: Vec<f64>, basis: Basis, gram: Gram) -> Option<Self> {
        let steps = gw.len();
        let places = Places { steps };
        if sigmas.len() != steps + 1 || steps == 0 {
            return None;
        }
        match basis {
            Basis::States if gram.size() == 3 * steps + 1 => {
                Some(ReferencePath { sigmas, gw, gram })
            }
            Basis::Velocities if gram.size() == 2 * steps + 1 => {
                let (v_cond, v_uncond) = (|i: usize| 1 + i, |i: usize| 1 + steps + i);
                let mut state: Combination = vec![(0, 1.0)];
                let mut all = vec![state.clone()];
                for (i, ends) in sigmas.windows(2).enumerate() {
                    // The engine multiplies by the difference rounded to f32.
                    let h = f64::from((ends[1] - ends[0]) as f32);
                    let [cond, uncond] = blend(gw[i]);
                    state.push((v_cond(i), h * cond));
                    state.push((v_uncond(i), h * uncond));
                    all.push(state.clone());
                }
                all.extend((0..steps).map(|i| vec![(v_cond(i), 1.0)]));
                all.extend((0..steps).map(|i| vec![(v_uncond(i), 1.0)]));
                debug_assert_eq!(all.len(), places.v_uncond(steps));
                Some(ReferencePath { sigmas, gw, gram: gram.of_combinations(&all) })
            }
            _ => None,
        }
    }

    /// Number of steps between nodes.
    pub fn steps(&self) -> usize {
        self.gw.len()
    }

    /// Places of the vectors.
    pub fn places(&self) -> Places {
        Places { steps: self.steps() }
    }

    /// The root mean square of a combination of states and velocities.
    pub fn norm(&self, combination: &[(usize, f64)]) -> f64 {
        self.gram.norm(combination)
    }

    /// gw at a noise level: that of the step it lies in.
    pub fn gw_at(&self, sigma: f64) -> f64 {
        gw_at(&self.sigmas, &self.gw, sigma)
    }
}

/// gw at a noise level, of steps that start at `sigmas`: that of the step it lies in.
pub fn gw_at(sigmas: &[f64], gw: &[f64], sigma: f64) -> f64 {
    // A hair above the start of a step still means that step: a σ goes through mu and std, and
    // comes back within 3e-8.
    let after = sigmas.iter().take(gw.len()).rposition(|start| *start >= sigma - 1e-6);
    gw.get(after.unwrap_or(0)).copied().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::flow::Run;

    #[test]
    fn norms_are_those_of_the_vectors() {
        let (a, b): (Vec<f32>, Vec<f32>) =
            ((0..37).map(|i| i as f32 * 0.1).collect(), (0..37).map(|i| 1.0 - i as f32).collect());
        let gram = Gram::of(&[&a, &b]);
        let mixed: f64 =
            a.iter().zip(&b).map(|(a, b)| f64::from(2.0 * a - 0.5 * b).powi(2)).sum::<f64>() / 37.0;
        assert!((gram.norm(&[(0, 2.0), (1, -0.5)]) - mixed.sqrt()).abs() < 1e-5);
        assert_eq!(gram.norm(&[(0, 1.0), (0, -1.0)]), 0.0);
    }

    #[test]
    fn values_that_are_no_square_or_no_numbers_are_refused() {
        assert!(Gram::from_values(vec![1.0; 4]).is_some());
        assert!(Gram::from_values(vec![1.0; 5]).is_none());
        assert!(Gram::from_values(vec![1.0, f64::NAN, 1.0, 1.0]).is_none());
    }

    #[test]
    fn states_that_are_sums_of_velocities_need_not_be_kept() {
        let run = Run::euler(&crate::flow::sigmas(12), |_| 1.0, 5);
        let short = run.path(Basis::Velocities);
        let long = run.path(Basis::States);
        let places = short.places();
        for i in 0..12 {
            for j in 0..=12 {
                let combination = [
                    (places.x(i), 1.0),
                    (places.v_cond(i), run.sigmas[j] - run.sigmas[i]),
                    (places.x(j), -1.0),
                ];
                let (a, b) = (short.norm(&combination), long.norm(&combination));
                assert!((a - b).abs() < 1e-5, "{i} {j}: {a} {b}");
            }
        }
    }

    #[test]
    fn gw_is_that_of_the_step_a_level_lies_in() {
        let (sigmas, gw) = ([0.9, 0.6, 0.3, 0.1], [7.0, 5.0, 3.0]);
        for (sigma, expected) in
            [(0.95, 7.0), (0.9, 7.0), (0.61, 7.0), (0.6, 5.0), (0.3, 3.0), (0.05, 3.0)]
        {
            assert_eq!(gw_at(&sigmas, &gw, sigma), expected, "{sigma}");
        }
    }
}
