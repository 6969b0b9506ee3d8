//! The denoising loop: noise to clean latents along a schedule, starting as far along as the
//! trajectory cache allows. It knows networks by their trait and nothing of prompts as text,
//! pixels or processes.

mod step_host;

use super::event::{NfeCount, StepReport};
use super::guidance::{blend, needs_unconditional};
use super::network::Network;
use super::state_key::{Need, StateKey, past_steps, resume_index};
use super::trajectory::{State, StepCost, StepTaken, TrajectoryCache};
use sigmalab_compute::CancelToken;
use sigmalab_metrics::trajectory::{
    StepMetrics, clean_estimate, cosine, distance, local_error, norm,
};
use sigmalab_sampler::{Choice, HistoryEntry, StepInput};
use sigmalab_schedule::sigmas::Schedule;
use sigmalab_schedule::size::Size;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use step_host::StepHost;

/// Everything the loop needs for one trajectory.
pub struct Denoising<'a, N: Network> {
    pub network: &'a N,
    pub prompt: &'a N::Prompt,
    pub size: Size,
    /// Steps and noise levels; must have passed [`Schedule::check`].
    pub schedule: &'a Schedule,
    pub sampler: &'a Choice,
    /// The initial noise, `tokens · 128` values.
    pub noise: &'a [f32],
    /// Seed of the noise that samplers draw.
    pub seed: u64,
    /// Keys of the N + 1 states, see [`StateKey::of_recipe`].
    pub keys: &'a [StateKey],
    /// What the unconditional network's answer at the noise is known by, see [`StateKey::of_noise`].
    pub noise_key: StateKey,
    /// Whether every step's state and velocities are to come back.
    pub whole: bool,
}

impl<'a, N: Network> Denoising<'a, N> {
    /// The same with other networks.
    pub fn over<M: Network<Prompt = N::Prompt>>(self, network: &'a M) -> Denoising<'a, M> {
        let Denoising {
            prompt, size, schedule, sampler, noise, seed, keys, noise_key, whole, ..
        } = self;
        Denoising { network, prompt, size, schedule, sampler, noise, seed, keys, noise_key, whole }
    }
}

/// The end of a trajectory.
#[derive(Debug, Clone, PartialEq)]
pub struct Denoised {
    /// Clean latents, `tokens · 128` values.
    pub latents: Arc<[f32]>,
    pub nfe: NfeCount,
    /// Where every step started, in sampling order; empty unless that was asked for.
    pub nodes: Vec<Node>,
}

/// The start of a step: the latents and the velocities there.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub x: Arc<[f32]>,
    pub v_cond: Arc<[f32]>,
    /// The unconditional velocity; absent where gw was 1.
    pub v_uncond: Option<Arc<[f32]>>,
}

/// What the loop tells on its way.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The estimate of the clean latents at a step that was done, or at the last one of the
    /// prefix that was reused; before the step's own report unless it was reused.
    Estimate {
        /// The step, sampling order, from 0.
        step: usize,
        /// Number of steps of the run.
        steps: usize,
        /// D = x − σ·v, `tokens · 128` values.
        clean: &'a [f32],
    },
    /// A step is done or was reused.
    Step(StepReport),
}

/// Why a trajectory has no end. Steps are numbered in sampling order, from 0.
#[derive(Debug, thiserror::Error)]
pub enum DenoiseError<E: std::error::Error + 'static> {
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A network failed.
    #[error("step {step}: {source}")]
    Network { step: usize, source: E },
    #[error("step {step}: sampler `{sampler}` failed: {message}")]
    Sampler { step: usize, sampler: String, message: String },
    /// The sampler wrote into memory that is not its own: this process is not to go on.
    #[error("step {step}: sampler `{sampler}` failed: {message}")]
    Corrupted { step: usize, sampler: String, message: String },
    #[error(
        "step {step} (σ {sigma:.4} to {sigma_next:.4}, gw {gw:?}): the latents are no longer finite \
         numbers; lower gw there, or use --dtype f32 where that is not in use"
    )]
    NotFinite {
        step: usize,
        /// Noise level it started at.
        sigma: f64,
        /// Noise level it was to reach.
        sigma_next: f64,
        gw: f64,
    },
}

