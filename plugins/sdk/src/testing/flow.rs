//! An analytic flow: every value of the latents is distributed as a mixture of two normals, one
//! mixture for the conditional network and another for the unconditional one. The velocity is
//! exact, and so, by very fine steps, is the solution.

/// Values of the latents.
pub(crate) const LEN: usize = 12;

/// A mixture of two normal distributions.
#[derive(Debug, Clone, Copy)]
struct Mixture {
    weight: [f64; 2],
    mean: [f64; 2],
    std: [f64; 2],
}

impl Mixture {
    /// E[data | x = (1 − σ)·data + σ·noise].
    fn clean(&self, x: f64, sigma: f64) -> f64 {
        let a = 1.0 - sigma;
        let mut logs = [0.0; 2];
        let mut means = [0.0; 2];
        for k in 0..2 {
            let variance = (a * self.std[k]).powi(2) + sigma * sigma;
            let off = x - a * self.mean[k];
            logs[k] = self.weight[k].ln() - 0.5 * variance.ln() - 0.5 * off * off / variance;
            means[k] = self.mean[k] + a * self.std[k].powi(2) / variance * off;
        }
        let odds = (logs[1] - logs[0]).exp();
        (means[0] + odds * means[1]) / (1.0 + odds)
    }

    /// dx/dσ = (x − clean)/σ.
    fn velocity(&self, x: f64, sigma: f64) -> f64 {
        (x - self.clean(x, sigma)) / sigma
    }
}

/// The flow.
#[derive(Debug, Clone)]
pub struct Flow {
    cond: [Mixture; LEN],
    uncond: [Mixture; LEN],
}

impl Default for Flow {
    fn default() -> Self {
        let place = |k: usize| k as f64 / (LEN - 1) as f64;
        let mixture = |k: usize, widen: f64| {
            let p = place(k);
            Mixture {
                weight: [0.3 + 0.4 * p, 0.7 - 0.4 * p],
                mean: [-1.2 + 0.5 * p, 0.8 + 0.4 * p],
                std: [(0.35 + 0.2 * p) * widen, (0.55 - 0.15 * p) * widen],
            }
        };
        Self {
            cond: std::array::from_fn(|k| mixture(k, 1.0)),
            uncond: std::array::from_fn(|k| mixture(LEN - 1 - k, 1.3)),
        }
    }
}

impl Flow {
    /// Number of values of the latents.
    pub fn len(&self) -> usize {
        LEN
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Latents to start from: a fixed draw of noise.
    pub fn start(&self) -> Vec<f64> {
        (0..LEN).map(|k| 1.9 * (2.4 * k as f64 + 0.4).sin()).collect()
    }

    /// The conditional velocity at (`x`, σ), 0 < σ ≤ 1.
    pub fn conditional(&self, x: &[f64], sigma: f64) -> Vec<f64> {
        self.cond.iter().zip(x).map(|(mixture, x)| mixture.velocity(*x, sigma)).collect()
    }

    /// The unconditional velocity at (`x`, σ), 0 < σ ≤ 1.
    pub fn unconditional(&self, x: &[f64], sigma: f64) -> Vec<f64> {
        self.uncond.iter().zip(x).map(|(mixture, x)| mixture.velocity(*x, sigma)).collect()
    }

    /// The velocity blended with `gw`.
    pub fn velocity(&self, x: &[f64], sigma: f64, gw: f64) -> Vec<f64> {
        let (cond, uncond) = (self.conditional(x, sigma), self.unconditional(x, sigma));
        cond.iter().zip(uncond).map(|(cond, uncond)| gw * cond + (1.0 - gw) * uncond).collect()
    }

    /// The solution from `x` at `from` to `to`, 0 ≤ `to` < `from` < 1, with one gw: 2000 steps of
    /// the classic method of order 4, even in ln((1 − σ)/σ). What is left of the way to 0 below
    /// 1e-5 is straight.
    pub fn solve(&self, mut x: Vec<f64>, from: f64, to: f64, gw: f64) -> Vec<f64> {
        const STEPS: usize = 2000;
        const NEARLY: f64 = 1e-5;
        if to < NEARLY {
            let x = self.solve(x, from, NEARLY, gw);
            let v = self.velocity(&x, NEARLY, gw);
            return x.iter().zip(v).map(|(x, v)| x + (to - NEARLY) * v).collect();
        }
        let (first, last) = (crate::time::lambda(from), crate::time::lambda(to));
        let sigma =
            |k: usize| 1.0 / (1.0 + (first + (last - first) * k as f64 / STEPS as f64).exp());
        let along = |x: &[f64], c: f64, v: &[f64]| -> Vec<f64> {
            x.iter().zip(v).map(|(x, v)| x + c * v).collect()
        };
        for k in 0..STEPS {
            let (a, b) = (sigma(k), sigma(k + 1));
            let h = b - a;
            let k1 = self.velocity(&x, a, gw);
            let k2 = self.velocity(&along(&x, h / 2.0, &k1), a + h / 2.0, gw);
            let k3 = self.velocity(&along(&x, h / 2.0, &k2), a + h / 2.0, gw);
            let k4 = self.velocity(&along(&x, h, &k3), b, gw);
            for (i, x) in x.iter_mut().enumerate() {
                *x += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
            }
        }
        x
    }
}
