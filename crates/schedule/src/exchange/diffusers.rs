//! diffusers' form: arguments of a call of `Ideogram4Pipeline`. Its `guidance_schedule` is in
//! sampling order, the first step first; its scheduler ends at σ = 0.

use super::super::free::{FreeParameters, Guidance};
use super::super::order::SamplingOrder;
use super::super::preset::Preset;
use super::super::size::Size;
use super::super::terminal::Terminal;
use super::fit::{Fit, end_complaint, one_line};
use super::python::{Call, arguments, calls, tokens};
use super::{Export, ImportError, Read, guidance, nameless};

/// The pipeline's own defaults, from its signature in diffusers 0.42.
const STEPS: usize = 48;
const POLISH: usize = 3;

pub(super) fn export(preset: &Preset, size: Size) -> Export {
    let fit = Fit::of(preset, size);
    let weights: Vec<f64> = preset.steps.iter().map(|step| step.gw).collect();
    let text = format!(
        "pipe(\n    prompt,\n    height={},\n    width={},\n    num_inference_steps={},\n    \
         guidance_schedule={},  # sampling order: the first step first\n    mu={:?},\n    \
         std={:?},\n)\n",
        size.height(),
        size.width(),
        preset.steps.len(),
        guidance::python(&weights),
        fit.mu,
        fit.std,
    );
    let end = end_complaint(preset, "diffusers", Terminal::Zero);
    Export { text, cannot_follow: one_line([fit.complaint("diffusers"), end]) }
}

/// The arguments that a schedule is made of, and their places in the call's signature.
const STEPS_AT: (&str, usize) = ("num_inference_steps", 3);
const SCALE_AT: (&str, usize) = ("guidance_scale", 4);
const SCHEDULE_AT: (&str, usize) = ("guidance_schedule", 5);
const MU_AT: (&str, usize) = ("mu", 6);
const STD_AT: (&str, usize) = ("std", 7);
const KNOWN: [(&str, usize); 5] = [STEPS_AT, SCALE_AT, SCHEDULE_AT, MU_AT, STD_AT];

/// Those that calls of other functions have, too.
const OF_MANY: [&str; 2] = ["mu", "std"];

/// Arguments of other pipelines that would change the schedule; this one has none of them.
const FOREIGN: [&str; 6] =
    ["sigmas", "timesteps", "true_cfg_scale", "strength", "denoising_start", "denoising_end"];

pub(super) fn import(text: &str, name: &str, size: Size) -> Result<Read, ImportError> {
    let tokens = tokens(text)?;
    let all = calls(text, &tokens);
    let known = |call: &&Call| {
        let function = call.function.to_lowercase();
        let pipeline = function.contains("pipe") || function == "dict";
        // Functions of many kinds have a `std`, those that normalise or draw numbers.
        KNOWN.iter().any(|(key, _)| call.names(key) && (pipeline || !OF_MANY.contains(key)))
            || pipeline && call.positional() > STEPS_AT.1
            || pipeline && FOREIGN.iter().any(|key| call.names(key))
    };
    let found: Vec<&Call> = all.iter().filter(known).collect();
    let call = match found.as_slice() {
        [only] => (*only).clone(),
        [] => arguments(text, &tokens),
        many => {
            let lines: Vec<usize> = many.iter().map(|call| call.line).collect();
            return Err(nameless("calls with a schedule", &lines));
        }
    };
    let foreign: Vec<String> = FOREIGN
        .iter()
        .filter(|key| call.get(key, None).is_some())
        .map(|key| format!("`{key}`"))
        .collect();
    if !KNOWN.iter().any(|(key, at)| call.get(key, Some(*at)).is_some()) {
        let found = match foreign.as_slice() {
            [] => String::new(),
            keys => format!("; {} is not an argument of Ideogram4Pipeline", keys.join(", ")),
        };
        return Err(ImportError::new(format!(
            "there is no `num_inference_steps=`, `guidance_schedule=`, `guidance_scale=`, `mu=` \
             or `std=`: give the arguments of the pipeline's call{found}"
        )));
    }
    let mut notes: Vec<String> = call
        .unpacked()
        .iter()
        .map(|written| format!("`{written}`: what it holds is not known here, and not read"))
        .collect();
    if !foreign.is_empty() {
        notes.push(format!(
            "{}: Ideogram4Pipeline takes no such argument, so it is not read",
            foreign.join(", ")
        ));
    }
    let (key, at) = STEPS_AT;
    let num_steps = call.count(key, Some(at))?.unwrap_or(STEPS);
    let scale = call.number(SCALE_AT.0, Some(SCALE_AT.1))?;
    let guidance = match (call.get(SCHEDULE_AT.0, Some(SCHEDULE_AT.1)), scale) {
        (Some(_), Some(_)) => {
            return Err(ImportError::new(
                "it has `guidance_schedule` and `guidance_scale`, of which the pipeline takes one",
            ));
        }
        (Some(list), None) => Guidance::Sampling(SamplingOrder(guidance::from_python(list)?)),
        (None, Some(scale)) => Guidance::Scale(scale),
        (None, None) => {
            notes.push("no guidance is given: diffusers' default, 7x45 and 3x3".to_owned());
            let mut list = vec![7.0; STEPS - POLISH];
            list.resize(STEPS, 3.0);
            Guidance::Sampling(SamplingOrder(list))
        }
    };
    let mut number = |(key, at): (&str, usize), default: f64| -> Result<f64, ImportError> {
        let given = call.number(key, Some(at))?;
        if given.is_none() {
            notes.push(format!("no {key} is given: diffusers' default, {default}"));
        }
        Ok(given.unwrap_or(default))
    };
    let (mu, std) = (number(MU_AT, 0.0)?, number(STD_AT, 1.5)?);
    let parameters = FreeParameters { num_steps, guidance, mu, std, terminal: Terminal::Zero };
    let preset = parameters.preset().map_err(|error| ImportError::new(error.to_string()))?;
    // The size says at which one it has to run; what it is written as does not change the steps.
    let written = |key: &str, at: usize| call.count(key, Some(at)).ok().flatten();
    let size = match (written("width", 2), written("height", 1)) {
        (Some(width), Some(height)) => format!("{width}x{height}").parse().unwrap_or(size),
        _ => size,
    };
    Ok(Read { preset: Preset { name: name.to_owned(), ..preset }, notes, size })
}
