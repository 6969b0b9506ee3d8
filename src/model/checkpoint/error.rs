//! Why a checkpoint cannot be used.

use std::path::PathBuf;

/// Why a checkpoint cannot be used. Every message names the file and, where there is one, the
/// tensor, and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The folder is not there, or is no folder.
    #[error(
        "{} is not a checkpoint folder: name the folder that holds transformer/, \
         text_encoder/, vae/ and tokenizer/",
        .folder.display()
    )]
    NoFolder {
        /// The path that was given.
        folder: PathBuf,
    },

    /// A folder that holds something else.
    #[error(
        "{} is no checkpoint: it holds none of transformer/, text_encoder/, vae/ and tokenizer/; \
         name the folder that does",
        .folder.display()
    )]
    NotACheckpoint {
        /// The folder.
        folder: PathBuf,
    },

    /// A file cannot be read.
    #[error("cannot read {}: {source}; check that it is there and that you may read it", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// A file that a checkpoint needs is not there.
    #[error(
        "{} is missing (looked for {looked_for}): the download may be incomplete, fetch the \
         checkpoint again",
        .file.display()
    )]
    MissingFile {
        /// The folder or file.
        file: PathBuf,
        /// The names tried, in words.
        looked_for: String,
    },

    /// A safetensors file whose header or length is wrong.
    #[error("{} is no whole safetensors file: {problem}; fetch the file again", .file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// A JSON file, or JSON inside a tensor, that cannot be read.
    #[error(
        "{} line {line}, column {column}: {problem}; correct the JSON or fetch the file again",
        .file.display()
    )]
    Json {
        /// The file, with the tensor's name where the JSON is inside one.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },

    /// An index of shards that contradicts its shards or points outside the folder.
    #[error("{}: {problem}; fetch the checkpoint again", .file.display())]
    Index {
        /// The index.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },

    /// A tensor is not stored.
    #[error(
        "{} has no tensor {tensor}{}: it may belong to another model, or to a layout that \
         sigmalab does not know",
        .file.display(),
        near_name(.near.as_deref())
    )]
    MissingTensor {
        /// The file, or the folder of shards.
        file: PathBuf,
        /// The stored name looked for.
        tensor: String,
        /// The stored name that is spelled most alike.
        near: Option<String>,
    },

    /// A tensor's shape is not what the configuration says.
    #[error(
        "{}: tensor {tensor} has shape {found:?} where {expected:?} is expected: config.json \
         and weights are not of one model, or the model is not Ideogram 4",
        .file.display()
    )]
    WrongShape {
        /// The file.
        file: PathBuf,
        /// The stored name.
        tensor: String,
        /// Shape by the configuration.
        expected: Vec<usize>,
        /// Stored shape.
        found: Vec<usize>,
    },

    /// Weights packed in a way that is not read.
    #[error(
        "unknown quantisation {quantisation} in {}; sigmalab reads f32, f16, bf16, fp8 with \
         weight_scale and bitsandbytes nf4: use a checkpoint in one of these",
        .file.display()
    )]
    UnknownQuantisation {
        /// What was found, in words, with the tensor where there is one.
        quantisation: String,
        /// The file.
        file: PathBuf,
    },

    /// The pieces of a packed weight do not fit together.
    #[error("{}: {tensor}: {problem}; fetch the file again", .file.display())]
    BadQuantisation {
        /// The file.
        file: PathBuf,
        /// The stored name of the weight.
        tensor: String,
        /// What does not fit.
        problem: String,
    },

    /// A tensor could not be put on the device.
    #[error(
        "cannot put tensor {tensor} of {} on the device: {source}; it may be out of memory, try \
         another --device",
        .file.display()
    )]
    Device {
        /// The file.
        file: PathBuf,
        /// The stored name.
        tensor: String,
        /// The device's reason.
        source: Box<candle_core::Error>,
    },
}

fn near_name(near: Option<&str>) -> String {
    near.map(|near| format!(" (there is {near})")).unwrap_or_default()
}
