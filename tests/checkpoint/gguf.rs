//! GGUF files quantised by candle, against the same weights widened to f32 by candle.

use crate::comfyui::{Computed, computed, computed_in, read};
use crate::support::checkpoints::{copy, copy_of, tiny};
use crate::support::text::AssertHas as _;
use crate::{Tensors, rewrite};
use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use safetensors::tensor::Dtype;
use sigmalab_compute::ModelOptions;
use sigmalab_model::Model;
use sigmalab_model::checkpoint::{Checkpoint, Component};
use sigmalab_model::synth::{self, SynthFormat, SynthShape};
use std::fs::File;
use std::path::Path;
use tempfile::TempDir;

const TRANSFORMERS: [(&str, &str); 2] = [
    ("transformer/diffusion_pytorch_model.safetensors", "ideogram4-Q.gguf"),
    ("unconditional_transformer/diffusion_pytorch_model.safetensors", "ideogram4_uncond-Q.gguf"),
];
const TEXT_ENCODER: &str = "text_encoder/model.safetensors";

/// llama.cpp's name of a text encoder's tensor.
fn llama(name: &str) -> String {
    let name = name.strip_prefix("language_model.").unwrap();
    name.replace("embed_tokens", "token_embd")
        .replace("layers.", "blk.")
        .replace("input_layernorm", "attn_norm")
        .replace("post_attention_layernorm", "ffn_norm")
        .replace("self_attn.o_proj", "attn_output")
        .replace("self_attn.", "attn_")
        .replace("_proj", "")
        .replace("mlp.", "ffn_")
}

pub(crate) fn f32_bytes(tensor: &Tensor) -> Vec<u8> {
    let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Writes f32 tensors as a GGUF file: matrices of the layers in `format` where their rows are
/// whole blocks, the rest in `rest`. Gives the same values in f32.
fn write(
    file: &Path,
    tensors: &Tensors,
    name: impl Fn(&str) -> String,
    (format, rest): (GgmlDType, GgmlDType),
    architecture: Option<&str>,
) -> Tensors {
    let mut widened = Tensors::new();
    let mut quantised = Vec::new();
    for (stored, (dtype, shape, bytes)) in tensors {
        assert_eq!(*dtype, Dtype::F32);
        let tensor = Tensor::from_raw_buffer(bytes, candle_core::DType::F32, shape, &Device::Cpu);
        let blocks = shape.len() == 2 && shape[1].is_multiple_of(format.block_size());
        let dtype = match shape.len() {
            2 if stored.contains("layers.") && blocks => format,
            1 => GgmlDType::F32,
            _ => rest,
        };
        let tensor = QTensor::quantize(&tensor.unwrap(), dtype).unwrap();
        let wide = tensor.dequantize(&Device::Cpu).unwrap();
        widened.insert(stored.clone(), (Dtype::F32, shape.clone(), f32_bytes(&wide)));
        quantised.push((name(stored), tensor));
    }
    let architecture = architecture.map(|name| Value::String(name.to_owned()));
    let metadata: Vec<_> =
        architecture.iter().map(|value| ("general.architecture", value)).collect();
    let tensors: Vec<_> = quantised.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut File::create(file).unwrap(), &metadata, &tensors).unwrap();
    widened
}

/// Turns the transformers and the text encoder of an f32 checkpoint in the reference's names into
/// loose GGUF files, in a copy; the other copy holds the same values in f32.
pub(crate) fn quantised(folder: &Path, format: GgmlDType, rest: GgmlDType) {
    let wide = folder.join("wide");
    let gguf = folder.join("gguf");
    for (file, name) in TRANSFORMERS {
        let mut tensors = read(&wide.join(file));
        std::fs::remove_file(gguf.join(file)).unwrap();
        tensors = write(&gguf.join(name), &tensors, str::to_owned, (format, rest), None);
        rewrite(&wide.join(file), |stored| *stored = tensors);
    }
    let tensors = read(&wide.join(TEXT_ENCODER));
    std::fs::remove_file(gguf.join(TEXT_ENCODER)).unwrap();
    let text = gguf.join("Qwen3VL-8B-Instruct-Q.gguf");
    let tensors = write(&text, &tensors, llama, (format, rest), Some("qwen3vl"));
    rewrite(&wide.join(TEXT_ENCODER), |stored| *stored = tensors);
}

