//! A run of a sampler on the flow, kept so that any of its steps can be taken again.

use super::flow::{self, FlowHost};
use super::subject::Subject;
use crate::plugin::Spent;
use crate::{HistoryEntry, SamplerError, StepInput};

/// The steps of a run, with what they were given and what they gave.
pub(super) struct Trajectory {
    sigmas: Vec<f64>,
    gw: Vec<f64>,
    params: Vec<f64>,
    history_len: usize,
    states: Vec<State>,
    /// The end.
    x: Vec<f32>,
    pub(super) spent: Vec<Spent>,
}

/// The start of a step.
struct State {
    x: Vec<f32>,
    v_cond: Vec<f32>,
    v_uncond: Option<Vec<f32>>,
}

impl State {
    fn at(x: Vec<f32>, sigma: f64, gw: f64) -> Self {
        let v_cond = flow::conditional(&x, sigma);
        let v_uncond = (gw != 1.0).then(|| flow::unconditional(&x, sigma));
        State { x, v_cond, v_uncond }
    }

    fn blended(&self, gw: f64) -> Vec<f32> {
        flow::blend(gw, &self.v_cond, self.v_uncond.as_deref())
    }
}

/// Most values are like the middle of a normal distribution and some like its ends.
pub(super) fn spread(len: usize) -> Vec<f32> {
    let quantile = |i: usize| (i as f64 + 0.5) / len as f64;
    let normal = |u: f64| -std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * u);
    (0..len).map(|i| normal(quantile(i)) as f32).collect()
}

impl Trajectory {
    /// Runs `subject` along `sigmas` from `x`, with the guidance weights `gw` of its steps. A
    /// failure says at which step.
    pub(super) fn run(
        subject: &Subject,
        sigmas: &[f64],
        gw: &[f64],
        params: &[f64],
        x: Vec<f32>,
    ) -> Result<Self, String> {
        let mut trajectory = Trajectory {
            sigmas: sigmas.to_vec(),
            gw: gw.to_vec(),
            params: params.to_vec(),
            history_len: subject.info().history_len,
            states: Vec::new(),
            x: Vec::new(),
            spent: Vec::new(),
        };
        trajectory.x = x;
        for index in 0..gw.len() {
            let x = std::mem::take(&mut trajectory.x);
            trajectory.begin(index, x);
            let mut host = FlowHost::of(index);
            let (out, result, spent) = trajectory
                .with_input(index, |input| {
                    let mut out = vec![f32::NAN; input.x.len()];
                    let (result, spent) = subject.step(input, &mut host, &mut out);
                    (out, result, spent)
                })
                .ok_or("the check has no such step")?;
            result.map_err(|error| format!("step {index}: {error}"))?;
            if let Some(place) = out.iter().position(|value| !value.is_finite()) {
                return Err(format!("step {index}: value {place} of its output is {}", out[place]));
            }
            trajectory.spent.push(spent);
            trajectory.x = out;
        }
        Ok(trajectory)
    }

    /// States known before the first step, as if earlier steps had passed them; the next step
    /// starts behind them.
    pub(super) fn through(
        sigmas: &[f64],
        gw: &[f64],
        params: &[f64],
        history_len: usize,
        states: Vec<Vec<f32>>,
    ) -> Self {
        let mut trajectory = Trajectory {
            sigmas: sigmas.to_vec(),
            gw: gw.to_vec(),
            params: params.to_vec(),
            history_len,
            states: Vec::new(),
            x: Vec::new(),
            spent: Vec::new(),
        };
        for (index, x) in states.into_iter().enumerate() {
            trajectory.begin(index, x);
        }
        trajectory
    }

    fn begin(&mut self, index: usize, x: Vec<f32>) {
        let sigma = self.sigmas.get(index).copied().unwrap_or_default();
        let gw = self.gw.get(index).copied().unwrap_or(1.0);
        self.states.push(State::at(x, sigma, gw));
    }

    /// Number of steps that can be taken again.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    pub(super) fn end(&self) -> &[f32] {
        &self.x
    }

    /// What step `index` gave.
    pub(super) fn output(&self, index: usize) -> Option<&[f32]> {
        match self.states.get(index + 1) {
            Some(next) => Some(&next.x),
            None if index + 1 == self.states.len() => Some(&self.x),
            None => None,
        }
    }

    /// Calls `act` with the input of step `index`; `None` where there is no such step.
    pub(super) fn with_input<T>(
        &self,
        index: usize,
        act: impl FnOnce(&StepInput<'_>) -> T,
    ) -> Option<T> {
        let state = self.states.get(index)?;
        let [sigma, sigma_next] = *self.sigmas.get(index..index + 2)? else { return None };
        let gw = *self.gw.get(index)?;
        let past: Vec<usize> = (0..index).rev().take(self.history_len).collect();
        let blends: Vec<Vec<f32>> =
            past.iter().filter_map(|&past| Some(self.states.get(past)?.blended(gw))).collect();
        let history: Vec<HistoryEntry<'_>> = past
            .iter()
            .zip(&blends)
            .filter_map(|(&past, v)| {
                let state = self.states.get(past)?;
                Some(HistoryEntry {
                    sigma: *self.sigmas.get(past)?,
                    gw: *self.gw.get(past)?,
                    x: &state.x,
                    v,
                    v_cond: &state.v_cond,
                    v_uncond: state.v_uncond.as_deref(),
                })
            })
            .collect();
        let v = state.blended(gw);
        Some(act(&StepInput {
            index,
            sigma,
            sigma_next,
            gw,
            params: &self.params,
            x: &state.x,
            v: &v,
            v_cond: &state.v_cond,
            v_uncond: state.v_uncond.as_deref(),
            history: &history,
        }))
    }

    /// Takes step `index` again.
    pub(super) fn again(
        &self,
        subject: &Subject,
        index: usize,
    ) -> Option<(Vec<f32>, Result<(), SamplerError>)> {
        let mut host = FlowHost::of(index);
        self.with_input(index, |input| {
            let mut out = vec![f32::NAN; input.x.len()];
            let (result, _) = subject.step(input, &mut host, &mut out);
            (out, result)
        })
    }
}

/// Whether two outputs are the same bits.
pub(super) fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}
