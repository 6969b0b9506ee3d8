//! From a prompt to an image.

use crate::support::program::{Place, quick};
use crate::support::text::AssertHas as _;
use sigmalab_engine::image_file::{read_picture, read_recipe};
use std::fs::{self, File};
use std::io::BufReader;

#[test]
fn one_command_draws_a_picture_at_the_checkpoints_own_size() {
    let place = Place::new();
    let line = place.done(&quick(&["--seed", "7", "--output", "out.png"]));
    line.assert_has(["out.png", "256×256", "seed 7", "3 steps"]);
    assert_eq!(place.files(), ["out.png"]);
    let file = BufReader::new(File::open(place.path("out.png")).unwrap());
    let image = read_picture(file).unwrap();
    assert_eq!((image.width, image.height), (256, 256));
    let first = &image.pixels[..3];
    assert!(image.pixels.chunks(3).any(|pixel| pixel != first), "the picture is one colour");
}

#[test]
fn json_is_one_object_with_recipe_evaluations_and_every_step() {
    let place = Place::new();
    let json = place.json(&quick(&["--seed", "7", "--gw", "7,1,3", "-o", "out.png", "--json"]));
    assert_eq!(json["output"], "out.png");
    assert_eq!((&json["width"], &json["height"]), (&256.into(), &256.into()));
    assert_eq!(json["seed"], 7);
    assert_eq!(json["recipe"]["steps"].as_array().unwrap().len(), 3);
    assert_eq!(json["recipe"]["steps"][1]["gw"], 1.0);
    assert!(json["recipe"]["model"]["fingerprint"].is_string());
    // gw = 1 needs no unconditional pass.
    assert_eq!(json["nfe"]["cond_done"], 3);
    assert_eq!(json["nfe"]["uncond_done"], 2);
    let steps = json["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 3);
    assert!(steps[0]["metrics"]["cosine"].is_number());
    assert!(steps[1]["metrics"]["cosine"].is_null());
    assert!(json["timings"]["denoise_ms"].as_f64().unwrap() > 0.0);
    assert!(json["text_tokens"].as_u64().unwrap() > 5);
}

#[test]
fn the_reference_order_and_the_sampling_order_mean_what_they_say() {
    let place = Place::new();
    let gw = |flag: &str, list: &str| -> Vec<f64> {
        place.done(&quick(&["--seed", "1", flag, list, "-o", "out.png"]));
        let recipe = read_recipe(&place.path("out.png")).unwrap();
        recipe.steps.iter().map(|step| step.gw).collect()
    };
    assert_eq!(gw("--gw", "7x2,3"), [7.0, 7.0, 3.0]);
    assert_eq!(gw("--guidance-schedule", "3,7,7"), [7.0, 7.0, 3.0]);
    assert_eq!(gw("--guidance-scale", "5"), [5.0, 5.0, 5.0]);
}

#[test]
fn the_same_inputs_give_the_same_bytes_with_any_number_of_threads() {
    let place = Place::new();
    let bytes = |more: &[&str]| {
        place.done(&quick(&[&["--seed", "7", "-o", "out.png"], more].concat()));
        fs::read(place.path("out.png")).unwrap()
    };
    let one = bytes(&["--threads", "1"]);
    assert_eq!(one, bytes(&["--threads", "2"]));
}

#[test]
fn the_memory_limit_changes_no_byte_and_may_stand_in_the_environment() {
    let place = Place::new();
    let bytes = |more: &[&str]| {
        place.done(&quick(&[&["--seed", "7", "-o", "out.png"], more].concat()));
        fs::read(place.path("out.png")).unwrap()
    };
    assert_eq!(bytes(&[]), bytes(&["--memory-limit", "1.5GiB"]));
    let mut command = place.command(&quick(&[]));
    let refused = command.env("SIGMALAB_MEMORY_LIMIT", "much").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("SIGMALAB_MEMORY_LIMIT: `much` is not an amount of memory"), "{said}");
}

#[test]
fn without_a_name_no_image_is_overwritten() {
    let place = Place::new();
    place.done(&quick(&["--seed", "7"]));
    place.done(&quick(&["--seed", "7"]));
    assert_eq!(place.files(), ["sigmalab-7-2.png", "sigmalab-7.png"]);
}

#[test]
fn without_a_seed_a_random_one_is_used_and_told() {
    let place = Place::new();
    let line = place.done(&quick(&["-o", "a.png"]));
    let recipe = read_recipe(&place.path("a.png")).unwrap();
    let sigmalab_engine::noise::NoiseSource::Seed { seed, .. } = recipe.noise else {
        panic!("{recipe:?}");
    };
    assert!(line.contains(&format!("seed {seed} ")), "{line}");
    place.done(&quick(&["-o", "b.png"]));
    assert_ne!(fs::read(place.path("a.png")).unwrap(), fs::read(place.path("b.png")).unwrap());
}

#[test]
fn saved_noise_makes_the_same_picture_again() {
    let place = Place::new();
    place.done(&quick(&["--seed", "7", "-o", "a.png", "--save-latents", "l.safetensors"]));
    place.done(&quick(&["--initial-noise", "l.safetensors", "-o", "b.png"]));
    let pixels =
        |name| read_picture(BufReader::new(File::open(place.path(name)).unwrap())).unwrap();
    assert_eq!(pixels("a.png"), pixels("b.png"));

    let bytes = fs::read(place.path("l.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for name in ["noise", "latents"] {
        assert_eq!(tensors.tensor(name).unwrap().shape(), [1, 256, 128]);
    }
}

#[test]
fn an_existing_image_is_replaced_only_by_a_whole_one() {
    let place = Place::new();
    place.write("out.png", "old");
    place.refused(&quick(&["-o", "out.png", "--gw", "7"]), &["--gw"]);
    assert_eq!(fs::read(place.path("out.png")).unwrap(), b"old");
    place.done(&quick(&["-o", "out.png", "--seed", "1"]));
    assert!(fs::read(place.path("out.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn quiet_says_nothing() {
    let place = Place::new();
    let outcome = place.run(&quick(&["--seed", "1", "-o", "out.png", "--quiet"]));
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn the_closing_line_names_the_file_as_it_was_asked_for() {
    let place = Place::new();
    fs::create_dir(place.path("b")).unwrap();
    // The second time the file is there, and so is another name for it.
    for _ in 0..2 {
        let base = ["generate", "--prompt", "x", "--seed", "1", "--mu", "0.5", "--num-steps", "1"];
        let line = place.done(&[&base[..], &["-o", "b/../a.png"]].concat());
        assert!(line.starts_with("b/../a.png  256×256  seed 1  1 step  "), "{line}");
    }
}
