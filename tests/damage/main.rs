//! Files of strangers, damaged: whatever reads one in our process says what is wrong with it, and
//! does not panic. Each reader gets its files with bytes changed, numbers replaced and parts cut
//! out or doubled, by a seed that a failure tells.
//!
//! A few seconds in all; for hours: `SIGMALAB_DAMAGE_SECONDS=3600 cargo test --test damage`, and
//! another seed: `SIGMALAB_DAMAGE_SEED=7`.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

use sigmalab::history::{FinishedRun, History};
use sigmalab::tui::configuration::Configuration;
use sigmalab::tui::keymap::Keymap;
use sigmalab_caption as caption;
use sigmalab_compute::ModelOptions;
use sigmalab_engine::image_file::{
    ImageFormat, parse_recipe, read_latents, read_picture, read_recipe, write_image,
};
use sigmalab_engine::recipe::Recipe;
use sigmalab_experiment::spec::Spec;
use sigmalab_image::RgbImage;
use sigmalab_model::Model;
use sigmalab_model::checkpoint::Checkpoint;
use sigmalab_mutations::Mutations;
use sigmalab_schedule::exchange::{Tool, import};
use sigmalab_schedule::preset_file::PresetFile;
use sigmalab_schedule::size::Size;
use std::fs;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use support::checkpoints::copy_of;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Gives `read` damaged files until the time is over.
fn withstands(name: &str, wholes: &[Vec<u8>], read: &mut dyn FnMut(&[u8])) {
    let seconds = variable("SIGMALAB_DAMAGE_SECONDS").unwrap_or(2);
    let first = variable("SIGMALAB_DAMAGE_SEED").unwrap_or(1) << 32;
    let until = Instant::now() + Duration::from_secs(seconds);
    for seed in first.. {
        let whole = &wholes[seed as usize % wholes.len()];
        let file = Mutations::of(whole, seed).next().unwrap();
        if catch_unwind(AssertUnwindSafe(|| read(&file))).is_err() {
            let kept = std::env::temp_dir().join(format!("sigmalab-damage-{name}-{seed}"));
            fs::write(&kept, &file).unwrap();
            panic!("{name}: a damaged file makes it panic: {}", kept.display());
        }
        if Instant::now() > until {
            return;
        }
    }
}

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A small checkpoint with one of its files to be damaged.
fn checkpoint(file: &str) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = copy_of("reference-fp8");
    let path = folder.path().join(file);
    let whole = fs::read(&path).unwrap();
    (folder, path, whole)
}

#[test]
fn tokenizers() {
    let (folder, path, whole) = checkpoint("tokenizer/tokenizer.json");
    // Merges may make a token that is longer than any of the vocabulary.
    let mut merged: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    let vocabulary = merged["model"]["vocab"].as_object().unwrap();
    let longest = vocabulary.keys().max_by_key(|token| token.len()).unwrap().clone();
    merged["model"]["merges"] = serde_json::json!([[longest.clone(), longest]]);
    let wholes = [whole, serde_json::to_vec(&merged).unwrap()];
    let mut read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let Ok(checkpoint) = Checkpoint::open(folder.path()) else { return };
        let loaded = Model::load(&checkpoint, ModelOptions::default(), &mut |_| ());
        let Ok(model) = loaded else { return };
        for prompt in ["a red circle", "", "\u{0} <|im_end|> 漢字 🙂 1234567890", "ÄÖÜ\r\n\t  x"]
        {
            let _ = model.token_ids(prompt);
        }
    };
    read(&wholes[1]);
    withstands("tokenizer", &wholes, &mut read);
}

#[test]
fn headers_of_tensors() {
    let file = "transformer/diffusion_pytorch_model.safetensors";
    let (folder, path, whole) = checkpoint(file);
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let (header, tensors) = whole.split_at(header);
    withstands("safetensors", &[header.to_vec()], &mut |header| {
        fs::write(&path, [header, tensors].concat()).unwrap();
        let Ok(checkpoint) = Checkpoint::open(folder.path()) else { return };
        let _ = (checkpoint.summary(), checkpoint.fingerprint());
    });
}

#[test]
fn configurations_of_checkpoints() {
    let (folder, path, whole) = checkpoint("transformer/config.json");
    withstands("config", &[whole], &mut |bytes| {
        fs::write(&path, bytes).unwrap();
        let Ok(checkpoint) = Checkpoint::open(folder.path()) else { return };
        let _ = Model::load(&checkpoint, ModelOptions::default(), &mut |_| ());
    });
}

#[test]
fn checkpoints_of_single_files() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(data("tests/data/ggml-blocks/blocks.gguf")).unwrap();
    withstands("gguf", &[whole], &mut |bytes| {
        fs::write(folder.path().join("model.gguf"), bytes).unwrap();
        if let Ok(checkpoint) = Checkpoint::open(folder.path()) {
            let _ = (checkpoint.summary(), checkpoint.fingerprint());
        }
    });
}

