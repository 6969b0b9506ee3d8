//! The grids of σ that orders are observed on. Each is a family: with twice the steps, every step
//! is about half as long.

use statrs::function::erf::erfc_inv;

/// Where every grid starts.
const FROM: f64 = 0.98;

/// Where the grids end that do not end at 0.
const TO: f64 = 0.02;

/// Deviation of −λ, as in two of the three presets of the reference.
const STD: f64 = 1.75;

/// A family of grids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grid {
    /// Equal steps of σ.
    Uniform,
    /// Equal steps of the normal quantile of logit σ, as the logit-normal schedule takes them.
    LogitNormal,
    /// The same with steps that are by turns long and short, two to one, as in a grid that was
    /// edited by hand. Coefficients for equal steps are wrong here however many steps there are.
    Uneven,
    /// Equal steps down to σ = 0.
    ToZero,
}

impl Grid {
    /// The n + 1 noise levels of `n` steps, first one highest.
    pub(super) fn sigmas(self, n: usize) -> Vec<f64> {
        let part = |i: f64| i / n as f64;
        let logit = |i: f64| {
            let (from, to) = (quantile_of(FROM), quantile_of(TO));
            sigma_at(from + (to - from) * part(i))
        };
        let at = |i: usize| match self {
            Grid::Uniform => FROM + (TO - FROM) * part(i as f64),
            Grid::ToZero => FROM * (1.0 - part(i as f64)),
            Grid::LogitNormal => logit(i as f64),
            Grid::Uneven if i == 0 || i == n => logit(i as f64),
            // Moved to and fro by a sixth of a step: 4/3 and 2/3.
            Grid::Uneven if i.is_multiple_of(2) => logit(i as f64 - 1.0 / 6.0),
            Grid::Uneven => logit(i as f64 + 1.0 / 6.0),
        };
        (0..=n).map(at).collect()
    }
}

/// σ whose logit is STD times the normal quantile u.
fn sigma_at(u: f64) -> f64 {
    let y = -std::f64::consts::SQRT_2 * erfc_inv(2.0 * u) * STD;
    1.0 / (1.0 + (-y).exp())
}

/// The inverse of [`sigma_at`].
fn quantile_of(sigma: f64) -> f64 {
    let y = (sigma / (1.0 - sigma)).ln() / STD;
    0.5 * statrs::function::erf::erfc(-y / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_fall_from_one_end_to_the_other() {
        for grid in [Grid::Uniform, Grid::LogitNormal, Grid::Uneven, Grid::ToZero] {
            for n in [1, 2, 3, 8, 96] {
                let sigmas = grid.sigmas(n);
                assert_eq!(sigmas.len(), n + 1);
                assert!(sigmas.windows(2).all(|pair| pair[1] < pair[0]), "{grid:?} {sigmas:?}");
                let end = if grid == Grid::ToZero { 0.0 } else { TO };
                assert!((sigmas[0] - FROM).abs() < 1e-9 && (sigmas[n] - end).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn uneven_steps_stay_uneven_however_many_there_are() {
        let ratio = |grid: Grid, n: usize| {
            let s = grid.sigmas(n);
            let i = n / 2;
            let ratio = (s[i + 1] - s[i]) / (s[i] - s[i - 1]);
            ratio.max(1.0 / ratio)
        };
        for n in [48, 192] {
            assert!((1.9..2.1).contains(&ratio(Grid::Uneven, n)));
            assert!(ratio(Grid::LogitNormal, n) < 1.1);
        }
    }
}
