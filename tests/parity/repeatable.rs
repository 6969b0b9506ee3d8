//! Same inputs, same bits: on another day, in another order, with another number of threads.

use crate::golden::{Golden, data, euler_step};
use sigmalab_compute::{ComputeDtype, ModelOptions};
use sigmalab_model::checkpoint::Checkpoint;
use sigmalab_model::{LatentGrid, Model, ModelTime};
use std::process::Command;

/// Set where this binary runs itself only to print a digest.
const DIGEST_ONLY: &str = "SIGMALAB_TEST_DIGEST_ONLY";

fn load(dtype: ComputeDtype) -> Model {
    let checkpoint = Checkpoint::open(&data("tiny-a/reference-fp8")).unwrap();
    let options = ModelOptions { dtype, ..ModelOptions::default() };
    Model::load(&checkpoint, options, &mut |_| ()).unwrap()
}

/// Hash of a step's latents and their image.
fn digest(dtype: ComputeDtype) -> String {
    digest_of(&load(dtype))
}

fn digest_of(model: &Model) -> String {
    let golden = Golden::open("tiny-a/golden-reference-fp8.safetensors");
    let prompt = model.encode(golden.meta("prompt")).unwrap();
    let grid = golden.grid();
    let x = euler_step(model, &golden.f32("noise"), grid, &prompt, 7.0, (0.6, 0.4));
    let image = model.decode(&x, grid).unwrap();
    let mut hash = blake3::Hasher::new();
    for v in x {
        hash.update(&v.to_le_bytes());
    }
    hash.update(&image.pixels).finalize().to_hex().to_string()
}

#[test]
fn weights_that_come_and_go_give_the_same_bits() {
    let whole = digest(ComputeDtype::F32);
    for limit in [0, 257 << 20, 257 << 30] {
        let mut model = load(ComputeDtype::F32);
        model.set_memory_limit(limit);
        // Layers are read a second time where they do not stay.
        assert_eq!(digest_of(&model), whole, "{limit}");
        assert_eq!(digest_of(&model), whole, "{limit}");
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    if std::env::var_os(DIGEST_ONLY).is_some() {
        use ComputeDtype::{Bf16, F32, Int8, Int8All};
        let digests = [F32, Bf16, Int8, Int8All].map(digest);
        println!("digest {}", digests.join(" "));
        return;
    }
    let digests: Vec<String> = ["1", "2", "3"]
        .iter()
        .map(|threads| {
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "repeatable::the_number_of_threads_does_not_change_a_bit"])
                .arg("--nocapture")
                .env(DIGEST_ONLY, "1")
                .env("RAYON_NUM_THREADS", threads)
                .env("CANDLE_NUM_THREADS", threads)
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let start = text.find("digest ").unwrap_or_else(|| panic!("no digest in {text}"));
            text[start..].lines().next().unwrap().to_owned()
        })
        .collect();
    println!("{}", digests[0]);
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
}

#[test]
fn what_was_computed_before_does_not_change_a_bit() {
    let model = load(ComputeDtype::F32);
    let golden = Golden::open("tiny-a/golden-reference-fp8.safetensors");
    let (grid, x) = (golden.grid(), golden.f32("noise"));
    let prompt = model.encode(golden.meta("prompt")).unwrap();
    let fresh = model.conditional(&x, grid, ModelTime(0.3), &prompt).unwrap();
    // More times and grids than are kept, and another prompt.
    for i in 0..70 {
        let small = LatentGrid { rows: 1 + i % 7, columns: 2 };
        let t = ModelTime(i as f64 / 70.0);
        let other = model.encode(&"blue ".repeat(i % 3)).unwrap();
        model.conditional(&x[..small.tokens() * 128], small, t, &other).unwrap();
    }
    assert_eq!(model.conditional(&x, grid, ModelTime(0.3), &prompt).unwrap(), fresh);
    assert_ne!(model.conditional(&x, grid, ModelTime(0.31), &prompt).unwrap(), fresh);
}
