//! The times in which the solvers are exact, and the functions that integrate exponentials in
//! them. σ is the noise level of the flow x = (1 − σ)·data + σ·noise.

/// λ(σ) = ln((1 − σ)/σ), half the log signal-to-noise ratio: −∞ at σ = 1, +∞ at 0.
pub fn lambda(sigma: f64) -> f64 {
    ((1.0 - sigma) / sigma).ln()
}

/// τ(σ) = −ln σ: 0 at σ = 1, +∞ at 0.
pub fn tau(sigma: f64) -> f64 {
    -sigma.ln()
}

/// φ₁(z) = (eᶻ − 1)/z, 1 at 0. Finite z.
pub fn phi1(z: f64) -> f64 {
    if z == 0.0 { 1.0 } else { z.exp_m1() / z }
}

/// φ₂(z) = (φ₁(z) − 1)/z, 1/2 at 0. Finite z.
pub fn phi2(z: f64) -> f64 {
    if z.abs() < 1.0 { series(z, 2) } else { (phi1(z) - 1.0) / z }
}

/// φ₃(z) = (φ₂(z) − 1/2)/z, 1/6 at 0. Finite z.
pub fn phi3(z: f64) -> f64 {
    if z.abs() < 1.0 { series(z, 3) } else { (phi2(z) - 0.5) / z }
}

/// φₖ(z) = Σ zⁿ/(n + k)!, where the quotients above would cancel.
fn series(z: f64, k: u32) -> f64 {
    let mut term = 1.0 / (1..=k).map(f64::from).product::<f64>();
    let mut sum = term;
    for n in 1..=20 {
        term *= z / f64::from(n + k);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phi_functions_meet_their_recurrence_on_both_sides_of_the_series() {
        // φₖ(z) = z·φₖ₊₁(z) + 1/k!
        for z in [-30.0, -5.0, -1.001, -0.999, -0.3, -1e-9, 0.0, 1e-9, 0.5, 0.999, 1.001, 3.0] {
            assert!((phi1(z) - (z * phi2(z) + 1.0)).abs() < 1e-14 * phi1(z).max(1.0), "{z}");
            assert!((phi2(z) - (z * phi3(z) + 0.5)).abs() < 1e-14 * phi2(z).max(1.0), "{z}");
        }
        assert!((phi3(-1e-12) - 1.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn times_run_to_infinity_at_the_ends() {
        assert_eq!(
            (lambda(1.0), lambda(0.5), lambda(0.0)),
            (f64::NEG_INFINITY, 0.0, f64::INFINITY)
        );
        assert_eq!((tau(1.0), tau(0.0)), (0.0, f64::INFINITY));
    }
}
