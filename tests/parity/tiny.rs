//! The tiny checkpoint, stage by stage. A golden holds the networks' own sign, data − noise.

use crate::bitsandbytes_cpu;
use crate::golden::{Golden, close, close_image, data, euler_step};
use sigmalab_compute::ModelOptions;
use sigmalab_model::checkpoint::Checkpoint;
use sigmalab_model::{Model, ModelTime};
use std::path::Path;

/// Runs a test on every layout, and on the nf4 weights as they were widened for the golden that
/// came with them.
fn each_layout(test: impl Fn(&str, &Model, &Golden)) {
    let on = |what: &str, folder: &Path, golden: &str| {
        let checkpoint = Checkpoint::open(folder).expect(what);
        let model = Model::load(&checkpoint, ModelOptions::default(), &mut |_| ()).expect(what);
        test(what, &model, &Golden::open(&format!("tiny-a/golden-{golden}.safetensors")));
    };
    for (layout, golden) in [
        ("diffusers", "diffusers"),
        ("reference-fp8", "reference-fp8"),
        ("reference-nf4", "reference-nf4-exact"),
    ] {
        on(layout, &data(&format!("tiny-a/{layout}")), golden);
    }
    let widened = bitsandbytes_cpu::widened();
    on("nf4 by bitsandbytes on a CPU", widened.path(), "reference-nf4");
}

fn turned(velocity: Vec<f32>) -> Vec<f32> {
    velocity.into_iter().map(|v| -v).collect()
}

#[test]
fn token_ids_are_the_reference_s() {
    each_layout(|layout, model, golden| {
        let ids = model.token_ids(golden.meta("prompt")).unwrap();
        assert_eq!(ids, golden.ids("token_ids"), "{layout}");
    });
}

#[test]
fn text_features_are_within_1e_4() {
    each_layout(|layout, model, golden| {
        let features = model.text_features(golden.meta("prompt")).unwrap();
        close(&format!("{layout}: text features"), &features, &golden.f32("text_features"), 1e-4);
    });
}

#[test]
fn the_conditional_velocity_is_within_1e_4() {
    each_layout(|layout, model, golden| {
        let prompt = model.encode(golden.meta("prompt")).unwrap();
        assert_eq!(prompt.tokens(), golden.ids("token_ids").len());
        let t = ModelTime(f64::from(golden.f32("t_probe")[0]));
        let v = model.conditional(&golden.f32("noise"), golden.grid(), t, &prompt).unwrap();
        close(&format!("{layout}: v_cond"), &turned(v), &golden.f32("v_cond"), 1e-4);
    });
}

#[test]
fn the_unconditional_velocity_is_within_1e_4() {
    each_layout(|layout, model, golden| {
        let t = ModelTime(f64::from(golden.f32("t_probe")[0]));
        let v = model.unconditional(&golden.f32("noise"), golden.grid(), t).unwrap();
        close(&format!("{layout}: v_uncond"), &turned(v), &golden.f32("v_uncond"), 1e-4);
    });
}

#[test]
fn the_latents_after_every_step_are_within_1e_3_and_the_image_within_2() {
    each_layout(|layout, model, golden| {
        let guidance: Vec<f32> = serde_json::from_str(golden.meta("guidance")).unwrap();
        let sigmas: Vec<f64> = golden.f32("sigmas").into_iter().map(f64::from).collect();
        let prompt = model.encode(golden.meta("prompt")).unwrap();
        let mut x = golden.f32("noise");
        let trace = golden.f32("trace");
        for (i, expected) in trace.chunks(x.len()).enumerate() {
            let levels = (sigmas[i], sigmas[i + 1]);
            x = euler_step(model, &x, golden.grid(), &prompt, guidance[i], levels);
            close(&format!("{layout}: latents after step {}", i + 1), &x, expected, 1e-3);
        }
        assert_eq!(trace.len(), guidance.len() * x.len());
        let image = model.decode(&x, golden.grid()).unwrap();
        assert_eq!((image.width as usize, image.height as usize), size(golden));
        close_image(&format!("{layout}: image"), &image.pixels, &golden.bytes("image"), 2);
    });
}

#[test]
fn the_decoder_alone_is_within_1() {
    each_layout(|layout, model, golden| {
        let image = model.decode(&golden.f32("latents"), golden.grid()).unwrap();
        close_image(&format!("{layout}: decoder"), &image.pixels, &golden.bytes("image"), 1);
    });
}

fn size(golden: &Golden) -> (usize, usize) {
    let side = |key: &str| golden.meta(key).parse().unwrap();
    (side("width"), side("height"))
}
