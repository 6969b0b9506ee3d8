//! What an opened checkpoint gives, whatever layout and format it is stored in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod comfyui;
mod gguf;
mod program;
#[path = "../support/mod.rs"]
mod support;

use crate::support::text::AssertHas as _;
use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde_json::json;
use sigmalab_model::checkpoint::{Checkpoint, CheckpointError, Component, Weights};
use std::collections::BTreeMap;
use std::path::Path;
use support::checkpoints::{copy_of, demo, tiny};

const LAYOUTS: [&str; 3] = ["diffusers", "reference-fp8", "reference-nf4"];

fn weights(folder: &Path, component: Component, dtype: DType) -> Weights {
    Checkpoint::open(folder).unwrap().weights(component, dtype, &Device::Cpu).unwrap()
}

fn transformer(layout: &str, dtype: DType) -> Weights {
    weights(&tiny(layout), Component::Transformer, dtype)
}

type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// Changes the tensors of a file in place.
fn rewrite(file: &Path, change: impl FnOnce(&mut Tensors)) {
    let bytes = std::fs::read(file).unwrap();
    let mut tensors: Tensors = SafeTensors::deserialize(&bytes)
        .unwrap()
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
        .collect();
    change(&mut tensors);
    write(file, &tensors);
}

fn write(file: &Path, tensors: &Tensors) {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    std::fs::write(file, serialize(views, None).unwrap()).unwrap();
}

