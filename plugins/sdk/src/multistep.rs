//! What solvers that look back share: coefficients on uneven grids, and the mending of a first
//! order step that had nothing to look back to.

use crate::choices;
use crate::info::{Param, Params};
use crate::step::Step;
use crate::sum::Sum;

/// A choice of how a solver of order 2 begins: `trapezoid`, see [`mend_euler_start`], or `euler`,
/// as other programs do.
pub const fn start_param(id: u32) -> Param {
    Param::choice(id, c"start", choices![c"trapezoid", c"euler"], 0)
        .help(c"The first step: Euler made the trapezoid rule one step later, or Euler as it is")
}

/// Whether the value of [`start_param`] is `trapezoid`.
pub fn starts_with_trapezoid(params: &Params<'_>, start: &Param) -> bool {
    params.choice(start) == 0
}

/// Adds, where the step before this one was an Euler step for want of history, what makes it the
/// trapezoid rule: (σ − σ₀)/2 · (v − v₀), with both velocities at the gw of that step. It costs no
/// evaluation, because the velocity at the end of that step is known by now.
///
/// Without it an Euler start, with its error of O(Δσ²), caps a solver of order 3 at 2. It also
/// mends the step after gw = 1, whose history cannot be blended. A solver that calls it declares a
/// history of at least 2.
pub fn mend_euler_start<'a>(step: &Step<'a>, x: Sum<'a>) -> Sum<'a> {
    let Some(last) = step.history.first() else { return x };
    if step.blended_history_before().is_none_or(|before| !before.is_empty()) {
        return x;
    }
    match (step.v_with(last.gw), last.v_with(last.gw)) {
        (Some(v), Some(v_last)) => {
            let half = 0.5 * (step.sigma - last.sigma);
            x.plus_blend(half, v).plus_blend(-half, v_last)
        }
        // gw is 1 now and was not then: the velocity here was not evaluated at that gw.
        _ => x,
    }
}

/// Weights of v_n and v_{n−1} in the average velocity of a step of length `h` after one of length
/// `h1` (both of one sign): the integral of the straight line through them, divided by `h`.
pub fn adams2(h: f64, h1: f64) -> [f64; 2] {
    let w = 0.5 * h / h1;
    [1.0 + w, -w]
}

/// Weights of v_n, v_{n−1} and v_{n−2} in the average velocity of a step of length `h` after steps
/// of lengths `h1` and, before that, `h2` (all of one sign): the integral of the parabola through
/// them, divided by `h`.
pub fn adams3(h: f64, h1: f64, h2: f64) -> [f64; 3] {
    // With s from the present point, the Lagrange polynomials have their nodes at 0, −h1 and
    // −(h1 + h2); the averages of s and s² over the step are h/2 and h²/3.
    let (far, first, second) = (h1 + h2, 0.5 * h, h * h / 3.0);
    [
        (second + (h1 + far) * first + h1 * far) / (h1 * far),
        -(second + far * first) / (h1 * h2),
        (second + h1 * first) / (far * h2),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adams_weights_integrate_polynomials_exactly_on_uneven_grids() {
        let (h, h1, h2) = (-0.3, -0.11, -0.52);
        let nodes = [0.0, -h1, -h1 - h2];
        let weights = adams3(h, h1, h2);
        for power in 0..3 {
            let average = h.powi(power) / f64::from(power + 1);
            let sum: f64 = weights.iter().zip(nodes).map(|(w, s)| w * s.powi(power)).sum();
            assert!((sum - average).abs() < 1e-14, "s^{power}: {sum} {average}");
        }
        let [w0, w1] = adams2(h, h1);
        assert!((w0 + w1 - 1.0).abs() < 1e-15 && (w1 * -h1 - h / 2.0).abs() < 1e-15);
    }

    #[test]
    fn adams_weights_on_an_even_grid_are_the_textbook_ones() {
        assert_eq!(adams2(0.1, 0.1), [1.5, -0.5]);
        let weights = adams3(0.1, 0.1, 0.1);
        for (weight, textbook) in weights.iter().zip([23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0]) {
            assert!((weight - textbook).abs() < 1e-14);
        }
    }

    #[test]
    fn adams3_differs_from_the_misplaced_parenthesis_of_other_programs() {
        // h = 1, h1 = 0.5, h2 = 0.7: a known wrong formula gives 2.2222, −1.381, 0.1587.
        let weights = adams3(1.0, 0.5, 0.7);
        for (weight, right) in weights.iter().zip([2.9722, -2.6667, 0.6944]) {
            assert!((weight - right).abs() < 5e-5);
        }
    }
}
