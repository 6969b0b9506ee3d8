//! Loading checkpoints that are incomplete or contradict themselves: no panic, and messages that
//! name the place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use proptest::prelude::*;
use serde_json::{Value, json};
use sigmalab_compute::ModelOptions;
use sigmalab_model::checkpoint::Checkpoint;
use sigmalab_model::{LatentGrid, Model, ModelError, ModelTime};
use std::fs;
use std::path::Path;
use support::checkpoints::{copy_of, tiny};

fn load(folder: &Path) -> Result<Model, String> {
    let checkpoint = Checkpoint::open(folder).map_err(|error| error.to_string())?;
    Model::load(&checkpoint, ModelOptions::default(), &mut |_| ()).map_err(|e| e.to_string())
}

/// Writes `value` under the dotted `key` of a config.
fn set(folder: &Path, file: &str, key: &str, value: &Value) {
    let path = folder.join(file);
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut place = &mut config;
    for name in key.split('.') {
        place = &mut place[name];
    }
    *place = value.clone();
    fs::write(&path, config.to_string()).unwrap();
}

/// A config value that must be refused: file, key, value, and what the message has to name
/// beside both.
type Spoilt = (&'static str, &'static str, Value, &'static str);

fn refused(layout: &str, cases: &[Spoilt]) {
    for (file, key, value, names) in cases {
        let folder = copy_of(layout);
        set(folder.path(), file, key, value);
        let Err(message) = load(folder.path()) else { panic!("{file}: {key} = {value} accepted") };
        for part in [*file, *key, *names] {
            assert!(message.contains(part), "no {part} in: {message}");
        }
    }
}

#[test]
fn a_dimension_that_contradicts_the_tensors_names_file_key_and_tensor() {
    let (text, vae) = ("text_encoder/config.json", "vae/config.json");
    let (network, other) = ("transformer/config.json", "unconditional_transformer/config.json");
    refused(
        "reference-fp8",
        &[
            (text, "text_config.hidden_size", json!(33), "embed_tokens.weight"),
            (text, "text_config.num_key_value_heads", json!(4), "k_proj.weight"),
            (text, "text_config.num_hidden_layers", json!(40), "layers.35"),
            (network, "emb_dim", json!(97), "input_proj.weight"),
            (network, "num_heads", json!(3), "input_proj.weight"),
            (network, "adanln_dim", json!(41), "adaln_proj.weight"),
            (network, "num_layers", json!(4), "layers.2"),
            (network, "llm_features_dim", json!(415), "llm_cond_norm.weight"),
            (other, "intermediate_size", json!(161), "feed_forward.w1.weight"),
            (vae, "latent_channels", json!(16), "decoder.conv_in.weight"),
            (vae, "block_out_channels", json!([8, 8, 16, 32]), "up_blocks"),
            (vae, "layers_per_block", json!(1), "resnets.2"),
        ],
    );
    refused(
        "diffusers",
        &[
            (network, "attention_head_dim", json!(64), "norm_q.weight"),
            (network, "num_attention_heads", json!(4), "input_proj.weight"),
            (network, "adaln_dim", json!(512), "adaln_proj.weight"),
        ],
    );
}

#[test]
fn a_value_that_cannot_be_used_is_refused_with_what_is_accepted() {
    let (text, vae) = ("text_encoder/config.json", "vae/config.json");
    let network = "transformer/config.json";
    refused(
        "reference-fp8",
        &[
            (text, "text_config.rope_parameters.rope_theta", json!(-1), "above 0"),
            (text, "text_config.rope_parameters.rope_type", json!("yarn"), "default"),
            (text, "text_config.hidden_act", json!("gelu"), "silu"),
            (network, "num_heads", json!("two"), "whole number"),
            (network, "norm_eps", json!(0), "above 0"),
            (network, "mrope_section", json!([8, 8]), "three numbers"),
            (network, "mrope_section", json!([8, 9, 8]), "24"),
            (vae, "norm_num_groups", json!(3), "divide"),
            (vae, "latent_statistics", json!("flux2"), "reference"),
        ],
    );
}

#[test]
fn what_a_config_leaves_out_is_read_from_the_tensors() {
    let folder = copy_of("reference-fp8");
    let path = folder.path().join("transformer/config.json");
    let silent = json!({ "mrope_section": [8, 8, 8] });
    fs::write(&path, silent.to_string()).unwrap();
    let (silent, full) = (load(folder.path()).unwrap(), load(&tiny("reference-fp8")).unwrap());
    let grid = LatentGrid { rows: 2, columns: 3 };
    let x = vec![0.5; grid.tokens() * 128];
    let velocity = |model: &Model| {
        let prompt = model.encode("a red circle").unwrap();
        model.conditional(&x, grid, ModelTime(0.5), &prompt).unwrap()
    };
    assert_eq!(velocity(&silent), velocity(&full));
}

#[test]
fn the_older_place_of_rope_theta_is_read_too() {
    let older = copy_of("reference-fp8");
    let file = "text_encoder/config.json";
    set(older.path(), file, "text_config.rope_parameters", &Value::Null);
    set(older.path(), file, "text_config.rope_theta", &json!(12.5));
    let newer = copy_of("reference-fp8");
    set(newer.path(), file, "text_config.rope_parameters.rope_theta", &json!(12.5));
    let features = |folder: &Path| load(folder).unwrap().text_features("a star").unwrap();
    assert_eq!(features(older.path()), features(newer.path()));
    assert_ne!(features(older.path()), features(&tiny("reference-fp8")));
}

#[test]
fn a_distilled_checkpoint_loads_and_says_that_it_has_no_unconditional_network() {
    let folder = copy_of("reference-fp8");
    fs::remove_dir_all(folder.path().join("unconditional_transformer")).unwrap();
    let model = load(folder.path()).unwrap();
    assert!(!model.has_unconditional());
    let grid = LatentGrid { rows: 1, columns: 1 };
    match model.unconditional(&[0.0; 128], grid, ModelTime(0.5)) {
        Err(error @ ModelError::NoUnconditional) => {
            assert!(error.to_string().contains("guidance weight 1"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert!(load(&tiny("reference-fp8")).unwrap().has_unconditional());
}

#[test]
fn latents_of_the_wrong_length_are_refused() {
    let model = load(&tiny("reference-fp8")).unwrap();
    let grid = LatentGrid { rows: 2, columns: 2 };
    for length in [0, 511, 513] {
        let x = vec![0.0; length];
        assert!(matches!(model.decode(&x, grid), Err(ModelError::LatentLength { .. })));
        let velocity = model.unconditional(&x, grid, ModelTime(0.5));
        assert!(matches!(velocity, Err(ModelError::LatentLength { expected: 512, .. })));
    }
    let nothing = LatentGrid { rows: 0, columns: 5 };
    assert!(matches!(model.decode(&[], nothing), Err(ModelError::LatentLength { .. })));
}

#[test]
fn a_reference_layout_uses_the_reference_s_latent_constants_and_diffusers_its_own() {
    let golden = fs::read(tiny("golden-diffusers.safetensors")).unwrap();
    let golden = safetensors::SafeTensors::deserialize(&golden).unwrap();
    let latents: Vec<f32> = golden.tensor("latents").unwrap().data()[..4 * 128 * 4]
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    let grid = LatentGrid { rows: 2, columns: 2 };
    let image = |layout: &str, statistics: Value| {
        let folder = copy_of(layout);
        set(folder.path(), "vae/config.json", "latent_statistics", &statistics);
        load(folder.path()).unwrap().decode(&latents, grid).unwrap()
    };
    for layout in ["diffusers", "reference-fp8"] {
        let default = image(layout, Value::Null);
        let (own, constants) = (image(layout, json!("bn")), image(layout, json!("reference")));
        assert_ne!(own, constants);
        assert_eq!(default, if layout == "diffusers" { own } else { constants }, "{layout}");
    }
}

#[test]
fn progress_names_each_part_and_ends_at_the_last_byte() {
    let checkpoint = Checkpoint::open(&tiny("reference-fp8")).unwrap();
    let mut seen = Vec::new();
    Model::load(&checkpoint, ModelOptions::default(), &mut |progress| seen.push(progress)).unwrap();
    let stages: Vec<String> = seen.iter().map(|progress| progress.stage.to_string()).collect();
    assert_eq!(
        stages,
        [
            "reading text encoder",
            "reading transformer",
            "reading unconditional transformer",
            "reading decoder",
            "ready"
        ]
    );
    assert!(seen.windows(2).all(|pair| pair[0].bytes_done < pair[1].bytes_done));
    let last = seen.last().unwrap();
    assert_eq!((last.bytes_done, last.bytes_total), (checkpoint.weight_bytes(), last.bytes_done));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0u64..200).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::from))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_value_in_a_config_makes_loading_panic(
        place in prop::sample::select(vec![
            ("text_encoder/config.json", "text_config"),
            ("text_encoder/config.json", "text_config.rope_parameters"),
            ("text_encoder/config.json", "text_config.head_dim"),
            ("text_encoder/config.json", "text_config.num_attention_heads"),
            ("transformer/config.json", "emb_dim"),
            ("transformer/config.json", "mrope_section"),
            ("transformer/config.json", "rope_theta"),
            ("unconditional_transformer/config.json", "in_channels"),
            ("vae/config.json", "norm_num_groups"),
            ("vae/config.json", "block_out_channels"),
            ("vae/config.json", "layers_per_block"),
            ("vae/config.json", "batch_norm_eps"),
        ]),
        value in any_json(),
    ) {
        let folder = copy_of("reference-fp8");
        set(folder.path(), place.0, place.1, &value);
        if let Err(message) = load(folder.path()) {
            prop_assert!(message.contains(place.0), "{message}");
        }
    }
}