fn inputs(rows: usize, columns: usize) -> Tensor {
    let values: Vec<f32> =
        (0..rows * columns).map(|i| ((i * 7919 % 101) as f32 - 50.0) / 50.0).collect();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn relative_error(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (values(a), values(b));
    assert_eq!(a.len(), b.len());
    let square = |sum: f64, value: f32| sum + f64::from(value) * f64::from(value);
    let error = a.iter().zip(&b).map(|(a, b)| a - b).fold(0.0, square);
    (error / b.iter().copied().fold(0.0, square)).sqrt()
}

fn message(result: Result<Checkpoint, CheckpointError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn one_model_in_three_layouts_computes_nearly_the_same() {
    let modules = [
        ("layers.1.attention.qkv", 96, 288, false),
        ("layers.0.attention.o", 96, 96, false),
        ("layers.2.feed_forward.w2", 160, 96, false),
        ("layers.0.adaln_modulation", 40, 384, true),
        ("final_layer.linear", 96, 128, true),
    ];
    for (module, width, outputs, bias) in modules {
        let forward = |layout: &str, dtype| {
            let linear = transformer(layout, dtype).linear(module, width, outputs, bias).unwrap();
            assert_eq!((linear.inputs(), linear.outputs()), (width, outputs));
            let x = inputs(5, width).to_dtype(dtype).unwrap();
            (linear.format(), linear.forward(&x).unwrap())
        };
        let (_, exact) = forward("diffusers", DType::F32);
        // What rounding a weight to 8 and to 4 bits costs, and activations to bf16.
        for (layout, format, tolerance) in [
            ("diffusers", "f32", 0.0),
            ("reference-fp8", "fp8", 0.04),
            ("reference-nf4", "nf4", 0.12),
        ] {
            let (found, y) = forward(layout, DType::F32);
            assert_eq!(found, format);
            let error = relative_error(&y, &exact);
            assert!(error <= tolerance, "{module} {layout}: {error}");
            let (_, rounded) = forward(layout, DType::BF16);
            assert_eq!(rounded.dtype(), DType::BF16);
            let error = relative_error(&rounded, &y);
            assert!(error > 0.0 && error < 0.01, "{module} {layout} in bf16: {error}");
        }
    }
}

#[test]
fn the_same_product_gives_the_same_bits_every_time() {
    for layout in LAYOUTS {
        let forward = || {
            let linear = transformer(layout, DType::F32)
                .linear("layers.1.attention.qkv", 96, 288, false)
                .unwrap();
            values(&linear.forward(&inputs(7, 96)).unwrap())
        };
        let threads = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(forward(), threads.install(forward), "{layout}");
    }
}

#[test]
fn tensors_are_found_by_the_reference_names_with_their_shapes() {
    for layout in LAYOUTS {
        let weights = transformer(layout, DType::BF16);
        assert_eq!(weights.shape("layers.1.attention.qkv.weight").unwrap(), [288, 96]);
        assert_eq!(weights.shape("layers.1.attention.o.weight").unwrap(), [96, 96]);
        assert_eq!(weights.shape("llm_cond_norm.weight").unwrap(), [416]);
        assert!(weights.has("layers.2.attention.qkv.weight"));
        assert!(!weights.has("layers.3.attention.qkv.weight") && !weights.has("qkv"));
        let norm = weights.tensor("layers.0.attention.norm_q.weight", &[48]).unwrap();
        let wide = weights.tensor_f32("layers.0.attention.norm_q.weight", &[48]).unwrap();
        assert_eq!((norm.dtype(), wide.dtype()), (DType::BF16, DType::F32));
        assert!(relative_error(&norm, &wide) < 0.005);
    }
}

#[test]
fn the_text_encoder_is_found_after_any_prefix() {
    let ids = [0, 511, 7];
    let expected = {
        let weights = weights(&tiny("reference-fp8"), Component::TextEncoder, DType::F32);
        values(&weights.embedding("embed_tokens", 512, 32).unwrap().rows(&ids).unwrap())
    };
    for prefix in ["model.language_model.", "language_model.", "model.", ""] {
        let folder = copy_of("reference-fp8");
        rewrite(&folder.path().join("text_encoder/model.safetensors"), |tensors| {
            *tensors = std::mem::take(tensors)
                .into_iter()
                .map(|(name, tensor)| {
                    let renamed =
                        name.strip_prefix("language_model.").map(|n| format!("{prefix}{n}"));
                    (renamed.unwrap_or(name), tensor)
                })
                .collect();
        });
        let weights = weights(folder.path(), Component::TextEncoder, DType::F32);
        let table = weights.embedding("embed_tokens", 512, 32).unwrap();
        assert_eq!(values(&table.rows(&ids).unwrap()), expected, "{prefix}");
        assert!(weights.linear("layers.35.self_attn.q_proj", 32, 64, false).is_ok());
        assert!(table.rows(&[512]).unwrap_err().to_string().contains("512"));
    }
}

#[test]
fn a_sharded_checkpoint_is_the_same_as_a_single_file() {
    let folder = copy_of("diffusers");
    let part = folder.path().join("transformer");
    let file = part.join("diffusion_pytorch_model.safetensors");
    let mut shards = vec![Tensors::new(); 3];
    rewrite(&file, |tensors| {
        for (index, (name, tensor)) in tensors.iter().enumerate() {
            shards[index % 3].insert(name.clone(), tensor.clone());
        }
    });
    std::fs::remove_file(&file).unwrap();
    let mut map = serde_json::Map::new();
    for (index, shard) in shards.iter().enumerate() {
        let name = format!("diffusion_pytorch_model-{index}-of-3.safetensors");
        write(&part.join(&name), shard);
        map.extend(shard.keys().map(|tensor| (tensor.clone(), json!(name))));
    }
    let index = json!({ "metadata": {}, "weight_map": map });
    let index_file = part.join("diffusion_pytorch_model.safetensors.index.json");
    std::fs::write(index_file, index.to_string()).unwrap();

    let (whole, sharded) =
        (Checkpoint::open(&tiny("diffusers")).unwrap(), Checkpoint::open(folder.path()).unwrap());
    assert_eq!(whole.fingerprint(), sharded.fingerprint());
    assert_eq!(whole.weight_bytes(), sharded.weight_bytes());
    let forward = |checkpoint: &Checkpoint| {
        let weights = checkpoint.weights(Component::Transformer, DType::F32, &Device::Cpu).unwrap();
        let linear = weights.linear("layers.1.attention.qkv", 96, 288, false).unwrap();
        values(&linear.forward(&inputs(3, 96)).unwrap())
    };
    assert_eq!(forward(&whole), forward(&sharded));
}

#[test]
fn the_fingerprint_stays_for_a_copy_and_changes_with_weights_and_settings() {
    let of = |folder: &Path| Checkpoint::open(folder).unwrap().fingerprint();
    let original = of(&tiny("reference-fp8"));
    assert_eq!(original.len(), 32);
    let copy = copy_of("reference-fp8");
    assert_eq!(of(copy.path()), original);
    let mut seen = vec![original, of(&tiny("reference-nf4")), of(&tiny("diffusers"))];
    let weights = copy.path().join("unconditional_transformer/diffusion_pytorch_model.safetensors");
    rewrite(&weights, |tensors| tensors.get_mut("adaln_proj.bias").unwrap().2[0] ^= 1);
    seen.push(of(copy.path()));
    rewrite(&weights, |tensors| {
        let last = tensors.get_mut("layers.0.feed_forward.w1.weight").unwrap().2.last_mut();
        *last.unwrap() ^= 1;
    });
    seen.push(of(copy.path()));
    let config = copy.path().join("vae/config.json");
    let text = std::fs::read_to_string(&config).unwrap().replace("\"bn\"", "\"reference\"");
    std::fs::write(&config, text).unwrap();
    seen.push(of(copy.path()));
    std::fs::remove_dir_all(copy.path().join("unconditional_transformer")).unwrap();
    seen.push(of(copy.path()));
    let different: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!(different.len(), seen.len(), "{seen:?}");
}

#[test]
fn a_checkpoint_without_an_unconditional_transformer_opens_and_says_so() {
    let folder = copy_of("diffusers");
    std::fs::remove_dir_all(folder.path().join("unconditional_transformer")).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert!(checkpoint.has(Component::Transformer));
    assert!(!checkpoint.has(Component::UnconditionalTransformer));
    let error = checkpoint.config(Component::UnconditionalTransformer).unwrap_err().to_string();
    assert!(error.contains("unconditional_transformer is missing"), "{error}");
    let weights = checkpoint.weights(Component::UnconditionalTransformer, DType::F32, &Device::Cpu);
    assert!(weights.is_err());
}

#[test]
fn the_embedded_demo_opens_with_its_default_size() {
    let demo = Checkpoint::embedded(sigmalab_demo::FILES).unwrap();
    assert_eq!(demo.default_size(), Some((256, 256)));
    assert_eq!(Checkpoint::open(&tiny("diffusers")).unwrap().default_size(), None);
    assert!(demo.tokenizer_json().unwrap().starts_with(b"{"));
    assert_eq!(demo.config(Component::Transformer).unwrap()["emb_dim"], 192);
    for component in Component::ALL {
        assert!(demo.has(component));
    }
    let weights = demo.weights(Component::Transformer, DType::F32, &Device::Cpu).unwrap();
    assert_eq!(weights.linear("layers.5.attention.qkv", 192, 576, false).unwrap().format(), "fp8");
}

#[test]
fn the_embedded_files_are_all_the_files_of_the_demo_folder() {
    fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                list(&entry.path(), &format!("{name}/"), names);
            } else {
                names.push(name);
            }
        }
    }
    let folder = demo();
    let mut names = Vec::new();
    list(&folder, "", &mut names);
    names.sort();
    let mut embedded: Vec<&str> = sigmalab_demo::FILES.iter().map(|(name, _)| *name).collect();
    embedded.sort_unstable();
    assert_eq!(embedded, names);
    assert_eq!(
        Checkpoint::open(&folder).unwrap().fingerprint(),
        Checkpoint::embedded(sigmalab_demo::FILES).unwrap().fingerprint(),
    );
}

