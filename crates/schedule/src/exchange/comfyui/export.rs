//! From a preset to a workflow that ComfyUI runs as it is, with the files that its own template
//! for Ideogram 4 names.

use super::super::super::preset::Preset;
use super::super::super::runs::{Run, runs};
use super::super::super::sigmas::Schedule;
use super::super::super::size::Size;
use super::super::super::terminal::Terminal;
use super::super::Export;
use super::super::fit::{end_complaint, one_line};
use super::window::{Window, percent_between};
use super::{GUIDER, MOST_GW, OVERRIDE, SAMPLER, SCHEDULER, SIGMAS, is_one};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Most steps of a [`SCHEDULER`], and the ranges of its mu and std.
const MOST_STEPS: usize = 200;
const MU: std::ops::RangeInclusive<f64> = -10.0..=10.0;
const STD: std::ops::RangeInclusive<f64> = 0.1..=5.0;

pub(in super::super) fn export(preset: &Preset, size: Size) -> Export {
    let schedule = Schedule::new(preset.steps.clone(), size, Terminal::Zero);
    // As f32, which is how ComfyUI compares them.
    let sigmas: Vec<f32> = schedule.sigmas().iter().map(|sigma| sigma.0 as f32).collect();
    let (guidance, gw_complaints) = Guidance::of(preset, &sigmas);
    let end = end_complaint(preset, "ComfyUI", Terminal::Zero);
    let mut workflow = Workflow::default();
    let (width, height) = (size.width(), size.height());
    let sigmas = match single_curve(preset) {
        Some((mu, std)) => workflow.node(
            SCHEDULER,
            "σ from mu and std; it ends at 0",
            json!({ "steps": preset.steps.len(), "width": width, "height": height, "mu": mu, "std": std }),
        ),
        None => {
            let list: Vec<String> = sigmas.iter().map(f32::to_string).collect();
            let title = format!("σ of every step, at {width}x{height}");
            workflow.node(SIGMAS, &title, json!({ "sigmas": list.join(", ") }))
        }
    };
    let model = |workflow: &mut Workflow, title: &str, file: &str| {
        workflow.node("UNETLoader", title, json!({ "unet_name": file, "weight_dtype": "default" }))
    };
    let mut conditional =
        model(&mut workflow, "the conditional network", "ideogram4_fp8_scaled.safetensors");
    for Part { title, gw, window } in guidance.parts {
        let inputs = json!({
            "model": conditional, "cfg": gw, "start_percent": window.start, "end_percent": window.end,
        });
        conditional = workflow.node(OVERRIDE, &title, inputs);
    }
    let unconditional = model(
        &mut workflow,
        "the unconditional network",
        "ideogram4_unconditional_fp8_scaled.safetensors",
    );
    let clip = workflow.node(
        "CLIPLoader",
        "the text encoder",
        json!({ "clip_name": "qwen3vl_8b_fp8_scaled.safetensors", "type": "ideogram4", "device": "default" }),
    );
    let prompt = workflow.node("CLIPTextEncode", "the prompt", json!({ "text": "", "clip": clip }));
    let negative =
        workflow.node("ConditioningZeroOut", "no prompt", json!({ "conditioning": prompt }));
    let guider = workflow.node(
        GUIDER,
        &guidance.title,
        json!({
            "model": conditional, "model_negative": unconditional, "positive": prompt,
            "negative": negative, "cfg": guidance.most,
        }),
    );
    let noise = workflow.node("RandomNoise", "the seed", json!({ "noise_seed": 0 }));
    let euler = workflow.node("KSamplerSelect", "the sampler", json!({ "sampler_name": "euler" }));
    let latent = workflow.node(
        "EmptyFlux2LatentImage",
        "the size",
        json!({ "width": width, "height": height, "batch_size": 1 }),
    );
    let samples = workflow.node(
        SAMPLER,
        "the loop",
        json!({
            "noise": noise, "guider": guider, "sampler": euler, "sigmas": sigmas,
            "latent_image": latent,
        }),
    );
    let vae =
        workflow.node("VAELoader", "the decoder", json!({ "vae_name": "flux2-vae.safetensors" }));
    let image = workflow.node("VAEDecode", "the image", json!({ "samples": samples, "vae": vae }));
    workflow.node(
        "SaveImage",
        "the file",
        json!({ "images": image, "filename_prefix": "sigmalab" }),
    );
    let complaints = gw_complaints.into_iter().map(Some).chain([end]);
    Export { text: workflow.text(), cannot_follow: one_line(complaints) }
}

