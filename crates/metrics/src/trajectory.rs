//! What one step of a trajectory did: norms and angles of the velocities, the distance moved,
//! and how far the estimate of the clean image drifted. Functions on slices; they know nothing
//! of who made the velocities.

use serde::{Deserialize, Serialize};

/// Measures of one step, from its velocities (dx/dσ) and latents. Norms are Euclidean over the
/// whole latent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// ‖v_cond‖.
    pub v_cond_norm: f64,
    /// ‖v_uncond‖; `None` where gw = 1 made the unconditional pass unnecessary.
    pub v_uncond_norm: Option<f64>,
    /// ‖v_cond − v_uncond‖, the size of the guidance term.
    pub guidance_norm: Option<f64>,
    /// cos(v_cond, v_uncond), in −1 to 1.
    pub cosine: Option<f64>,
    /// ‖x(σ_next) − x(σ)‖.
    pub step_length: f64,
    /// What a step of second order would have done differently from Euler's: ‖AB2 − Euler‖, see
    /// [`local_error`]; `None` at step 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_error: Option<f64>,
    /// ‖D_i − D_{i−1}‖ with D = x − σ·v, the estimate of the clean latents; `None` at step 0.
    pub x0_drift: Option<f64>,
}

impl StepMetrics {
    /// Whether every measure is a finite number; if not, neither are the latents.
    pub fn is_finite(&self) -> bool {
        let optional =
            [self.v_uncond_norm, self.guidance_norm, self.cosine, self.local_error, self.x0_drift];
        self.v_cond_norm.is_finite()
            && self.step_length.is_finite()
            && optional.into_iter().flatten().all(f64::is_finite)
    }
}

/// ‖a‖.
pub fn norm(a: &[f32]) -> f64 {
    a.iter().map(|&a| f64::from(a).powi(2)).sum::<f64>().sqrt()
}

/// ‖a − b‖.
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    squares.sum::<f64>().sqrt()
}

/// The cosine of the angle between `a` and `b`, from their norms; 0 where one of them is 0.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    let norms = norm(a) * norm(b);
    if norms == 0.0 { 0.0 } else { (dot / norms).clamp(-1.0, 1.0) }
}

/// D = x − σ·v, the estimate of the clean latents at (x, σ) with velocity v = dx/dσ.
pub fn clean_estimate(x: &[f32], sigma: f64, v: &[f32]) -> Vec<f32> {
    let sigma = sigma as f32;
    x.iter().zip(v).map(|(x, v)| x - sigma * v).collect()
}

/// Euler's local error as the pair of Euler and the second order Adams–Bashforth method
/// estimates it, for a step of Δσ = `delta` after one of Δσ = `delta_before`: both start with Δσ·v,
/// and the second adds Δσ·(w/2)·(v − v_before) with w = Δσ / Δσ_before. `v_before` is the velocity
/// of the step before, blended with the gw of this one.
pub fn local_error(delta: f64, delta_before: f64, v: &[f32], v_before: &[f32]) -> f64 {
    (delta * delta / (2.0 * delta_before)).abs() * distance(v, v_before)
}

/// How straight a trajectory is: the distance between its ends over the way it went, 1 for a
/// straight line, towards 0 for a winding one; 1 where nothing moved.
pub fn straightness(first: &[f32], last: &[f32], step_lengths: impl Iterator<Item = f64>) -> f64 {
    let way: f64 = step_lengths.sum();
    if way > 0.0 { distance(first, last) / way } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_distances_and_angles_are_euclidean() {
        assert_eq!(norm(&[3.0, 4.0]), 5.0);
        assert_eq!(distance(&[1.0, 1.0], &[4.0, 5.0]), 5.0);
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 2.0]), 0.0);
        assert!((cosine(&[1.0, 1.0], &[-2.0, -2.0]) + 1.0).abs() < 1e-12);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 2.0]), 0.0);
    }

    #[test]
    fn a_straight_way_has_straightness_1_and_a_detour_less() {
        assert_eq!(straightness(&[0.0, 0.0], &[3.0, 4.0], [2.0, 3.0].into_iter()), 1.0);
        assert_eq!(straightness(&[0.0, 0.0], &[3.0, 4.0], [3.0, 7.0].into_iter()), 0.5);
        assert_eq!(straightness(&[1.0], &[1.0], [0.0].into_iter()), 1.0);
    }

    #[test]
    fn the_local_error_is_the_distance_between_euler_and_the_second_order_step() {
        // dx/dσ = σ² from σ = 1 to 0.8, after a step from 1.1: v = 1 and 1.21.
        let (delta, before) = (-0.2_f64, -0.1_f64);
        let w = delta / before;
        let (v, v_before) = (1.0, 1.21);
        let euler = delta * v;
        let second = delta * ((1.0 + w / 2.0) * v - w / 2.0 * v_before);
        let found = local_error(delta, before, &[1.0], &[1.21]);
        assert!((found - (second - euler).abs()).abs() < 1e-6, "{found}");
        assert_eq!(local_error(delta, before, &[1.0], &[1.0]), 0.0);
    }

    #[test]
    fn the_clean_estimate_follows_the_velocity_to_sigma_zero() {
        // x = (1 − σ)·data + σ·noise, v = noise − data.
        let (data, noise, sigma) = (2.0_f32, -1.0_f32, 0.25_f32);
        let x = (1.0 - sigma) * data + sigma * noise;
        assert_eq!(clean_estimate(&[x], f64::from(sigma), &[noise - data]), [data]);
    }
}
