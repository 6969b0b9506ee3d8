//! Euler's method: one evaluation, straight along the velocity.

use super::info::SamplerInfo;
use super::solver::{Host, Sampler, SamplerError, StepInput};
use std::borrow::Cow;

/// x' = x + (σ_next − σ)·v, the reference's own step.
#[derive(Debug, Clone, Copy, Default)]
pub struct Euler;

static INFO: SamplerInfo = SamplerInfo {
    id: Cow::Borrowed("euler"),
    name: Cow::Borrowed("Euler"),
    version: Cow::Borrowed("1"),
    description: Cow::Borrowed(
        "Euler: one evaluation a step, order 1; the reference's own sampler",
    ),
    order: 1,
    evaluations_per_step: 1,
    history_len: 0,
    stochastic: false,
    sigma_zero: true,
    split: false,
    params: Cow::Borrowed(&[]),
};

impl Sampler for Euler {
    fn info(&self) -> &SamplerInfo {
        &INFO
    }

    fn step(
        &self,
        input: &StepInput<'_>,
        _host: &mut dyn Host,
        out: &mut [f32],
    ) -> Result<(), SamplerError> {
        // The reference multiplies the f32 velocity by the f32 difference of times.
        let step = (input.sigma_next - input.sigma) as f32;
        for ((out, x), v) in out.iter_mut().zip(input.x).zip(input.v) {
            *out = x + step * v;
        }
        Ok(())
    }
}
