//! Schedules as other programs take them: text out, text in. Each program has its own order of
//! guidance and its own end; what it cannot do is said, never bent silently. Knows no file and
//! starts no program.

mod comfyui;
mod diffusers;
mod explicit;
mod fit;
mod guidance;
mod python;
mod reference;
mod sd_cpp;
#[cfg(test)]
mod tests;

use super::nearest::nearest;
use super::preset::Preset;
use super::size::Size;
use std::fmt;
use std::str::FromStr;

/// A program that schedules are exchanged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// The reference implementation: an entry of `PRESETS` in its `sampler_configs.py`.
    Reference,
    /// Hugging Face diffusers: the arguments of a call of `Ideogram4Pipeline`.
    Diffusers,
    /// ComfyUI: a workflow as its server takes it.
    ComfyUi,
    /// stable-diffusion.cpp: flags of its command line.
    SdCpp,
}

impl Tool {
    /// Every tool.
    pub const ALL: [Tool; 4] = [Tool::Reference, Tool::Diffusers, Tool::ComfyUi, Tool::SdCpp];

    /// Its name, as flags take it.
    pub fn as_str(self) -> &'static str {
        match self {
            Tool::Reference => "reference",
            Tool::Diffusers => "diffusers",
            Tool::ComfyUi => "comfyui",
            Tool::SdCpp => "sd.cpp",
        }
    }

    /// What it takes, in a few words.
    pub fn form(self) -> &'static str {
        match self {
            Tool::Reference => "an entry of PRESETS in sampler_configs.py",
            Tool::Diffusers => "arguments of a call of Ideogram4Pipeline",
            Tool::ComfyUi => "a workflow, as Export (API) writes it",
            Tool::SdCpp => "flags of stable-diffusion.cpp",
        }
    }

    /// The tool whose form a text looks like; `None` where it looks like none.
    pub fn of_text(text: &str) -> Option<Tool> {
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if text.trim_start().starts_with('{') && has(&["class_type", "\"nodes\""]) {
            Some(Tool::ComfyUi)
        } else if has(&["--steps", "--sigmas", "--extra-sample-args"]) {
            Some(Tool::SdCpp)
        } else if has(&["SamplerParameters(", "num_steps=", "num_steps ="]) {
            Some(Tool::Reference)
        } else if has(&["num_inference_steps", "guidance_scale", "pipe(", "pipeline("]) {
            Some(Tool::Diffusers)
        } else {
            None
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A program that schedules are not exchanged with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a tool{}: there is `reference`, `diffusers`, `comfyui` and `sd.cpp`",
    nearest.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default()
)]
pub struct ToolError {
    /// What was written.
    pub text: String,
    /// The tool it looks like.
    pub nearest: Option<&'static str>,
}

impl FromStr for Tool {
    type Err = ToolError;

    fn from_str(text: &str) -> Result<Self, ToolError> {
        Tool::ALL.into_iter().find(|tool| tool.as_str() == text).ok_or_else(|| ToolError {
            text: text.to_owned(),
            nearest: nearest(text, Tool::ALL.map(Tool::as_str)).first().copied(),
        })
    }
}

/// A schedule in a tool's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// What the tool takes, with a line end.
    pub text: String,
    /// In one line, what the tool cannot do of the preset; the text says the closest it can.
    pub cannot_follow: Option<String>,
}

/// A schedule read from a tool's form.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The preset.
    pub preset: Preset,
    /// What was assumed or could not be taken over, a line each.
    pub notes: Vec<String>,
}

/// Text that is no schedule of a tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ImportError {
    /// What is wrong and what to do.
    pub message: String,
}

impl ImportError {
    fn new(message: impl Into<String>) -> Self {
        ImportError { message: message.into() }
    }
}

/// The preset as a tool takes it, at a size where the tool wants one.
pub fn export(preset: &Preset, size: Size, to: Tool) -> Export {
    match to {
        Tool::Reference => reference::export(preset, size),
        Tool::Diffusers => diffusers::export(preset, size),
        Tool::ComfyUi => comfyui::export(preset, size),
        Tool::SdCpp => sd_cpp::export(preset, size),
    }
}

/// Reads a tool's form. Explicit σ depend on the size: it is the one in the text, else `size`.
/// The preset's name is the text's, else `name`.
///
/// # Errors
/// Where the text has no schedule of that tool, or one that cannot be run.
pub fn import(text: &str, from: Tool, name: &str, size: Size) -> Result<Import, ImportError> {
    match from {
        Tool::Reference => reference::import(text, name),
        Tool::Diffusers => diffusers::import(text, name),
        Tool::ComfyUi => comfyui::import(text, name, size),
        Tool::SdCpp => sd_cpp::import(text, name, size),
    }
}
