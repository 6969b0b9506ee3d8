//! CMA-ES on the unit cube, replayed from what it proposed and what came of it: generation n is
//! a function of the seed and of the generations before it.
//!
//! Method and constants: Hansen, "The CMA Evolution Strategy: A Tutorial" (arXiv 1604.00772).
//! Points beyond the cube are moved to its sides before they are run, and count as moved.

use super::draws::normal;

/// A point in the cube.
pub type Point = Vec<f64>;

/// How many points a generation has in so many dimensions.
pub fn generation_size(dimensions: usize) -> usize {
    4 + (3.0 * (dimensions.max(1) as f64).ln()).floor() as usize
}

/// The next generation, after `past` ones: each point with its loss, lower is better; a loss that
/// is no number is the worst.
pub fn propose(seed: u64, dimensions: usize, past: &[Vec<(Point, f64)>]) -> Vec<Point> {
    let mut state = State::new(dimensions);
    for generation in past {
        state.learn(generation);
    }
    state.draw(seed, past.len() as u64)
}

struct State {
    dimensions: usize,
    mean: Vec<f64>,
    /// Step size.
    sigma: f64,
    covariance: Vec<Vec<f64>>,
    path_c: Vec<f64>,
    path_s: Vec<f64>,
    generation: f64,
}

impl State {
    fn new(dimensions: usize) -> Self {
        let unit = |i: usize| (0..dimensions).map(|j| f64::from(u8::from(i == j))).collect();
        State {
            dimensions,
            mean: vec![0.5; dimensions],
            sigma: 0.25,
            covariance: (0..dimensions).map(unit).collect(),
            path_c: vec![0.0; dimensions],
            path_s: vec![0.0; dimensions],
            generation: 0.0,
        }
    }

    fn draw(&self, seed: u64, generation: u64) -> Vec<Point> {
        let (values, vectors) = eigen(&self.covariance);
        (0..generation_size(self.dimensions))
            .map(|k| {
                let z: Vec<f64> = (0..self.dimensions)
                    .map(|i| normal(seed, &[generation, k as u64, i as u64]))
                    .collect();
                (0..self.dimensions)
                    .map(|i| {
                        let step: f64 = (0..self.dimensions)
                            .map(|j| vectors[i][j] * values[j].max(0.0).sqrt() * z[j])
                            .sum();
                        (self.mean[i] + self.sigma * step).clamp(0.0, 1.0)
                    })
                    .collect()
            })
            .collect()
    }

