//! Golden files, and how far something is from them.

use safetensors::SafeTensors;
use sigmalab_model::{LatentGrid, Model, ModelTime, PromptFeatures};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A path under `tests/data`.
pub(crate) fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

/// A golden file: tensors by name, and metadata.
pub(crate) struct Golden {
    bytes: Vec<u8>,
    metadata: HashMap<String, String>,
}

impl Golden {
    pub(crate) fn open(path: &str) -> Self {
        let bytes = std::fs::read(data(path)).expect(path);
        let (_, header) = SafeTensors::read_metadata(&bytes).expect(path);
        let metadata = header.metadata().clone().unwrap_or_default();
        Self { bytes, metadata }
    }

    pub(crate) fn meta(&self, key: &str) -> &str {
        &self.metadata[key]
    }

    pub(crate) fn grid(&self) -> LatentGrid {
        let tokens = |key: &str| self.meta(key).parse::<usize>().unwrap() / 16;
        LatentGrid { rows: tokens("height"), columns: tokens("width") }
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        SafeTensors::deserialize(&self.bytes).unwrap().tensor(name).unwrap().data().to_vec()
    }

    pub(crate) fn f32(&self, name: &str) -> Vec<f32> {
        let bytes = self.bytes(name);
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    pub(crate) fn ids(&self, name: &str) -> Vec<u32> {
        let bytes = self.bytes(name);
        let id = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap()).try_into().unwrap();
        bytes.chunks_exact(8).map(id).collect()
    }
}

/// How far `found` is from `expected`, relative to the latter: in the Euclidean norm, and at the
/// worst place against the largest number. Prints both and holds them to the budget.
#[track_caller]
pub(crate) fn close(what: &str, found: &[f32], expected: &[f32], budget: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let pairs = || found.iter().zip(expected).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let relative = norm(&mut pairs().map(|(a, b)| a - b)) / norm(&mut pairs().map(|(_, b)| b));
    let worst = pairs().map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        / pairs().map(|(_, b)| b.abs()).fold(0.0, f64::max);
    println!("{what}: relative error {relative:.2e}, worst {worst:.2e} (budget {budget:.0e})");
    assert!(relative <= budget && worst <= budget, "{what}: {relative:e}, worst {worst:e}");
}

/// How far two images are apart, in steps of 1/255.
#[track_caller]
pub(crate) fn close_image(what: &str, found: &[u8], expected: &[u8], budget: u8) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let differences = || found.iter().zip(expected).map(|(a, b)| a.abs_diff(*b));
    let worst = differences().max().unwrap_or(0);
    let differing = differences().filter(|&d| d > 0).count();
    println!("{what}: worst difference {worst}/255, {differing} of {} bytes differ", found.len());
    assert!(worst <= budget, "{what}: {worst}/255");
}

/// One Euler step with asymmetric guidance from `sigma` to `next`.
pub(crate) fn euler_step(
    model: &Model,
    x: &[f32],
    grid: LatentGrid,
    prompt: &PromptFeatures,
    gw: f32,
    (sigma, next): (f64, f64),
) -> Vec<f32> {
    let t = ModelTime(1.0 - sigma);
    let conditional = model.conditional(x, grid, t, prompt).unwrap();
    let unconditional = model.unconditional(x, grid, t).unwrap();
    let step = (next - sigma) as f32;
    let velocities = conditional.iter().zip(&unconditional);
    x.iter().zip(velocities).map(|(x, (c, u))| x + step * (gw * c + (1.0 - gw) * u)).collect()
}
