//! What a step is given: numbers and tensors as slices, at the present point and at earlier ones.
//! It knows nothing of pointers.

use crate::info::Params;

/// All that a step may depend on. Velocities are dx/dσ.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Step<'a> {
    /// Number of the step in sampling order; the first is 0.
    pub index: usize,
    /// Noise level of `x`, above 0 and at most 1.
    pub sigma: f64,
    /// Noise level to reach, below `sigma`. May be 0 where [`Info::reaches_zero`] was declared.
    ///
    /// [`Info::reaches_zero`]: crate::Info::reaches_zero
    pub sigma_next: f64,
    /// Guidance weight of this step.
    pub gw: f64,
    /// Values of the parameters.
    pub params: Params<'a>,
    /// Latents at `sigma`.
    pub x: &'a [f32],
    /// Velocity at (`x`, `sigma`), blended with `gw`; the host has evaluated it.
    pub v: &'a [f32],
    /// The conditional velocity there.
    pub v_cond: &'a [f32],
    /// The unconditional velocity there; absent where `gw` is 1.
    pub v_uncond: Option<&'a [f32]>,
    /// Earlier steps, newest first: as many as declared, fewer at the beginning of a run.
    pub history: &'a [Past<'a>],
}

/// An earlier step of the same run.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Past<'a> {
    /// Noise level it started at.
    pub sigma: f64,
    /// Guidance weight it was taken with.
    pub gw: f64,
    /// Latents it started from.
    pub x: &'a [f32],
    /// Velocity there, blended with the **present** step's gw; v_cond where `v_uncond` is absent.
    pub v: &'a [f32],
    /// The conditional velocity.
    pub v_cond: &'a [f32],
    /// The unconditional velocity; absent where that step's gw was 1.
    pub v_uncond: Option<&'a [f32]>,
}

impl<'a> Step<'a> {
    /// σ_next − σ, negative.
    pub fn delta(&self) -> f64 {
        self.sigma_next - self.sigma
    }

    /// The part of the history, newest first, whose `v` is blended with the present gw. It ends at
    /// a step with gw = 1, which has no v_uncond to blend, unless gw is 1 now. A solver that
    /// extrapolates velocities extrapolates these.
    pub fn blended_history(&self) -> &'a [Past<'a>] {
        blended(self.history, self.gw)
    }

    /// The part of the history, newest first, since gw last changed: all of it was taken with the
    /// present gw. Where gw changes, the velocity along the run has a kink, and no polynomial
    /// through both sides of it is better than of order 2.
    pub fn unbroken_history(&self) -> &'a [Past<'a>] {
        let cut = self.history.iter().position(|past| past.gw != self.gw);
        &self.history[..cut.unwrap_or(self.history.len())]
    }

    /// What [`blended_history`](Self::blended_history) was for the step before this one, as far as
    /// the present history reaches back. Empty where that step had nothing to look back to; `None`
    /// in the first step.
    pub fn blended_history_before(&self) -> Option<&'a [Past<'a>]> {
        let (last, older) = self.history.split_first()?;
        Some(blended(older, last.gw))
    }

    /// The velocity at (`x`, `sigma`) blended with another gw; `None` where the unconditional one
    /// is needed and absent.
    pub fn v_with(&self, gw: f64) -> Option<Blend<'a>> {
        if gw == self.gw { Some(Blend::One(self.v)) } else { blend(gw, self.v_cond, self.v_uncond) }
    }
}

impl<'a> Past<'a> {
    /// The velocity at that point blended with `gw`; `None` where the unconditional one is needed
    /// and absent.
    pub fn v_with(&self, gw: f64) -> Option<Blend<'a>> {
        blend(gw, self.v_cond, self.v_uncond)
    }
}

/// A velocity blended with some gw, as terms of a [`Sum`](crate::Sum).
#[derive(Debug, Clone, Copy)]
pub enum Blend<'a> {
    /// One velocity as it is.
    One(&'a [f32]),
    /// gw·v_cond + (1 − gw)·v_uncond.
    Both {
        /// The guidance weight.
        gw: f64,
        /// The conditional velocity.
        cond: &'a [f32],
        /// The unconditional velocity.
        uncond: &'a [f32],
    },
}

fn blended<'a>(history: &'a [Past<'a>], gw: f64) -> &'a [Past<'a>] {
    let cut = history.iter().position(|past| gw != 1.0 && past.v_uncond.is_none());
    &history[..cut.unwrap_or(history.len())]
}

fn blend<'a>(gw: f64, cond: &'a [f32], uncond: Option<&'a [f32]>) -> Option<Blend<'a>> {
    if gw == 1.0 {
        return Some(Blend::One(cond));
    }
    uncond.map(|uncond| Blend::Both { gw, cond, uncond })
}
