//! The text form of `presets.toml`: one table a preset. Knows the text, not where it lies.
//!
//! ```toml
//! default = "V4_QUALITY_48"      # may be left out: the first preset of the file
//!
//! [V4_QUALITY_48]
//! description = "..."            # may be left out
//! mu = 0.0                       # for rows that give none of their own
//! std = 1.5
//! terminal = "reference"         # or "zero"; left out, "reference"
//! # exactly one of these three:
//! runs = [{ steps = 45, gw = 7.0 }, { steps = 3, gw = 3.0 }]       # sampling order
//! # steps = [{ gw = 7.0, mu = 0.0, std = 1.5 }, ...]               # sampling order
//! # guidance_schedule = [3.0, 3.0, 3.0, 7.0, ...]                  # loop-index order
//! ```
//!
//! A run or a row of `steps` may give its own mu and std. `guidance_schedule` is what people paste
//! from the reference: index 0 is the final step.

mod reader;
mod rows;
mod values;
pub mod writer;

use super::nearest::{list, meant, nearest};
use super::preset::Preset;
use super::toml_text::TomlError;

#[derive(Debug, Clone, PartialEq)]
pub struct PresetFile {
    default: Preset,
    presets: Vec<Preset>,
}

impl PresetFile {
    /// Reads the text of a preset file. `file` is its name in messages. No preset of a file with
    /// a problem is used: every problem is listed instead.
    pub fn parse(text: &str, file: &str) -> Result<Self, TomlError> {
        reader::read(text, file)
    }

    /// The presets that the program carries: the reference's three.
    ///
    /// # Errors
    /// None, as the test of this file proves; it is a `Result` so that nothing has to panic.
    pub fn builtin() -> Result<Self, TomlError> {
        PresetFile::parse(include_str!("../../../presets.toml"), "the built-in presets.toml")
    }

    /// The preset to use when none is named.
    pub fn default_preset(&self) -> &Preset {
        &self.default
    }

    /// The presets, in the order of the file; at least one.
    pub fn presets(&self) -> &[Preset] {
        &self.presets
    }

    /// The presets' names, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.presets.iter().map(|preset| preset.name.as_str())
    }

    /// The preset of that name; case counts.
    pub fn get(&self, name: &str) -> Result<&Preset, UnknownPreset> {
        self.presets.iter().find(|preset| preset.name == name).ok_or_else(|| UnknownPreset {
            name: name.to_owned(),
            nearest: nearest(name, self.names()).into_iter().map(str::to_owned).collect(),
            names: self.names().map(str::to_owned).collect(),
        })
    }
}

/// A preset that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no preset `{name}`{}; the presets are {}", meant(nearest), list(names, 20))]
pub struct UnknownPreset {
    pub name: String,
    /// The names it looks like, the closest first.
    pub nearest: Vec<String>,
    pub names: Vec<String>,
}

#[cfg(test)]
mod tests;
