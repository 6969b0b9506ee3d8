//! What a tune may cost: minutes become evaluations once, by what an evaluation takes here.

use super::measuring::Measuring;
use crate::cli::failure::Failure;
use sigmalab_engine::noise::NoiseSource;
use sigmalab_engine::recipe::{ModelRef, Recipe, SamplerRef, VERSION};
use sigmalab_experiment::inputs::Inputs;
use sigmalab_experiment::spec::Spec;
use sigmalab_experiment::spec::tune::{Budget, TuneSpec};
use sigmalab_sampler::Samplers;

/// The part of the minutes that evaluations take; the rest is for encoding and decoding.
const SHARE: f64 = 0.85;

/// Steps that are measured.
const STEPS: usize = 3;

/// Evaluations of both networks; minutes only where they may be measured.
pub(super) fn evaluations(
    tune: &TuneSpec,
    spec: &Spec,
    inputs: &Inputs,
    samplers: &Samplers,
    measuring: Option<&Measuring<'_>>,
) -> Result<u64, Failure> {
    let minutes = match tune.budget {
        Budget::Evaluations(evaluations) => return Ok(evaluations),
        Budget::Minutes(minutes) => minutes,
    };
    let Some(measuring) = measuring else {
        return Err(Failure::bad_input(
            "the budget is in minutes, and how many evaluations that is has to be measured",
        )
        .way_out("a plan with measuring: without --no-time")
        .way_out("a budget in evaluations, such as budget = 12000"));
    };
    let measured = measuring.measure(few_steps(spec, inputs), samplers, false)?;
    let seconds = (measured.evaluation / 1e3).max(1e-6);
    Ok((minutes * 60.0 * SHARE / seconds).max(1.0) as u64)
}

/// The first steps of the reference.
fn few_steps(spec: &Spec, inputs: &Inputs) -> Recipe {
    let reference = inputs.reference.as_ref().unwrap_or(&inputs.base);
    Recipe {
        version: VERSION,
        model: ModelRef { name: inputs.model.clone(), fingerprint: None },
        prompt: inputs.prompts.first().map(|prompt| prompt.text.clone()).unwrap_or_default(),
        size: spec.sizes.first().copied().unwrap_or(inputs.default_size),
        sigma_size: None,
        noise: NoiseSource::Seed { seed: 0, rng: spec.rng },
        preset: None,
        steps: reference.steps.iter().take(STEPS).copied().collect(),
        terminal: reference.terminal,
        sampler: SamplerRef::named("euler"),
        dtype: inputs.dtype,
        device: inputs.device,
        first_block_cache: None,
        card: None,
    }
}