#[test]
fn the_summary_counts_parameters_formats_and_dimensions() {
    let summary = |layout: &str| Checkpoint::open(&tiny(layout)).unwrap().summary();
    let (dense, fp8, nf4) =
        (summary("diffusers"), summary("reference-fp8"), summary("reference-nf4"));
    for ((dense, fp8), nf4) in dense.components.iter().zip(&fp8.components).zip(&nf4.components) {
        assert_eq!(dense.component, fp8.component);
        // One model: as many parameters and the same dimensions, however they are stored.
        assert_eq!(dense.parameters, fp8.parameters);
        assert_eq!(dense.parameters, nf4.parameters);
        assert_eq!(dense.dimensions, fp8.dimensions);
        assert_eq!(dense.dimensions, nf4.dimensions);
        assert_eq!(dense.formats.iter().map(|f| f.bytes).sum::<u64>(), dense.bytes);
        assert_eq!(nf4.formats.iter().map(|f| f.bytes).sum::<u64>(), nf4.bytes);
    }
    let part = |component: Component| {
        fp8.components.iter().find(|part| part.component == component).unwrap()
    };
    let transformer = part(Component::Transformer);
    let format = |name: &str| transformer.formats.iter().find(|f| f.format == name).unwrap();
    // Five linear layers in each of 3 blocks without adaLN's, that one, and six outside.
    assert_eq!(format("fp8").tensors, 3 * 6 + 6 + 1);
    let dimension = |name: &str| {
        transformer.dimensions.iter().find(|d| d.name == name).map(|dimension| dimension.value)
    };
    assert_eq!(dimension("layers"), Some(3));
    assert_eq!(dimension("hidden size"), Some(96));
    assert_eq!(dimension("feed-forward size"), Some(160));
    assert_eq!(part(Component::TextEncoder).dimensions[0].value, 36);
    let layouts = |summary: &sigmalab_model::checkpoint::CheckpointSummary| {
        summary.components.iter().map(|part| part.layout.clone()).collect::<Vec<_>>()
    };
    assert_eq!(layouts(&dense)[1], "diffusers");
    assert_eq!(layouts(&fp8)[1], "reference");
    assert!(serde_json::to_string(&fp8).unwrap().contains("\"component\":\"text_encoder\""));
}

