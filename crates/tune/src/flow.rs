//! For tests: reference runs on a flow that is known in closed form, the mixtures of Gaussians
//! that `plugins check` measures with.

use super::gram::{Basis, Gram, ReferencePath, blend};
use super::weights::{Stencil, Weights, euler};
use crate::draws::normal;
use sigmalab_sampler::check::flow;

/// Values of a state.
const VALUES: usize = 24;

/// Noise levels of a run of so many steps, denser at both ends as schedules are.
pub fn sigmas(steps: usize) -> Vec<f64> {
    (0..=steps)
        .map(|k| {
            let y = 4.0 - 7.0 * k as f64 / steps as f64;
            1.0 / (1.0 + (-y).exp())
        })
        .collect()
}

/// A run on the flow with everything it passed.
pub struct Run {
    pub(super) sigmas: Vec<f64>,
    pub(super) gw: Vec<f64>,
    pub(super) x: Vec<Vec<f32>>,
    pub(super) v_cond: Vec<Vec<f32>>,
    v_uncond: Vec<Vec<f32>>,
}

impl Run {
    /// With Euler from the noise of a seed, gw as a function of σ.
    pub fn euler(sigmas: &[f64], gw: impl Fn(f64) -> f64, seed: u64) -> Self {
        let gw: Vec<f64> = sigmas.iter().take(sigmas.len() - 1).map(|sigma| gw(*sigma)).collect();
        Run::with(sigmas, &gw, seed, euler)
    }

    /// With a solver given by its weights.
    pub fn with(
        sigmas: &[f64],
        gw: &[f64],
        seed: u64,
        weights: impl Fn(&Stencil) -> Weights,
    ) -> Self {
        let noise = (0..VALUES).map(|i| normal(seed, &[i as u64]) as f32).collect();
        let mut run = Run {
            sigmas: sigmas.to_vec(),
            gw: gw.to_vec(),
            x: vec![noise],
            v_cond: Vec::new(),
            v_uncond: Vec::new(),
        };
        for (index, ends) in sigmas.windows(2).enumerate() {
            let x = run.x[index].clone();
            run.v_cond.push(flow::conditional(&x, ends[0]));
            run.v_uncond.push(match gw[index] == 1.0 {
                true => vec![0.0; VALUES],
                false => flow::unconditional(&x, ends[0]),
            });
            let past: Vec<(f64, f64)> =
                (0..index).rev().take(2).map(|i| (sigmas[i], gw[i])).collect();
            let (sigma, sigma_next) = (ends[0], ends[1]);
            let Weights(rows) = weights(&Stencil { index, sigma, sigma_next, gw: gw[index], past });
            let mut next = vec![0.0_f64; VALUES];
            for (row, i) in rows.iter().zip((0..=index).rev()) {
                let vectors = [&run.x[i], &run.v_cond[i], &run.v_uncond[i]];
                for (weight, vector) in row.iter().zip(vectors) {
                    for (sum, value) in next.iter_mut().zip(vector) {
                        *sum += weight * f64::from(*value);
                    }
                }
            }
            run.x.push(next.into_iter().map(|value| value as f32).collect());
        }
        run
    }

    pub fn end(&self) -> &[f32] {
        self.x.last().map_or(&[], Vec::as_slice)
    }

    /// What a reference run tells of it.
    pub fn path(&self, basis: Basis) -> ReferencePath {
        let states = match basis {
            Basis::Velocities => 1,
            Basis::States => self.x.len(),
        };
        let vectors: Vec<&[f32]> = self
            .x
            .iter()
            .take(states)
            .chain(&self.v_cond)
            .chain(&self.v_uncond)
            .map(Vec::as_slice)
            .collect();
        let gram = Gram::of(&vectors);
        ReferencePath::new(self.sigmas.clone(), self.gw.clone(), basis, gram)
            .unwrap_or_else(|| unreachable!("a run's own sizes fit"))
    }
}

/// How far two ends are apart.
pub fn rmse(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    (squares.sum::<f64>() / a.len() as f64).sqrt()
}

/// The two-step Adams-Bashforth method, history blended with the present gw, as the plugin takes
/// its steps when started by Euler.
pub fn ab2(stencil: &Stencil) -> Weights {
    let Some((last, _)) = stencil.past.first() else { return euler(stencil) };
    let h = stencil.sigma_next - stencil.sigma;
    let w = 0.5 * h / (stencil.sigma - last);
    let [cond, uncond] = blend(stencil.gw);
    let (now, before) = (h * (1.0 + w), -h * w);
    Weights(vec![[1.0, now * cond, now * uncond], [0.0, before * cond, before * uncond]])
}
