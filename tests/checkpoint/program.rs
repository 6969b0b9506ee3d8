//! The demo checkpoint as GGUF and ComfyUI files, through the program itself.

use crate::comfyui::{Computed, as_comfyui, computed, read};
use crate::gguf::{f32_bytes, quantised};
use crate::support::checkpoints::{copy, copy_of, demo, tiny};
use crate::support::text::AssertHas as _;
use crate::{Tensors, rewrite};
use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device, Tensor};
use safetensors::tensor::Dtype;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const FILES: [&str; 3] = [
    "text_encoder/model.safetensors",
    "transformer/diffusion_pytorch_model.safetensors",
    "unconditional_transformer/diffusion_pytorch_model.safetensors",
];

/// Every tensor in f32, fp8 ones with their scales applied.
fn widen(tensors: &mut Tensors) {
    let scales: Vec<String> =
        tensors.keys().filter(|name| name.ends_with(".weight_scale")).cloned().collect();
    let scales: Tensors =
        scales.into_iter().map(|name| (name.clone(), tensors.remove(&name).unwrap())).collect();
    for (name, (dtype, shape, bytes)) in tensors.iter_mut().filter(|(_, t)| t.0 != Dtype::U8) {
        let stored = match dtype {
            Dtype::F8_E4M3 => DType::F8E4M3,
            Dtype::BF16 => DType::BF16,
            _ => DType::F32,
        };
        let mut tensor = Tensor::from_raw_buffer(bytes, stored, shape, &Device::Cpu)
            .unwrap()
            .to_dtype(DType::F32)
            .unwrap();
        if let Some((_, rows, scale)) = scales.get(&format!("{name}_scale")) {
            let scale = Tensor::from_raw_buffer(scale, DType::F32, rows, &Device::Cpu).unwrap();
            tensor = tensor.broadcast_mul(&scale.reshape(((), 1)).unwrap()).unwrap();
        }
        (*dtype, *bytes) = (Dtype::F32, f32_bytes(&tensor));
    }
}

fn nearest(positive: &[f32], value: f32) -> u8 {
    let above = positive.partition_point(|code| *code < value).min(positive.len() - 1);
    let below = above.saturating_sub(1);
    if value - positive[below] < positive[above] - value { below as u8 } else { above as u8 }
}

fn sign_bit(value: f32) -> u8 {
    if value.is_sign_negative() { 0x80 } else { 0 }
}

/// Quantises matrices anew with one scale for each whole, as ComfyUI's fp8_scaled files have it.
fn one_scale(tensors: &mut Tensors) {
    let packed: Vec<String> = tensors
        .iter()
        .filter(|(_, t)| t.0 == Dtype::F8_E4M3)
        .map(|(name, _)| name.clone())
        .collect();
    widen(tensors);
    // The values of the codes that are positive numbers.
    let positive = Tensor::from_raw_buffer(
        &(0..0x7f).collect::<Vec<u8>>(),
        DType::F8E4M3,
        &[0x7f],
        &Device::Cpu,
    );
    let positive: Vec<f32> = positive.unwrap().to_dtype(DType::F32).unwrap().to_vec1().unwrap();
    for name in packed {
        let (dtype, shape, bytes) = tensors.get_mut(&name).unwrap();
        let tensor = Tensor::from_raw_buffer(bytes, DType::F32, shape, &Device::Cpu).unwrap();
        let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        let largest = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let scale = largest / 448.0;
        let code = |value: &f32| nearest(&positive, value.abs() / scale) | sign_bit(*value);
        (*dtype, *bytes) = (Dtype::F8_E4M3, values.iter().map(code).collect());
        let entry = (Dtype::F32, vec![], scale.to_le_bytes().to_vec());
        tensors.insert(format!("{name}_scale"), entry);
    }
}

/// `gguf`, the demo in Q8_0 and bf16; `wide`, the same values in f32; `whole`, those before.
fn gguf() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["whole", "wide", "gguf"] {
        let folder = folder.path().join(name);
        copy(&demo(), &folder);
        for file in FILES {
            rewrite(&folder.join(file), |tensors| {
                tensors.retain(|name, _| !name.contains("language_model.norm"));
                widen(tensors);
            });
        }
    }
    quantised(folder.path(), GgmlDType::Q8_0, GgmlDType::BF16);
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigmalab"))
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder.join("home"))
        .env("HF_HUB_OFFLINE", "1")
        .env_remove("SIGMALAB_MODEL")
        .env_remove("SIGMALAB_PRESETS")
        .output()
        .unwrap()
}