#[test]
fn a_folder_that_is_no_checkpoint_is_explained() {
    let nowhere = message(Checkpoint::open(Path::new("/no/such/folder")));
    assert!(nowhere.contains("/no/such/folder is not a checkpoint folder"), "{nowhere}");
    let folder = tempfile::tempdir().unwrap();
    let empty = message(Checkpoint::open(folder.path()));
    assert!(empty.contains("none of transformer/, text_encoder/, vae/"), "{empty}");
    assert!(!empty.contains("download"), "{empty}");
    std::fs::create_dir(folder.path().join("vae")).unwrap();
    let part = message(Checkpoint::open(folder.path()));
    part.assert_has(["text_encoder/config.json is missing", "the download may be incomplete"]);
    let file = message(Checkpoint::open(&tiny("diffusers").join("vae/config.json")));
    assert!(file.contains("is not a checkpoint folder"), "{file}");
}

#[test]
fn damaged_files_are_named() {
    let damage = |path: &str, change: &dyn Fn(&Path)| {
        let folder = copy_of("reference-nf4");
        change(&folder.path().join(path));
        let message = message(Checkpoint::open(folder.path()));
        assert!(message.contains(path), "{message}");
        message
    };
    let weights = "vae/diffusion_pytorch_model.safetensors";
    let cut = damage(weights, &|file| {
        let length = std::fs::metadata(file).unwrap().len();
        std::fs::File::options().write(true).open(file).unwrap().set_len(length - 1).unwrap();
    });
    assert!(cut.contains("cut short"), "{cut}");
    let emptied = damage(weights, &|file| std::fs::write(file, b"").unwrap());
    assert!(emptied.contains("0 bytes"), "{emptied}");
    let pointer = damage(weights, &|file| {
        std::fs::write(file, b"version https://git-lfs.github.com/spec/v1\n").unwrap();
    });
    assert!(pointer.contains("header"), "{pointer}");
    let config = damage("transformer/config.json", &|file| {
        std::fs::write(file, b"{\n \"emb_dim\": 96,\n}").unwrap();
    });
    assert!(config.contains("line 3, column 1"), "{config}");
    let settings = damage("sigmalab.json", &|file| {
        std::fs::write(file, br#"{"default_size": [256]}"#).unwrap();
    });
    assert!(settings.contains("line 1"), "{settings}");
    let quantised = damage("text_encoder/config.json", &|file| {
        let text = std::fs::read_to_string(file).unwrap().replace("load_in_4bit", "load_in_8bit");
        std::fs::write(file, text).unwrap();
    });
    assert!(quantised.contains("unknown quantisation bitsandbytes int8"), "{quantised}");
    let folder = damage("transformer/config.json", &|file| {
        std::fs::remove_file(file).unwrap();
        std::fs::create_dir(file).unwrap();
    });
    assert!(folder.contains("cannot read"), "{folder}");
    let missing = copy_of("reference-nf4");
    std::fs::remove_file(missing.path().join(weights)).unwrap();
    let missing = message(Checkpoint::open(missing.path()));
    assert!(missing.contains("looked for diffusion_pytorch_model.safetensors"), "{missing}");
}

#[test]
fn a_wrong_shape_and_a_missing_tensor_are_named_with_what_was_expected() {
    let weights = transformer("diffusers", DType::F32);
    let wrong = weights.linear("layers.0.attention.qkv", 96, 291, false).unwrap_err().to_string();
    wrong.assert_has(["layers.0.attention.to_q.weight", "[96, 96]", "[97, 96]", ".safetensors"]);
    let wrong = weights.tensor("input_proj.bias", &[95]).unwrap_err().to_string();
    assert!(wrong.contains("input_proj.bias has shape [96] where [95]"), "{wrong}");
    let wrong = weights.linear("input_proj", 128, 95, true).unwrap_err().to_string();
    assert!(wrong.contains("input_proj.weight has shape [96, 128]"), "{wrong}");
    let missing = weights.linear("layers.3.feed_forward.w1", 96, 160, false);
    let missing = missing.unwrap_err().to_string();
    missing.assert_has(["no tensor layers.3.feed_forward.w1.weight", "there is layers."]);
    let missing = weights.linear("layers.0.feed_forward.w1", 96, 160, true);
    assert!(missing.unwrap_err().to_string().contains("layers.0.feed_forward.w1.bias"));
    let packed = transformer("reference-fp8", DType::F32);
    let packed = packed.tensor("input_proj.weight", &[96, 128]).unwrap_err().to_string();
    assert!(packed.contains("unknown quantisation F8_E4M3"), "{packed}");
}
