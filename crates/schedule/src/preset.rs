//! Presets: named steps with a terminal rule. How a file writes them is `preset_file`'s subject.

use super::order::{LoopIndexOrder, SamplingOrder};
use super::sigmas::Schedule;
use super::size::Size;
use super::terminal::Terminal;

pub use super::step::Step;

/// What `--sampler-preset` says for a schedule from parameters alone, and its name as a preset.
pub const FREE: &str = "none";

/// A named sampler schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Its key in `presets.toml`.
    pub name: String,
    /// A sentence on what it is for.
    pub description: Option<String>,
    pub steps: SamplingOrder<Step>,
    /// Where the last step ends.
    pub terminal: Terminal,
}

/// Whether a preset may have that name in a file: it has a letter, no space at its ends and no
/// control character, and does not mean something else.
pub fn is_preset_name(name: &str) -> bool {
    name != FREE
        && name != "default"
        && !name.is_empty()
        && name.trim() == name
        && !name.chars().any(char::is_control)
}

impl Preset {
    pub fn schedule(&self, size: Size) -> Schedule {
        Schedule::new(self.steps.clone(), size, self.terminal)
    }

    /// gw of every step as the reference's `guidance_schedule` lists it: the final step first.
    pub fn guidance_schedule(&self) -> LoopIndexOrder<f64> {
        self.steps.iter().map(|step| step.gw).collect::<SamplingOrder<f64>>().into()
    }
}
