//! Checkpoints: looked into when good, refused with file and tensor when not.

use crate::support::program::{Place, demo_checkpoint, quick};
use crate::support::text::AssertHas as _;
use safetensors::SafeTensors;
use std::fs;
use std::path::Path;

#[test]
fn inspect_tells_layout_format_and_dimensions_of_the_demo() {
    let place = Place::new();
    let text = place.done(&["model", "inspect"]);
    text.assert_has(["demo", "fingerprint", "256×256", "fp8", "hidden size 192", "layers 36"]);
    let json = place.json(&["model", "inspect", "--json"]);
    assert_eq!(json["model"], "demo");
    assert_eq!(json["components"].as_array().unwrap().len(), 4);
    assert!(text.contains(json["fingerprint"].as_str().unwrap()));
}

#[test]
fn a_checkpoint_is_found_by_flag_and_by_variable_with_one_fingerprint() {
    let place = Place::new();
    let folder = demo_checkpoint(&place);
    let fingerprint = |outcome: &str| -> String {
        let json: serde_json::Value = serde_json::from_str(outcome).unwrap();
        json["fingerprint"].as_str().unwrap().to_owned()
    };
    let demo = fingerprint(&place.done(&["model", "inspect", "--json"]));
    let by_flag = place.done(&["model", "inspect", "--json", "--model", folder.to_str().unwrap()]);
    assert_eq!(fingerprint(&by_flag), demo);
    let mut command = place.command(&["model", "inspect", "--json"]);
    command.env("SIGMALAB_MODEL", &folder);
    let by_variable = crate::support::program::outcome(command);
    assert_eq!(by_variable.code, Some(0), "{by_variable:?}");
    assert!(by_variable.stdout.contains(folder.to_str().unwrap()));
    assert_eq!(fingerprint(&by_variable.stdout), demo);
}

/// Writes `file` anew, every tensor changed by `change`: `None` leaves one out.
fn rewrite(file: &Path, change: impl Fn(&str, &[usize]) -> Option<Vec<usize>>) {
    let bytes = fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let kept = tensors.iter().filter_map(|(name, view)| {
        let shape = change(name, view.shape())?;
        let view = safetensors::tensor::TensorView::new(view.dtype(), shape, view.data()).unwrap();
        Some((name.to_owned(), view))
    });
    let written = safetensors::serialize(kept.collect::<Vec<_>>(), None).unwrap();
    fs::write(file, written).unwrap();
}

const TRANSFORMER: &str = "transformer/diffusion_pytorch_model.safetensors";

#[test]
fn a_missing_part_an_empty_folder_and_a_file_in_its_place_are_refused() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).unwrap();
    place.refused(&quick(&["--model", "./empty"]), &["none of transformer/"]);
    place.write("file", "x");
    place.refused(&quick(&["--model", "./file"]), &["not a checkpoint folder"]);
    let folder = demo_checkpoint(&place);
    fs::remove_dir_all(folder.join("vae")).unwrap();
    place.refused(&quick(&["--model", "model"]), &["vae"]);
}

#[test]
fn truncated_and_garbled_weights_are_refused_with_the_file() {
    let place = Place::new();
    let file = demo_checkpoint(&place).join(TRANSFORMER);
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    place.refused(&quick(&["--model", "model"]), &[TRANSFORMER]);
    fs::write(&file, b"not a tensor file, only text that is long enough").unwrap();
    place.refused(&quick(&["--model", "model"]), &[TRANSFORMER]);
}

#[test]
fn a_missing_tensor_and_a_wrong_shape_are_refused_with_the_tensor() {
    let place = Place::new();
    let folder = demo_checkpoint(&place);
    let file = folder.join(TRANSFORMER);
    let whole = fs::read(&file).unwrap();
    let missing = "layers.2.attention.norm_q.weight";
    rewrite(&file, |name, shape| (name != missing).then(|| shape.to_vec()));
    place.refused(&quick(&["--model", "model"]), &[TRANSFORMER, missing]);

    fs::write(&file, whole).unwrap();
    rewrite(&file, |name, shape| {
        let halved = name == missing;
        Some(if halved { vec![2, shape[0] / 2] } else { shape.to_vec() })
    });
    place.refused(&quick(&["--model", "model"]), &[TRANSFORMER, missing]);
}

#[test]
fn an_unknown_quantisation_is_refused_with_its_name() {
    let place = Place::new();
    let file = demo_checkpoint(&place).join("transformer/config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    config["quantization_config"] = serde_json::json!({ "quant_method": "abracadabra" });
    fs::write(&file, config.to_string()).unwrap();
    place.refused(&quick(&["--model", "model"]), &["transformer/config.json", "abracadabra"]);
}

#[test]
fn settings_that_are_no_file_and_huge_configs_are_refused() {
    let place = Place::new();
    let folder = demo_checkpoint(&place);
    let settings = folder.join("sigmalab.json");
    fs::remove_file(&settings).unwrap();
    fs::create_dir(&settings).unwrap();
    place.refused(&quick(&["--model", "model"]), &["sigmalab.json"]);
    fs::remove_dir(&settings).unwrap();
    // Sparse: ten gigabytes that take no room.
    let config = fs::File::create(folder.join("vae/config.json")).unwrap();
    config.set_len(10 << 30).unwrap();
    place.refused(&quick(&["--model", "model"]), &["vae/config.json", "too large"]);
}

#[test]
fn absurd_numbers_in_a_config_are_refused_with_the_key() {
    let place = Place::new();
    let file = demo_checkpoint(&place).join("transformer/config.json");
    let original: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let huge = u64::MAX;
    for (key, value) in [
        ("mrope_section", serde_json::json!([huge, huge, huge])),
        ("mrope_section", serde_json::json!([-1, 1, 1])),
        ("num_heads", serde_json::json!(0)),
        ("num_heads", serde_json::json!(1e18)),
        ("norm_eps", serde_json::json!(-1)),
    ] {
        let mut config = original.clone();
        config[key] = value;
        fs::write(&file, config.to_string()).unwrap();
        place.refused(&quick(&["--model", "model"]), &["transformer/config.json", key]);
    }
}
