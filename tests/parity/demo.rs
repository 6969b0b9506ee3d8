//! The demo checkpoint, from noise to image by the reference's three presets.

use crate::golden::{Golden, close, close_image, euler_step};
use sigmalab_compute::ModelOptions;
use sigmalab_image::RgbImage;
use sigmalab_model::Model;
use sigmalab_model::checkpoint::Checkpoint;
use statrs::distribution::{ContinuousCDF, Normal};

/// Steps at guidance weight 7, steps at 3, mu, std.
fn preset(name: &str) -> (usize, usize, f64, f64) {
    match name {
        "V4_QUALITY_48" => (45, 3, 0.0, 1.5),
        "V4_DEFAULT_20" => (18, 2, 0.0, 1.75),
        "V4_TURBO_12" => (11, 1, 0.5, 1.75),
        other => panic!("{other}"),
    }
}

/// The logit-normal schedule, N + 1 values in sampling order, ending at σ = 0.
fn sigmas(steps: usize, mu: f64, std: f64, pixels: f64) -> Vec<f64> {
    let normal = Normal::new(0.0, 1.0).unwrap();
    let t_range = (1.0 / (1.0 + 9f64.exp()), 1.0 / (1.0 + (-7.5f64).exp()));
    let sigma = |k: usize| {
        let u = (steps - k) as f64 / steps as f64;
        let y = mu + 0.5 * (pixels / (512.0 * 512.0)).ln() + std * normal.inverse_cdf(u);
        1.0 - (1.0 / (1.0 + y.exp())).clamp(t_range.0, t_range.1)
    };
    (0..steps).map(sigma).chain([0.0]).collect()
}

/// The latents and the image of the golden's preset, from its noise and its prompt.
pub(crate) fn run(model: &Model, golden: &Golden) -> (Vec<f32>, RgbImage) {
    assert_eq!(golden.meta("terminal_sigma"), "zero");
    let (main, polish, mu, std) = preset(golden.meta("preset"));
    let grid = golden.grid();
    let sigmas = sigmas(main + polish, mu, std, (grid.tokens() * 256) as f64);

    let prompt = model.encode(golden.meta("prompt")).unwrap();
    let mut x = golden.f32("noise");
    for (i, pair) in sigmas.windows(2).enumerate() {
        let gw = if i < main { 7.0 } else { 3.0 };
        x = euler_step(model, &x, grid, &prompt, gw, (pair[0], pair[1]));
    }
    let image = model.decode(&x, grid).unwrap();
    (x, image)
}

fn draws_the_golden(file: &str) {
    let golden = Golden::open(&format!("demo/{file}"));
    let checkpoint = Checkpoint::embedded(sigmalab_demo::FILES).unwrap();
    let model = Model::load(&checkpoint, ModelOptions::default(), &mut |_| ()).unwrap();
    let (x, image) = run(&model, &golden);
    let name = golden.meta("preset");
    close(&format!("demo {name}: latents"), &x, &golden.f32("latents"), 1e-3);
    close_image(&format!("demo {name}: image"), &image.pixels, &golden.bytes("image"), 2);
}

#[test]
fn turbo_12_draws_the_golden_image() {
    draws_the_golden("golden-0.safetensors");
}

#[test]
fn default_20_draws_the_golden_image() {
    draws_the_golden("golden-1.safetensors");
}

#[test]
fn quality_48_draws_the_golden_image() {
    draws_the_golden("golden-2.safetensors");
}
