//! Why a checkpoint cannot be used.

use crate::error::cause;
use std::path::PathBuf;

/// Why a checkpoint cannot be used. Every message names the file and, where there is one, the
/// tensor, and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error(
        "{} is not a checkpoint folder: name the folder that holds transformer/, \
         text_encoder/, vae/ and tokenizer/, or the single files of a model",
        .folder.display()
    )]
    NoFolder { folder: PathBuf },

    #[error(
        "{} is not a checkpoint: it holds none of transformer/, text_encoder/, vae/ and \
         tokenizer/, and no single files of a model; name the folder that does",
        .folder.display()
    )]
    NotACheckpoint { folder: PathBuf },

    #[error(
        "{} holds no {part}: none of the {looked_at} files that could be read has {sign}; put \
         the file into this folder, or name the folder that holds it",
        .folder.display()
    )]
    NoSuchPart {
        /// The folder of the checkpoint.
        folder: PathBuf,
        part: &'static str,
        sign: &'static str,
        /// Files whose tensors were looked at.
        looked_at: usize,
    },

    #[error(
        "each of {} may be the {part}: name a folder that holds, or links to, the one that is \
         meant",
        .files.join(" and ")
    )]
    SeveralFiles {
        part: &'static str,
        /// Their paths in the checkpoint's folder.
        files: Vec<String>,
    },

    #[error("{} is missing: the model is split, and every piece has to be there", .file.display())]
    NoPiece { file: PathBuf },

    #[error(
        "{} is missing: single files come without it; put tokenizer.json of \
         Qwen/Qwen3-VL-8B-Instruct or of ideogram-ai/ideogram-4-fp8 there",
        .file.display()
    )]
    NoTokenizer { file: PathBuf },

    #[error("cannot read {}: {source}; check that it is there and that you may read it", .file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },

    #[error(
        "{} is missing (looked for {looked_for}): the download may be incomplete, fetch the \
         checkpoint again",
        .file.display()
    )]
    MissingFile { file: PathBuf, looked_for: String },

    #[error("{} is not a complete {format}: {problem}; fetch the file again", .file.display())]
    Corrupt { format: &'static str, file: PathBuf, problem: String },

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
        problem: String,
    },

    #[error("{}: {problem}; fetch the checkpoint again", .file.display())]
    Index { file: PathBuf, problem: String },

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

    #[error(
        "{}: tensor {tensor} has shape {found:?} where {expected:?} is expected: config.json and \
         the weights belong to different models, or the model is not Ideogram 4",
        .file.display()
    )]
    WrongShape {
        file: PathBuf,
        tensor: String,
        /// Shape by the configuration.
        expected: Vec<usize>,
        found: Vec<usize>,
    },

    #[error(
        "unknown quantisation {quantisation} in {}; sigmalab reads f32, f16, bf16, fp8 with \
         its scale, bitsandbytes nf4, and GGUF's Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, \
         Q6_K and IQ4_NL: use a checkpoint in one of these",
        .file.display()
    )]
    UnknownQuantisation {
        /// What was found, in words, with the tensor where there is one.
        quantisation: String,
        file: PathBuf,
    },

    #[error("{}: {tensor}: {problem}; fetch the file again", .file.display())]
    BadQuantisation {
        file: PathBuf,
        /// The stored name of the weight.
        tensor: String,
        problem: String,
    },

    #[error(
        "cannot put tensor {tensor} of {} on the device: {}; try another --device",
        .file.display(), cause(source)
    )]
    Device { file: PathBuf, tensor: String, source: Box<candle_core::Error> },
}

fn near_name(near: Option<&str>) -> String {
    near.map(|near| format!(" (there is {near})")).unwrap_or_default()
}