/// A checkpoint whose matrices have rows of whole blocks of 256.
fn synth() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let shape = SynthShape {
        width: 256,
        intermediate: 512,
        conditioning: 256,
        text_width: 256,
        text_heads: (4, 2, 64),
        text_intermediate: 256,
        ..SynthShape::tiny()
    };
    for name in ["wide", "gguf"] {
        let folder = folder.path().join(name);
        synth::write(&folder, &shape, SynthFormat::F32, 3, &mut |_, _| true).unwrap();
    }
    folder
}

fn formats(folder: &Path) -> Vec<Vec<String>> {
    let summary = Checkpoint::open(folder).unwrap().summary();
    let names = |part: &sigmalab_model::checkpoint::ComponentSummary| {
        part.formats.iter().map(|format| format.format.clone()).collect()
    };
    summary.components.iter().map(names).collect()
}

#[test]
fn every_block_format_computes_the_same_bits_as_its_widened_values() {
    let whole = {
        let folder = synth();
        computed(&folder.path().join("wide"))
    };
    // How far velocities may be from those of the unrounded weights: twice what was measured.
    for (format, name, budget) in [
        (GgmlDType::Q4_0, "Q4_0", 0.17),
        (GgmlDType::Q4_1, "Q4_1", 0.15),
        (GgmlDType::Q5_0, "Q5_0", 0.08),
        (GgmlDType::Q5_1, "Q5_1", 0.085),
        (GgmlDType::Q8_0, "Q8_0", 8.5e-3),
        (GgmlDType::Q4K, "Q4_K", 0.16),
        (GgmlDType::Q5K, "Q5_K", 0.08),
        (GgmlDType::Q6K, "Q6_K", 0.036),
    ] {
        let folder = synth();
        quantised(folder.path(), format, GgmlDType::F16);
        let (wide, gguf) = (folder.path().join("wide"), folder.path().join("gguf"));
        let computed = computed(&gguf);
        assert_eq!(computed, crate::comfyui::computed(&wide), "{name}");
        let error = Computed::distance(&computed, &whole);
        println!("{name}: velocities {error:.1e} from f32");
        assert!(error > 0.0 && error <= budget, "{name}: {error}");
        let found = formats(&gguf);
        for part in &found[..3] {
            let mut part = part.clone();
            part.sort();
            assert_eq!(part, [name, "f16", "f32"], "{found:?}");
        }
        if matches!(format, GgmlDType::Q8_0 | GgmlDType::Q4K) {
            let bf16 = sigmalab_compute::ComputeDtype::Bf16;
            assert_eq!(computed_in(&gguf, bf16), computed_in(&wide, bf16), "{name} in bf16");
        }
    }
}

/// The tiny checkpoint in f32, with the reference's fused projections.
fn fused() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let original = copy_of("diffusers");
    for (file, _) in TRANSFORMERS {
        rewrite(&original.path().join(file), |tensors| {
            let queries: Vec<String> =
                tensors.keys().filter(|name| name.contains(".to_q.")).cloned().collect();
            for name in queries {
                let mut fused: Option<(Dtype, Vec<usize>, Vec<u8>)> = None;
                for part in ["q", "k", "v"] {
                    let part = tensors.remove(&name.replace("to_q", &format!("to_{part}")));
                    let (dtype, shape, bytes) = part.unwrap();
                    let all = fused.get_or_insert((dtype, vec![0, shape[1]], Vec::new()));
                    all.1[0] += shape[0];
                    all.2.extend(bytes);
                }
                tensors.insert(name.replace("to_q", "qkv"), fused.unwrap());
            }
            *tensors = std::mem::take(tensors)
                .into_iter()
                .map(|(name, tensor)| (name.replace("to_out.0", "o"), tensor))
                .collect();
        });
    }
    rewrite(&original.path().join(TEXT_ENCODER), |tensors| {
        tensors.retain(|name, _| name.contains("layers.") || name.contains("embed_tokens"));
        tensors.retain(|name, _| !name.contains("visual"));
    });
    for name in ["wide", "gguf"] {
        copy(original.path(), &folder.path().join(name));
    }
    folder
}

