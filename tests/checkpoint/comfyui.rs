//! The tiny checkpoint rewritten as ComfyUI keeps models: single files found by their contents.

use crate::Tensors;
use crate::support::checkpoints::{copy_of, tiny};
use crate::support::text::AssertHas as _;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use sigmalab_compute::{ComputeDtype, ModelOptions};
use sigmalab_model::checkpoint::Checkpoint;
use sigmalab_model::{LatentGrid, Model, ModelTime};
use std::collections::HashMap;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const GRID: LatentGrid = LatentGrid { rows: 2, columns: 3 };

/// What a model computes: text features, both velocities and an image.
#[derive(Debug, PartialEq)]
pub(crate) struct Computed {
    features: Vec<f32>,
    conditional: Vec<f32>,
    unconditional: Vec<f32>,
    image: Vec<u8>,
}

impl Computed {
    /// How far the velocities are from others, relative.
    pub(crate) fn distance(&self, other: &Self) -> f64 {
        let velocities =
            |computed: &Self| [&computed.conditional[..], &computed.unconditional].concat();
        let (found, expected) = (velocities(self), velocities(other));
        let square = |sum: f64, value: f32| sum + f64::from(value) * f64::from(value);
        let error = found.iter().zip(&expected).map(|(a, b)| a - b).fold(0.0, square);
        (error / expected.iter().copied().fold(0.0, square)).sqrt()
    }
}

pub(crate) fn computed(folder: &Path) -> Computed {
    computed_in(folder, ComputeDtype::F32)
}

pub(crate) fn computed_in(folder: &Path, dtype: ComputeDtype) -> Computed {
    let checkpoint = Checkpoint::open(folder).unwrap();
    let options = ModelOptions { dtype, ..ModelOptions::default() };
    let model = Model::load(&checkpoint, options, &mut |_| ()).unwrap();
    let x: Vec<f32> =
        (0..GRID.tokens() * 128).map(|i| ((i * 7919 % 101) as f32 - 50.0) / 50.0).collect();
    let prompt = model.encode("a red circle").unwrap();
    let t = ModelTime(0.4);
    Computed {
        features: model.text_features("a red circle").unwrap(),
        conditional: model.conditional(&x, GRID, t, &prompt).unwrap(),
        unconditional: model.unconditional(&x, GRID, t).unwrap(),
        image: model.decode(&x, GRID).unwrap().pixels,
    }
}

pub(crate) fn read(file: &Path) -> Tensors {
    let bytes = std::fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let entry = |view: TensorView<'_>| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
    tensors.tensors().into_iter().map(|(name, view)| (name, entry(view))).collect()
}

pub(crate) fn write(file: &Path, tensors: &Tensors, model_type: Option<&str>) {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    let metadata = model_type.map(|kind| HashMap::from([("model_type".into(), kind.into())]));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, serialize(views, metadata).unwrap()).unwrap();
}

const TRANSFORMER: &str = "transformer/diffusion_pytorch_model.safetensors";
const UNCONDITIONAL: &str = "unconditional_transformer/diffusion_pytorch_model.safetensors";
const TEXT_ENCODER: &str = "text_encoder/model.safetensors";
const VAE: &str = "vae/diffusion_pytorch_model.safetensors";

/// Puts the marker beside each fp8 weight.
fn mark(tensors: &mut Tensors) {
    let marker = br#"{"format": "float8_e4m3fn"}"#;
    let modules: Vec<String> = tensors
        .iter()
        .filter(|(_, (dtype, ..))| *dtype == Dtype::F8_E4M3)
        .map(|(name, _)| name.strip_suffix(".weight").unwrap().to_owned())
        .collect();
    assert!(modules.len() > 10);
    for module in modules {
        let entry = (Dtype::U8, vec![marker.len()], marker.to_vec());
        tensors.insert(format!("{module}.comfy_quant"), entry);
    }
}

/// One scale for each whole weight, as ComfyUI's file has: the first row's.
fn one_scale(tensors: &mut Tensors, shape: &[usize]) {
    for (_, (_, scale, bytes)) in tensors.iter_mut().filter(|(n, _)| n.ends_with(".weight_scale")) {
        *scale = shape.to_vec();
        bytes.truncate(4);
    }
}

fn renamed(tensors: Tensors, name: impl Fn(String) -> String) -> Tensors {
    tensors.into_iter().map(|(old, tensor)| (name(old), tensor)).collect()
}

