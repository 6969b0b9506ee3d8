//! The nf4 checkpoint as bitsandbytes 0.50.2 widens it on a CPU, which is how
//! `golden-reference-nf4.safetensors` was made: where the length of a row is a multiple of 32 but
//! not of the block of 64, scales of other blocks are taken (`tests/data/tiny-a/make-nf4-golden.py`
//! has the details). The program widens by the definition; here the weights are widened the
//! other way first, so that this golden holds everything behind them.

use crate::golden::data;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A copy of the nf4 checkpoint with dense f32 weights in place of packed ones.
pub(crate) fn widened() -> TempDir {
    let copy = TempDir::new().unwrap();
    let source = data("tiny-a/reference-nf4");
    for folder in fs::read_dir(source).unwrap().map(|entry| entry.unwrap().path()) {
        let target = copy.path().join(folder.file_name().unwrap());
        fs::create_dir(&target).unwrap();
        for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let bytes = fs::read(&file).unwrap();
            let target = target.join(file.file_name().unwrap());
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("safetensors") => write_dense(&bytes, &target),
                _ if file.ends_with("config.json") => {
                    let mut config: Value = serde_json::from_slice(&bytes).unwrap();
                    config.as_object_mut().unwrap().remove("quantization_config");
                    fs::write(target, config.to_string()).unwrap();
                }
                _ => fs::write(target, bytes).unwrap(),
            }
        }
    }
    copy
}

fn write_dense(bytes: &[u8], target: &Path) {
    let stored = SafeTensors::deserialize(bytes).unwrap();
    let dense: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = stored
        .tensors()
        .into_iter()
        .filter(|(name, _)| !name.contains(".weight."))
        .map(|(name, tensor)| match widen(&stored, &name) {
            Some((shape, values)) => {
                let bytes = values.into_iter().flat_map(f32::to_le_bytes).collect();
                (name, Dtype::F32, shape, bytes)
            }
            None => (name, tensor.dtype(), tensor.shape().to_vec(), tensor.data().to_vec()),
        })
        .collect();
    let views = dense.iter().map(|(name, dtype, shape, bytes)| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    fs::write(target, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A packed weight's shape and values; none where the tensor is not packed.
fn widen(stored: &SafeTensors<'_>, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
    let absmax = floats(stored.tensor(&format!("{name}.absmax")).ok()?.data());
    let map = floats(stored.tensor(&format!("{name}.quant_map")).unwrap().data());
    let state = stored.tensor(&format!("{name}.quant_state.bitsandbytes__nf4")).unwrap();
    let state: Value = serde_json::from_slice(state.data()).unwrap();
    let shape: Vec<usize> = serde_json::from_value(state["shape"].clone()).unwrap();
    let block = state["blocksize"].as_u64().unwrap() as usize;
    let codes = stored.tensor(name).unwrap().data();
    let columns = shape[1];
    let value = |i: usize| {
        let code = if i.is_multiple_of(2) { codes[i / 2] >> 4 } else { codes[i / 2] & 15 };
        let scale = if columns.is_multiple_of(32) {
            i / columns * (columns / block) + i % columns / block
        } else {
            i / block
        };
        half::bf16::from_f32(map[usize::from(code)] * absmax[scale]).to_f32()
    };
    let values = (0..shape[0] * columns).map(value).collect();
    Some((shape, values))
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}