#[test]
fn the_tiny_checkpoint_in_gguf_is_near_the_one_in_f32() {
    let whole = computed(&tiny("diffusers"));
    for (format, rest, least, most) in [
        (GgmlDType::F32, GgmlDType::F32, 0.0, 1e-6),
        (GgmlDType::BF16, GgmlDType::BF16, 1e-4, 5e-3),
        (GgmlDType::F16, GgmlDType::F16, 1e-5, 6e-4),
        (GgmlDType::Q8_0, GgmlDType::BF16, 1e-3, 6e-3),
        (GgmlDType::Q4_0, GgmlDType::BF16, 1e-2, 7e-2),
    ] {
        let folder = fused();
        quantised(folder.path(), format, rest);
        let (wide, gguf) = (folder.path().join("wide"), folder.path().join("gguf"));
        let found = computed(&gguf);
        assert_eq!(found, computed(&wide), "{format:?}");
        let error = Computed::distance(&found, &whole);
        println!("{format:?}: velocities {error:.1e} from f32");
        assert!((least..=most).contains(&error), "{format:?}: {error}");
    }
}

/// Splits a GGUF file as llama.cpp does; the first piece keeps what the file says about itself.
fn split(file: &Path, pieces: usize) {
    let mut reader = File::open(file).unwrap();
    let content = gguf_file::Content::read(&mut reader).unwrap();
    let mut names: Vec<&String> = content.tensor_infos.keys().collect();
    names.sort();
    let stem = file.with_extension("").to_str().unwrap().to_owned();
    for (index, names) in names.chunks(names.len().div_ceil(pieces)).enumerate() {
        let tensors: Vec<(&str, QTensor)> = names
            .iter()
            .map(|name| {
                let tensor = content.tensor(&mut reader, name, &Device::Cpu).unwrap();
                (name.as_str(), tensor)
            })
            .collect();
        let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let metadata: Vec<_> = match index {
            0 => content.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect(),
            _ => Vec::new(),
        };
        let piece = format!("{stem}-{:05}-of-{pieces:05}.gguf", index + 1);
        gguf_file::write(&mut File::create(piece).unwrap(), &metadata, &tensors).unwrap();
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_split_gguf_file_is_the_same_as_the_whole_and_needs_every_piece() {
    let folder = fused();
    quantised(folder.path(), GgmlDType::Q8_0, GgmlDType::BF16);
    let gguf = folder.path().join("gguf");
    let whole = Checkpoint::open(&gguf).unwrap().fingerprint();
    split(&gguf.join("Qwen3VL-8B-Instruct-Q.gguf"), 3);
    split(&gguf.join("ideogram4_uncond-Q.gguf"), 2);
    let checkpoint = Checkpoint::open(&gguf).unwrap();
    assert_eq!(checkpoint.fingerprint(), whole);
    let text = &checkpoint.summary().components[0];
    assert_eq!(text.files, 3);
    let first = "Qwen3VL-8B-Instruct-Q-00001-of-00003.gguf";
    assert_eq!(text.single_file.as_deref(), Some(first));

    for missing in [first, "ideogram4_uncond-Q-00002-of-00002.gguf"] {
        let (file, away) = (gguf.join(missing), gguf.join("away"));
        std::fs::rename(&file, &away).unwrap();
        let message = Checkpoint::open(&gguf).unwrap_err().to_string();
        let words = format!("{missing} is missing: the model is split");
        assert!(message.contains(&words), "{message}");
        std::fs::rename(&away, &file).unwrap();
    }
}

#[test]
fn a_damaged_unconditional_file_is_not_the_same_as_none() {
    let folder = fused();
    quantised(folder.path(), GgmlDType::Q8_0, GgmlDType::BF16);
    let gguf = folder.path().join("gguf");
    std::fs::remove_dir_all(gguf.join("unconditional_transformer")).unwrap();
    let file = gguf.join("ideogram4_uncond-Q.gguf");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let message = Checkpoint::open(&gguf).unwrap_err().to_string();
    assert!(message.contains("ideogram4_uncond-Q.gguf is not a complete GGUF file"), "{message}");
    std::fs::remove_file(&file).unwrap();
    assert!(!Checkpoint::open(&gguf).unwrap().has(Component::UnconditionalTransformer));
}

#[test]
fn gguf_files_tell_what_they_are_and_take_less_room() {
    let folder = fused();
    quantised(folder.path(), GgmlDType::Q8_0, GgmlDType::BF16);
    let (wide, gguf) = (folder.path().join("wide"), folder.path().join("gguf"));
    let (wide, gguf) = (Checkpoint::open(&wide).unwrap(), Checkpoint::open(&gguf).unwrap());
    let (summary, usual) = (gguf.summary(), wide.summary());
    let parts: Vec<(&str, Option<&str>)> = summary
        .components
        .iter()
        .map(|part| (part.layout.as_str(), part.single_file.as_deref()))
        .collect();
    assert_eq!(
        parts,
        [
            ("GGUF file, llama.cpp's names", Some("Qwen3VL-8B-Instruct-Q.gguf")),
            ("GGUF file, reference", Some("ideogram4-Q.gguf")),
            ("GGUF file, reference", Some("ideogram4_uncond-Q.gguf")),
            ("diffusers", None),
        ]
    );
    for (found, usual) in summary.components.iter().zip(&usual.components) {
        assert_eq!(found.parameters, usual.parameters);
        assert_eq!(found.dimensions, usual.dimensions);
    }
    let bytes = |checkpoint: &Checkpoint| checkpoint.component_bytes(Component::Transformer);
    assert!(bytes(&gguf) * 2 < bytes(&wide), "{} {}", bytes(&gguf), bytes(&wide));
}

#[test]
fn damaged_and_foreign_gguf_files_are_named() {
    let folder = fused();
    quantised(folder.path(), GgmlDType::Q8_0, GgmlDType::BF16);
    let gguf = folder.path().join("gguf");
    let model = gguf.join("ideogram4-Q.gguf");
    let bytes = std::fs::read(&model).unwrap();
    let open = || Checkpoint::open(&gguf).unwrap_err().to_string();
    for (damaged, words) in [
        (&bytes[..bytes.len() - 200], "ends beyond them"),
        (&bytes[..100], "may be cut short"),
        (&b"version https://git-lfs.github.com/spec/v1"[..], "does not begin with GGUF"),
    ] {
        std::fs::write(&model, damaged).unwrap();
        let message = open();
        assert!(message.contains("ideogram4-Q.gguf is not a complete GGUF file"), "{message}");
        assert!(message.contains(words), "{words}: {message}");
    }

    // A type that is not read: the number of Q8_0 becomes that of IQ4_XS in one entry.
    let name = b"layers.0.attention.qkv.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    let kind = at + name.len() + 4 + 16;
    assert_eq!(bytes[kind..kind + 4], 8u32.to_le_bytes());
    let mut other = bytes.clone();
    other[kind] = 23;
    std::fs::write(&model, &other).unwrap();
    let checkpoint = Checkpoint::open(&gguf).unwrap();
    let error = Model::load(&checkpoint, ModelOptions::default(), &mut |_| ()).err().unwrap();
    let error = error.to_string();
    error.assert_has(["IQ4_XS", "layers.0.attention.qkv.weight", "ideogram4-Q.gguf", "Q8_0, Q4_K"]);
    std::fs::write(&model, &bytes).unwrap();

    // Qwen3 without eyes has the same names and other weights.
    let text = gguf.join("Qwen3VL-8B-Instruct-Q.gguf");
    let mut bytes = std::fs::read(&text).unwrap();
    let at = bytes.windows(7).position(|window| window == b"qwen3vl").unwrap();
    bytes[at..at + 7].copy_from_slice(b"qwen3xx");
    std::fs::write(&text, &bytes).unwrap();
    let message = open();
    assert!(message.contains("holds no text encoder") && message.contains("Qwen3-VL"), "{message}");
}