/// FLUX.2's own name of a decoder's tensor; four image sizes.
fn original(name: String) -> String {
    let name = name
        .replace("decoder.mid_block.attentions.0.group_norm", "decoder.mid.attn_1.norm")
        .replace("decoder.mid_block.attentions.0.to_out.0", "decoder.mid.attn_1.proj_out")
        .replace("decoder.mid_block.attentions.0.to_", "decoder.mid.attn_1.")
        .replace("decoder.mid_block.resnets.0", "decoder.mid.block_1")
        .replace("decoder.mid_block.resnets.1", "decoder.mid.block_2")
        .replace("decoder.conv_norm_out", "decoder.norm_out")
        .replace("conv_shortcut", "nin_shortcut");
    let name = match name.strip_prefix("post_quant_conv") {
        Some(rest) => format!("decoder.post_quant_conv{rest}"),
        None => name,
    };
    let Some(rest) = name.strip_prefix("decoder.up_blocks.") else { return name };
    let (block, rest) = rest.split_once('.').unwrap();
    let rest = rest.replace("resnets", "block").replace("upsamplers.0", "upsample");
    format!("decoder.up.{}.{rest}", 3 - block.parse::<usize>().unwrap())
}

/// Moves the parts of a copy of the fp8 checkpoint to where ComfyUI has them. Configurations and
/// tokenizer stay: the tiny model is not of the real model's sizes.
pub(crate) fn as_comfyui(folder: &Path, change: impl Fn(&mut Tensors)) {
    let models = folder.join("diffusion_models");
    for (from, to, kind) in [
        (TRANSFORMER, "ideogram4_fp8_scaled.safetensors", "ideogram4_cond"),
        (UNCONDITIONAL, "ideogram4_unconditional_fp8_scaled.safetensors", "ideogram4_uncond"),
    ] {
        let mut tensors = read(&folder.join(from));
        mark(&mut tensors);
        change(&mut tensors);
        write(&models.join(to), &tensors, Some(kind));
        std::fs::remove_file(folder.join(from)).unwrap();
    }
    let mut tensors = renamed(read(&folder.join(TEXT_ENCODER)), |name| {
        name.replace("language_model.", "model.").replace("model.visual", "visual")
    });
    mark(&mut tensors);
    change(&mut tensors);
    write(&folder.join("text_encoders/qwen3vl_8b_fp8_scaled.safetensors"), &tensors, None);
    std::fs::remove_file(folder.join(TEXT_ENCODER)).unwrap();
    let mut tensors = renamed(read(&folder.join(VAE)), original);
    for (_, (_, shape, _)) in tensors.iter_mut().filter(|(name, _)| name.contains("attn_1")) {
        if shape.len() == 2 {
            shape.extend([1, 1]);
        }
    }
    write(&folder.join("vae/flux2-vae.safetensors"), &tensors, None);
    std::fs::remove_file(folder.join(VAE)).unwrap();
}

fn comfyui() -> TempDir {
    let folder = copy_of("reference-fp8");
    as_comfyui(folder.path(), |_| ());
    folder
}

fn message(folder: &Path) -> String {
    Checkpoint::open(folder).unwrap_err().to_string()
}

#[test]
fn comfyui_s_files_compute_the_same_bits_as_the_reference_s() {
    let folder = comfyui();
    assert_eq!(computed(folder.path()), computed(&tiny("reference-fp8")));
    let summary = Checkpoint::open(folder.path()).unwrap().summary();
    let parts: Vec<(&str, &str)> = summary
        .components
        .iter()
        .map(|part| (part.layout.as_str(), part.single_file.as_deref().unwrap()))
        .collect();
    assert_eq!(
        parts,
        [
            (
                "ComfyUI single file, names after model.",
                "text_encoders/qwen3vl_8b_fp8_scaled.safetensors"
            ),
            ("ComfyUI single file, reference", "diffusion_models/ideogram4_fp8_scaled.safetensors"),
            (
                "ComfyUI single file, reference",
                "diffusion_models/ideogram4_unconditional_fp8_scaled.safetensors"
            ),
            ("ComfyUI single file, FLUX.2's own names", "vae/flux2-vae.safetensors"),
        ]
    );
    let usual = Checkpoint::open(&tiny("reference-fp8")).unwrap().summary();
    for (single, usual) in summary.components.iter().zip(&usual.components) {
        assert_eq!(single.parameters, usual.parameters);
        assert_eq!(single.dimensions, usual.dimensions);
        let formats = |part: &sigmalab_model::checkpoint::ComponentSummary| {
            part.formats.iter().map(|f| (f.format.clone(), f.tensors)).collect::<Vec<_>>()
        };
        assert_eq!(formats(single), formats(usual));
        assert_eq!(usual.single_file, None);
    }
}

