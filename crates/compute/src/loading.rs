//! How far the loading of a checkpoint has come.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of a checkpoint, in the order in which parts are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelPart {
    /// The text encoder, and the tokenizer with it.
    TextEncoder,
    /// The conditional transformer.
    Transformer,
    /// The transformer of guidance.
    UnconditionalTransformer,
    Decoder,
}

impl fmt::Display for ModelPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ModelPart::TextEncoder => "text encoder",
            ModelPart::Transformer => "transformer",
            ModelPart::UnconditionalTransformer => "unconditional transformer",
            ModelPart::Decoder => "decoder",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadStage {
    /// A file of the hub is coming.
    Downloading {
        /// Its name in the repository.
        file: String,
    },
    /// Weights are being read.
    Reading(ModelPart),
    Ready,
}

impl fmt::Display for LoadStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadStage::Downloading { file } => write!(f, "downloading {file}"),
            LoadStage::Reading(part) => write!(f, "reading {part}"),
            LoadStage::Ready => f.write_str("ready"),
        }
    }
}

/// How far loading has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadProgress {
    pub stage: LoadStage,
    /// Bytes so far.
    pub bytes_done: u64,
    /// Bytes in all.
    pub bytes_total: u64,
    /// How fast bytes came over the last seconds; `None` where that is not known: where nothing
    /// is transferred, and in the first half second.
    #[serde(default)]
    pub bytes_per_second: Option<u64>,
}
