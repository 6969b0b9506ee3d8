//! What a sampler asks for during one step: evaluations, which are counted, noise, and whether the
//! run was cancelled. Knows the step it is in and nothing of the others.

use super::{DenoiseError, Denoising};
use crate::event::NfeCount;
use crate::guidance::{blend, needs_unconditional};
use crate::network::Network;
use crate::noise::gaussian_stream;
use crate::trajectory::{State, StepCost};
use sigmalab_compute::CancelToken;
use sigmalab_sampler::{Host, SamplerError, Velocities};
use sigmalab_schedule::sigmas::Sigma;
use std::sync::Arc;

/// Conditional velocity, and the unconditional one where it was needed.
pub(super) type VelocityPair = (Arc<[f32]>, Option<Arc<[f32]>>);

/// The host of one step: evaluates, counts and listens for a cancellation.
pub(super) struct StepHost<'a, N: Network> {
    pub(super) task: &'a Denoising<'a, N>,
    pub(super) index: usize,
    pub(super) cancel: &'a CancelToken,
    pub(super) cost: StepCost,
    pub(super) nfe: &'a mut NfeCount,
    /// The network's own error; samplers see its words only.
    pub(super) failure: Option<N::Error>,
}

impl<N: Network> StepHost<'_, N> {
    pub(super) fn explain(self, error: SamplerError) -> DenoiseError<N::Error> {
        let step = self.index;
        let sampler = || self.task.sampler.sampler.info().id.to_string();
        match (error, self.failure) {
            (SamplerError::Cancelled, _) => DenoiseError::Cancelled,
            (SamplerError::Evaluation(_), Some(source)) => DenoiseError::Network { step, source },
            (SamplerError::Corrupting(message), _) => {
                DenoiseError::Corrupted { step, sampler: sampler(), message }
            }
            (SamplerError::Evaluation(message) | SamplerError::Failed(message), _) => {
                DenoiseError::Sampler { step, sampler: sampler(), message }
            }
        }
    }

    /// The velocities at `state`, remembered there; the unconditional one where `gw` needs it.
    pub(super) fn velocities(
        &mut self,
        state: &mut State,
        sigma: f64,
        gw: f64,
    ) -> Result<VelocityPair, SamplerError> {
        let is_new = state.v_cond.is_none() && state.v_uncond.is_none();
        if is_new && needs_unconditional(gw) && self.task.network.hands_on() {
            let [v_cond, v_uncond] = self.both(&state.x, sigma)?;
            (state.v_cond, state.v_uncond) = (Some(v_cond.clone()), Some(v_uncond.clone()));
            return Ok((v_cond, Some(v_uncond)));
        }
        let v_cond = self.conditional(state.v_cond.clone(), &state.x, sigma)?;
        state.v_cond = Some(v_cond.clone());
        if !needs_unconditional(gw) {
            return Ok((v_cond, None));
        }
        let v_uncond = self.unconditional(state.v_uncond.clone(), &state.x, sigma)?;
        state.v_uncond = Some(v_uncond.clone());
        Ok((v_cond, Some(v_uncond)))
    }

    /// Both velocities, of which nothing is known: by one call where that spares a wait.
    fn both(&mut self, x: &[f32], sigma: f64) -> Result<[Arc<[f32]>; 2], SamplerError> {
        let task = self.task;
        if !task.network.hands_on() {
            return Ok([self.conditional(None, x, sigma)?, self.unconditional(None, x, sigma)?]);
        }
        self.check_cancelled()?;
        self.cost.cond += 1;
        self.cost.uncond += 1;
        let both = task.network.both(x, task.size, Sigma(sigma), task.prompt);
        let [cond, uncond] = both.map_err(|error| self.keep(error))?;
        self.nfe.cond_done += 1;
        self.nfe.uncond_done += 1;
        Ok([cond.into(), uncond.into()])
    }

    fn conditional(
        &mut self,
        known: Option<Arc<[f32]>>,
        x: &[f32],
        sigma: f64,
    ) -> Result<Arc<[f32]>, SamplerError> {
        self.cost.cond += 1;
        if let Some(known) = known {
            self.nfe.cond_saved += 1;
            return Ok(known);
        }
        self.check_cancelled()?;
        let task = self.task;
        let v = task.network.conditional(x, task.size, Sigma(sigma), task.prompt);
        let v = v.map_err(|error| self.keep(error))?;
        self.nfe.cond_done += 1;
        self.nfe.first_block = task.network.first_block_only();
        Ok(v.into())
    }

    fn unconditional(
        &mut self,
        known: Option<Arc<[f32]>>,
        x: &[f32],
        sigma: f64,
    ) -> Result<Arc<[f32]>, SamplerError> {
        self.cost.uncond += 1;
        if let Some(known) = known {
            self.nfe.uncond_saved += 1;
            return Ok(known);
        }
        self.check_cancelled()?;
        let task = self.task;
        let v = task.network.unconditional(x, task.size, Sigma(sigma));
        let v = v.map_err(|error| self.keep(error))?;
        self.nfe.uncond_done += 1;
        self.nfe.first_block = task.network.first_block_only();
        Ok(v.into())
    }

    fn keep(&mut self, error: N::Error) -> SamplerError {
        let message = error.to_string();
        self.failure = Some(error);
        SamplerError::Evaluation(message)
    }

    fn check_cancelled(&self) -> Result<(), SamplerError> {
        if self.cancel.is_cancelled() { Err(SamplerError::Cancelled) } else { Ok(()) }
    }
}

impl<N: Network> Host for StepHost<'_, N> {
    fn evaluate(
        &mut self,
        x: &[f32],
        sigma: f64,
        gw: f64,
        v: &mut [f32],
    ) -> Result<(), SamplerError> {
        let (v_cond, v_uncond) = match needs_unconditional(gw) {
            false => (self.conditional(None, x, sigma)?, None),
            true => {
                let [v_cond, v_uncond] = self.both(x, sigma)?;
                (v_cond, Some(v_uncond))
            }
        };
        v.copy_from_slice(&blend(gw, &v_cond, v_uncond.as_deref()));
        Ok(())
    }

    fn evaluate_split(&mut self, x: &[f32], sigma: f64) -> Result<Velocities, SamplerError> {
        let [cond, uncond] = self.both(x, sigma)?.map(|v| v.to_vec());
        Ok(Velocities { cond, uncond })
    }

    fn gaussian(&mut self, stream: u64, out: &mut [f32]) {
        gaussian_stream(self.task.seed, self.index as u64, stream, out);
    }

    fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
