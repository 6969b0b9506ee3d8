//! What is checked: a plugin, or a built-in sampler, through one door.

use crate::plugin::{Call, Opened, Shape, Spent, Watch};
use crate::{Host, Sampler, SamplerError, SamplerInfo, StepInput};
use std::sync::Arc;

/// Values around an output.
const ROOM: usize = 256;

/// A sampler that is checked.
pub(super) enum Subject {
    /// A plugin, opened in this process.
    Plugin(&'static Opened),
    /// One that is part of the program.
    BuiltIn(Arc<dyn Sampler>),
}

impl Subject {
    pub(super) fn info(&self) -> &SamplerInfo {
        match self {
            Subject::Plugin(plugin) => plugin.info(),
            Subject::BuiltIn(sampler) => sampler.info(),
        }
    }

    pub(super) fn is_plugin(&self) -> bool {
        matches!(self, Subject::Plugin(_))
    }

    /// The defaults of its parameters.
    pub(super) fn defaults(&self) -> Vec<f64> {
        self.info().params.iter().map(|param| param.default).collect()
    }

    /// Every setting of its parameters worth trying: the defaults, and each parameter at either
    /// end of its range or at each of its choices. In words, with the values.
    pub(super) fn settings(&self) -> Vec<(String, Vec<f64>)> {
        use crate::ParamKind;
        let defaults = self.defaults();
        let mut settings = vec![("the defaults".to_owned(), defaults.clone())];
        for (place, param) in self.info().params.iter().enumerate() {
            let values: Vec<f64> = match &param.kind {
                ParamKind::Choice(names) => (0..names.len()).map(|name| name as f64).collect(),
                _ => vec![param.min, param.max],
            };
            for value in values.into_iter().filter(|value| *value != param.default) {
                let mut params = defaults.clone();
                if let Some(slot) = params.get_mut(place) {
                    *slot = value;
                }
                settings.push((format!("{} = {}", param.key, param.write(value)), params));
            }
        }
        settings
    }

    /// Whether it takes these values together.
    pub(super) fn takes(&self, params: &[f64]) -> Result<(), String> {
        match self {
            Subject::Plugin(plugin) => call(plugin, &Watch::none(), Shape::Ours).check(params),
            Subject::BuiltIn(_) => Ok(()),
        }
    }

    /// Takes a step into `out`.
    pub(super) fn step(
        &self,
        input: &StepInput<'_>,
        host: &mut dyn Host,
        out: &mut [f32],
    ) -> (Result<(), SamplerError>, Spent) {
        match self {
            Subject::Plugin(plugin) => roomily(plugin, Shape::Ours, input, host, out),
            Subject::BuiltIn(sampler) => {
                let mut counted = Counted { host, evaluations: 0 };
                let result = sampler.step(input, &mut counted, out);
                (result, Spent { evaluations: counted.evaluations, code: 0 })
            }
        }
    }

    /// The same by a plugin, as a host whose structs have that shape; `None` where there is no
    /// boundary.
    pub(super) fn step_as(
        &self,
        shape: Shape,
        input: &StepInput<'_>,
        host: &mut dyn Host,
        out: &mut [f32],
    ) -> Option<(Result<(), SamplerError>, Spent)> {
        let Subject::Plugin(plugin) = self else { return None };
        Some(roomily(plugin, shape, input, host, out))
    }

    /// The same into memory that has no room around it.
    pub(super) fn step_into(
        &self,
        input: &StepInput<'_>,
        host: &mut dyn Host,
        out: *mut [f32],
    ) -> Option<(Result<(), SamplerError>, Spent)> {
        let Subject::Plugin(plugin) = self else { return None };
        Some(call(plugin, &Watch::none(), Shape::Ours).step(input, host, out))
    }
}

/// Takes a step into memory with room around it: a plugin that goes a little too far is found by
/// the checks of memory, and must not bring others down.
fn roomily(
    plugin: &Opened,
    shape: Shape,
    input: &StepInput<'_>,
    host: &mut dyn Host,
    out: &mut [f32],
) -> (Result<(), SamplerError>, Spent) {
    let mut roomy = vec![0.0; out.len() + 2 * ROOM];
    let (_, rest) = roomy.split_at_mut(ROOM);
    let (inside, _) = rest.split_at_mut(out.len());
    inside.copy_from_slice(out);
    let stepped = call(plugin, &Watch::none(), shape).step(input, host, &raw mut *inside);
    out.copy_from_slice(inside);
    stepped
}

fn call<'a>(plugin: &'a Opened, watch: &'a Watch, shape: Shape) -> Call<'a> {
    Call { plugin, watch, shape }
}

/// A host that counts for samplers which no boundary counts for.
struct Counted<'a> {
    host: &'a mut dyn Host,
    evaluations: u32,
}

impl Host for Counted<'_> {
    fn evaluate(
        &mut self,
        x: &[f32],
        sigma: f64,
        gw: f64,
        v: &mut [f32],
    ) -> Result<(), SamplerError> {
        self.evaluations += 1;
        self.host.evaluate(x, sigma, gw, v)
    }

    fn evaluate_split(&mut self, x: &[f32], sigma: f64) -> Result<crate::Velocities, SamplerError> {
        self.evaluations += 1;
        self.host.evaluate_split(x, sigma)
    }

    fn gaussian(&mut self, stream: u64, out: &mut [f32]) {
        self.host.gaussian(stream, out);
    }

    fn cancelled(&self) -> bool {
        self.host.cancelled()
    }
}
