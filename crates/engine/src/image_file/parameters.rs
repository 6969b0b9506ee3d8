//! The `parameters` text of a PNG: one line of `Key: value` pairs under the prompt, the form
//! that image viewers and model sites read. For people and other programs; nothing reads it here.

use crate::noise::NoiseSource;
use crate::recipe::Recipe;
use sigmalab_schedule::runs::{gw_runs, runs};

/// The prompt and a line of settings.
pub(super) fn parameters_line(recipe: &Recipe) -> String {
    let mut pairs = vec![
        ("Steps", recipe.steps.len().to_string()),
        ("Sampler", recipe.sampler.id.clone()),
        ("Schedule type", recipe.preset.clone().unwrap_or_else(|| "custom".to_owned())),
    ];
    match runs(recipe.steps.iter().map(|step| step.gw)).as_slice() {
        [] => {}
        [only] => pairs.push(("CFG scale", only.value.to_string())),
        // Readers take "CFG scale" for one number, which there is not.
        _ => pairs.push(("Guidance", gw_runs(&recipe.steps))),
    }
    match &recipe.noise {
        NoiseSource::Seed { seed, rng } => {
            pairs.push(("Seed", seed.to_string()));
            pairs.push(("RNG", rng.to_string()));
        }
        NoiseSource::File { blake3 } => pairs.push(("Noise hash", blake3.clone())),
    }
    pairs.push(("Size", format!("{}x{}", recipe.size.width(), recipe.size.height())));
    if let Some(size) = recipe.sigma_size {
        pairs.push(("Sigma size", format!("{}x{}", size.width(), size.height())));
    }
    if let Some(threshold) = recipe.first_block_cache {
        pairs.push(("First block cache", threshold.to_string()));
    }
    if let Some(fingerprint) = &recipe.model.fingerprint {
        pairs.push(("Model hash", fingerprint.clone()));
    }
    pairs.push(("Model", recipe.model.name.clone()));
    pairs.push(("Version", concat!("sigmalab ", env!("CARGO_PKG_VERSION")).to_owned()));
    let line: Vec<_> =
        pairs.iter().map(|(key, value)| format!("{key}: {}", quoted(value))).collect();
    format!("{}\n{}", recipe.prompt, line.join(", "))
}

/// Values with commas or colons are quoted, as readers of this form expect.
fn quoted(value: &str) -> String {
    if value.contains([',', ':', '\n', '"']) {
        serde_json::Value::from(value).to_string()
    } else {
        value.to_owned()
    }
}
