//! What crosses the worker's pipe: requests one way, events and results the other. Tensors and
//! pixels travel beside the message as raw little-endian values.

use super::failure::RunFailure;
use crate::event::{Event, NfeCount};
use crate::recipe::{Recipe, SamplerRef};
use crate::request::{RunGram, RunOutput, RunRequest, Timings, Wanted};
use serde::{Deserialize, Serialize};
use sigmalab_image::RgbImage;
use sigmalab_model::hub::HubSettings;
use sigmalab_model::source::NamedBy;
use sigmalab_sampler::plugin::Place;
use sigmalab_tune::gram::{Basis, Gram};
use sigmalab_tune::weights::{Stencil, Weights};
use std::path::PathBuf;

/// To the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub(super) enum Command {
    /// Make an image, with the plugin in the file `plugin` where one is named. The block holds
    /// the initial noise where `noise` is set.
    Run {
        run: u64,
        recipe: Box<Recipe>,
        plugin: Option<PathBuf>,
        /// Where the user named the recipe's checkpoint.
        fetch: Option<Fetch>,
        noise: bool,
        previews: bool,
        wanted: Wanted,
    },
    /// Tell the weights of a linear solver's steps.
    Weigh { run: u64, sampler: SamplerRef, plugin: Option<PathBuf>, stencils: Vec<Stencil> },
    /// Stop a run within one step.
    Cancel { run: u64 },
}

/// The right to download a checkpoint. The token comes this way because the worker's environment,
/// which code of plugins can read, has none.
// A struct of its own in JSON too: without a token it would be the same as no leave to fetch.
#[derive(Serialize, Deserialize)]
pub(super) struct Fetch {
    token: Option<String>,
}

impl Fetch {
    /// With the token of this process's environment.
    pub(super) fn with_own_token() -> Self {
        Fetch { token: HubSettings::from_env().token }
    }

    /// Who named the checkpoint of a run that came with this.
    pub(super) fn named(fetch: Option<Fetch>) -> NamedBy {
        fetch.map_or(NamedBy::File, |Fetch { token }| NamedBy::UserWith { token })
    }
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetch(…)")
    }
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case")]
pub(super) enum Report {
    Event {
        run: u64,
        event: Event,
    },
    /// A draft of a run's image. The block holds its pixels.
    Preview {
        run: u64,
        step: usize,
        width: u32,
        height: u32,
    },
    /// A run is done. The block holds pixels, noise, latents and the Gram matrix.
    Done {
        run: u64,
        output: Box<OutputHeader>,
    },
    Failed {
        run: u64,
        kind: FailureKind,
        message: String,
    },
    /// The weights of a solver's steps; `None` where it is not linear.
    Weighed {
        run: u64,
        weights: Option<Vec<Weights>>,
    },
    /// Code of a plugin runs from here on, or no longer.
    Plugin {
        place: Option<Place>,
    },
    /// The worker ends, because of a plugin.
    LastWords {
        place: Place,
        cause: String,
    },
}

/// The part of a [`RunOutput`] that is no raw values.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OutputHeader {
    recipe: Recipe,
    width: u32,
    height: u32,
    latents: usize,
    nfe: NfeCount,
    timings: Timings,
    clip_fraction: f64,
    peak_memory: Option<u64>,
    gram: Option<GramHeader>,
}