#[test]
fn a_scale_for_the_whole_weight_is_the_same_as_equal_scales_a_row() {
    let rows = copy_of("reference-fp8");
    for file in [TRANSFORMER, UNCONDITIONAL, TEXT_ENCODER] {
        let file = rows.path().join(file);
        let mut tensors = read(&file);
        for (_, (_, shape, bytes)) in
            tensors.iter_mut().filter(|(name, _)| name.ends_with(".weight_scale"))
        {
            *bytes = bytes[..4].repeat(shape[0]);
        }
        write(&file, &tensors, None);
    }
    let expected = computed(rows.path());
    for shape in [vec![], vec![1]] {
        let folder = copy_of("reference-fp8");
        as_comfyui(folder.path(), |tensors| one_scale(tensors, &shape));
        assert_eq!(computed(folder.path()), expected, "{shape:?}");
    }
    // As older tools write it.
    let folder = copy_of("reference-fp8");
    as_comfyui(folder.path(), |tensors| {
        one_scale(tensors, &[]);
        tensors.retain(|name, _| !name.ends_with(".comfy_quant"));
        *tensors =
            renamed(std::mem::take(tensors), |name| name.replace(".weight_scale", ".scale_weight"));
        tensors.insert("scaled_fp8".to_owned(), (Dtype::F8_E4M3, vec![2], vec![0; 2]));
    });
    assert_eq!(computed(folder.path()), expected);
}

#[test]
fn files_may_lie_loose_and_their_names_may_have_prefixes() {
    let expected = computed(&tiny("reference-fp8"));
    let folder = comfyui();
    for file in [
        "diffusion_models/ideogram4_fp8_scaled.safetensors",
        "text_encoders/qwen3vl_8b_fp8_scaled.safetensors",
        "vae/flux2-vae.safetensors",
    ] {
        let name = file.rsplit_once('/').unwrap().1;
        std::fs::rename(folder.path().join(file), folder.path().join(name)).unwrap();
    }
    let unconditional = "diffusion_models/ideogram4_unconditional_fp8_scaled.safetensors";
    let tensors = read(&folder.path().join(unconditional));
    std::fs::remove_file(folder.path().join(unconditional)).unwrap();
    // Nothing but the prefix tells that it is the unconditional one.
    let tensors = renamed(tensors, |name| format!("model.diffusion_model.uncond.{name}"));
    write(&folder.path().join("other.safetensors"), &tensors, None);
    std::fs::rename(
        folder.path().join("tokenizer/tokenizer.json"),
        folder.path().join("tokenizer.json"),
    )
    .unwrap();
    std::fs::remove_dir_all(folder.path().join("tokenizer")).unwrap();
    assert_eq!(computed(folder.path()), expected);

    // Both in one file.
    let both = folder.path().join("ideogram4_fp8_scaled.safetensors");
    let conditional = renamed(read(&both), |name| format!("model.diffusion_model.{name}"));
    std::fs::remove_file(&both).unwrap();
    let tensors = conditional.into_iter().chain(tensors).collect();
    write(&folder.path().join("other.safetensors"), &tensors, None);
    assert_eq!(computed(folder.path()), expected);
    let summary = Checkpoint::open(folder.path()).unwrap().summary();
    assert_eq!(summary.components[1].parameters, {
        let usual = Checkpoint::open(&tiny("reference-fp8")).unwrap().summary();
        usual.components[1].parameters
    });
}

#[test]
fn a_decoder_in_a_single_file_never_brings_its_own_latent_statistics() {
    let folder = copy_of("diffusers");
    let from = folder.path().join(VAE);
    std::fs::rename(from, folder.path().join("vae/flux2-vae.safetensors")).unwrap();
    assert!(!Checkpoint::open(folder.path()).unwrap().is_diffusers());
    assert!(Checkpoint::open(&tiny("diffusers")).unwrap().is_diffusers());
}