/// Runs the trajectory to its end. `on_progress` is told of every step in order, reused ones too.
pub fn denoise<N: Network>(
    task: &Denoising<'_, N>,
    cache: &mut TrajectoryCache,
    cancel: &CancelToken,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Denoised, DenoiseError<N::Error>> {
    let keys = task.keys;
    let mut walk = task.resume(keys, cache);
    for (index, taken) in walk.state.steps.iter().enumerate() {
        walk.nfe.cond_saved += taken.cost.cond;
        walk.nfe.uncond_saved += taken.cost.uncond;
        on_progress(Progress::Step(task.report(index, None, taken.metrics, walk.nfe)));
    }
    let (reused, steps) = (walk.state.steps.len(), task.steps());
    // Something to look at while the first new step is computed.
    if let Some(past) = walk.past.front().filter(|_| reused < steps) {
        let clean = past.clean_estimate();
        on_progress(Progress::Estimate { step: reused - 1, steps, clean: &clean });
    }
    for index in reused..steps {
        let started = Instant::now();
        let clean = task.take_step(index, keys, &mut walk, cache, cancel)?;
        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        on_progress(Progress::Estimate { step: index, steps, clean: &clean });
        if let Some(taken) = walk.state.steps.last() {
            let report = task.report(index, Some(milliseconds), taken.metrics, walk.nfe);
            on_progress(Progress::Step(report));
        }
    }
    let Walk { state, past, nfe } = walk;
    let past = past.into_iter().rev().filter(|_| task.whole);
    let nodes = past.map(|PastStep { x, v_cond, v_uncond, .. }| Node { x, v_cond, v_uncond });
    Ok(Denoised { latents: state.x, nfe, nodes: nodes.collect() })
}

/// Where a run is: the state before the next step, and the steps before it that the next one
/// may look back to, newest first.
struct Walk {
    state: State,
    past: VecDeque<PastStep>,
    nfe: NfeCount,
}

/// A step taken, as later steps may need it.
struct PastStep {
    sigma: f64,
    gw: f64,
    x: Arc<[f32]>,
    v_cond: Arc<[f32]>,
    /// Absent where gw was 1, even if the cache knows it: history must not depend on the cache.
    v_uncond: Option<Arc<[f32]>>,
}

impl PastStep {
    fn blended(&self, gw: f64) -> Vec<f32> {
        blend(gw, &self.v_cond, self.v_uncond.as_deref())
    }

    fn clean_estimate(&self) -> Vec<f32> {
        clean_estimate(&self.x, self.sigma, &self.blended(self.gw))
    }
}

impl<N: Network> Denoising<'_, N> {
    fn steps(&self) -> usize {
        self.schedule.steps().len()
    }

    /// σ, σ_next and gw of a step.
    fn step(&self, index: usize) -> (f64, f64, f64) {
        let sigmas = self.schedule.sigmas();
        (sigmas[index].0, sigmas[index + 1].0, self.schedule.steps()[index].gw)
    }

    /// How many past steps a step looks at: what the sampler reads, and one for the x0 drift.
    fn looks_back(&self) -> usize {
        past_steps(self.sampler.sampler.info())
    }

    /// How many past steps are kept.
    fn past_len(&self) -> usize {
        if self.whole { self.steps() } else { self.looks_back() }
    }

    /// The furthest state in the cache whose past is there too, else the noise.
    fn resume(&self, keys: &[StateKey], cache: &mut TrajectoryCache) -> Walk {
        // The way there is what the next run is likely to branch off from: where memory runs
        // short, states beside it go first, and then its beginning.
        for key in keys {
            cache.get(*key);
        }
        let past_len = self.past_len();
        let resumed = resume_index(self.steps(), past_len, |index, need| match need {
            Need::Latents => cache.get(keys[index]).is_some(),
            Need::Velocities => self.recall(index, keys, cache).is_some(),
        });
        if let Some(index) = resumed
            && let Some(state) = cache.get(keys[index]).cloned()
        {
            let newest_first = (index.saturating_sub(past_len)..index).rev();
            let past = newest_first.filter_map(|past| self.recall(past, keys, cache)).collect();
            return Walk { state, past, nfe: NfeCount::default() };
        }
        // What is known of the noise, from whatever sampler.
        let known = keys.first().and_then(|key| cache.get(*key)).cloned();
        let noise =
            || State { x: self.noise.into(), steps: [].into(), v_cond: None, v_uncond: None };
        let state = known.unwrap_or_else(noise);
        Walk { state, past: VecDeque::new(), nfe: NfeCount::default() }
    }

    fn recall(
        &self,
        index: usize,
        keys: &[StateKey],
        cache: &mut TrajectoryCache,
    ) -> Option<PastStep> {
        let (sigma, _, gw) = self.step(index);
        let state = cache.get(keys[index])?;
        let v_cond = state.v_cond.clone()?;
        let v_uncond = if needs_unconditional(gw) { Some(state.v_uncond.clone()?) } else { None };
        Some(PastStep { sigma, gw, x: state.x.clone(), v_cond, v_uncond })
    }

    fn report(
        &self,
        index: usize,
        ms: Option<f64>,
        metrics: StepMetrics,
        nfe: NfeCount,
    ) -> StepReport {
        let (sigma, sigma_next, gw) = self.step(index);
        let steps = self.steps();
        StepReport { index, steps, sigma, sigma_next, gw, reused: ms.is_none(), ms, metrics, nfe }
    }

    /// Takes a step, and gives the estimate of the clean latents at its start.
    fn take_step(
        &self,
        index: usize,
        keys: &[StateKey],
        walk: &mut Walk,
        cache: &mut TrajectoryCache,
        cancel: &CancelToken,
    ) -> Result<Vec<f32>, DenoiseError<N::Error>> {
        let (sigma, sigma_next, gw) = self.step(index);
        let mut host = StepHost {
            task: self,
            index,
            cancel,
            cost: StepCost::default(),
            nfe: &mut walk.nfe,
            failure: None,
        };
        let state = &mut walk.state;
        let at_the_noise = index == 0 && needs_unconditional(gw);
        if at_the_noise && state.v_uncond.is_none() {
            // No prompt enters it: a run of another one may have evaluated it.
            state.v_uncond = cache.first_velocity(self.noise_key);
        }
        let evaluated = host.velocities(state, sigma, gw);
        // Kept even when the second network was cancelled: the first one's work is done.
        cache.put(keys[index], state.clone());
        if let Some(velocity) = state.v_uncond.as_ref().filter(|_| at_the_noise) {
            cache.put_first_velocity(self.noise_key, velocity.clone());
        }
        let (v_cond, v_uncond) = match evaluated {
            Ok(velocities) => velocities,
            Err(error) => return Err(host.explain(error)),
        };

        let v = blend(gw, &v_cond, v_uncond.as_deref());
        let recombined: Vec<Vec<f32>> =
            walk.past.iter().take(self.looks_back()).map(|past| past.blended(gw)).collect();
        let history: Vec<HistoryEntry<'_>> = walk
            .past
            .iter()
            .zip(&recombined)
            .take(self.sampler.sampler.info().history_len)
            .map(|(past, v)| HistoryEntry {
                sigma: past.sigma,
                gw: past.gw,
                x: &past.x,
                v,
                v_cond: &past.v_cond,
                v_uncond: past.v_uncond.as_deref(),
            })
            .collect();
        let input = StepInput {
            index,
            sigma,
            sigma_next,
            gw,
            params: &self.sampler.params,
            x: &state.x,
            v: &v,
            v_cond: &v_cond,
            v_uncond: v_uncond.as_deref(),
            history: &history,
        };
        let mut x_next = vec![0.0; state.x.len()];
        if let Err(error) = self.sampler.sampler.step(&input, &mut host, &mut x_next) {
            return Err(host.explain(error));
        }
        let cost = host.cost;

        let estimate = clean_estimate(&state.x, sigma, &v);
        let before = walk.past.front().zip(recombined.first());
        let local_error = before.map(|(past, v_before)| {
            local_error(sigma_next - sigma, sigma - past.sigma, &v, v_before)
        });
        let x0_drift = walk.past.front().map(|past| distance(&estimate, &past.clean_estimate()));
        let metrics = StepMetrics {
            v_cond_norm: norm(&v_cond),
            v_uncond_norm: v_uncond.as_deref().map(norm),
            guidance_norm: v_uncond.as_deref().map(|v_uncond| distance(&v_cond, v_uncond)),
            cosine: v_uncond.as_deref().map(|v_uncond| cosine(&v_cond, v_uncond)),
            step_length: distance(&x_next, &state.x),
            local_error,
            x0_drift,
        };
        if !metrics.is_finite() {
            return Err(DenoiseError::NotFinite { step: index, sigma, sigma_next, gw });
        }

        let steps = state.steps.iter().copied().chain([StepTaken { metrics, cost }]).collect();
        let next = State { x: x_next.into(), steps, v_cond: None, v_uncond: None };
        // Another run may have been further: its velocities at the next state are kept.
        cache.put(keys[index + 1], next.clone());
        let known = cache.get(keys[index + 1]).cloned();
        let x = std::mem::replace(state, known.unwrap_or(next)).x;
        walk.past.push_front(PastStep { sigma, gw, x, v_cond, v_uncond });
        walk.past.truncate(self.past_len());
        Ok(estimate)
    }
}
