//! What a tune may cost: minutes become evaluations once, by what an evaluation takes here.

use crate::cli::failure::Failure;
use sigmalab_engine::noise::NoiseSource;
use sigmalab_engine::recipe::{ModelRef, Recipe, SamplerRef, VERSION};
use sigmalab_engine::request::{RunRequest, Wanted};
use sigmalab_engine::worker::{Engine, EngineOptions};
use sigmalab_experiment::inputs::Inputs;
use sigmalab_experiment::spec::Spec;
use sigmalab_experiment::spec::tune::{Budget, TuneSpec};
use sigmalab_sampler::Samplers;

/// The part of the minutes that evaluations take; the rest is for encoding and decoding.
const SHARE: f64 = 0.85;

/// Steps that are measured.
const STEPS: usize = 3;

/// Evaluations of both networks.
pub(super) fn evaluations(
    tune: &TuneSpec,
    spec: &Spec,
    inputs: &Inputs,
    samplers: &Samplers,
) -> Result<u64, Failure> {
    let minutes = match tune.budget {
        Budget::Evaluations(evaluations) => return Ok(evaluations),
        Budget::Minutes(minutes) => minutes,
    };
    let seconds = seconds_per_evaluation(spec, inputs, samplers)?;
    Ok((minutes * 60.0 * SHARE / seconds).max(1.0) as u64)
}

/// What an evaluation of one network takes, on average over both: measured on few steps, the
/// second time, for the first loads the checkpoint.
fn seconds_per_evaluation(
    spec: &Spec,
    inputs: &Inputs,
    samplers: &Samplers,
) -> Result<f64, Failure> {
    let reference = inputs.reference.as_ref().unwrap_or(&inputs.base);
    let steps = reference.steps.iter().take(STEPS).copied().collect();
    let recipe = |seed| Recipe {
        version: VERSION,
        model: ModelRef { name: inputs.model.clone(), fingerprint: None },
        prompt: inputs.prompts.first().map(|prompt| prompt.text.clone()).unwrap_or_default(),
        size: spec.sizes.first().copied().unwrap_or(inputs.default_size),
        sigma_size: None,
        noise: NoiseSource::Seed { seed, rng: spec.rng },
        preset: None,
        steps,
        terminal: reference.terminal,
        sampler: SamplerRef::named("euler"),
        dtype: inputs.dtype,
        device: inputs.device,
        card: None,
    };
    let mut recipe = recipe(0);
    let mut engine =
        Engine::new(EngineOptions { samplers: samplers.clone(), ..EngineOptions::default() });
    let mut seconds = 1.0;
    for seed in 0..2 {
        if let NoiseSource::Seed { seed: own, .. } = &mut recipe.noise {
            *own = seed;
        }
        let wanted = Wanted { picture: false, gram: None };
        let request = RunRequest { recipe: recipe.clone(), noise: None, previews: false, wanted };
        let output = engine.run(&request, &mut |_| true).map_err(Failure::failed)?;
        let done = output.nfe.cond_done + output.nfe.uncond_done;
        seconds = output.timings.denoise_ms / 1e3 / done.max(1) as f64;
    }
    Ok(seconds.max(1e-6))
}
