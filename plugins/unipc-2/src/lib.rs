//! UniPC with a predictor of order 2 (variant bh2): the predictor of DPM-Solver++(2M) in
//! λ = ln((1 − σ)/σ), and a corrector that integrates the step behind once more as soon as the
//! velocity at its end is known. That velocity is the one the next prediction needs anyway, so the
//! corrector costs no evaluation and raises the order to 3.
//!
//! From σ = a to b, with h = λ(b) − λ(a), D = x − σ·v the clean estimate and
//! D₁ = (D_{n−1} − D_n)/r, r = (λ(σ_{n−1}) − λ(a))/h:
//! - predictor: x' = (b/a)·x + (1 − b/a)·(D_n + D₁/2), without D₁ where there is no history;
//! - corrector, one step later: (b/a)·x + (1 − b/a)·(D_n + ρ₁·D₁ + ρ₂·(D_{n+1} − D_n)), where
//!   ρ₁ + ρ₂ = φ₂(−h)/φ₁(−h) and r·ρ₁ + ρ₂ = 2·φ₃(−h)/φ₁(−h). Without D₁, and after a change of
//!   gw, where D has a kink, ρ₁ = 0 and ρ₂ = 1/2.
//!
//! A step keeps nothing to itself: the difference of the two, which does not contain x, is added to
//! the x that the predictor wrote. It belongs to the step behind and uses that step's gw. D_{n+1}
//! stays the one of the predicted point, as in the paper's algorithm.
//!
//! A step with h above `max_h` is of order 1, and so is the step to b = 0, where λ is infinite.
//! Source: Zhao et al., "UniPC" (2023), algorithms 5 to 8.

use sigmalab_sampler_sdk::time::{lambda, phi1, phi2, phi3};
use sigmalab_sampler_sdk::{Blend, Error, Host, Info, Param, Sampler, Step, Sum, export};

struct UniPc2;

const MAX_H: Param = Param::float(1, c"max_h", 0.1, 100.0, 2.0)
    .label(c"longest step")
    .help(c"A step longer than this in ln((1 - sigma)/sigma) is predicted with order 1")
    .increment(0.1)
    .log_scale();

impl Sampler for UniPc2 {
    const INFO: Info = Info::new(
        c"unipc-2",
        c"UniPC 2",
        c"1.0.0",
        c"UniPC (bh2): a predictor of order 2 and a corrector that raises it to 3, one evaluation a step. Zhao et al. 2023.",
    )
    .order(3)
    .history(2)
    .params(&[MAX_H])
    .reaches_zero();

    fn step(step: &Step<'_>, _host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
        let max_h = step.params.float(&MAX_H);
        let (a, b) = (step.sigma, step.sigma_next);
        let (h, keep) = (lambda(b) - lambda(a), b / a);
        let v = Blend::One(step.v);

        let x = correct(step, max_h, Sum::of(1.0, step.x));
        let first_order = x.times(keep).plus_clean(1.0 - keep, step.x, a, v);
        let next = match step.blended_history() {
            [last, ..] if h <= max_h => {
                let r = (lambda(last.sigma) - lambda(a)) / h;
                let c = 0.5 * (1.0 - keep) / r;
                first_order
                    .plus_clean(c, last.x, last.sigma, Blend::One(last.v))
                    .plus_clean(-c, step.x, a, v)
            }
            _ => first_order,
        };
        next.write(out);
        Ok(())
    }
}

/// Adds the corrector's result for the step behind, less what the predictor had put there.
fn correct<'a>(step: &Step<'a>, max_h: f64, x: Sum<'a>) -> Sum<'a> {
    let (Some(last), Some(before)) = (step.history.first(), step.blended_history_before()) else {
        return x;
    };
    let (Some(v), Some(v_last)) = (step.v_with(last.gw), last.v_with(last.gw)) else {
        // gw is 1 now and was not then: the velocity here was not evaluated at that gw.
        return x;
    };
    let (a, b) = (last.sigma, step.sigma);
    let (h, share) = (lambda(b) - lambda(a), 1.0 - b / a);
    let older = before.first().filter(|_| h <= max_h);
    let (x, rho2) = match older.and_then(|older| Some((older, older.v_with(last.gw)?))) {
        Some((older, v_older)) => {
            let r = (lambda(older.sigma) - lambda(a)) / h;
            let [rho1, rho2] = if older.gw == last.gw { corrector(h, r) } else { [0.0, 0.5] };
            let c = share * (rho1 - 0.5) / r;
            let x = x
                .plus_clean(c, older.x, older.sigma, v_older)
                .plus_clean(-c, last.x, last.sigma, v_last);
            (x, rho2)
        }
        None => (x, 0.5),
    };
    x.plus_clean(share * rho2, step.x, step.sigma, v).plus_clean(
        -share * rho2,
        last.x,
        last.sigma,
        v_last,
    )
}

/// ρ₁ and ρ₂.
fn corrector(h: f64, r: f64) -> [f64; 2] {
    let (first, second) = (phi2(-h) / phi1(-h), 2.0 * phi3(-h) / phi1(-h));
    [(first - second) / (1.0 - r), (second - r * first) / (1.0 - r)]
}

export!(UniPc2);

#[cfg(test)]
mod tests;
