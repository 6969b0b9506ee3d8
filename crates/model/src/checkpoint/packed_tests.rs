//! bitsandbytes' own data, and packed weights whose pieces do not fit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::checkpoint::files::Files;
use crate::checkpoint::shards;
use ::safetensors::tensor::{Dtype, TensorView, serialize};
use proptest::prelude::*;
use std::path::PathBuf;

fn bitsandbytes() -> StoredPart {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    shards::open(&Files::Folder(data), "nf4-nested", &["nf4"]).unwrap()
}

/// A part with these tensors, through a file.
fn part(tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> StoredPart {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("transformer")).unwrap();
    let file = folder.path().join("transformer/model.safetensors");
    std::fs::write(file, serialize(views, None).unwrap()).unwrap();
    shards::open(&Files::Folder(folder.path().to_owned()), "transformer", &["model"]).unwrap()
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn widen(weight: &dyn Weight) -> Vec<f32> {
    let mut values = vec![f32::NAN; weight.outputs() * weight.inputs()];
    weight.widen_rows(0..weight.outputs(), &mut values);
    values
}

#[test]
fn nf4_unpacks_to_what_bitsandbytes_unpacks_it_to() {
    let part = bitsandbytes();
    for (module, format) in [
        ("plain", "nf4"),
        ("plain_128", "nf4"),
        ("nested", "nf4 nested"),
        ("nested_ragged", "nf4 nested"),
    ] {
        let weight = weight(&part, module).unwrap();
        assert_eq!(weight.format(), format);
        let expected = part.get(&format!("{module}.expected")).unwrap();
        assert_eq!(expected.shape, [weight.outputs(), weight.inputs()], "{module}");
        let expected = widen_all(expected).unwrap();
        let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        assert!(largest > 0.1, "{module}");
        for (index, (value, expected)) in widen(weight.as_ref()).iter().zip(&expected).enumerate() {
            // bitsandbytes may contract the nested scale's product and sum: one rounding.
            let error = (value - expected).abs();
            assert!(
                error <= expected.abs() * 2f32.powi(-22),
                "{module}[{index}] {value} {expected}"
            );
        }
    }
}

#[test]
fn rows_of_a_ragged_matrix_are_the_rows_of_the_whole() {
    let part = bitsandbytes();
    let weight = weight(&part, "nested_ragged").unwrap();
    let whole = widen(weight.as_ref());
    for (row, expected) in whole.chunks(50).enumerate() {
        let mut values = vec![f32::NAN; 50];
        weight.widen_rows(row..row + 1, &mut values);
        assert_eq!(values, expected);
    }
}

#[test]
fn an_fp8_scale_may_be_one_value_or_one_a_row() {
    // 0x38 is 1.0, 0x40 is 2.0.
    let codes = vec![0x38, 0x40, 0x40, 0x38, 0x38, 0x38];
    for (name, shape, scale, expected) in [
        ("a.weight_scale", vec![], vec![3.0], vec![3.0, 3.0, 3.0]),
        ("a.scale_weight", vec![], vec![3.0], vec![3.0, 3.0, 3.0]),
        ("a.weight_scale", vec![1], vec![3.0], vec![3.0, 3.0, 3.0]),
        ("a.weight_scale", vec![3], vec![1.0, 2.0, 4.0], vec![1.0, 2.0, 4.0]),
        ("a.weight_scale", vec![3, 1], vec![1.0, 2.0, 4.0], vec![1.0, 2.0, 4.0]),
    ] {
        let part = part(&[
            ("a.weight", Dtype::F8_E4M3, vec![3, 2], codes.clone()),
            (name, Dtype::F32, shape, f32_bytes(&scale)),
        ]);
        let weight = weight(&part, "a").unwrap();
        assert_eq!(widen(weight.as_ref()), [1.0, 2.0, 2.0, 1.0, 1.0, 1.0]);
        assert_eq!(weight.row_scale().unwrap(), expected);
    }
}

#[test]
fn a_quantisation_that_is_not_read_is_named_with_its_tensor_and_its_file() {
    let comfy = br#"{"format":"int8_tensorwise","convrot":true}"#.to_vec();
    let weight_of = |dtype, bytes: usize| ("a.weight", dtype, vec![2, 2], vec![0u8; bytes]);
    for (tensors, named) in [
        (vec![weight_of(Dtype::I8, 4)], "I8"),
        (
            vec![weight_of(Dtype::I8, 4), ("a.comfy_quant", Dtype::U8, vec![comfy.len()], comfy)],
            "int8_tensorwise",
        ),
        (vec![weight_of(Dtype::U8, 4)], "U8"),
        (vec![weight_of(Dtype::F8_E4M3, 4)], "F8_E4M3 without a.weight_scale"),
        (vec![weight_of(Dtype::F8_E5M2, 4)], "F8_E5M2"),
        (
            vec![
                weight_of(Dtype::F8_E4M3, 4),
                ("a.weight_scale", Dtype::F32, vec![2, 2], vec![0; 16]),
            ],
            "a.weight_scale of shape [2, 2]",
        ),
        (vec![("a.qweight", Dtype::I32, vec![1], vec![0; 4])], "GPTQ"),
        (
            vec![
                weight_of(Dtype::U8, 4),
                ("a.weight.quant_state.bitsandbytes__fp4", Dtype::U8, vec![2], b"{}".to_vec()),
            ],
            "bitsandbytes fp4",
        ),
    ] {
        let message = weight(&part(&tensors), "a").unwrap_err().to_string();
        assert!(message.starts_with("unknown quantisation"), "{message}");
        for words in [named, "transformer/model.safetensors", "a.", "sigmalab reads f32, f16"] {
            assert!(message.contains(words), "{words}: {message}");
        }
    }
}

#[test]
fn a_config_may_name_nf4_and_nothing_else() {
    let check = |config: &str| {
        check_config(&serde_json::from_str(config).unwrap(), Path::new("text_encoder/config.json"))
    };
    let nf4 =
        r#"{"quant_method": "bitsandbytes", "load_in_4bit": true, "bnb_4bit_quant_type": "nf4"}"#;
    for config in ["{}", r#"{"quantization_config": null}"#, "[1]"] {
        check(config).unwrap();
    }
    check(&format!(r#"{{"quantization_config": {nf4}}}"#)).unwrap();
    for (config, named) in [
        (r#"{"quant_method": "bitsandbytes", "load_in_8bit": true}"#, "bitsandbytes int8"),
        (r#"{"quant_method": "bitsandbytes", "load_in_4bit": true}"#, "bitsandbytes fp4"),
        (r#"{"quant_method": "gptq"}"#, "gptq"),
        (r#""what""#, "without quant_method"),
    ] {
        let message = check(&format!(r#"{{"quantization_config": {config}}}"#)).unwrap_err();
        let message = message.to_string();
        assert!(message.contains(named), "{message}");
        assert!(message.contains("text_encoder/config.json"), "{message}");
    }
}

/// A [2, 64] nf4 weight whose state is `state`.
fn with_state(state: &[u8]) -> StoredPart {
    part(&[
        ("a.weight", Dtype::U8, vec![64, 1], vec![0x5a; 64]),
        ("a.weight.absmax", Dtype::F32, vec![2], f32_bytes(&[1.0, 2.0])),
        ("a.weight.quant_map", Dtype::F32, vec![16], f32_bytes(&[0.5; 16])),
        ("a.weight.quant_state.bitsandbytes__nf4", Dtype::U8, vec![state.len()], state.to_vec()),
    ])
}

const STATE: &str =
    r#"{"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [2, 64]}"#;

#[test]
fn pieces_that_do_not_fit_together_are_named() {
    assert!(weight(&with_state(STATE.as_bytes()), "a").is_ok());
    for (from, to, named) in [
        ("\"nf4\"", "\"fp4\"", "unknown quantisation fp4"),
        ("[2, 64]", "[2, 63]", "do not fill 2 × 63"),
        ("[2, 64]", "[128]", "shape [128] is not a matrix"),
        ("[2, 64]", "[18446744073709551615, 2]", "do not fill"),
        ("64,", "0,", "blocks of 0"),
        ("64,", "4611686018427387904,", "blocks of 4611686018427387904"),
        ("\"blocksize\": 64, ", "", "missing field `blocksize`"),
        ("[2, 64]", "[2, 64", "line 1, column"),
        ("[2, 64]", "[-2, 64]", "line 1, column"),
    ] {
        let state = STATE.replacen(from, to, 1);
        let message = weight(&with_state(state.as_bytes()), "a").unwrap_err().to_string();
        assert!(message.contains(named), "{state}: {message}");
        assert!(message.contains("model.safetensors"), "{message}");
        assert!(message.contains("a.weight"), "{message}");
    }
    let empty = part(&[
        ("a.weight", Dtype::F8_E4M3, vec![1 << 40, 0], vec![]),
        ("a.weight_scale", Dtype::F32, vec![], f32_bytes(&[1.0])),
    ]);
    assert!(weight(&empty, "a").is_err());
}

proptest! {
    #[test]
    fn no_quantisation_state_panics_and_one_that_loads_unpacks(
        replacements in prop::collection::vec((0..STATE.len(), any::<u8>()), 1..4),
        cut in 0..STATE.len(),
        cuts in any::<bool>(),
    ) {
        let mut state = STATE.as_bytes().to_vec();
        for (at, byte) in replacements {
            state[at] = byte;
        }
        if cuts {
            state.truncate(cut);
        }
        if let Ok(weight) = weight(&with_state(&state), "a") {
            prop_assert_eq!(weight.outputs() * weight.inputs(), 128);
            prop_assert!(widen(weight.as_ref()).iter().all(|value| value.abs() <= 1.0));
        }
    }
}