/// mu and std, where all steps share them and the scheduler takes them.
fn single_curve(preset: &Preset) -> Option<(f64, f64)> {
    match runs(preset.steps.iter().map(|step| (step.mu, step.std))).as_slice() {
        [Run { value: (mu, std), steps }]
            if *steps <= MOST_STEPS && MU.contains(mu) && STD.contains(std) =>
        {
            Some((*mu, *std))
        }
        _ => None,
    }
}

/// gw as one for most steps and windows with others.
struct Guidance {
    most: f64,
    title: String,
    parts: Vec<Part>,
}

/// One window.
struct Part {
    title: String,
    gw: f64,
    window: Window,
}

impl Guidance {
    /// Of a preset whose steps start at these σ; and what ComfyUI cannot follow.
    fn of(preset: &Preset, sigmas: &[f32]) -> (Guidance, Vec<String>) {
        let mut complaints = Vec::new();
        let taken = |gw: f64| gw.clamp(0.0, MOST_GW);
        let outside = preset.steps.iter().filter(|step| taken(step.gw) != step.gw).count();
        if outside > 0 {
            complaints.push(format!(
                "ComfyUI takes gw from 0 to {MOST_GW}: {outside} of the steps {} the nearest",
                if outside == 1 { "gets" } else { "get" }
            ));
        }
        let runs = runs(preset.steps.iter().map(|step| taken(step.gw)));
        let most = most_common(&runs);
        let mut parts = Vec::new();
        let mut first = 0;
        for Run { value: gw, steps } in runs {
            let last = first + steps - 1;
            if gw != most {
                let mut edge = |step: usize, outer: f64| {
                    let start = |step: usize| sigmas.get(step).copied().map(f64::from);
                    // No step before the first one, none after the last.
                    let (Some(earlier), Some(later)) =
                        (step.checked_sub(1).and_then(start), start(step))
                    else {
                        return outer;
                    };
                    if step == preset.steps.len() {
                        return outer;
                    }
                    percent_between(earlier, later).unwrap_or_else(|| {
                        complaints.push(format!(
                            "σ does not fall at step {}, so ComfyUI cannot change gw there",
                            step - 1
                        ));
                        1.0 - later
                    })
                };
                let window = Window { start: edge(first, 0.0), end: edge(last + 1, 1.0) };
                let title = match steps {
                    1 => format!("gw of step {first}"),
                    _ => format!("gw of steps {first} to {last}"),
                };
                parts.push(Part { title, gw, window });
            }
            first = last + 1;
        }
        let title = match parts.len() {
            0 => "gw".to_owned(),
            _ => "gw of the other steps".to_owned(),
        };
        (Guidance { most, title, parts }, complaints)
    }
}

/// The gw that most steps have. Not 1 unless all have it: where the guider itself has 1, ComfyUI
/// never loads the second network, and no window brings it back.
fn most_common(runs: &[Run<f64>]) -> f64 {
    let mut counts: Vec<(f64, usize)> = Vec::new();
    for run in runs.iter().filter(|run| !is_one(run.value)) {
        match counts.iter_mut().find(|(gw, _)| *gw == run.value) {
            Some((_, count)) => *count += run.steps,
            None => counts.push((run.value, run.steps)),
        }
    }
    // The first of those that are equally common.
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    most.map_or_else(|| runs.first().map_or(1.0, |run| run.value), |(gw, _)| *gw)
}

/// Nodes in the order in which they were made.
#[derive(Default)]
struct Workflow {
    nodes: Vec<Value>,
}

impl Workflow {
    /// Adds a node; the link to its first output.
    fn node(&mut self, class: &str, title: &str, inputs: Value) -> Value {
        self.nodes
            .push(json!({ "class_type": class, "inputs": inputs, "_meta": { "title": title } }));
        json!([self.nodes.len().to_string(), 0])
    }

    /// The workflow, a node a line.
    fn text(&self) -> String {
        let mut text = String::from("{\n");
        for (at, node) in self.nodes.iter().enumerate() {
            let comma = if at + 1 < self.nodes.len() { "," } else { "" };
            // Writing to a String does not fail.
            let _ = writeln!(text, "\"{}\": {node}{comma}", at + 1);
        }
        text.push_str("}\n");
        text
    }
}