#[test]
fn histories() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::under(folder.path(), u64::MAX);
    let (recipe, image) = (small_recipe(), small_image());
    let run = FinishedRun {
        finished: SystemTime::UNIX_EPOCH,
        recipe: &recipe,
        image: &image,
        nfe: Default::default(),
        timings: Default::default(),
        steps: &[],
    };
    let entry = history.append(&run).unwrap();
    let path = history.picture_path(&entry.id).with_extension("json");
    let whole = fs::read(&path).unwrap();
    withstands("history", &[whole], &mut |bytes| {
        fs::write(&path, bytes).unwrap();
        let listing = history.list().unwrap();
        assert_eq!(listing.entries.len() + listing.unreadable.len(), 1);
        for entry in &listing.entries {
            history.picture(&entry.id).unwrap();
        }
    });
}

#[test]
fn recipes_in_texts_and_latents() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recipe");
    let text = serde_json::to_string(&small_recipe()).unwrap();
    let tensor = |at: usize| serde_json::json!({ "dtype": "F32", "shape": [1, 4, 128], "data_offsets": [at, at + 2048] });
    let header = serde_json::json!({
        "__metadata__": { "sigmalab-recipe": text }, "noise": tensor(0), "latents": tensor(2048),
    });
    let header = header.to_string();
    let latents =
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4096]].concat();
    fs::write(&path, &latents).unwrap();
    assert_eq!(read_recipe(&path).unwrap(), small_recipe());
    withstands("recipe", &[text.into_bytes(), latents], &mut |bytes| {
        fs::write(&path, bytes).unwrap();
        let _ = read_recipe(&path);
        let _ = read_latents(fs::File::open(&path).unwrap(), &path, 4);
    });
}

fn small_image() -> RgbImage {
    RgbImage { width: 16, height: 16, pixels: vec![7; 16 * 16 * 3] }
}

fn small_recipe() -> Recipe {
    let recipe = serde_json::json!({
        "version": 1, "model": { "name": "demo" }, "prompt": "a red circle",
        "size": { "width": 256, "height": 256 },
        "noise": { "source": "seed", "seed": 7, "rng": "torch-cpu" },
        "steps": [{ "gw": 7.0, "mu": 0.5, "std": 1.75 }], "terminal": "reference",
        "sampler": { "id": "euler" }, "dtype": "f32", "device": "cpu",
    });
    parse_recipe(&recipe.to_string()).unwrap()
}

#[test]
fn pictures_and_their_recipes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let mut wholes = vec![fs::read(data("docs/demo-sheet.png")).unwrap()];
    // A small one of the form that this program writes.
    let mut small = Vec::new();
    let mut encoder = png::Encoder::new(&mut small, 16, 16);
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_itxt_chunk("sigmalab-recipe".into(), r#"{"version":1}"#.into()).unwrap();
    encoder.write_header().unwrap().write_image_data(&[7; 16 * 16 * 3]).unwrap();
    for format in [ImageFormat::Webp, ImageFormat::Jpeg] {
        let mut file = Vec::new();
        write_image(format, &small_image(), &small_recipe(), &mut file).unwrap();
        wholes.push(file);
    }
    wholes.push(small);
    withstands("picture", &wholes, &mut |bytes| {
        let _ = read_picture(Cursor::new(bytes));
        fs::write(&path, bytes).unwrap();
        let file = fs::File::open(&path).unwrap();
        let _ = (read_recipe(&path), read_latents(file, &path, 4));
    });
}

#[test]
fn texts() {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let presets = fs::read(data("presets.toml")).unwrap();
    withstands("presets", &[presets], &mut |bytes| {
        let _ = PresetFile::parse(&text(bytes), "presets.toml");
    });
    let experiments = fs::read_dir(data("experiments")).unwrap();
    let experiments: Vec<Vec<u8>> =
        experiments.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    withstands("experiment", &experiments, &mut |bytes| {
        let _ = Spec::parse(&text(bytes), "e.toml");
    });
    let captions = fs::read(data("tests/data/captions.json")).unwrap();
    withstands("caption", &[captions], &mut |bytes| {
        let _ = caption::verify(&text(bytes));
    });
    let settings =
        b"colours = \"256\"\n[grid]\n\"ctrl-s\" = \"save\"\n\"g g\" = \"go-to-step 3\"\n";
    withstands("settings", &[settings.to_vec()], &mut |bytes| {
        let _ = (Keymap::parse(&text(bytes), "k"), Configuration::parse(&text(bytes), "c"));
    });
}

#[test]
fn schedules_of_other_programs() {
    let presets = PresetFile::builtin().unwrap();
    let preset = presets.default_preset();
    let tools = ["reference", "diffusers", "comfyui", "sd.cpp"];
    for tool in tools.map(|tool| tool.parse::<Tool>().unwrap()) {
        let whole = sigmalab_schedule::exchange::export(preset, Size::SQUARE, tool).text;
        withstands(tool.as_str(), &[whole.into_bytes()], &mut |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ = import(&text, tool, "BACK", Size::SQUARE);
        });
    }
}
