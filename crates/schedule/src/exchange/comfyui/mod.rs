//! ComfyUI's form: a workflow as its server takes it (the one its menu calls API), a node a line.
//!
//! `Ideogram4Scheduler` computes σ from one mu and std, `ManualSigmas` takes a list of them; either
//! ends at σ = 0. One node holds the gw of most steps, and a `CFGOverride` each run of other steps,
//! as a window of σ. What those nodes do with their inputs was read in ComfyUI's
//! `comfy_extras/nodes_ideogram4.py` and `nodes_custom_sampler.py`, how percent becomes σ in
//! `comfy/model_sampling.py`; docs/presets.md says it in words.

mod export;
mod graph;
mod import;
#[cfg(test)]
mod tests;
mod window;

pub(super) use export::export;
pub(super) use import::import;

/// σ from steps, width, height, mu and std.
const SCHEDULER: &str = "Ideogram4Scheduler";
/// σ as text.
const SIGMAS: &str = "ManualSigmas";
/// gw of the steps of a window.
const OVERRIDE: &str = "CFGOverride";
/// gw of all other steps; the two networks meet here.
const GUIDER: &str = "DualModelGuider";
/// The loop.
const SAMPLER: &str = "SamplerCustomAdvanced";

/// What ComfyUI takes for gw; its server refuses a workflow with more or less.
const MOST_GW: f64 = 100.0;

/// Whether ComfyUI takes a gw for 1, where it leaves the second network out.
fn is_one(gw: f64) -> bool {
    (gw - 1.0).abs() <= 1e-9 * gw.abs().max(1.0)
}
