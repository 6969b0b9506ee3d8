//! diffusers' form: arguments of a call of `Ideogram4Pipeline`. Its `guidance_schedule` is in
//! sampling order, the first step first; its scheduler ends at σ = 0.

use super::super::free::{FreeParameters, Guidance};
use super::super::order::SamplingOrder;
use super::super::preset::Preset;
use super::super::size::Size;
use super::super::terminal::Terminal;
use super::fit::{Fit, end_complaint, one_line};
use super::python::Call;
use super::{Export, Import, ImportError, guidance};

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

pub(super) fn import(text: &str, name: &str) -> Result<Import, ImportError> {
    let call = ["pipeline", "pipe"]
        .into_iter()
        .find(|function| text.contains(&format!("{function}(")))
        .map_or_else(
            || Call::parse(text, "Ideogram4Pipeline"),
            |function| Call::parse(text, function),
        );
    let known = ["num_inference_steps", "guidance_schedule", "guidance_scale", "mu", "std"];
    if !known.iter().any(|key| call.get(key).is_some()) {
        return Err(ImportError::new(
            "there is no `num_inference_steps=`, `guidance_schedule=`, `guidance_scale=`, `mu=` \
             or `std=`: give the arguments of the pipeline's call",
        ));
    }
    let mut notes = Vec::new();
    let num_steps = call.count("num_inference_steps")?.unwrap_or(STEPS);
    let guidance = match (call.get("guidance_schedule"), call.number("guidance_scale")?) {
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
    let mut number = |key: &str, default: f64| -> Result<f64, ImportError> {
        let given = call.number(key)?;
        if given.is_none() {
            notes.push(format!("no {key} is given: diffusers' default, {default}"));
        }
        Ok(given.unwrap_or(default))
    };
    let (mu, std) = (number("mu", 0.0)?, number("std", 1.5)?);
    let parameters = FreeParameters { num_steps, guidance, mu, std, terminal: Terminal::Zero };
    let preset = parameters.preset().map_err(|error| ImportError::new(error.to_string()))?;
    Ok(Import { preset: Preset { name: name.to_owned(), ..preset }, notes })
}
