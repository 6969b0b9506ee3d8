//! Whether products of fp8 with fp8 can be made: what a card has to be, and what a checkpoint has to be stored in.
//! Both are asked before anything is loaded.

use super::checkpoint::{Checkpoint, Component};
use super::error::ModelError;
use candle_core::{DType, Device};
use sigmalab_compute::{ComputeDtype, ModelOptions};

/// The least compute capability whose tensor cores multiply e4m3.
const LEAST: (u32, u32) = (8, 9);

/// Layers of a block that are multiplied in fp8, of which one at least has to be stored so.
const LAYERS: [&str; 5] =
    ["attention.qkv", "attention.o", "feed_forward.w1", "feed_forward.w3", "feed_forward.w2"];

/// Refuses `--dtype fp8` where it could not be what it says.
pub(super) fn check(
    checkpoint: &Checkpoint,
    options: ModelOptions,
    device: &Device,
) -> Result<(), ModelError> {
    if options.dtype != ComputeDtype::Fp8 {
        return Ok(());
    }
    let problem = match capability(device)? {
        Some(capability) if capability < LEAST => Some(refusal_of_card(options, capability)),
        _ => refusal_of_weights(checkpoint)?,
    };
    problem.map_or(Ok(()), |problem| Err(ModelError::Options { problem }))
}

/// Whether a card of that compute capability multiplies fp8.
#[cfg(feature = "cuda")]
pub(super) fn is_multiplied_by(device: &Device) -> Result<bool, ModelError> {
    Ok(capability(device)?.is_some_and(|capability| capability >= LEAST))
}

fn refusal_of_card(options: ModelOptions, (major, minor): (u32, u32)) -> String {
    let ((least_major, least_minor), device) = (LEAST, options.device);
    format!(
        "--dtype fp8 needs a card of compute capability {least_major}.{least_minor} or later, and \
         {device} has {major}.{minor}: use `--dtype bf16`"
    )
}

fn refusal_of_weights(checkpoint: &Checkpoint) -> Result<Option<String>, ModelError> {
    for component in [Component::Transformer, Component::UnconditionalTransformer] {
        if !checkpoint.has(component) {
            continue;
        }
        let weights = checkpoint.weights(component, DType::BF16, &Device::Cpu)?;
        let format = |layer: &&str| weights.format(&format!("layers.0.{layer}"));
        let formats: Vec<&str> = LAYERS.iter().map(format).collect::<Result<_, _>>()?;
        if let [first, ..] = *formats
            && !formats.contains(&"fp8")
        {
            return Ok(Some(format!(
                "--dtype fp8 multiplies weights that are stored in fp8, and those of this \
                 checkpoint's {} are in {first}: use `--dtype bf16`, or a checkpoint in fp8",
                component.part()
            )));
        }
    }
    Ok(None)
}

/// What a CUDA device can do; `None` for others.
fn capability(device: &Device) -> Result<Option<(u32, u32)>, ModelError> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return Ok(Some(super::cuda::compute_capability(device)?));
    }
    let _ = device;
    Ok(None)
}

#[cfg(test)]
#[path = "fp8_tests.rs"]
mod tests;
