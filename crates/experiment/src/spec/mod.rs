//! What an experiment file says: plain data, and the reader that makes it from TOML. It knows
//! nothing of presets' contents, checkpoints and files: what it names is looked up later.

mod axis;
pub mod name;
mod path;
mod reader;
pub mod tune;
mod values;

pub use axis::{Axis, Column, ValueRule};
pub use path::{Path, PathError, Slice};
pub use reader::Named;
pub use reader::parse_budget;
pub use values::{Scale, Value};

use sigmalab_compute::{ComputeDtype, DeviceChoice};
use sigmalab_engine::noise::Rng;
use sigmalab_schedule::size::Size;
use sigmalab_schedule::toml_text::TomlError;

/// Most trials of one experiment.
pub const MOST_TRIALS: usize = 100_000;

/// One experiment file.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Its name: that of its run directory, unless told otherwise.
    pub name: String,
    /// A sentence on what it is for.
    pub description: Option<String>,
    /// The checkpoint; the caller's choice when absent.
    pub model: Option<String>,
    pub dtype: Option<ComputeDtype>,
    pub device: Option<DeviceChoice>,
    /// Generator of the initial noise.
    pub rng: Rng,
    /// Prompts, or the file they are in.
    pub prompts: PromptSource,
    pub seeds: Vec<u64>,
    /// Sizes; empty for the checkpoint's own.
    pub sizes: Vec<Size>,
    /// The size that shifts σ, where it is not the image size.
    pub sigma_size: Option<Size>,
    /// What every trial starts from.
    pub base: Settings,
    /// The reference run's preset and changes; `None` for no reference.
    pub reference: Option<Settings>,
    /// How trials are made of the axes.
    pub method: Method,
    /// What is swept, in the order of the file.
    pub axes: Vec<Axis>,
    /// What is written beside the tables.
    pub output: Output,
    /// What is sought, where the method is a tune.
    pub tune: Option<tune::TuneSpec>,
}

/// A preset and what is changed in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Name of the preset; the presets file's default when absent.
    pub preset: Option<String>,
    /// Changes, in the order of the file.
    pub changes: Vec<(Path, Value)>,
}

/// Where prompts come from.
#[derive(Debug, Clone, PartialEq)]
pub enum PromptSource {
    /// Written in the experiment file.
    Inline(Vec<Prompt>),
    /// A text file, one prompt a line, or a JSONL file; relative to the experiment file.
    File(String),
}

/// A prompt and what it is called in tables.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// Its name, unique in the experiment.
    pub id: String,
    /// The text for the text encoder.
    pub text: String,
}

/// How trials are made of the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Every combination; the last axis of the file runs fastest.
    Grid,
    /// The rows of `[[trials]]`, one after another.
    List,
    /// The axes walked together, value by value.
    Zip,
    /// So many independent draws.
    Random {
        trials: usize,
        /// Makes the draws differ.
        seed: u64,
    },
    /// So many points of Owen's scrambled Sobol sequence.
    Sobol {
        trials: usize,
        /// Makes the points differ.
        seed: u32,
    },
    /// Points that are proposed in generations, by what came of those before.
    Search(Search),
    /// A faster preset is sought from reference runs.
    Tune,
}

/// How points are proposed by what came of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    pub rule: SearchRule,
    /// Most points.
    pub trials: usize,
    /// Most evaluations of both networks, where there is a bound.
    pub evaluations: Option<u64>,
    /// Makes the draws differ.
    pub seed: u64,
}

/// Rules by which points are proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchRule {
    /// Points drawn at random; those that are behind are given up after few prompts and seeds.
    Halving {
        /// The part that goes on: one of so many.
        eta: usize,
    },
    /// A normal distribution that moves to where points are good.
    CmaEs,
    /// Where good points are dense and bad ones are not.
    Tpe,
}

impl Method {
    /// Whether trials are proposed in generations, and not known from the start.
    pub fn is_search(self) -> bool {
        matches!(self, Method::Search(_) | Method::Tune)
    }
}

/// What is written beside the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    pub images: bool,
    pub latents: bool,
    /// Whether trials are decoded at all: without it there is no picture, and no measure of one.
    pub decode: bool,
}

impl Spec {
    /// Reads the text of an experiment file; `file` is its name in messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with line and column. An experiment with a problem
    /// is not run in part.
    pub fn parse(text: &str, file: &str) -> Result<Self, TomlError> {
        reader::read(text, file)
    }

    /// Looks up every sampler and preset that the text of an experiment file names, each once.
    /// `problem` says what is wrong with a name, where something is.
    ///
    /// # Errors
    /// Every name with a problem, with its line and column.
    pub fn check_names(
        text: &str,
        file: &str,
        problem: &dyn Fn(Named, &str) -> Option<String>,
    ) -> Result<(), TomlError> {
        reader::check_names(text, file, problem)
    }

    /// How many points the axes have, before prompts, seeds and sizes.
    pub fn points(&self) -> usize {
        match self.method {
            Method::Grid => {
                self.axes.iter().fold(1_usize, |points, axis| points.saturating_mul(axis.len()))
            }
            Method::List | Method::Zip => self.axes.first().map_or(1, Axis::len),
            Method::Random { trials, .. } | Method::Sobol { trials, .. } => trials,
            // None from the start.
            Method::Search(_) | Method::Tune => 0,
        }
    }

    /// Every path that is swept, in the order of the file.
    pub fn swept(&self) -> impl Iterator<Item = &Path> {
        let candidate = (self.method == Method::Tune).then_some(&Path::Candidate);
        let axes = self.axes.iter();
        axes.flat_map(|axis| axis.columns.iter().map(|column| &column.path)).chain(candidate)
    }
}
