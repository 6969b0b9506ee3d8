//! Files of strangers, damaged: whatever reads one in our process says what is wrong with it, and
//! does not panic. Each reader gets its files with bytes changed, numbers replaced and parts cut
//! out or doubled, by a seed that a failure tells.
//!
//! A few seconds in all; for hours: `SIGMALAB_DAMAGE_SECONDS=3600 cargo test --test damage`, and
//! another seed: `SIGMALAB_DAMAGE_SEED=7`.
#![allow(clippy::unwrap_used, clippy::panic)]

use sigmalab::tui::configuration::Configuration;
use sigmalab::tui::keymap::Keymap;
use sigmalab_caption as caption;
use sigmalab_compute::ModelOptions;
use sigmalab_engine::image_file::{read_latents, read_picture, read_recipe};
use sigmalab_experiment::spec::Spec;
use sigmalab_model::Model;
use sigmalab_model::checkpoint::Checkpoint;
use sigmalab_schedule::exchange::{Tool, import};
use sigmalab_schedule::preset_file::PresetFile;
use sigmalab_schedule::size::Size;
use std::fs;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// One to four kinds of damage, each anywhere.
fn damaged(whole: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        let length = dice.below(24).min(bytes.len() - at);
        match dice.below(6) {
            0 if !bytes.is_empty() => bytes[at] = dice.next() as u8,
            1 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let copy = bytes[at..at + length].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => bytes.truncate(at.max(1)),
            _ => replace_number(&mut bytes, at, dice),
        }
    }
    bytes
}

/// Another number in the place of the next one of a text.
fn replace_number(bytes: &mut Vec<u8>, from: usize, dice: &mut Dice) {
    let Some(start) = bytes[from..].iter().position(u8::is_ascii_digit).map(|at| from + at) else {
        return;
    };
    let end =
        bytes[start..].iter().position(|b| !b.is_ascii_digit()).map_or(bytes.len(), |n| start + n);
    let numbers = ["0", "-1", "1", "4294967296", "1e999", "0.5", "18446744073709551615", "999999"];
    let number = numbers[dice.below(numbers.len())];
    bytes.splice(start..end, number.bytes());
}

/// Gives `read` damaged files until the time is over.
fn withstands(name: &str, wholes: &[Vec<u8>], read: &mut dyn FnMut(&[u8])) {
    let seconds = variable("SIGMALAB_DAMAGE_SECONDS").unwrap_or(2);
    let first = variable("SIGMALAB_DAMAGE_SEED").unwrap_or(1) << 32;
    let until = Instant::now() + Duration::from_secs(seconds);
    for seed in first.. {
        let mut dice = Dice(seed);
        let whole = &wholes[dice.below(wholes.len())];
        let file = damaged(whole, &mut dice);
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

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A small checkpoint with one of its files to be damaged.
fn checkpoint(file: &str) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    copy(&data("tests/data/tiny-a/reference-fp8"), folder.path());
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