/// The latents and the pixels of a picture of eight steps.
fn generate(folder: &Path, model: &str) -> (Vec<f32>, Vec<u8>) {
    let (image, latents) = (format!("{model}.png"), format!("{model}.safetensors"));
    let prompt = "a red circle on a blue background";
    let arguments = ["generate", "--prompt", prompt, "--num-steps", "8", "--mu", "0.5"];
    let more = ["--seed", "3", "--model", model, "-o", &image, "--save-latents", &latents];
    let output = run(folder, &[&arguments[..], &more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let latents = &read(&folder.join(latents))["latents"].2;
    let latents = latents.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let image = image::open(folder.join(image)).unwrap().to_rgb8().into_raw();
    (latents, image)
}

/// How far latents are from others, relative; and the mean difference of pixels.
fn distance(found: &(Vec<f32>, Vec<u8>), expected: &(Vec<f32>, Vec<u8>)) -> (f64, f64) {
    let square = |sum: f64, value: f32| sum + f64::from(value) * f64::from(value);
    let error = found.0.iter().zip(&expected.0).map(|(a, b)| a - b).fold(0.0, square);
    let latents = (error / expected.0.iter().copied().fold(0.0, square)).sqrt();
    let pixels: f64 = found.1.iter().zip(&expected.1).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    (latents, pixels / found.1.len() as f64)
}

#[test]
fn the_demo_in_q8_0_draws_nearly_what_it_draws_in_f32() {
    let folder = gguf();
    let [whole, wide, gguf] =
        ["./whole", "./wide", "./gguf"].map(|name| generate(folder.path(), name));
    assert!(gguf == wide, "blocks compute the same bits as their values");
    let (latents, pixels) = distance(&gguf, &whole);
    println!("Q8_0: latents {latents:.1e}, pixels {pixels:.2} from f32");
    assert!(latents > 0.0 && latents <= 0.06 && pixels <= 1.0, "{latents} {pixels}");
}

#[test]
fn the_demo_in_comfyui_s_fp8_draws_what_its_values_draw_in_f32() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["fp8", "rows", "one", "wide"] {
        copy(&demo(), &folder.path().join(name));
    }
    as_comfyui(&folder.path().join("rows"), |_| ());
    as_comfyui(&folder.path().join("one"), one_scale);
    for file in FILES {
        rewrite(&folder.path().join("wide").join(file), |tensors| {
            one_scale(tensors);
            widen(tensors);
        });
    }
    let [fp8, rows, one, wide] =
        ["./fp8", "./rows", "./one", "./wide"].map(|name| generate(folder.path(), name));
    assert!(rows == fp8, "the same weights in other files draw the same bits");
    let (latents, pixels) = distance(&one, &wide);
    println!("fp8, one scale: latents {latents:.1e}, pixels {pixels:.4} from its values in f32");
    assert!(latents <= 2e-5 && pixels <= 1e-3, "{latents} {pixels}");
    let (latents, pixels) = distance(&one, &fp8);
    println!("fp8, one scale: latents {latents:.1e}, pixels {pixels:.2} from scales a row");
    assert!(latents > 0.0 && latents <= 0.6 && pixels <= 5.0, "{latents} {pixels}");
}

#[test]
fn the_tiny_checkpoint_in_comfyui_s_fp8_is_near_the_one_in_f32() {
    let whole = computed(&tiny("diffusers"));
    for (name, scales) in
        [("a scale a row", None), ("one scale", Some(one_scale as fn(&mut Tensors)))]
    {
        let folder = copy_of("reference-fp8");
        as_comfyui(folder.path(), |tensors| scales.iter().for_each(|change| change(tensors)));
        let error = Computed::distance(&computed(folder.path()), &whole);
        println!("fp8, {name}: velocities {error:.1e} from f32");
        assert!(error > 1e-2 && error <= 0.056, "{name}: {error}");
    }
}

#[test]
fn inspect_names_file_layout_and_formats() {
    let folder = gguf();
    let output = run(folder.path(), &["model", "inspect", "--model", "./gguf"]);
    let text = String::from_utf8(output.stdout).unwrap();
    text.assert_has([
        "GGUF file, llama.cpp's names",
        "Qwen3VL-8B-Instruct-Q.gguf",
        "GGUF file, reference",
        "ideogram4_uncond-Q.gguf",
        "Q8_0",
        "hidden size 192",
        "layers 36",
    ]);
    let output = run(folder.path(), &["model", "inspect", "--json", "--model", "./gguf"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["components"][1]["single_file"], "ideogram4-Q.gguf");
    assert_eq!(json["components"][3]["single_file"], serde_json::Value::Null);
}

#[test]
fn damaged_files_are_refused_in_one_sentence_with_file_and_tensor() {
    let folder = gguf();
    let file = folder.path().join("gguf/ideogram4-Q.gguf");
    let bytes = std::fs::read(&file).unwrap();
    let name = b"layers.3.attention.norm_q.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    let entry = at + name.len();
    let with = |at: usize, new: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    };
    let tensor = "layers.3.attention.norm_q.weight";
    for (damaged, words) in [
        (bytes[..bytes.len() - 1_000].to_vec(), &["ends beyond them"][..]),
        (bytes[..200].to_vec(), &["may be cut short"]),
        (with(0, b"GGML"), &["does not begin with GGUF"]),
        (with(8, &u64::MAX.to_le_bytes()), &["is not a complete GGUF file"]),
        (with(16, &u64::MAX.to_le_bytes()), &["is not a complete GGUF file"]),
        (with(at, b"m"), &["has no tensor", tensor]),
        (with(entry + 4, &63u64.to_le_bytes()), &["[63]", tensor]),
        (with(entry + 4, &(u64::MAX / 2).to_le_bytes()), &["overflows", tensor]),
        (
            with(entry + 12, &14u32.to_le_bytes()),
            &["do not divide into blocks of 256 (Q6_K)", tensor],
        ),
        (with(entry + 12, &77u32.to_le_bytes()), &["GGUF type 77", tensor]),
        (with(entry + 16, &(1u64 << 62).to_le_bytes()), &["ends beyond them", tensor]),
    ] {
        std::fs::write(&file, damaged).unwrap();
        let output = run(folder.path(), &["generate", "--prompt", "x", "--model", "./gguf"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{text}");
        for words in words.iter().chain(&["ideogram4-Q.gguf"]) {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}
