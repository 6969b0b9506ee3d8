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
    /// ‖D_i − D_{i−1}‖ with D = x − σ·v, the estimate of the clean latents; `None` at step 0.
    pub x0_drift: Option<f64>,
}

impl StepMetrics {
    /// Whether every measure is a finite number; if not, neither are the latents.
    pub fn is_finite(&self) -> bool {
        let optional = [self.v_uncond_norm, self.guidance_norm, self.cosine, self.x0_drift];
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
    fn the_clean_estimate_follows_the_velocity_to_sigma_zero() {
        // x = (1 − σ)·data + σ·noise, v = noise − data.
        let (data, noise, sigma) = (2.0_f32, -1.0_f32, 0.25_f32);
        let x = (1.0 - sigma) * data + sigma * noise;
        assert_eq!(clean_estimate(&[x], f64::from(sigma), &[noise - data]), [data]);
    }
}
