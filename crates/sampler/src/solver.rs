//! The solver trait: a stateless step over slices, with the history kept by the host so that
//! any step can be replayed, branched from and cached.

use super::info::SamplerInfo;

/// One earlier step, as the host remembers it. Velocities are dx/dσ.
#[derive(Debug, Clone, Copy)]
pub struct HistoryEntry<'a> {
    /// Noise level the step started at.
    pub sigma: f64,
    /// Guidance weight it was taken with.
    pub gw: f64,
    /// Latents at `sigma`.
    pub x: &'a [f32],
    /// The blend recombined with the current step's gw; where `v_uncond` is absent, v_cond.
    pub v: &'a [f32],
    pub v_cond: &'a [f32],
    /// The unconditional velocity; absent where gw was 1.
    pub v_uncond: Option<&'a [f32]>,
}

/// What a step may depend on. Nothing else: the trajectory cache keys a prefix by these.
#[derive(Debug)]
pub struct StepInput<'a> {
    /// Number of the step, sampling order.
    pub index: usize,
    /// Noise level of `x`.
    pub sigma: f64,
    /// Noise level to reach; below `sigma`, may be 0.
    pub sigma_next: f64,
    /// Guidance weight of this step.
    pub gw: f64,
    /// Values of the parameters, in the order of [`SamplerInfo::params`].
    pub params: &'a [f64],
    /// Latents at `sigma`, `tokens · channels` values.
    pub x: &'a [f32],
    /// Blended velocity at (`x`, `sigma`), already evaluated by the host.
    pub v: &'a [f32],
    /// The conditional velocity there.
    pub v_cond: &'a [f32],
    /// The unconditional velocity there; absent where `gw` is 1, and `v` is `v_cond` then.
    pub v_uncond: Option<&'a [f32]>,
    /// Earlier steps, newest first; at most [`SamplerInfo::history_len`].
    pub history: &'a [HistoryEntry<'a>],
}

/// Conditional and unconditional velocity at one point.
#[derive(Debug, Clone, PartialEq)]
pub struct Velocities {
    pub cond: Vec<f32>,
    pub uncond: Vec<f32>,
}

/// What the host does for a sampler during a step. Every evaluation is counted.
pub trait Host {
    /// Blended velocity at (`x`, `sigma`) with guidance weight `gw`, into `v`.
    fn evaluate(
        &mut self,
        x: &[f32],
        sigma: f64,
        gw: f64,
        v: &mut [f32],
    ) -> Result<(), SamplerError>;

    /// Both velocities at (`x`, `sigma`), apart.
    fn evaluate_split(&mut self, x: &[f32], sigma: f64) -> Result<Velocities, SamplerError>;

    /// Standard normal noise: the same values for the same (seed, step, stream).
    fn gaussian(&mut self, stream: u64, out: &mut [f32]);

    /// Whether the run was cancelled: return soon, with [`SamplerError::Cancelled`].
    fn cancelled(&self) -> bool;
}

/// A solver. `step` keeps no state: same input and same evaluations, same output.
pub trait Sampler: Send + Sync {
    fn info(&self) -> &SamplerInfo;

    /// Whether these values of its parameters go together; its words if not.
    fn check(&self, params: &[f64]) -> Result<(), String> {
        let _ = params;
        Ok(())
    }

    /// Writes the latents at `sigma_next` into `out` (as long as `x`).
    fn step(
        &self,
        input: &StepInput<'_>,
        host: &mut dyn Host,
        out: &mut [f32],
    ) -> Result<(), SamplerError>;
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SamplerError {
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// An evaluation of the network failed.
    #[error("{0}")]
    Evaluation(String),
    /// The sampler itself gave up, or did what it must not.
    #[error("{0}")]
    Failed(String),
    /// The sampler changed what is not its own, memory or the processor's way of computing:
    /// nothing in this process can be trusted any more.
    #[error("{0}")]
    Corrupting(String),
}
