//! The flags that change the steps of a preset, and their meaning over one.

use super::failure::Failure;
use super::values::{PerStep, finite, steps};
use clap::Args;
use sigmalab_schedule::free::{Guidance, Overrides, ParameterError};
use sigmalab_schedule::order::{LoopIndexOrder, SamplingOrder};
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::terminal::Terminal;

/// The flags of the schedule. A flag beats the preset.
#[derive(Debug, Args)]
#[command(next_help_heading = "Schedule (a flag beats the preset)")]
pub(crate) struct ScheduleFlags {
    /// Number of steps, 1–1000; with n for the preset's N, step k of n (from 0) takes the
    /// preset's step ⌊(k+½)·N/n⌋: polish steps stay at the end and scale in number, and a short
    /// schedule may lose them [`none`: 48]
    #[arg(long, value_name = "N", value_parser = steps)]
    num_steps: Option<usize>,

    /// Guidance weight of every step [`none`: 7]
    #[arg(long, value_name = "GW", value_parser = finite, allow_hyphen_values = true)]
    guidance_scale: Option<f64>,

    /// Guidance weight a step in the reference's loop-index order: the FINAL step first, as in
    /// its presets; beats --guidance-scale
    #[arg(long, value_name = "GW,GW,…", allow_hyphen_values = true, conflicts_with = "gw")]
    guidance_schedule: Option<PerStep>,

    /// Guidance weight a step in sampling order: the FIRST step first; runs as in 7x18,3x2;
    /// beats --guidance-scale
    #[arg(long, value_name = "GW,GW,…", allow_hyphen_values = true)]
    gw: Option<PerStep>,

    /// Mean of the logit-normal schedule; larger spends more steps at high noise [`none`: 0.5]
    #[arg(long, value_name = "MU", value_parser = finite, allow_hyphen_values = true)]
    mu: Option<f64>,

    /// Spread of the logit-normal schedule, above 0 [`none`: 1]
    #[arg(long, value_name = "STD", value_parser = finite, allow_hyphen_values = true)]
    std: Option<f64>,

    /// Where the last step ends: `reference` (σ = 5.5e-4, the reference's clamp) or `zero`
    /// (diffusers, ComfyUI) [`none`: reference]
    #[arg(long, value_name = "RULE")]
    terminal_sigma: Option<Terminal>,
}

impl ScheduleFlags {
    /// `preset` with the flags over it.
    pub(crate) fn over(&self, preset: &Preset) -> Result<Preset, Failure> {
        let guidance = match (&self.gw, &self.guidance_schedule, self.guidance_scale) {
            (Some(list), _, _) => Some(Guidance::Sampling(SamplingOrder(list.0.clone()))),
            (None, Some(list), _) => Some(Guidance::LoopIndex(LoopIndexOrder(list.0.clone()))),
            (None, None, scale) => scale.map(Guidance::Scale),
        };
        let list_flag = if self.gw.is_some() { "--gw" } else { "--guidance-schedule" };
        let overrides = Overrides {
            num_steps: self.num_steps,
            guidance,
            mu: self.mu,
            std: self.std,
            terminal: self.terminal_sigma,
        };
        preset.with_overrides(&overrides).map_err(|error| match error {
            ParameterError::GuidanceLength { given, steps } => Failure::bad_input(format_args!(
                "{list_flag} has {given} weights and the schedule has {steps} steps: give one \
                 weight a step"
            ))
            .way_out(format_args!("{list_flag} with {steps} weights; runs are short: 7x{steps}"))
            .way_out(format_args!("--num-steps {given}")),
            ParameterError::NoSteps | ParameterError::TooManySteps { .. }
                if self.num_steps.is_some() =>
            {
                Failure::bad_input(format_args!("--num-steps: {error}"))
            }
            error => Failure::bad_input(error),
        })
    }
}
