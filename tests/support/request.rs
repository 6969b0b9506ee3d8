//! A run of the demo checkpoint, as the engine is asked for it.

use sigmalab_compute::{ComputeDtype, DeviceChoice};
use sigmalab_engine::noise::{NoiseSource, Rng};
use sigmalab_engine::recipe::{self, ModelRef, Recipe, SamplerRef};
use sigmalab_engine::request::RunRequest;
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;

/// A small picture with these steps.
pub(crate) fn request(steps: Vec<Step>, sampler: SamplerRef) -> RunRequest {
    RunRequest::of(Recipe {
        version: recipe::VERSION,
        model: ModelRef { name: "demo".to_owned(), fingerprint: None },
        prompt: "a red circle on a blue background".to_owned(),
        size: Size::new(256, 256).unwrap(),
        sigma_size: None,
        noise: NoiseSource::Seed { seed: 7, rng: Rng::TorchCpu },
        preset: None,
        steps,
        terminal: Terminal::Reference,
        sampler,
        dtype: ComputeDtype::F32,
        device: DeviceChoice::Cpu,
        first_block_cache: None,
        card: None,
    })
}
