//! What is told of a finished run: one line for people, or one JSON object.

use super::outputs::Files;
use crate::cli::failure::Failure;
use crate::cli::print;
use serde::Serialize;
use sigmalab_engine::event::{Event, NfeCount, StepReport};
use sigmalab_engine::noise::NoiseSource;
use sigmalab_engine::recipe::Recipe;
use sigmalab_engine::request::{RunOutput, Timings};
use sigmalab_model::profile::ProfileEntry;

/// What the events of a run told.
#[derive(Debug, Default)]
pub(super) struct Observed {
    steps: Vec<StepReport>,
    text_tokens: usize,
    profile: Vec<ProfileEntry>,
    peak_device_bytes: Option<u64>,
}

impl Observed {
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Step(report) => self.steps.push(report.clone()),
            Event::Encoded { tokens, .. } => self.text_tokens = *tokens,
            Event::Decoded { profile, peak_device_bytes, .. } => {
                self.profile.clone_from(profile);
                self.peak_device_bytes = *peak_device_bytes;
            }
            Event::Loading(_) | Event::Loaded { .. } | Event::Preview { .. } => {}
        }
    }
}

/// A run that is done, its files written.
#[derive(Debug)]
pub(super) struct Finished<'a> {
    pub(super) files: Files,
    pub(super) output: &'a RunOutput,
    pub(super) observed: Observed,
    pub(super) warnings: Vec<String>,
    /// Wall time of the whole command.
    pub(super) seconds: f64,
}

/// The object that `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    output: String,
    /// Path of the latents file, if one was asked for.
    latents: Option<String>,
    /// Width of the image in pixels.
    width: u32,
    /// Height of the image in pixels.
    height: u32,
    /// The seed; null where the noise came from a file.
    seed: Option<u64>,
    /// Hash of everything the image depends on.
    identity: String,
    /// The recipe, resolved.
    recipe: &'a Recipe,
    /// Tokens of the prompt, chat template included.
    text_tokens: usize,
    /// Network evaluations done and saved.
    nfe: NfeCount,
    /// Milliseconds by stage.
    timings: Timings,
    /// Milliseconds of the whole command.
    total_ms: f64,
    /// Every step, sampling order.
    steps: &'a [StepReport],
    /// Where the networks' time went, the longest first.
    profile: &'a [ProfileEntry],
    /// The most bytes of a GPU's memory that were in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_device_bytes: Option<u64>,
    /// What may not be as meant.
    warnings: &'a [String],
}

impl Finished<'_> {
    /// One closing line: file, size, seed, steps, seconds.
    pub(super) fn line(&self) -> String {
        let recipe = &self.output.recipe;
        let noise = match &recipe.noise {
            NoiseSource::Seed { seed, .. } => format!("seed {seed}"),
            NoiseSource::File { .. } => "noise from a file".to_owned(),
        };
        format!(
            "{}  {}  {noise}  {}  {:.1} s\n",
            self.files.image.display(),
            recipe.size,
            print::counted(recipe.steps.len(), "step"),
            self.seconds
        )
    }

    /// A line for every operation: its seconds, its share of the networks' time, its calls.
    pub(super) fn profile(&self) -> String {
        let entries = &self.observed.profile;
        let total: f64 = entries.iter().map(|entry| entry.seconds).sum();
        let line = |entry: &ProfileEntry| {
            let ProfileEntry { operation, calls, seconds } = entry;
            let share = 100.0 * seconds / total.max(f64::MIN_POSITIVE);
            format!("  {operation:30} {seconds:9.3} s {share:5.1} % {calls:7} times\n")
        };
        let peak = self.observed.peak_device_bytes.map(|bytes| {
            let gib = bytes as f64 / f64::from(1u32 << 30);
            format!("  {:30} {gib:9.2} GiB\n", "most of the device's memory")
        });
        entries.iter().map(line).chain(peak).collect()
    }

    /// The object that `--json` prints.
    pub(super) fn document(&self) -> Result<Document<'_>, Failure> {
        let recipe = &self.output.recipe;
        Ok(Document {
            output: self.files.image.display().to_string(),
            latents: self.files.latents.as_ref().map(|path| path.display().to_string()),
            width: self.output.image.width,
            height: self.output.image.height,
            seed: match recipe.noise {
                NoiseSource::Seed { seed, .. } => Some(seed),
                NoiseSource::File { .. } => None,
            },
            identity: recipe.identity().map_err(Failure::failed)?,
            recipe,
            text_tokens: self.observed.text_tokens,
            nfe: self.output.nfe,
            timings: self.output.timings,
            total_ms: self.seconds * 1e3,
            steps: &self.observed.steps,
            profile: &self.observed.profile,
            peak_device_bytes: self.observed.peak_device_bytes,
            warnings: &self.warnings,
        })
    }
}
