//! Noise levels to step along: even ones, and uneven ones as Ideogram 4 uses them.

/// How noise levels are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// Even in σ.
    Uniform,
    /// Even in the quantiles of the logit-normal distribution with mu 0 and std 1.75.
    LogitNormal,
}

const STD: f64 = 1.75;

impl Grid {
    /// `steps` + 1 falling noise levels, both ends included and met exactly; 0 < `to` < `from` < 1.
    pub fn sigmas(self, steps: usize, from: f64, to: f64) -> Vec<f64> {
        let quantile = |sigma: f64| normal_cdf((sigma / (1.0 - sigma)).ln() / STD);
        let (first, last) = (quantile(from), quantile(to));
        let inner = |k: usize| {
            let share = k as f64 / steps as f64;
            match self {
                Self::Uniform => from + (to - from) * share,
                Self::LogitNormal => {
                    let y = STD * normal_quantile(first + (last - first) * share);
                    1.0 / (1.0 + (-y).exp())
                }
            }
        };
        let end = |k: usize| if k == 0 { from } else { to };
        (0..=steps).map(|k| if k == 0 || k == steps { end(k) } else { inner(k) }).collect()
    }
}

/// The standard normal distribution function: its series of odd powers, right to 1e-14 for |y| < 6.
fn normal_cdf(y: f64) -> f64 {
    let density = (-0.5 * y * y).exp() / std::f64::consts::TAU.sqrt();
    let (mut term, mut sum) = (y, y);
    for n in 1..200 {
        term *= y * y / f64::from(2 * n + 1);
        sum += term;
    }
    0.5 + density * sum
}

/// Its inverse, by bisection within ±6.
fn normal_quantile(u: f64) -> f64 {
    let (mut low, mut high) = (-6.0, 6.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if normal_cdf(middle) < u { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_the_tabulated_ones() {
        for (u, y) in [(0.5, 0.0), (0.975, 1.959963984540054), (0.001, -3.090232306167813)] {
            assert!((normal_quantile(u) - y).abs() < 1e-12, "{u}");
        }
    }

    #[test]
    fn grids_fall_from_end_to_end_and_nest() {
        for grid in [Grid::Uniform, Grid::LogitNormal] {
            let (coarse, fine) = (grid.sigmas(10, 0.98, 0.02), grid.sigmas(20, 0.98, 0.02));
            assert_eq!((coarse[0], coarse[10]), (0.98, 0.02));
            assert!(fine.windows(2).all(|pair| pair[1] < pair[0]));
            assert!(coarse.iter().zip(fine.iter().step_by(2)).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }
}
