//! Euler ancestral: what its noise is, and what is left without it.
#![allow(clippy::unwrap_used)]

use super::*;
use sigmalab_sampler_sdk::plugin;
use sigmalab_sampler_sdk::testing::{Grid, Run, UNEVEN, assert_uneven_run};

fn latents(sigmas: &[f64], eta: f64, seed: u64) -> Vec<f32> {
    let run = Run::new(plugin::<EulerAncestral>(), sigmas.to_vec()).params(&[eta]).seed(seed);
    run.go().unwrap().latents
}

#[test]
fn without_eta_it_is_euler_and_draws_nothing() {
    assert_uneven_run(plugin::<EulerAncestral>(), &[0.0], [0.916875, -0.493223, 1.485742]);
    assert_eq!(latents(&UNEVEN, 0.0, 1), latents(&UNEVEN, 0.0, 2));
}

#[test]
fn the_noise_has_the_level_that_restores_sigma_next() {
    // One step, two seeds: what differs is the noise alone.
    let (a, b) = (0.7, 0.5);
    let difference =
        |eta: f64| -> f32 { latents(&[a, b], eta, 1)[0] - latents(&[a, b], eta, 2)[0] };
    let level = |eta: f64| {
        let down = b * (1.0 + (b / a - 1.0) * eta);
        (b * b - (down * (1.0 - b) / (1.0 - down)).powi(2)).sqrt()
    };
    for eta in [0.25, 0.5, 0.75] {
        let ratio = f64::from(difference(eta) / difference(1.0));
        assert!((ratio - level(eta) / level(1.0)).abs() < 1e-5, "{eta}: {ratio}");
    }
}

#[test]
fn noise_follows_the_seed_and_the_step() {
    let sigmas = Grid::LogitNormal.sigmas(10, 0.98, 0.02);
    assert_eq!(latents(&sigmas, 1.0, 7), latents(&sigmas, 1.0, 7));
    assert_ne!(latents(&sigmas, 1.0, 7), latents(&sigmas, 1.0, 8));
}

#[test]
fn a_step_to_zero_is_the_clean_estimate_and_draws_nothing() {
    assert_eq!(latents(&[0.5, 0.0], 1.0, 1), latents(&[0.5, 0.0], 0.0, 2));
}