/// The part of a [`RunGram`] that is no raw values.
#[derive(Debug, Serialize, Deserialize)]
struct GramHeader {
    basis: Basis,
    sigmas: Vec<f64>,
    gw: Vec<f64>,
    values: usize,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FailureKind {
    Cancelled,
    BadInput,
    Failed,
    /// The same two, where this machine is at fault.
    MachineBadInput,
    MachineFailed,
}

impl FailureKind {
    pub(super) fn with_message(self, message: String) -> RunFailure {
        match self {
            FailureKind::Cancelled => RunFailure::Cancelled,
            FailureKind::BadInput => RunFailure::BadInput(message),
            FailureKind::Failed => RunFailure::Failed(message),
            FailureKind::MachineBadInput => RunFailure::OfMachine { message, bad_input: true },
            FailureKind::MachineFailed => RunFailure::OfMachine { message, bad_input: false },
        }
    }
}

pub(super) fn pack_request(
    run: u64,
    request: &RunRequest,
    plugin: Option<PathBuf>,
    fetch: Option<Fetch>,
) -> (Command, Vec<u8>) {
    let noise = request.noise.as_deref();
    let block = to_bytes(noise.unwrap_or_default());
    let recipe = Box::new(request.recipe.clone());
    let (previews, wanted) = (request.previews, request.wanted);
    (Command::Run { run, recipe, plugin, fetch, noise: noise.is_some(), previews, wanted }, block)
}

pub(super) fn unpack_request(
    recipe: Recipe,
    noise: bool,
    previews: bool,
    wanted: Wanted,
    block: &[u8],
) -> RunRequest {
    RunRequest { recipe, noise: noise.then(|| from_bytes(block)), previews, wanted }
}

pub(super) fn pack_event(run: u64, event: Event) -> (Report, Vec<u8>) {
    match event {
        Event::Preview { step, image } => {
            let RgbImage { width, height, pixels } = image;
            (Report::Preview { run, step, width, height }, pixels)
        }
        event => (Report::Event { run, event }, Vec::new()),
    }
}

pub(super) fn pack_output(run: u64, output: RunOutput) -> (Report, Vec<u8>) {
    let mut block = output.image.pixels;
    block.extend(to_bytes(&output.noise));
    block.extend(to_bytes(&output.latents));
    let gram = output.gram.map(|RunGram { basis, sigmas, gw, gram }| {
        block.extend(gram.values().iter().flat_map(|value| value.to_le_bytes()));
        GramHeader { basis, sigmas, gw, values: gram.values().len() }
    });
    let header = OutputHeader {
        recipe: output.recipe,
        width: output.image.width,
        height: output.image.height,
        latents: output.latents.len(),
        nfe: output.nfe,
        timings: output.timings,
        clip_fraction: output.clip_fraction,
        peak_memory: output.peak_memory,
        gram,
    };
    (Report::Done { run, output: Box::new(header) }, block)
}

/// The output, or `None` where the block is not as long as the header says.
pub(super) fn unpack_output(header: OutputHeader, mut block: Vec<u8>) -> Option<RunOutput> {
    let pixels = header.width as usize * header.height as usize * 3;
    let tensor = header.latents.checked_mul(size_of::<f32>())?;
    let values = header.gram.as_ref().map_or(0, |gram| gram.values);
    let matrix = values.checked_mul(size_of::<f64>())?;
    if block.len() != pixels.checked_add(tensor.checked_mul(2)?)?.checked_add(matrix)? {
        return None;
    }
    let matrix = block.split_off(block.len() - matrix);
    let gram = match header.gram {
        None => None,
        Some(GramHeader { basis, sigmas, gw, .. }) => {
            let (values, _) = matrix.as_chunks();
            let values = values.iter().map(|value| f64::from_le_bytes(*value)).collect();
            Some(RunGram { basis, sigmas, gw, gram: Gram::from_values(values)? })
        }
    };
    let latents = from_bytes(&block.split_off(pixels + tensor));
    let noise = from_bytes(&block.split_off(pixels));
    let image = RgbImage { width: header.width, height: header.height, pixels: block };
    let OutputHeader { recipe, nfe, timings, clip_fraction, peak_memory, .. } = header;
    Some(RunOutput {
        recipe,
        image,
        noise,
        latents,
        nfe,
        timings,
        clip_fraction,
        peak_memory,
        gram,
    })
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks();
    values.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn who_named_a_checkpoint_is_known_without_a_token_too() {
        let sent = |fetch: Option<Fetch>| {
            let text = serde_json::to_string(&fetch).unwrap();
            Fetch::named(serde_json::from_str(&text).unwrap())
        };
        assert!(matches!(sent(None), NamedBy::File));
        let nobody = sent(Some(Fetch { token: None }));
        assert!(matches!(nobody, NamedBy::UserWith { token: None }));
        let token = sent(Some(Fetch { token: Some("t".to_owned()) }));
        assert!(matches!(token, NamedBy::UserWith { token: Some(_) }));
    }
}
