//! Schedules as other programs take them: text out, text in. Each program has its own order of
//! guidance and its own end; what it cannot do is said, never bent silently. Knows no file and
//! starts no program.

mod comfyui;
mod command_line;
mod diffusers;
mod explicit;
mod fit;
mod guidance;
#[cfg(test)]
mod other_text_tests;
mod python;
mod reference;
mod sd_cpp;
#[cfg(test)]
mod tests;

use super::nearest::{list, nearest};
use super::preset::Preset;
use super::size::{Size, usual_sizes};
use sigmalab_text::text_file::without_mark;
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
    pub text: String,
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

/// Reads the one schedule of a text in a tool's form, see [`import_all`].
///
/// # Errors
/// As there, and where the text has several schedules.
pub fn import(text: &str, from: Tool, name: &str, size: Size) -> Result<Import, ImportError> {
    let mut all = import_all(text, from, name, size)?;
    match (all.pop(), all.as_slice()) {
        (Some(only), []) => Ok(only),
        (last, others) => {
            let names = others.iter().chain(&last).map(|import| import.preset.name.as_str());
            Err(several(names.collect()))
        }
    }
}

/// Reads every schedule of a text in a tool's form, in the order of the text; of the reference
/// implementation's every entry, whatever its class is called there. Explicit σ depend on the size:
/// it is the one in the text, else `size`. A preset's name is the text's, else `name`; of several
/// without a name it is `name`, `name_2` and so on.
///
/// # Errors
/// Where the text has no schedule of that tool, or one that cannot be run. Where schedules have no
/// names to tell them by, there may be only one.
pub fn import_all(
    text: &str,
    from: Tool,
    name: &str,
    size: Size,
) -> Result<Vec<Import>, ImportError> {
    import_of(text, from, name, size, None)
}

/// The same where one is wanted by its name: what is wrong with others does not count, if that one
/// is in the text.
///
/// # Errors
/// As there.
pub fn import_wanted(
    text: &str,
    from: Tool,
    wanted: &str,
    name: &str,
    size: Size,
) -> Result<Vec<Import>, ImportError> {
    import_of(text, from, name, size, Some(wanted))
}

fn import_of(
    text: &str,
    from: Tool,
    name: &str,
    size: Size,
    wanted: Option<&str>,
) -> Result<Vec<Import>, ImportError> {
    let text = without_mark(text);
    let found = match from {
        Tool::Reference => reference::import(text, name, wanted)?,
        Tool::Diffusers => vec![diffusers::import(text, name, size)?],
        Tool::ComfyUi => vec![comfyui::import(text, name, size)?],
        Tool::SdCpp => vec![sd_cpp::import(text, name, size)?],
    };
    let several = found.len() > 1;
    found.into_iter().map(|read| read.checked(several)).collect()
}

/// A schedule as a tool's reader found it, and the size that it is for.
struct Read {
    preset: Preset,
    notes: Vec<String>,
    size: Size,
}

impl Read {
    /// The schedule, if it can be run at its size. That it cannot be at another is a note.
    fn checked(self, several: bool) -> Result<Import, ImportError> {
        let Read { preset, mut notes, size } = self;
        if let Err(error) = preset.schedule(size).check() {
            let which = if several { format!("`{}`: ", preset.name) } else { String::new() };
            return Err(ImportError::new(format!("{which}at {size} {error}")));
        }
        let elsewhere = usual_sizes().into_iter().filter(|other| *other != size);
        let broken: Vec<String> = elsewhere
            .filter(|other| preset.schedule(*other).check().is_err())
            .map(|other| other.to_string())
            .collect();
        if !broken.is_empty() {
            notes.push(format!("it cannot be run at {}", broken.join(", ")));
        }
        Ok(Import { preset, notes })
    }
}

/// Several schedules where one is wanted.
fn several(names: Vec<&str>) -> ImportError {
    ImportError::new(format!(
        "it has {} schedules, {}: leave the one that is meant",
        names.len(),
        list(&names, 20)
    ))
}

/// Several schedules without names; `what` they are and the lines that they begin in.
fn nameless(what: &str, lines: &[usize]) -> ImportError {
    let shown: Vec<String> = lines.iter().take(20).map(usize::to_string).collect();
    let more = if lines.len() > shown.len() { " and more" } else { "" };
    ImportError::new(format!(
        "it has {} {what}, which begin in lines {}{more}: leave the one that is meant",
        lines.len(),
        shown.join(", ")
    ))
}