#[test]
fn models_of_other_kinds_beside_it_are_passed_over() {
    let folder = comfyui();
    let other = |name: &str, tensors: &[(&str, &[usize])]| {
        let tensors = tensors
            .iter()
            .map(|(name, shape)| {
                let bytes = vec![0; 2 * shape.iter().product::<usize>()];
                ((*name).to_owned(), (Dtype::BF16, shape.to_vec(), bytes))
            })
            .collect();
        write(&folder.path().join(name), &tensors, None);
    };
    other("diffusion_models/flux.safetensors", &[("img_in.weight", &[4, 4])]);
    // A Qwen3 of another width, and one of the same without a vision tower.
    let qwen = |width: usize| {
        let name = format!("text_encoders/qwen-{width}.safetensors");
        other(
            &name,
            &[
                ("model.embed_tokens.weight", &[8, width]),
                ("model.layers.0.self_attn.q_norm.weight", &[16]),
                ("model.layers.0.self_attn.q_proj.weight", &[64, width]),
            ],
        );
    };
    qwen(48);
    qwen(32);
    let conv = "decoder.conv_in.weight";
    other("vae/ae.safetensors", &[(conv, &[16, 16, 3, 3])]);
    // A copy in a format that is not read, and a file that is none.
    other(
        "diffusion_models/ideogram4_nvfp4_mixed.safetensors",
        &[
            ("embed_image_indicator.weight", &[2, 96]),
            ("layers.0.attention.qkv.weight_scale_2", &[1]),
        ],
    );
    std::fs::write(folder.path().join("diffusion_models/half.safetensors"), b"half").unwrap();
    let text = folder.path().join("text_encoders/qwen3vl_8b_fp8_scaled.safetensors");
    let mut tensors = read(&text);
    tensors.insert("visual.blocks.0.norm1.weight".to_owned(), (Dtype::BF16, vec![1], vec![0; 2]));
    write(&text, &tensors, None);
    assert_eq!(computed(folder.path()), computed(&tiny("reference-fp8")));
}

#[test]
fn what_is_missing_damaged_or_not_clear_is_said_with_the_way_out() {
    let folder = comfyui();
    let file = |name: &str| folder.path().join(name);
    let model = "diffusion_models/ideogram4_fp8_scaled.safetensors";
    let copy = "diffusion_models/another.safetensors";
    std::fs::copy(file(model), file(copy)).unwrap();
    let several = message(folder.path());
    several.assert_has([model, copy, "conditional transformer", "links to"]);
    std::fs::remove_file(file(copy)).unwrap();

    let bytes = std::fs::read(file(model)).unwrap();
    std::fs::write(file(model), &bytes[..bytes.len() - 1]).unwrap();
    let cut = message(folder.path());
    assert!(cut.contains(model) && cut.contains("cut short"), "{cut}");
    std::fs::write(file(model), &bytes).unwrap();

    let vae = "vae/flux2-vae.safetensors";
    std::fs::remove_file(file(vae)).unwrap();
    let none = message(folder.path());
    none.assert_has(["holds no decoder (vae)", "decoder.conv_in.weight", "put the file into"]);

    let folder = comfyui();
    std::fs::remove_dir_all(folder.path().join("tokenizer")).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let tokenizer = checkpoint.tokenizer_json().unwrap_err().to_string();
    tokenizer.assert_has(["tokenizer/tokenizer.json is missing", "Qwen/Qwen3-VL-8B-Instruct"]);

    // Its only copy in a format that is not read is named with its tensor.
    let file = folder.path().join(model);
    let mut tensors = read(&file);
    let quant = br#"{"format": "int8_tensorwise", "convrot": true}"#;
    let name = "layers.0.attention.qkv";
    tensors.get_mut(&format!("{name}.weight")).unwrap().0 = Dtype::I8;
    let entry = (Dtype::U8, vec![quant.len()], quant.to_vec());
    tensors.insert(format!("{name}.comfy_quant"), entry);
    write(&file, &tensors, Some("ideogram4_cond"));
    std::fs::create_dir(folder.path().join("tokenizer")).unwrap();
    let json = tiny("reference-fp8").join("tokenizer/tokenizer.json");
    std::fs::copy(json, folder.path().join("tokenizer/tokenizer.json")).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let error = Model::load(&checkpoint, ModelOptions::default(), &mut |_| ()).err().unwrap();
    let error = error.to_string();
    error.assert_has(["int8_tensorwise", "layers.0.attention.qkv.weight", model]);
}

#[test]
fn without_an_unconditional_file_the_model_has_none() {
    let folder = comfyui();
    let unconditional = "diffusion_models/ideogram4_unconditional_fp8_scaled.safetensors";
    std::fs::remove_file(folder.path().join(unconditional)).unwrap();
    std::fs::remove_dir_all(folder.path().join("unconditional_transformer")).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert!(!checkpoint.has(sigmalab_model::checkpoint::Component::UnconditionalTransformer));
}