    fn learn(&mut self, points: &[(Point, f64)]) {
        let n = self.dimensions as f64;
        let lambda = points.len();
        let half = lambda / 2;
        if half == 0 || self.dimensions == 0 {
            return;
        }
        let mut ranked: Vec<&(Point, f64)> = points.iter().collect();
        let loss = |loss: f64| if loss.is_nan() { f64::INFINITY } else { loss };
        ranked.sort_by(|a, b| loss(a.1).total_cmp(&loss(b.1)));
        let raw: Vec<f64> =
            (0..half).map(|i| ((lambda as f64 + 1.0) / 2.0).ln() - (i as f64 + 1.0).ln()).collect();
        let total: f64 = raw.iter().sum();
        let weights: Vec<f64> = raw.iter().map(|w| w / total).collect();
        let mu_eff = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();

        let c_sigma = (mu_eff + 2.0) / (n + mu_eff + 5.0);
        let d_sigma = 1.0 + 2.0 * (((mu_eff - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + c_sigma;
        let c_c = (4.0 + mu_eff / n) / (n + 4.0 + 2.0 * mu_eff / n);
        let c_1 = 2.0 / ((n + 1.3).powi(2) + mu_eff);
        let c_mu =
            (1.0 - c_1).min(2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((n + 2.0).powi(2) + mu_eff));
        let expected = n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));

        let steps: Vec<Vec<f64>> = ranked
            .iter()
            .take(half)
            .map(|(x, _)| x.iter().zip(&self.mean).map(|(x, m)| (x - m) / self.sigma).collect())
            .collect();
        let step: Vec<f64> = (0..self.dimensions)
            .map(|i| weights.iter().zip(&steps).map(|(w, y)| w * y[i]).sum())
            .collect();
        for (mean, step) in self.mean.iter_mut().zip(&step) {
            *mean = (*mean + self.sigma * step).clamp(0.0, 1.0);
        }
        let whitened = self.whiten(&step);
        let keep = (c_sigma * (2.0 - c_sigma) * mu_eff).sqrt();
        for (path, step) in self.path_s.iter_mut().zip(&whitened) {
            *path = (1.0 - c_sigma) * *path + keep * step;
        }
        self.generation += 1.0;
        let length = self.path_s.iter().map(|p| p * p).sum::<f64>().sqrt();
        let decay = (1.0 - (1.0 - c_sigma).powf(2.0 * self.generation)).sqrt();
        let stalled = length / decay / expected > 1.4 + 2.0 / (n + 1.0);
        let h = if stalled { 0.0 } else { 1.0 };
        let keep = (c_c * (2.0 - c_c) * mu_eff).sqrt();
        for (path, step) in self.path_c.iter_mut().zip(&step) {
            *path = (1.0 - c_c) * *path + h * keep * step;
        }
        let lost = (1.0 - h) * c_c * (2.0 - c_c);
        for i in 0..self.dimensions {
            for j in 0..self.dimensions {
                let rank_mu: f64 = weights.iter().zip(&steps).map(|(w, y)| w * y[i] * y[j]).sum();
                self.covariance[i][j] = (1.0 - c_1 - c_mu + c_1 * lost) * self.covariance[i][j]
                    + c_1 * self.path_c[i] * self.path_c[j]
                    + c_mu * rank_mu;
            }
        }
        let change = (c_sigma / d_sigma * (length / expected - 1.0)).min(1.0);
        self.sigma = (self.sigma * change.exp()).clamp(1e-8, 1.0);
    }

    /// C^(−1/2)·v.
    fn whiten(&self, v: &[f64]) -> Vec<f64> {
        let (values, vectors) = eigen(&self.covariance);
        let n = self.dimensions;
        let along: Vec<f64> = (0..n)
            .map(|j| {
                let dot: f64 = (0..n).map(|i| vectors[i][j] * v[i]).sum();
                dot / values[j].max(1e-20).sqrt()
            })
            .collect();
        (0..n).map(|i| (0..n).map(|j| vectors[i][j] * along[j]).sum()).collect()
    }
}

/// Eigenvalues and eigenvectors (columns) of a symmetric matrix, by Jacobi's rotations.
fn eigen(matrix: &[Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = matrix.len();
    let mut a: Vec<Vec<f64>> = matrix.to_vec();
    let unit = |i: usize| (0..n).map(|j| f64::from(u8::from(i == j))).collect();
    let mut v: Vec<Vec<f64>> = (0..n).map(unit).collect();
    for _ in 0..60 {
        let off: f64 =
            (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j].powi(2)).sum();
        if off < 1e-30 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in &mut a {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (c * x - s * y, s * x + c * y);
                }
                let (above, from_q) = a.split_at_mut(q);
                for (in_p, in_q) in above[p].iter_mut().zip(&mut from_q[0]) {
                    let (x, y) = (*in_p, *in_q);
                    (*in_p, *in_q) = (c * x - s * y, s * x + c * y);
                }
                for row in &mut v {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), v)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn search(
        dimensions: usize,
        generations: usize,
        seed: u64,
        loss: impl Fn(&[f64]) -> f64,
    ) -> (Point, f64) {
        let mut past = Vec::new();
        for _ in 0..generations {
            let points = propose(seed, dimensions, &past);
            past.push(points.into_iter().map(|x| (x.clone(), loss(&x))).collect());
        }
        let all = past.into_iter().flatten();
        all.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default()
    }

    #[test]
    fn eigenvectors_are_those_of_the_matrix() {
        let m = vec![vec![4.0, 1.0, 0.5], vec![1.0, 3.0, -0.2], vec![0.5, -0.2, 1.0]];
        let (values, vectors) = eigen(&m);
        for k in 0..3 {
            for i in 0..3 {
                let left: f64 = (0..3).map(|j| m[i][j] * vectors[j][k]).sum();
                assert!((left - values[k] * vectors[i][k]).abs() < 1e-10);
            }
        }
    }

    #[derive(serde::Deserialize)]
    struct Case {
        dimensions: usize,
        generations: Vec<Learnt>,
    }

    #[derive(serde::Deserialize)]
    struct Learnt {
        points: Vec<Point>,
        losses: Vec<f64>,
        mean: Vec<f64>,
        sigma: f64,
        covariance: Vec<Vec<f64>>,
    }

    /// The state after the same points, as the `cmaes` package computes it.
    #[test]
    fn what_is_learnt_is_what_an_established_implementation_learns() {
        let text = include_str!("../../../tests/data/searches/cma-es.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert_eq!(cases.len(), 3);
        for Case { dimensions, generations } in cases {
            let mut state = State::new(dimensions);
            for (number, known) in generations.into_iter().enumerate() {
                assert_eq!(known.points.len(), generation_size(dimensions));
                state.learn(&known.points.into_iter().zip(known.losses).collect::<Vec<_>>());
                let found = state.mean.iter().chain(state.covariance.iter().flatten());
                let wanted = known.mean.iter().chain(known.covariance.iter().flatten());
                for (found, wanted) in found.chain([&state.sigma]).zip(wanted.chain([&known.sigma]))
                {
                    let near = (found - wanted).abs() < 1e-8 * (1.0 + wanted.abs());
                    assert!(near, "{dimensions} {number}: {found} {wanted}");
                }
            }
        }
    }

    #[test]
    fn the_optimum_of_a_sphere_is_found() {
        let target = [0.3, 0.7, 0.45, 0.6, 0.2];
        let loss = |x: &[f64]| x.iter().zip(target).map(|(x, t)| (x - t).powi(2)).sum::<f64>();
        for seed in 0..4 {
            let (_, best) = search(5, 60, seed, loss);
            assert!(best < 1e-6, "{seed}: {best}");
        }
    }

    #[test]
    fn the_optimum_of_a_turned_and_stretched_valley_is_found() {
        // Rosenbrock's function with its optimum at (0.75, 0.75, 0.75).
        let loss = |x: &[f64]| {
            let y: Vec<f64> = x.iter().map(|x| x * 4.0 - 2.0).collect();
            y.windows(2).map(|w| 100.0 * (w[1] - w[0] * w[0]).powi(2) + (1.0 - w[0]).powi(2)).sum()
        };
        for seed in 0..4 {
            let (x, best) = search(3, 160, seed, loss);
            assert!(best < 1e-4, "{seed}: {best} at {x:?}");
        }
    }

    #[test]
    fn an_optimum_on_the_side_of_the_cube_is_found() {
        let (x, best) = search(3, 60, 1, |x| x[0] + (x[1] - 0.5).powi(2) + (1.0 - x[2]));
        assert!(best < 1e-3, "{best} at {x:?}");
    }

    #[test]
    fn failures_are_no_obstacle_and_the_same_past_gives_the_same_points() {
        let loss = |x: &[f64]| if x[0] > 0.8 { f64::NAN } else { (x[0] - 0.6).powi(2) };
        let (x, _) = search(2, 40, 3, loss);
        assert!((x[0] - 0.6).abs() < 0.01, "{x:?}");
        assert_eq!(propose(5, 4, &[]), propose(5, 4, &[]));
        assert_ne!(propose(5, 4, &[]), propose(6, 4, &[]));
    }
}
